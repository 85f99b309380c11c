// The membership as etcd 3.5 and 3.6 expect it in a snapshot that a leader sends: the v2 store that
// held it once, in JSON (facts: peer protocol §5). etcd 3.7 ignores it, older receivers parse it, stop
// if they cannot, and later change the members that they found in it. Pure.
import { text, utf8 } from "#base/bytes.ts";
import { formatId, parseId } from "#base/ids.ts";
import { parseMember } from "#server/membership/member-json.ts";
import type { MembershipRecords } from "#server/membership/members.ts";

/** Events that the store's history has room for; all empty, for nobody watches it. */
const historyCapacity = 1000;

interface StoreNode {
  readonly Path: string;
  readonly CreatedIndex: number;
  readonly ModifiedIndex: number;
  readonly ExpireTime: string;
  readonly Value: string;
  readonly Children: Record<string, StoreNode> | null;
}

/** The bytes of `Snapshot.data` for a state that holds these records. */
export function storeJson(records: MembershipRecords): Uint8Array {
  let index = 0;
  const file = (path: string, value: string): StoreNode => {
    index++;
    return node(path, index, value, null);
  };
  const folder = (path: string, children: Record<string, StoreNode>): StoreNode =>
    node(path, 0, "", children);

  const members: Record<string, StoreNode> = {};
  for (const [, value] of records.members) {
    const { clientUrls, id, isLearner, name, peerUrls } = parseMember(text(value));
    const path = `/0/members/${formatId(id)}`;
    const raft = { peerURLs: peerUrls, ...(isLearner ? { isLearner } : {}) };
    const children = {
      raftAttributes: file(`${path}/raftAttributes`, JSON.stringify(raft)),
      ...(name === "" && clientUrls.length === 0
        ? {}
        : { attributes: file(`${path}/attributes`, attributesJson(name, clientUrls)) }),
    };
    members[formatId(id)] = folder(path, children);
  }
  const cluster: Record<string, StoreNode> = { members: folder("/0/members", members) };
  const removed: Record<string, StoreNode> = {};
  for (const [key] of records.membersRemoved) {
    const id = formatId(parseId(text(key)) ?? 0n);
    removed[id] = file(`/0/removed_members/${id}`, "");
  }
  if (records.membersRemoved.length > 0) {
    cluster["removed_members"] = folder("/0/removed_members", removed);
  }
  const version = records.cluster.find(([key]) => text(key) === "clusterVersion");
  if (version !== undefined) cluster["version"] = file("/0/version", text(version[1]));
  const root = folder("/", { "0": folder("/0", cluster), "1": folder("/1", {}) });
  return utf8(
    JSON.stringify({
      Root: root,
      WatcherHub: {
        EventHistory: {
          Queue: {
            Events: new Array<null>(historyCapacity).fill(null),
            Size: 0,
            Front: 0,
            Back: 0,
            Capacity: historyCapacity,
          },
          StartIndex: 0,
          LastIndex: 0,
        },
      },
      CurrentIndex: index,
      Stats: {},
      CurrentVersion: 2,
    }),
  );
}

function node(
  path: string,
  index: number,
  value: string,
  children: Record<string, StoreNode> | null,
): StoreNode {
  return {
    Path: path,
    CreatedIndex: index,
    ModifiedIndex: index,
    ExpireTime: "0001-01-01T00:00:00Z",
    Value: value,
    Children: children,
  };
}

function attributesJson(name: string, clientUrls: readonly string[]): string {
  return JSON.stringify({
    ...(name === "" ? {} : { name }),
    ...(clientUrls.length === 0 ? {} : { clientURLs: clientUrls }),
  });
}
