// What of pods, claims and EtcdMembers the plan goes by. Pure.
//
// A volume counts as lost when its claim is gone or Lost, when the volume behind the claim is gone, or when
// someone says so by an annotation that names the member's UID. A pod that is pending, or a node that does
// not answer, is never a loss.
import type {
  MemberRecord,
  ObservedMember,
  PlanState,
  ProcessState,
} from "#operator/plan/types.ts";
import type { Claim, MemberObject, Pod } from "#operator/platform/kubernetes/kinds.ts";
import { annotations, claimName, labels } from "#operator/platform/kubernetes/objects.ts";

/** What the API server has of one cluster. */
export interface Found {
  readonly members: readonly MemberObject[];
  readonly claims: readonly Claim[];
  readonly pods: readonly Pod[];
}

/** The objects of one member. */
export interface MemberObjects {
  readonly member: MemberObject | undefined;
  readonly claim: Claim | undefined;
  readonly pod: Pod | undefined;
}

export function objectsOf(found: Found, name: string): MemberObjects {
  const member = found.members.find((one) => one.metadata.name === name);
  return {
    member,
    claim: claimOf(found, name, member),
    pod: found.pods.find((one) => one.metadata.name === name),
  };
}

/**
 * The claim that was made for a member, never a copy that somebody made of it with its labels: data of yesterday must
 * not come back as a voter's. An EtcdMember that was deleted and made again is younger than its claim, whose name ends
 * in the UID of the old one.
 */
function claimOf(found: Found, name: string, member: MemberObject | undefined): Claim | undefined {
  const labelled = found.claims.filter((one) => one.metadata.labels?.[labels.member] === name);
  const { uid, creationTimestamp: made = "" } = member?.metadata ?? {};
  const own = labelled.find(
    (one) => uid !== undefined && one.metadata.name === claimName(name, uid),
  );
  if (own !== undefined) return own;
  const age = ({ metadata }: Claim) => metadata.creationTimestamp ?? "";
  const [oldest] = labelled.sort((a, b) => (age(a) < age(b) ? -1 : 1));
  return oldest === undefined || (made !== "" && age(oldest) > made) ? undefined : oldest;
}

/** `isLeft`: nothing of it is needed any more, as of a member that is out, or of an attempt that is given up. */
export function volumeOf(
  record: MemberRecord,
  objects: MemberObjects,
  isLeft: boolean = record.isOut === true,
): ObservedMember["volume"] {
  const { member, claim } = objects;
  // One that is left is only gone when its EtcdMember is too.
  if (claim === undefined) return isLeft && member !== undefined ? "present" : "absent";
  if (isLeft) return "present";
  const uid = member?.metadata.uid;
  const isGivenUp =
    uid !== undefined && member?.metadata.annotations?.[annotations.replace] === uid;
  // A claim that is being deleted keeps its volume until the pod ends; what is deleted is lost then.
  return claim.status?.phase === "Lost" || isGivenUp ? "lost" : "present";
}

/**
 * The same where members have no volumes: the data is the pod's. Whether there ever was a pod is kept in the
 * EtcdMember.
 */
export function ephemeralVolumeOf(
  record: MemberRecord,
  { member, pod }: MemberObjects,
  isLeft: boolean = record.isOut === true,
): ObservedMember["volume"] {
  if (isLeft || member === undefined) return member === undefined ? "absent" : "present";
  if (pod === undefined) return member.status?.["started"] === true ? "lost" : "present";
  return processOf(pod).kind === "ended" ? "lost" : "present";
}

export function processOf(pod: Pod | undefined): ProcessState {
  if (pod === undefined) return { kind: "absent" };
  if (pod.metadata.deletionTimestamp !== undefined) return { kind: "stopping" };
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") return { kind: "ended" };
  return {
    kind: "running",
    template: pod.metadata.annotations?.[annotations.template] ?? "",
    forced: pod.metadata.annotations?.[annotations.forced] === "true",
  };
}

/** Where a member can be asked, by its pod's address; undefined while it has none. */
export function addressOf(
  pod: Pod | undefined,
  port: number,
  scheme: "http" | "https" = "http",
): string | undefined {
  const ip = pod?.status?.podIP;
  if (ip === undefined || ip === "" || pod?.metadata.deletionTimestamp !== undefined) {
    return undefined;
  }
  return `${scheme}://${ip.includes(":") ? `[${ip}]` : ip}:${port}`;
}

/** What the process of a member's pod was started with. */
export function argumentsOf(pod: Pod | undefined): readonly string[] {
  const [container] = (pod?.spec.containers ?? []) as readonly {
    readonly args?: readonly string[];
  }[];
  return container?.args ?? [];
}

/** Objects of this cluster that no record speaks of. */
export function remnantsOf(found: Found, state: PlanState | undefined): readonly string[] {
  const known = new Set(state?.members.map((one) => one.name) ?? []);
  const strange = (name: string | undefined) => name === undefined || !known.has(name);
  return [
    ...found.members
      .filter((one) => strange(one.metadata.name))
      .map((one) => `EtcdMember ${one.metadata.name}`),
    ...found.claims
      .filter((one) => strange(one.metadata.labels?.[labels.member]))
      .map((one) => `PersistentVolumeClaim ${one.metadata.name}`),
  ];
}

/** What keeps a pod from running, in Kubernetes' own words; undefined if nothing is known to. */
export function podTrouble(pod: Pod | undefined): string | undefined {
  for (const { state, restartCount } of pod?.status?.containerStatuses ?? []) {
    const { reason = "", message = "" } = state?.waiting ?? {};
    if (reason !== "" && reason !== "ContainerCreating" && reason !== "PodInitializing") {
      return `${reason}${message === "" ? "" : `: ${message.slice(0, 300)}`}`;
    }
    if (restartCount > 3 && state?.terminated !== undefined) {
      return `it ended ${restartCount} times, last with code ${state.terminated.exitCode}`;
    }
  }
  const unscheduled = pod?.status?.conditions?.find(
    (one) => one.type === "PodScheduled" && one.status === "False",
  ) as { readonly message?: string } | undefined;
  return unscheduled?.message === undefined
    ? undefined
    : `it has no node: ${unscheduled.message.slice(0, 300)}`;
}
