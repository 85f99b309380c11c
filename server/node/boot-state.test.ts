import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import { loadSmallBuckets } from "#server/node/boot-state.ts";
import { V2Store } from "#server/v2store/v2-store.ts";

function load(backend: MemoryBackend): Promise<void> {
  return loadSmallBuckets(backend, {
    members: new Members(),
    alarms: new Alarms(),
    lessor: new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 }),
    capabilities: new Capabilities(1n as MemberId),
    v2: new V2Store(),
  });
}

test("a state with authentication on is refused; one where it is off or was never on is not", async () => {
  for (const [value, refused] of [
    [undefined, false],
    [Uint8Array.of(0), false],
    [Uint8Array.of(1), true],
  ] as const) {
    const backend = new MemoryBackend();
    const batch = backend.newBatch();
    batch.put("auth", utf8("authRevision"), new Uint8Array(8));
    if (value !== undefined) batch.put("auth", utf8("authEnabled"), value);
    await backend.write(batch, { sync: false });
    if (refused) await assert.rejects(load(backend), { code: "AUTH_UNSUPPORTED" });
    else await load(backend);
  }
});
