// One run of the plan in its world from a seed: faults and changed wishes for a while, the operator killed
// before and after writes and acts, then calm, in which everything must come to be as wanted and stay so.
import assert from "node:assert/strict";
import { seededRandom } from "#base/random.ts";
import { mirrorsOf } from "#operator/plan/adopt.ts";
import { plan } from "#operator/plan/plan.ts";
import type { Bootstrap, Mirror, PlanState, StepKind, Wanted } from "#operator/plan/types.ts";
import { goodTemplate, knowing, listening, speaking, World } from "./plan-world.ts";

const faultTurns = 250;
const minute = 60_000;
const bootstraps: readonly Bootstrap[] = [
  { kind: "static" },
  { kind: "discovery", url: "http://discovery" },
  { kind: "dns", domain: "example.com" },
  { kind: "restore", source: {} },
];
/** Enough for every disruption to be undone one at a time. */
const calmTurns = 900;

export interface Run {
  readonly seed: number;
  /** How often each kind of step was taken. */
  readonly steps: ReadonlyMap<StepKind, number>;
  readonly recoveries: number;
  readonly attempts: number;
  readonly adoptions: number;
}

/** Throws an AssertionError that names the seed, with what was done last. */
export function simulate(seed: number): Run {
  const random = seededRandom(seed);
  const wanted: Wanted = {
    name: "c",
    uid: "u1",
    replicas: 1 + random.below(5),
    template: goodTemplate("t0"),
    paused: false,
    deleting: false,
    deletionPolicy: "Delete",
    confirm: undefined,
    quotaBytes: 100,
    bootstrap: bootstraps[random.below(bootstraps.length)] ?? { kind: "static" },
    volumeBytes: 10,
    ...(random.chance(0.5)
      ? {
          certificates: {
            validityMs: 30 * minute,
            renewBeforeMs: 10 * minute,
            graceMs: 5 * minute,
          },
        }
      : {}),
  };
  // Every other one, so that the rest stay what they were.
  const peers = seed % 2 === 1 ? speaking(seed % 4 === 1 ? "https" : "http", wanted.template) : {};
  const speaks = { ...wanted, ...peers };
  const clients = seed % 3 === 0 ? listening(seed % 2 === 0 ? "plain" : "both", speaks) : {};
  const world = new World(random, { ...speaks, ...clients }, random.chance(0.5));
  const disaster = random.chance(0.2);
  const steps = new Map<StepKind, number>();
  let recoveries = 0;
  let attempts = 1;
  let adoptions = 0;
  let kept: string | undefined;
  let mirrors: readonly Mirror[] | undefined;

  /** One turn of the operator, which may be killed anywhere in it. */
  const turn = (mayDie: boolean): boolean => {
    const dies = () => mayDie && random.chance(0.1);
    const state = kept === undefined ? undefined : (JSON.parse(kept) as PlanState);
    const observed = {
      ...world.observe(state),
      ...(state === undefined && mirrors !== undefined ? { mirrors } : {}),
    };
    const { addresses, nowMs } = world;
    const wanted = knowing(world.wanted, state);
    const decision = plan({ wanted, state, observed, addresses, nowMs });
    if (dies()) return true;
    const next = decision.state === undefined ? undefined : JSON.stringify(decision.state);
    const wrote = next !== kept;
    kept = next;
    attempts = Math.max(attempts, decision.state?.attempt ?? 1);
    if (decision.reason.word === "Adopted") adoptions++;
    if (decision.state?.recovery !== undefined && state?.recovery === undefined) recoveries++;
    if (dies()) return true;
    if (!mayDie) world.acts.push(`${decision.reason.word}: ${decision.reason.message}`);
    world.act(decision.step, decision.state);
    steps.set(decision.step.kind, (steps.get(decision.step.kind) ?? 0) + 1);
    return wrote || decision.step.kind !== "wait";
  };

  /** Whoever reads the condition and does what it says. */
  const confirm = () => {
    if (kept === undefined) return;
    const { clusterId, lossGeneration, lost } = JSON.parse(kept) as PlanState;
    if (!lost) return;
    world.wanted = { ...world.wanted, confirm: `${clusterId}/${lossGeneration}` };
  };

  try {
    for (let at = 0; at < faultTurns; at++) {
      turn(true);
      world.pass(random.below(60_000));
      // Before the cluster is formed a lost volume has no way back but a new cluster.
      const isFormed = kept?.includes('"clusterId"') === true;
      if (!isFormed && wanted.replicas > 2 && random.chance(0.1)) {
        world.acts.push(`! ${world.strikeForming()}`);
      }
      // The manifest is restored without its status.
      if (isFormed && !disaster && random.chance(0.01) && kept !== undefined) {
        const state = JSON.parse(kept) as PlanState;
        if (state.recovery === undefined && !state.lost) {
          world.acts.push("! the state is lost");
          mirrors = mirrorsOf(state);
          kept = undefined;
        }
      }
      if (isFormed && random.chance(0.15)) world.acts.push(`! ${world.strike(disaster)}`);
      if (disaster && random.chance(0.02)) confirm();
    }
    const replicas = 1 + random.below(5);
    world.calm(replicas);
    world.acts.push(`calm, ${replicas} wanted`);
    let quiet = 0;
    // Longer than anything is waited for.
    const rest = 40;
    for (let at = 0; at < calmTurns && quiet < rest; at++) {
      quiet = turn(false) ? 0 : quiet + 1;
      world.pass(random.below(60_000));
      confirm();
    }
    assert(quiet >= rest, "it never comes to rest");
    const state = JSON.parse(kept ?? "{}") as PlanState;
    assert.equal(world.voters, replicas, "voters");
    assert.equal(world.list.length, replicas, "members");
    assert.equal(world.serving().size, replicas, "voters that serve");
    assert.deepEqual(world.alarms, [], "alarms");
    assert.equal(state.members.length, replicas, "records");
    for (const record of state.members) {
      assert.equal(record.template, world.wanted.template.id, record.name);
    }
    const { scheme } = world.wanted.peers ?? {};
    if (scheme !== undefined) {
      for (const { peerUrl } of world.list) assert(peerUrl.startsWith(`${scheme}:`), peerUrl);
      assert.equal(state.peerTls !== undefined, scheme === "https", "TLS is kept, or is not");
    }
    if (world.wanted.clients !== undefined) {
      const hasTls = world.wanted.clients.tls !== undefined;
      assert.equal(state.clientTls !== undefined, hasTls, "TLS for clients is kept, or is not");
      assert.equal(state.clientBridge, undefined, "members are still to serve both");
    }
    assert(world.cas.length <= 1, "an old CA is still trusted");
    for (const { bytes, name, volume } of world.machines.values()) {
      if (volume === "present") assert.equal(bytes, world.wanted.volumeBytes, `${name}'s volume`);
    }
    const volumes = [...world.machines.values()].filter((one) => one.volume === "present");
    assert.equal(volumes.length, replicas, "volumes");

    world.wanted = { ...world.wanted, deleting: true };
    for (let at = 0; at < 100 && !world.isReleased; at++) turn(false);
    assert(world.isReleased, "deletion does not end");
    return { seed, steps, recoveries, attempts, adoptions };
  } catch (thrown) {
    const what = thrown instanceof Error ? thrown.message : String(thrown);
    const last = world.acts.slice(-40).join("\n  ");
    throw new Error(
      `seed ${seed}: ${what}\n  ${last}\n${kept}\n${JSON.stringify([...world.machines.values()])}\n${JSON.stringify(world.list)}\nreplay: node bin/run.js test/operator/plan-simulation.ts ${seed}`,
      { cause: thrown },
    );
  }
}

if (import.meta.main) {
  const [first = "1", count = "1"] = process.argv.slice(2);
  const steps = new Map<StepKind, number>();
  for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
    for (const [kind, times] of simulate(seed).steps) {
      steps.set(kind, (steps.get(kind) ?? 0) + times);
    }
  }
  console.log(`${count} seeds from ${first}`, Object.fromEntries(steps));
}
