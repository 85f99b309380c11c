// Micro benchmark of leases: granting, memory a lease, loading at a start, what an election costs a
// leader, renewing, and revoking what ended at once. The longest turn is what counts: nothing else
// happens meanwhile. Usage: node --expose-gc bench/micro/leases.ts [leases]
import type { LeaseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { LeaseExpiry } from "#server/node/lease-expiry.ts";

const count = Number(process.argv[2] ?? 1_000_000);
const ending = Math.min(100_000, count);
const options = { minTtlSeconds: 2, expiredRetryMs: 7000, checkpointMs: 300_000 };
const noBatch: StateBatch = { put() {}, delete() {} };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const idOf = (i: number): LeaseId => (0x694d_0000_0000_0000n + BigInt(i) * 7919n) as LeaseId;

/** Time of this thread, so that a busy machine does not blur the result. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function say(name: string, value: string): void {
  console.log(`${name.padEnd(48)} ${value.padStart(16)}`);
}

function timed(name: string, per: number, run: () => void): void {
  const start = cpuMs();
  run();
  const ms = cpuMs() - start;
  say(name, `${ms.toFixed(0)} ms`);
  if (per > 1) say("  each", `${((ms / per) * 1000).toFixed(2)} us`);
}

async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const before = await memory();
const records: [Uint8Array, Uint8Array][] = [];
const lessor = new Lessor(options);
timed(`grant ${count} leases`, count, () => {
  for (let i = 0; i < count; i++) lessor.grant(noBatch, idOf(i), 3600, 0);
});
say("memory a lease without keys", `${Math.round(((await memory()) - before) / count)} bytes`);

const kept: StateBatch = {
  put: (_, key, value) => void records.push([key, value]),
  delete() {},
};
const writer = new Lessor(options);
for (let i = 0; i < count; i++) writer.grant(kept, idOf(i), i < ending ? 60 : 3600, 0);
const loaded = new Lessor(options);
timed(`load ${count} leases`, count, () => loaded.load(records));

async function inTurns(name: string, steps: Generator<undefined, unknown>): Promise<void> {
  let longestMs = 0;
  let slices = 0;
  const started = cpuMs();
  for (let done: boolean | undefined = false; !done; slices++) {
    const start = cpuMs();
    done = steps.next().done;
    longestMs = Math.max(longestMs, cpuMs() - start);
    await turn();
  }
  say(`${name}: in all`, `${(cpuMs() - started).toFixed(0)} ms`);
  say(`  longest of ${slices} turns`, `${longestMs.toFixed(1)} ms`);
}
await inTurns("promote (an election)", loaded.promoting(0, 1000));
await inTurns("list them", loaded.listing());

timed("renew 1,000,000 times", 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++)
    loaded.renew(idOf(ending + (i % (count - ending || 1))), 5000);
});
timed("demote", 1, () => loaded.demote());
await inTurns("list them by ID", loaded.listing());
await inTurns("promote again", loaded.promoting(0, 1000));

// What ends at once is revoked 2,000 each half second, 16 under way; time is skipped.
const crowd = new Lessor(options);
crowd.promote(0, 0);
for (let i = 0; i < ending; i++) {
  crowd.grant(noBatch, idOf(i), 60, 0);
  crowd.attach(idOf(i), Buffer.from(`/leased/${i}`));
}
let nowMs = 60_000;
const expiry = new LeaseExpiry({
  isLeader: () => true,
  linearize: () => undefined,
  expired: (at, max) => crowd.expired(at, max),
  hasExpired: (lease) => crowd.hasExpired(lease, nowMs),
  revoke: async (lease) => {
    await turn();
    crowd.revoke(noBatch, lease);
  },
});
let rounds = 0;
let longestRoundMs = 0;
while (crowd.count > 0) {
  const start = cpuMs();
  void expiry.round(nowMs);
  longestRoundMs = Math.max(longestRoundMs, cpuMs() - start);
  const left = crowd.count;
  while (crowd.count > Math.max(0, left - 2000)) {
    const turnStart = cpuMs();
    await turn();
    longestRoundMs = Math.max(longestRoundMs, cpuMs() - turnStart);
  }
  nowMs += 500;
  rounds++;
}
say(`revoke ${ending} that ended at once: rounds of 500 ms`, String(rounds));
say("  longest turn", `${longestRoundMs.toFixed(1)} ms`);
