import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import type { Bucket } from "#base/state-batch.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { loadSmallBuckets } from "#server/node/boot-state.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthStore } from "#test/fakes/auth.ts";

const bad = Uint8Array.of(0x0a, 0x7f, 1);
const records: readonly (readonly [Bucket, Uint8Array, Uint8Array, RegExp])[] = [
  ["key", revisionKey(2, 0, false), bad, /record 0{15}25f0{16} of bucket key .*beyond the end/],
  ["key", utf8("\0\0\0\0\0\0\0\u0002 is none of all"), utf8(""), /of bucket key .*no revision/],
  ["lease", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1), bad, /a record of bucket lease/],
  ["members", utf8("1"), utf8("{"), /a record of bucket members .*JSON/],
  ["members_removed", utf8("x"), utf8("removed"), /a record of bucket members /],
  ["cluster", utf8("downgrade"), utf8("{"), /a record of bucket members /],
  ["alarm", bad, new Uint8Array(0), /a record of bucket alarm/],
  ["authUsers", utf8("u"), bad, /a record of bucket auth /],
];

test("a start on a damaged record says which bucket it lies in and what to do", async () => {
  for (const [bucket, key, value, message] of records) {
    const backend = new MemoryBackend();
    const batch = backend.newBatch();
    batch.put(bucket, key, value);
    await backend.write(batch, { sync: true });
    const lessor = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
    const load = async (): Promise<void> => {
      await loadSmallBuckets(backend, {
        members: new Members(),
        alarms: new Alarms(),
        auth: fakeAuthStore(),
        lessor,
        capabilities: new Capabilities(1n as MemberId),
        v2: new V2Store(),
      });
      await MvccStore.load(backend, lessor, { crc32c, pause: async () => {} });
    };
    await assert.rejects(load(), { code: "DATA_DAMAGED", message });
  }
});
