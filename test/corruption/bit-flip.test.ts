// One bit of one record of one member is flipped, somewhere in a random history: each of the three
// checks names that member, and without a flip none names anybody. In one process, without a network;
// seeded: SEED=N replays one.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { CompactionRequest, DeleteRangeRequest, PutRequest } from "#proto/gen/kv.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import type { Member } from "#server/membership/member-json.ts";
import { CorruptionCheck } from "#server/node/corruption-check.ts";
import { InitialCheck } from "#server/node/initial-check.ts";
import { type KvCommand, Rig } from "#test/mvcc/rig.ts";

const pace = { pause: () => Promise.resolve(), isOver: () => false };
const quickly: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  every: () => assert.fail("nothing is periodic here"),
  after: (_delayMs, run) => {
    setImmediate(run);
    return { cancel() {} };
  },
};

function randomCommand(random: Random): KvCommand {
  const key = Buffer.from(`k${random.below(12)}`);
  if (random.chance(0.25)) {
    return { kind: "deleteRange", payload: DeleteRangeRequest.fromPartial({ key }) };
  }
  const value = Buffer.alloc(1 + random.below(30), random.below(256));
  return { kind: "put", payload: PutRequest.fromPartial({ key, value }) };
}

async function compact(rigs: readonly Rig[], revision: number): Promise<void> {
  for (const rig of rigs) {
    const payload = CompactionRequest.fromPartial({ revision });
    await rig.apply([{ kind: "compaction", payload }]);
    await rig.flush();
    await rig.store.computeCompactionHash(pace);
    while (rig.store.compacting) rig.compactStep(3);
    await rig.flush();
  }
}

/** Flips a bit of the value of some key that exists; false if none does. */
async function flip(rig: Rig, random: Random): Promise<boolean> {
  const records = await rig.backend.scan("key", new Uint8Array(0)).next(10_000);
  const newest = new Map<string, readonly [Uint8Array, Uint8Array]>();
  for (const [revision, record] of records) {
    const key = Buffer.from(KeyValue.decode(record).key).toString();
    if (revision.length === 17) newest.set(key, [revision, record]);
    else newest.delete(key);
  }
  const [revision, record] = [...newest.values()][random.below(Math.max(1, newest.size))] ?? [];
  if (revision === undefined || record === undefined) return false;
  const changed = Uint8Array.from(record);
  const { value } = KeyValue.decode(changed);
  const at = random.below(value.length);
  value[at] = value[at]! ^ (1 << random.below(8));
  const batch = rig.backend.newBatch();
  batch.delete("key", revision, record.length);
  batch.put("key", revision, changed);
  await rig.backend.write(batch, { sync: false });
  return true;
}

/** What both checks need, for the member at this place. */
function portsOf(rigs: readonly Rig[], own: number, named: Set<bigint>) {
  const { store } = rigs[own]!;
  const member = (at: number): Member => ({
    id: BigInt(at + 1) as MemberId,
    peerUrls: [`${at}`],
    isLearner: false,
    name: `m${at}`,
    clientUrls: [],
  });
  return {
    clock: quickly,
    log: silentLog,
    memberId: member(own).id,
    others: () => [...rigs.keys()].filter((at) => at !== own).map(member),
    ask: async (url: string, revision: number) => {
      const hash = await rigs[Number(url)]!.store.hashKv(revision);
      return { ...hash, revision: hash.currentRevision };
    },
    hashNow: (revision: number) => store.hashNow(revision),
    revisions: () => ({ current: store.currentRevision, compact: store.compactRevision }),
    raise: async (id: MemberId) => void named.add(id),
  };
}

async function run(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const options = { cacheBytes: 300, recentBytes: 0 };
  const rigs = [await Rig.open(options), await Rig.open(options), await Rig.open(options)];
  const leader = random.below(3);
  for (let i = 20 + random.below(60); i > 0; i--) {
    const command = randomCommand(random);
    for (const rig of rigs) await rig.apply([command]);
    const { currentRevision, compactRevision } = rigs[0]!.store;
    if (!random.chance(0.08) || currentRevision <= Math.max(1, compactRevision)) continue;
    const oldest = Math.max(1, compactRevision);
    await compact(rigs, oldest + 1 + random.below(currentRevision - oldest));
  }
  for (const rig of rigs) await rig.flush();

  const expect = async (want: readonly bigint[], step: string): Promise<void> => {
    const named = new Set<bigint>();
    const check = new CorruptionCheck({
      ...portsOf(rigs, leader, named),
      isLeader: () => true,
      compactionHashes: () => rigs[leader]!.store.compactionHashes(),
      linearize: () => undefined,
      everyMs: 0,
      compactionEveryMs: 0,
    });
    if (step === "compactions") await check.checkCompactions();
    else await check.checkAll();
    assert.deepEqual([...named], want, step);
  };
  await expect([], "everything");
  await expect([], "compactions");

  const damaged = random.below(3);
  if (!(await flip(rigs[damaged]!, random))) return;
  await expect([BigInt(damaged + 1)], "everything");
  for (const own of rigs.keys()) {
    const check = new InitialCheck({
      ...portsOf(rigs, own, new Set()),
      fatal: () => assert.fail("nothing is pending"),
    });
    if (own === damaged) await assert.rejects(check.run(), { code: "DATA_INCONSISTENT" });
    else await check.run();
  }
  const { currentRevision, compactRevision } = rigs[0]!.store;
  if (currentRevision === compactRevision) return;
  await compact(rigs, currentRevision);
  await expect([BigInt(damaged + 1)], "compactions");
}

test("a flipped bit is found by every check, and nothing else is", async () => {
  const given = process.env["SEED"];
  const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  for (let seed = first; seed < first + (given === undefined ? 60 : 1); seed++) {
    try {
      await run(seed);
    } catch (error) {
      console.error(`SEED=${seed} node test/corruption/bit-flip.test.ts`);
      throw error;
    }
  }
});
