import assert from "node:assert/strict";
import { test } from "node:test";
import { AlarmMember, AlarmType } from "#proto/gen/maintenance.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";

const { CORRUPT, NONE, NOSPACE } = AlarmType;

async function stored(backend: MemoryBackend): Promise<Uint8Array[]> {
  const records = await backend.scan("alarm", new Uint8Array(0)).next(100);
  return records.map(([key]) => key);
}

test("alarms are raised and cleared by member and type, and survive in the state", async () => {
  const backend = new MemoryBackend();
  const alarms = new Alarms();
  const batch = backend.newBatch();
  assert.deepEqual(alarms.activate(1n, NOSPACE, batch), { memberID: 1n, alarm: NOSPACE });
  assert.deepEqual(alarms.activate(1n, NOSPACE, batch), { memberID: 1n, alarm: NOSPACE });
  alarms.activate(2n, NOSPACE, batch);
  alarms.activate(1n, CORRUPT, batch);
  assert.equal(alarms.activate(1n, NONE, batch), undefined);
  await backend.write(batch, { sync: false });
  assert.equal((await stored(backend)).length, 3);

  const again = new Alarms();
  again.load(await stored(backend));
  again.load(await stored(backend));
  assert.equal(again.list(NONE).length, 3);
  assert.deepEqual(
    again.list(NOSPACE).map((one) => one.memberID),
    [1n, 2n],
  );

  const clearing = backend.newBatch();
  assert.deepEqual(again.deactivate(1n, NOSPACE, clearing), { memberID: 1n, alarm: NOSPACE });
  assert.equal(again.deactivate(1n, NOSPACE, clearing), undefined);
  assert.equal(again.has(NOSPACE), true, "the other member's stands");
  again.deactivate(2n, NOSPACE, clearing);
  again.deactivate(1n, CORRUPT, clearing);
  assert.equal(again.isEmpty, true);
  await backend.write(clearing, { sync: false });
  assert.deepEqual(await stored(backend), []);
});

test("a record is etcd's encoding of the alarm", async () => {
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  new Alarms().activate(5n, NOSPACE, batch);
  await backend.write(batch, { sync: false });
  const [key] = await stored(backend);
  assert.deepEqual(AlarmMember.decode(key!), { memberID: 5n, alarm: NOSPACE });
});
