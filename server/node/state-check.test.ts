import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { Bucket } from "#base/state-batch.ts";
import { V2Node, V2Request } from "#proto/gen/extension.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import { StateCheck } from "#server/node/state-check.ts";
import { V2Store } from "#server/v2store/v2-store.ts";

type Row = readonly [bucket: Exclude<Bucket, "key">, key: Uint8Array, value: Uint8Array];

const bad = Uint8Array.of(0x0a, 0x7f, 1);
const none = new Uint8Array(0);
const member = utf8('{"id":1,"peerURLs":["http://h:1"]}');
const v2Node = (dir: boolean): Uint8Array =>
  V2Node.encode(V2Node.fromPartial({ dir, createdIndex: 4, modifiedIndex: 4 })).finish();

const refused: readonly (readonly [Row, RegExp])[] = [
  [["lease", Buffer.alloc(8), bad], /beyond the end/],
  [["members", utf8("1"), utf8("{")], /JSON/],
  [["members", utf8("2"), member], /another ID/],
  [["members_removed", utf8("x"), utf8("removed")], /without its ID/],
  [["cluster", utf8("downgrade"), utf8("{")], /JSON/],
  [["cluster", utf8("clusterVersion"), utf8("3.8.0")], /speaks 3\.7/],
  [["alarm", bad, none], /beyond the end/],
  [["authUsers", utf8("u"), bad], /beyond the end/],
  [["authRoles", utf8("r"), bad], /beyond the end/],
  [["meta", utf8("scheduledCompactRev"), utf8("7")], /no revision/],
  [["meta", utf8("finishedCompactRev"), revisionKey(7, 0, true)], /deletion/],
  [["shared", utf8("v2/i"), utf8("7")], /8 bytes/],
  [["shared", utf8("v2/n/a"), bad], /beyond the end/],
  [["shared", utf8("v2/n/a/b"), v2Node(false)], /no directory/],
  [["shared", utf8("v2/h001"), none], /no node/],
];

test("a record that no member could load is refused", () => {
  for (const [row, message] of refused) {
    const name = `${row[0]} ${Buffer.from(row[1]).toString("latin1")}`;
    assert.throws(() => new StateCheck().take(...row), { message }, name);
  }
});

test("records as members write them are let through", async () => {
  const check = new StateCheck();
  const rows: readonly Row[] = [
    ["members", utf8("1"), member],
    ["members_removed", utf8("2"), utf8("removed")],
    ["cluster", utf8("clusterVersion"), utf8("3.7.0")],
    ["cluster", utf8("downgrade"), utf8('{"target-version":"3.6.0","enabled":true}')],
    ["meta", utf8("scheduledCompactRev"), revisionKey(7, 0, false)],
    ["meta", utf8("confState"), utf8("{}")],
  ];
  for (const row of rows) check.take(...row);

  const backend = new MemoryBackend();
  const v2 = new V2Store();
  const batch = backend.newBatch();
  for (const path of ["/a/b/c", "/a/b", "/a.b", "/x"]) {
    v2.apply(V2Request.fromPartial({ method: "PUT", path, value: "v" }), batch);
  }
  await backend.write(batch, { sync: false });
  const view = backend.scan("shared", none);
  const stored = await view.next(100);
  await view.close();
  assert.ok(stored.length >= 8, `${stored.length} records`);
  for (const [key, value] of stored) check.take("shared", key, value);
});
