// The status of an EtcdCluster after one turn. Pure. It holds only what changes when something happens, so
// that a cluster at rest is never written: no indexes, and sizes by steps of a MiB.
import type { EtcdCluster, EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import type { EtcdMemberStatus } from "#operator/api/etcd-member.ts";
import type { Condition } from "#operator/plan/conditions.ts";
import type { Mirror, Observed, Phase, PlanState } from "#operator/plan/types.ts";
import { type MemberView, viewOf, votersOf } from "#operator/plan/view.ts";
import type { MemberObject } from "#operator/platform/kubernetes/kinds.ts";
import type { Identity } from "#operator/platform/kubernetes/objects.ts";
import { selectorText } from "#operator/platform/kubernetes/objects.ts";
import type { MemberObjects } from "#operator/platform/kubernetes/observe.ts";
import type { Platform, Turn } from "#operator/reconcile.ts";

const sizeStepBytes = 1 << 20;

type MemberRole = "leader" | "follower" | "learner" | "unknown";
type Conditions = NonNullable<EtcdClusterStatus["conditions"]>;

/** `old` with what this turn found. `time` is now, as RFC 3339 says it. */
export function statusOf(
  identity: Identity,
  cluster: EtcdCluster,
  platform: Platform,
  turn: Turn,
  time: string,
): EtcdClusterStatus {
  const { state } = turn.decision;
  const old = cluster.status ?? {};
  const generation = cluster.metadata.generation ?? 0;
  const conditions = [
    ...mergeConditions(old.conditions ?? [], turn.conditions, generation, time),
    // Said by whoever follows the backups (operator/process/backup-controller.ts).
    ...(old.conditions ?? []).filter((one) => one.type === "BackupHealthy"),
  ];
  const base = {
    observedGeneration: generation,
    conditions,
    selector: selectorText(identity),
  };
  // What was latched is kept, whatever is wrong with the spec.
  if (state === undefined) return { ...old, ...base };
  const input = { wanted: platform.wanted(), state, observed: turn.observed } as const;
  const view = viewOf({ ...input, addresses: platform.addresses, nowMs: platform.nowMs() }, state);
  const voters = votersOf(view);
  const { template } = input.wanted;
  const running = new Set(view.members.map(({ runs }) => versionOf(state, runs)));
  const [only] = running;
  const leader = view.members.find((one) => one.isLeader && one.isAlive);
  return {
    ...base,
    replicas: voters.length,
    readyReplicas: voters.filter((one) => one.isHealthy).length,
    updatedReplicas:
      input.wanted.clients?.otherOrigin === undefined
        ? view.members.filter(
            ({ runs }) => runs.kind === "running" && runs.template === template.id,
          ).length
        : 0,
    ...(running.size === 1 && only !== undefined && only !== "" ? { version: only } : {}),
    ...(state.clusterId === undefined ? {} : { clusterId: state.clusterId }),
    ...(leader === undefined ? {} : { leader: leader.record.name }),
    serial: state.serial,
    lossGeneration: state.lossGeneration,
    members: view.members.map((member) => memberStatus(state, member)),
    ...stepOf(state),
    plan: state as unknown as Readonly<Record<string, unknown>>,
  };
}

function stepOf({ step, restart }: PlanState): Pick<EtcdClusterStatus, "step"> {
  if (step === undefined) return {};
  const { kind, member, sinceMs } = step;
  return {
    step: {
      kind,
      ...(member === undefined ? {} : { member }),
      since: new Date(sinceMs).toISOString(),
      ...(restart === undefined ? {} : { deadline: new Date(restart.deadlineMs).toISOString() }),
    },
  };
}

function versionOf(state: PlanState, runs: MemberView["runs"]): string | undefined {
  return runs.kind === "running" ? state.templates[runs.template]?.version : undefined;
}

function roleOf({ answer, isLeader, isAlive }: MemberView): MemberRole {
  if (answer?.isLearner) return "learner";
  if (!isAlive) return "unknown";
  return isLeader ? "leader" : "follower";
}

function memberStatus(
  state: PlanState,
  member: MemberView,
): NonNullable<EtcdClusterStatus["members"]>[number] {
  const { record, answer, isHealthy, runs } = member;
  const id = member.listed?.memberId ?? record.memberId;
  const version = versionOf(state, runs);
  return {
    name: record.name,
    serial: record.serial,
    ...(id === undefined ? {} : { id }),
    role: roleOf(member),
    ready: isHealthy,
    ...(version === undefined || version === "" ? {} : { version }),
    ...(answer === undefined
      ? {}
      : { sizeBytes: Math.ceil(answer.sizeBytes / sizeStepBytes) * sizeStepBytes }),
  };
}

/**
 * The status of an EtcdMember: what of the cluster's record is about it, for the day that record is lost. A
 * field that is not so any more is null, as a merge patch wants it.
 */
export function memberObjectStatus(
  state: PlanState,
  member: MemberView,
  objects: MemberObjects,
): Readonly<Record<string, unknown>> {
  const { record, isHealthy } = member;
  const { phase } = record;
  return {
    phase: `${phase.slice(0, 1).toUpperCase()}${phase.slice(1)}`,
    clusterId: state.clusterId ?? null,
    memberId: record.memberId ?? null,
    started: record.started,
    highestSerial: state.serial,
    role: roleOf(member),
    ready: isHealthy,
    claimName: objects.claim?.metadata.name ?? null,
    nodeName: objects.pod?.spec.nodeName ?? null,
  };
}

/** What an EtcdMember keeps of its cluster's record, as the plan reads it; `clientUrl` follows from the rest. */
export function mirrorOf({ metadata, spec, status = {} }: MemberObject, clientUrl: string): Mirror {
  const { phase, clusterId, memberId, started, highestSerial } = status as EtcdMemberStatus;
  const { serial, peerUrl, clusterUid, token } = spec;
  return {
    name: metadata.name,
    serial,
    peerUrl,
    clientUrl,
    clusterUid,
    token,
    phase: (phase ?? "Initial").toLowerCase() as Phase,
    started: started === true,
    highestSerial: Math.max(serial, highestSerial ?? 0),
    ...(clusterId === undefined ? {} : { clusterId }),
    ...(memberId === undefined ? {} : { memberId }),
  };
}

/** A condition as it is said now; what others write has types of their own. */
interface Said extends Omit<Condition, "type"> {
  readonly type: string;
}

/** The time of a condition is when its status last changed. */
export function mergeConditions(
  old: Conditions,
  now: readonly Said[],
  observedGeneration: number,
  time: string,
): Conditions {
  return now.map(({ type, status, reason, message }) => {
    const before = old.find((one) => one.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : time;
    return {
      type,
      status,
      reason,
      message: message.slice(0, 4096),
      lastTransitionTime,
      observedGeneration,
    };
  });
}

/** What a turn that could not be had says: nothing but why. */
export function refusedTurn(reason: string, message: string): Turn {
  const observed: Observed = { members: [], remnants: [] };
  const decision = {
    state: undefined,
    step: { kind: "wait" },
    reason: { kind: "blocked", word: reason, message },
  } as const;
  const conditions: readonly Condition[] = [
    { type: "Available", status: "Unknown", reason, message },
    { type: "Progressing", status: "False", reason, message },
    { type: "Degraded", status: "True", reason, message },
  ];
  return { decision, observed, conditions, isMoving: false };
}
