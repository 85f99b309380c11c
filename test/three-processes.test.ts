// Three member processes, kill -9, and nothing acknowledged is lost. The one run of real processes
// that `npm test` always makes: it needs no tool but this project, and never skips.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { b, interval, revisionOf, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";

const PREFIX = "three/";
/** Tries of one write while a leader is being elected; each waits at most TRY_LIMIT_MS. */
const TRIES = 60;
const TRY_LIMIT_MS = 2_000;
const PAUSE_MS = 100;

let cluster: Cluster | undefined;
const wires: Wire[] = [];
/** What was acknowledged: key to value. */
const acknowledged = new Map<string, string>();

/** Writes until a member acknowledges it; the write is the same each time, so that a try of unknown outcome does no harm. */
async function put(members: readonly number[], key: string, value: string): Promise<void> {
  let last: unknown;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const wire = wires[members[attempt % members.length]!]!;
    try {
      await wire.kv.put({ key: b(PREFIX + key), value: b(value) }, { deadlineMs: TRY_LIMIT_MS });
      acknowledged.set(key, value);
      return;
    } catch (error) {
      last = error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  throw new Error(`${key} was not acknowledged in ${TRIES} tries`, { cause: last });
}

/** Reads everything through one member, linearizable, and compares it with what was acknowledged. */
async function holdsEverything(member: number): Promise<number> {
  const answer = await wires[member]!.kv.range(interval(PREFIX));
  const got = answer.kvs.map((kv): [string, string] => [
    s(kv.key).slice(PREFIX.length),
    s(kv.value),
  ]);
  assert.deepEqual(new Map(got), new Map([...acknowledged].sort(([x], [y]) => (x < y ? -1 : 1))));
  return revisionOf(answer);
}

/** The position of the leader, once all of `members` name the same one and it is one of them. */
async function leaderOf(members: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < TRIES * 5; attempt++) {
    const statuses = await Promise.all(
      members.map((i) => wires[i]!.maintenance.status({}).catch(() => undefined)),
    );
    const named = new Set(statuses.map((status) => status?.leader));
    const at = statuses.findIndex(
      (status) => status !== undefined && status.header?.memberId === status.leader,
    );
    if (named.size === 1 && at !== -1) return members[at]!;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`members ${members.join(", ")} found no leader`);
}

async function killAndCatchUp(victim: number, round: string): Promise<void> {
  const { members } = cluster!;
  const others = [0, 1, 2].filter((i) => i !== victim);
  const exit = await members[victim]!.kill("SIGKILL");
  assert.equal(exit.signal, "SIGKILL");
  for (let i = 0; i < 30; i++) await put(others, `${round}-${i}`, `${round} ${i}`);
  await put(others, "shared", round);
  for (const other of others) await holdsEverything(other);
  await members[victim]!.start();
  const revision = await holdsEverything(victim);
  const hashes = await Promise.all(wires.map((wire) => wire.maintenance.hashKV({ revision })));
  assert.equal(
    new Set(hashes.map(({ hash }) => hash)).size,
    1,
    "all members hold the same history",
  );
}

before(async () => {
  cluster = await startCluster({ runner: runnerFromEnvironment(), size: 3 });
  for (const endpoint of cluster.endpoints()) wires.push(new Wire(endpoint));
});
after(async () => {
  for (const wire of wires) wire.close();
  await cluster?.stop();
});

test("three processes accept writes through each member", async () => {
  for (let i = 0; i < 30; i++) await put([i % 3], `first-${i}`, `first ${i}`);
  for (const member of [0, 1, 2]) await holdsEverything(member);
});

test("a follower is killed: the others go on, and it catches up", async () => {
  const leader = await leaderOf([0, 1, 2]);
  await killAndCatchUp((leader + 1) % 3, "follower");
});

test("the leader is killed: the others elect one and go on, and it catches up", async () => {
  const leader = await leaderOf([0, 1, 2]);
  await killAndCatchUp(leader, "leader");
});

test("all three are killed at once: what was acknowledged is there again", async () => {
  const { members } = cluster!;
  await put([0, 1, 2], "last", "before all went");
  await Promise.all(members.map((member) => member.kill("SIGKILL")));
  await Promise.all(members.map((member) => member.start()));
  for (const member of [0, 1, 2]) await holdsEverything(member);
  await put([0, 1, 2], "last", "after all came back");
  for (const member of [2, 1, 0]) await holdsEverything(member);
});
