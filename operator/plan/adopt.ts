// A cluster whose state got lost, as when a manifest is restored without its status: what was kept with the
// members makes the state again. It is never begun anew beside them.
import { blocked, note } from "#operator/plan/decide.ts";
import type { Decision, MemberRecord, Mirror, PlanInput, PlanState } from "#operator/plan/types.ts";

/** Makes the state from mirrors, or says why not; undefined: there are none. */
export function adopt(input: PlanInput): Decision | undefined {
  const { wanted, observed } = input;
  const all = observed.mirrors ?? [];
  if (all.length === 0) return undefined;
  const own = all.filter((one) => one.clusterUid === wanted.uid);
  const names = all.map((one) => one.name).join(", ");
  if (own.length < all.length) {
    return blocked(
      undefined,
      "RemnantsFound",
      `${names} are of another cluster ${wanted.name} that was deleted: delete them, or create this one under another name`,
    );
  }
  const ids = new Set(own.flatMap((one) => one.clusterId ?? []));
  const [clusterId] = ids;
  if (clusterId === undefined || ids.size > 1) {
    const found = ids.size > 1 ? `say different things (${[...ids].join(", ")})` : "say nothing";
    return blocked(
      undefined,
      "AdoptionFailed",
      `there is no record of this cluster, and its members ${names} ${found} of its ID: put its status back, or delete them to begin with an empty cluster`,
    );
  }
  const members = [...own].sort((a, b) => a.serial - b.serial).map((one) => recordOf(one, input));
  const state: PlanState = {
    format: 1,
    uid: wanted.uid,
    token: own[0]?.token ?? "",
    initialCluster: members.map((one) => `${one.name}=${one.peerUrl}`).join(","),
    clusterId,
    serial: Math.max(...own.map((one) => Math.max(one.serial, one.highestSerial))),
    members,
    templates: { [wanted.template.id]: wanted.template },
    asleep: false,
    lossGeneration: 0,
    lost: false,
  };
  return note(state, "Adopted", `${names} are taken over; the cluster's ID is ${clusterId}`);
}

function recordOf(mirror: Mirror, { wanted }: PlanInput): MemberRecord {
  const { name, serial, peerUrl, clientUrl, memberId } = mirror;
  return {
    name,
    serial,
    peerUrl,
    clientUrl,
    // The list of members corrects this; whoever was to go and has a vote is needed until that is
    // decided again, and whoever has no ID was never listed.
    phase: mirror.phase === "initial" || memberId !== undefined ? "voter" : "joining",
    template: wanted.template.id,
    started: mirror.started,
    ...(memberId === undefined ? {} : { memberId }),
  };
}

/** What is to be kept of each member, before the act that `state` was decided with. */
export function mirrorsOf(state: PlanState): readonly Mirror[] {
  const { uid: clusterUid, token, clusterId } = state;
  return state.members.map(
    ({ name, serial, peerUrl, clientUrl, phase, started, memberId }): Mirror => ({
      name,
      serial,
      peerUrl,
      clientUrl,
      phase,
      started,
      highestSerial: state.serial,
      clusterUid,
      token,
      ...(clusterId === undefined ? {} : { clusterId }),
      ...(memberId === undefined ? {} : { memberId }),
    }),
  );
}
