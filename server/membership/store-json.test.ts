import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "#base/bytes.ts";
import { storeJson } from "#server/membership/store-json.ts";

const record = (key: string, value: string) => [utf8(key), utf8(value)] as const;

/** Path and value of every node that holds a value, as etcd's v2 store would list them. */
function leaves(node: {
  Path: string;
  Value: string;
  Children: Record<string, never> | null;
}): Record<string, string> {
  if (node.Children === null) return { [node.Path]: node.Value };
  return Object.assign({}, ...Object.values(node.Children).map(leaves));
}

test("members, removed members and version lie where etcd 3.5 looks for them", () => {
  const parsed = JSON.parse(
    text(
      storeJson({
        members: [
          record("1f", '{"id":31,"peerURLs":["http://a:1","http://a:2"],"name":"a"}'),
          record(
            "ffffffffffffffff",
            '{"id":18446744073709551615,"peerURLs":["http://b:1"],"isLearner":true,"name":"b","clientURLs":["http://b:9"]}',
          ),
          record("2", '{"id":2,"peerURLs":["http://c:1"]}'),
        ],
        membersRemoved: [record("abc", "removed")],
        cluster: [record("clusterVersion", "3.6.0"), record("downgrade", "{}")],
      }),
    ),
  );
  assert.deepEqual(leaves(parsed.Root), {
    "/0/members/1f/raftAttributes": '{"peerURLs":["http://a:1","http://a:2"]}',
    "/0/members/1f/attributes": '{"name":"a"}',
    "/0/members/ffffffffffffffff/raftAttributes": '{"peerURLs":["http://b:1"],"isLearner":true}',
    "/0/members/ffffffffffffffff/attributes": '{"name":"b","clientURLs":["http://b:9"]}',
    "/0/members/2/raftAttributes": '{"peerURLs":["http://c:1"]}',
    "/0/removed_members/abc": "",
    "/0/version": "3.6.0",
  });
  assert.deepEqual(Object.keys(parsed.Root.Children), ["0", "1"]);
  assert.equal(parsed.CurrentVersion, 2);
  const { Queue } = parsed.WatcherHub.EventHistory;
  assert.equal(Queue.Events.length, Queue.Capacity);
});

test("a state without members yet is still a store", () => {
  const parsed = JSON.parse(text(storeJson({ members: [], membersRemoved: [], cluster: [] })));
  assert.deepEqual(Object.keys(parsed.Root.Children), ["0", "1"]);
});
