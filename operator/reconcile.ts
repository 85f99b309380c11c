// Runs the plan on a platform, one turn after the other: look, decide, write what was decided, act, look
// again. The state is written before the act, so the process can end anywhere and be started again.
import { isDeepStrictEqual } from "node:util";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { type Condition, conditionsOf } from "#operator/plan/conditions.ts";
import { plan } from "#operator/plan/plan.ts";
import {
  type Addresses,
  type Decision,
  type Observed,
  type PlanState,
  type Step,
  type StepKind,
  stepKinds,
  type Wanted,
} from "#operator/plan/types.ts";

/** What a cluster consists of where it runs. */
export interface Platform {
  readonly addresses: Addresses;
  wanted(): Wanted;
  /** The state as it was written last, read from where it is kept. */
  state(): PlanState | undefined;
  observe(state: PlanState | undefined): Promise<Observed>;
  /** Durable when it returns. */
  write(state: PlanState): void | Promise<void>;
  /** Fails with any error; the next turn looks what came of it. */
  act(step: Step, state: PlanState): Promise<void>;
  nowMs(): number;
}

/** What is wanted of a cluster wherever it runs: the part of its spec that the plan knows as it stands. */
export function wantedBySpec({
  spec,
}: EtcdCluster): Pick<
  Wanted,
  "replicas" | "paused" | "deletionPolicy" | "confirm" | "quotaBytes" | "bootstrap"
> {
  const quota = spec.options["quota-backend-bytes"];
  const { restore } = spec.bootstrap;
  return {
    replicas: spec.replicas,
    paused: spec.paused,
    deletionPolicy: spec.deletionPolicy,
    confirm: spec.recovery?.confirm,
    quotaBytes: typeof quota === "number" && quota > 0 ? quota : undefined,
    ...(restore === undefined ? {} : { bootstrap: { kind: "restore", source: restore } }),
  };
}

/** Called at each of `failpoints` when it is passed, for tests that end the process there. */
export type Failpoint = (name: string) => void;

export type PlanFailpoint = `latched:${StepKind}` | `acted:${StepKind}` | "rest";

/** Between the write and the act of each kind of step, behind the act, and where nothing is left to do. */
export const failpoints: readonly PlanFailpoint[] = [
  ...stepKinds.flatMap((kind) => [`latched:${kind}`, `acted:${kind}`] as const),
  "rest",
];

export interface Turn {
  readonly decision: Decision;
  readonly observed: Observed;
  readonly conditions: readonly Condition[];
  /** Something was written or done: the next turn is due at once. */
  readonly isMoving: boolean;
}

/** One turn. Rejects with what the platform's act failed with. */
export async function reconcile(
  platform: Platform,
  failpoint: (name: PlanFailpoint) => void,
  onDecision: (turn: Turn) => void,
): Promise<Turn> {
  const state = platform.state();
  const observed = await platform.observe(state);
  const input = {
    wanted: platform.wanted(),
    state,
    observed,
    addresses: platform.addresses,
    nowMs: platform.nowMs(),
  };
  const decision = plan(input);
  const { step } = decision;
  // Where it is kept, the order of a map's keys may not be.
  const differs = !isDeepStrictEqual(decision.state, state);
  const isMoving = differs || step.kind !== "wait";
  const turn = { decision, observed, conditions: conditionsOf(input, decision), isMoving };
  onDecision(turn);
  if (differs && decision.state !== undefined) await platform.write(decision.state);
  const isAtRest = decision.reason.kind === "steady" || decision.reason.kind === "blocked";
  if (isAtRest && !isMoving) failpoint("rest");
  failpoint(`latched:${step.kind}`);
  if (decision.state !== undefined) await platform.act(step, decision.state);
  failpoint(`acted:${step.kind}`);
  return turn;
}
