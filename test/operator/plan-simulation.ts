// One run of the plan in its world from a seed: faults and changed wishes for a while, the operator killed
// before and after writes and acts, then calm, in which everything must come to be as wanted and stay so.
import assert from "node:assert/strict";
import { seededRandom } from "#base/random.ts";
import { plan } from "#operator/plan/plan.ts";
import type { PlanState, StepKind, Wanted } from "#operator/plan/types.ts";
import { goodTemplate, World } from "./plan-world.ts";

const faultTurns = 250;
/** Enough for every disruption to be undone one at a time. */
const calmTurns = 900;

export interface Run {
  readonly seed: number;
  /** How often each kind of step was taken. */
  readonly steps: ReadonlyMap<StepKind, number>;
  readonly recoveries: number;
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
  };
  const world = new World(random, wanted, random.chance(0.5));
  const disaster = random.chance(0.2);
  const steps = new Map<StepKind, number>();
  let recoveries = 0;
  let kept: string | undefined;

  /** One turn of the operator, which may be killed anywhere in it. */
  const turn = (mayDie: boolean): boolean => {
    const dies = () => mayDie && random.chance(0.1);
    const state = kept === undefined ? undefined : (JSON.parse(kept) as PlanState);
    const observed = world.observe(state);
    const { wanted, addresses, nowMs } = world;
    const decision = plan({ wanted, state, observed, addresses, nowMs });
    if (dies()) return true;
    const next = decision.state === undefined ? undefined : JSON.stringify(decision.state);
    const wrote = next !== kept;
    kept = next;
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
      if (isFormed && random.chance(0.15)) world.acts.push(`! ${world.strike(disaster)}`);
      if (disaster && random.chance(0.02)) confirm();
    }
    const replicas = 1 + random.below(5);
    world.calm(replicas);
    world.acts.push(`calm, ${replicas} wanted`);
    let quiet = 0;
    for (let at = 0; at < calmTurns && quiet < 20; at++) {
      quiet = turn(false) ? 0 : quiet + 1;
      world.pass(random.below(60_000));
      confirm();
    }
    assert(quiet >= 20, "it never comes to rest");
    const state = JSON.parse(kept ?? "{}") as PlanState;
    assert.equal(world.voters, replicas, "voters");
    assert.equal(world.list.length, replicas, "members");
    assert.equal(world.serving().size, replicas, "voters that serve");
    assert.deepEqual(world.alarms, [], "alarms");
    assert.equal(state.members.length, replicas, "records");
    for (const record of state.members) assert.equal(record.template, "final", record.name);
    const volumes = [...world.machines.values()].filter((one) => one.volume === "present");
    assert.equal(volumes.length, replicas, "volumes");

    world.wanted = { ...world.wanted, deleting: true };
    for (let at = 0; at < 100 && !world.isReleased; at++) turn(false);
    assert(world.isReleased, "deletion does not end");
    return { seed, steps, recoveries };
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
