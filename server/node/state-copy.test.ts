import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { NodeApi } from "#server/node/api-member.ts";
import type { Member } from "#server/node/member.ts";
import { promptPasswords } from "#test/fakes/auth.ts";

const record = (key: string, value: string) => [utf8(key), utf8(value)] as const;

function rig(meta: readonly (readonly [Uint8Array, Uint8Array])[]) {
  const steps: string[] = [];
  const backend = new MemoryBackend();
  let now = 1000;
  const hashState = async (): Promise<number> => {
    steps.push("hashed");
    return 77;
  };
  const member = {
    applyTurn: { flushed: async () => void steps.push("flushed") },
    parts: {
      backend: () => backend,
      store: { currentRevision: 9, hashState },
      clock: { monotonicMs: () => now },
      meters: { stateCopied: (ms: number) => void steps.push(`took ${ms}`) },
    },
  } as unknown as Member;
  const copies = {
    export: async (of: unknown) => {
      assert.equal(of, backend);
      steps.push("copied");
      const records = { meta, members: [], members_removed: [], cluster: [] };
      const remove = async (): Promise<void> => void steps.push("removed");
      return { records, bytes: 5, body: async function* () {}, remove };
    },
  };
  const api = new NodeApi(member, undefined as never, undefined as never, copies, promptPasswords);
  const pass = (ms: number): void => {
    now += ms;
  };
  return { api, steps, pass };
}

test("a copy of the state holds what was answered before: writes under way are awaited", async () => {
  const { api, steps, pass } = rig([record("term", "x"), record("storageVersion", "3.7.0")]);
  const copy = await api.copyState();
  assert.deepEqual(steps, ["flushed", "copied"]);
  assert.equal(copy.version, "3.7.0");
  assert.equal(copy.bytes, 5);
  pass(250);
  await copy.remove();
  assert.deepEqual(steps.slice(2), ["took 250", "removed"]);
});

test("a state that does not name its storage version has none", async () => {
  assert.equal((await rig([]).api.copyState()).version, "");
});

test("the hash, too, is of what was answered before", async () => {
  const { api, steps } = rig([]);
  const { hash, header } = await api.hash();
  assert.deepEqual(steps, ["flushed", "hashed"]);
  assert.deepEqual([hash, header?.revision], [77, 9]);
});
