import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { Alarms } from "#server/apply/alarms.ts";
import type { AuthStore } from "#server/auth/auth-store.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import { loadSmallBuckets, settleAuthRevision } from "#server/node/boot-state.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthStore } from "#test/fakes/auth.ts";

async function load(backend: MemoryBackend): Promise<AuthStore> {
  const auth = fakeAuthStore();
  await loadSmallBuckets(backend, {
    auth,
    members: new Members(),
    alarms: new Alarms(),
    lessor: new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 }),
    capabilities: new Capabilities(1n as MemberId),
    v2: new V2Store(),
  });
  await settleAuthRevision(backend, auth);
  return auth;
}

test("whether authentication is on, and its revision, come from the state; a new one gets revision 1", async () => {
  const eight = (last: number): Uint8Array => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, last);
  const cases: [Record<string, Uint8Array>, boolean, number][] = [
    [{}, false, 1],
    [{ authRevision: eight(0) }, false, 1],
    [{ authRevision: eight(9), authEnabled: Uint8Array.of(0) }, false, 9],
    [{ authRevision: eight(9), authEnabled: Uint8Array.of(1) }, true, 9],
  ];
  for (const [records, isEnabled, revision] of cases) {
    const backend = new MemoryBackend();
    const batch = backend.newBatch();
    for (const [key, value] of Object.entries(records)) batch.put("auth", utf8(key), value);
    await backend.write(batch, { sync: false });
    const auth = await load(backend);
    assert.deepEqual([auth.isEnabled, auth.revision], [isEnabled, revision]);
    const [stored] = await backend.getMany("auth", [utf8("authRevision")]);
    assert.equal(stored?.length, 8);
    assert.equal((await load(backend)).revision, revision);
  }
});
