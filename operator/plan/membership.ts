// Who is a member: the list that a quorum answered is compared with the records, and brought one change at
// a time to what is wanted. Whoever goes was checked not to be missed; whoever comes is a learner first.
import { act, blocked, note, wait } from "#operator/plan/decide.ts";
import { joinPatienceMs } from "#operator/plan/life.ts";
import type {
  Decision,
  LeaveReason,
  ListedMember,
  MemberRecord,
  Membership,
  PlanState,
} from "#operator/plan/types.ts";
import {
  allServe,
  canDoWithout,
  type MemberView,
  maxLag,
  placeOfUrl,
  quorumOf,
  type View,
  votersOf,
  withRecord,
} from "#operator/plan/view.ts";

const reasons: Readonly<Record<LeaveReason, string>> = {
  lost: "its data is lost",
  corrupt: "its data differs from the majority's",
  surplus: "fewer members are wanted",
  stuck: "it made no progress as a learner",
  gone: "it is no longer in the list of members",
  survived: "the cluster went on without it",
};

/** Latches what the list says: the cluster's ID at its birth, members' IDs and votes. */
export function latch(view: View, membership: Membership): Decision | undefined {
  const { state } = view;
  if (state.clusterId === undefined) {
    if (membership.members.length < state.members.length) {
      return wait(state, "Forming", "waiting until all first members are in the list");
    }
    const next = { ...state, clusterId: membership.clusterId };
    return note(next, "Formed", `the cluster is formed, its ID is ${membership.clusterId}`);
  }
  if (membership.clusterId !== state.clusterId) {
    return blocked(
      state,
      "ClusterIdMismatch",
      `the members that answer are of cluster ${membership.clusterId}, this one is ${state.clusterId}: find out who listens at its addresses`,
    );
  }
  if (state.lost || state.noQuorumSinceMs !== undefined) {
    const { noQuorumSinceMs: _, ...rest } = state;
    return note({ ...rest, lost: false }, "QuorumBack", "a quorum answers again");
  }
  const members = view.members.map(({ record, listed }) => latchOne(record, listed));
  if (members.every((record, at) => record === state.members[at])) return undefined;
  return note({ ...state, members }, "MembersChanged", "noting what the list of members says");
}

function latchOne(record: MemberRecord, listed: MemberView["listed"]): MemberRecord {
  if (record.phase === "leaving") {
    return listed === undefined && record.isOut !== true ? { ...record, isOut: true } : record;
  }
  if (listed === undefined) {
    // Not yet added, or removed by someone else: the latter never comes back under its ID.
    if (record.memberId === undefined) return record;
    return { ...record, phase: "leaving", because: "gone" };
  }
  const { memberId, isLearner } = listed;
  const peerUrl = listedUrl(record, listed);
  if (record.memberId !== undefined && record.memberId !== memberId) {
    return { ...record, phase: "leaving", because: "gone", isOut: true };
  }
  const phase = isLearner ? "joining" : "voter";
  if (record.memberId === memberId && record.phase === phase && record.peerUrl === peerUrl) {
    return record;
  }
  if (phase === "joining") return { ...record, memberId, phase, peerUrl };
  const { deadlineMs: _, progress: __, ...rest } = record;
  return { ...rest, memberId, phase, peerUrl };
}

/** By which URL the others know it: its own, or with TLS switched on or off meanwhile. */
function listedUrl({ peerUrl }: MemberRecord, { peerUrls }: ListedMember): string {
  if (peerUrls.includes(peerUrl)) return peerUrl;
  return peerUrls.find((url) => placeOfUrl(url) === placeOfUrl(peerUrl)) ?? peerUrl;
}

const isUseless = ({ record, isLost, isCorrupt }: MemberView): boolean =>
  (record.phase === "voter" || record.phase === "joining") && (isLost || isCorrupt);

/** Marks a member whose data is lost or corrupt, if the others can do without it. */
export function findLost(view: View): Decision | undefined {
  for (const member of view.members) {
    if (!isUseless(member)) continue;
    const { record, listed, isLost } = member;
    if (listed !== undefined && !canDoWithout(view, member, true)) continue;
    const because = isLost ? "lost" : "corrupt";
    const next = withRecord(view.state, record.name, { phase: "leaving", because });
    return note(next, "Replacing", `${record.name} is replaced: ${reasons[because]}`);
  }
  return undefined;
}

/** Says who should be replaced and cannot be; until then nothing else is changed. */
export function refuseReplacing(view: View): Decision | undefined {
  const member = view.members.find(isUseless);
  if (member === undefined) return undefined;
  const { record, isLost } = member;
  return blocked(
    view.state,
    isLost ? "ReplacementUnsafe" : "Corrupt",
    `${record.name} must be replaced (${reasons[isLost ? "lost" : "corrupt"]}), but without it the others have no quorum of members that serve: bring them back first`,
  );
}

/** Keeps one that was to go as a surplus, if by now it is not one any more. */
export function keepSurplus(view: View): Decision | undefined {
  const { state, wanted } = view;
  const staying = view.members.filter(({ record }) => record.phase !== "leaving").length;
  if (staying >= wanted.replicas) return undefined;
  const member = view.members.find(
    ({ record, listed, isLost }) =>
      record.because === "surplus" &&
      record.isOut !== true &&
      listed?.isLearner === false &&
      !isLost,
  );
  if (member === undefined) return undefined;
  const { because: _, ...kept } = member.record;
  const members = state.members.map((one) =>
    one === member.record ? ({ ...kept, phase: "voter" } as const) : one,
  );
  return note({ ...state, members }, "Keeping", `${kept.name} stays: it is needed after all`);
}

/** Brings members on their way out on, lost ones first; undefined if none of them can be now. */
export function finishLeaving(view: View): Decision | undefined {
  const leaving = view.members
    .filter(({ record }) => record.phase === "leaving")
    .sort((a, b) => Number(b.isLost) - Number(a.isLost));
  for (const member of leaving) {
    const decision = leaveStep(view, member);
    if (decision !== undefined) return decision;
  }
  return undefined;
}

/** Says that someone is still to go; what is under way besides is finished before this is asked. */
export function waitForLeaving(view: View): Decision | undefined {
  const { record } = view.members.find((one) => one.record.phase === "leaving") ?? {};
  if (record === undefined) return undefined;
  const why = reasons[record.because ?? "gone"];
  return wait(
    view.state,
    "RemovalWaits",
    `${record.name} is to go (${why}), once all others serve`,
  );
}

function leaveStep(view: View, member: MemberView): Decision | undefined {
  const { state } = view;
  const { record, listed, runs, volume } = member;
  const { name, because = "gone" } = record;
  const why = reasons[because];
  if (listed !== undefined && record.isOut !== true) {
    // One whose data is bad counts as not serving, however well it answers: the others decide alone.
    const isBad = because === "lost" || because === "corrupt";
    if (!canDoWithout(view, member, isBad)) return undefined;
    if (member.isLeader && member.isAlive) {
      const heir = heirOf(view, member);
      if (heir !== undefined) return moveLeader(state, member, heir);
    }
    const step = { kind: "remove", member: name, memberId: listed.memberId } as const;
    return act(state, step, "Removing", `removing ${name} from the cluster: ${why}`);
  }
  if (record.isOut !== true) return undefined;
  if (runs.kind === "running" || runs.kind === "ended") {
    return act(state, { kind: "stop", member: name }, "Removing", `stopping ${name}: ${why}`);
  }
  if (runs.kind === "stopping") return undefined;
  if (volume !== "absent") {
    return act(state, { kind: "delete-volume", member: name }, "Removing", `the volume of ${name}`);
  }
  const members = state.members.filter((one) => one !== record);
  return note({ ...state, members }, "Removed", `${name} is gone`);
}

/** Who is to lead instead: serves, stays, and is furthest. */
export function heirOf(view: View, leader: MemberView): MemberView | undefined {
  return votersOf(view)
    .filter((one) => one !== leader && one.isHealthy && one.record.phase === "voter")
    .sort((a, b) => (b.answer?.appliedIndex ?? 0) - (a.answer?.appliedIndex ?? 0))[0];
}

export function moveLeader(state: PlanState, leader: MemberView, heir: MemberView): Decision {
  const toMemberId = heir.listed?.memberId ?? "";
  const step = { kind: "move-leader", member: leader.record.name, toMemberId } as const;
  const message = `${heir.record.name} is to lead instead of ${leader.record.name}`;
  return act(state, step, "MovingLeader", message);
}

/** Brings a joining member on: into the list, running (keepRunning does that), caught up, voting. */
export function finishJoining(view: View): Decision | undefined {
  const { state, nowMs } = view;
  const member = view.members.find(({ record }) => record.phase === "joining");
  if (member === undefined) return undefined;
  const { record, listed, answer } = member;
  const { name, deadlineMs = 0 } = record;
  if (listed === undefined) {
    const step = { kind: "add-learner", member: name, peerUrl: record.peerUrl } as const;
    return act(state, step, "ScalingUp", `adding ${name} as a learner`);
  }
  const newest = Math.max(...view.members.map((one) => one.answer?.index ?? 0));
  const applied = answer?.memberId === listed.memberId ? answer.appliedIndex : 0;
  if (applied > 0 && newest - applied <= maxLag && answer?.leaderId !== "") {
    const serving = votersOf(view).filter((one) => one.isHealthy).length + 1;
    if (serving < quorumOf(view.voterCount + 1)) {
      return wait(
        state,
        "PromotionWaits",
        `${name} has caught up; too few others serve to give it a vote`,
      );
    }
    const step = { kind: "promote", member: name, memberId: listed.memberId } as const;
    return act(state, step, "ScalingUp", `giving ${name} a vote`);
  }
  if (nowMs >= deadlineMs) {
    if (applied > (record.progress ?? 0)) {
      const next = { progress: applied, deadlineMs: nowMs + joinPatienceMs };
      return note(withRecord(state, name, next), "ScalingUp", `${name} is catching up`);
    }
    const next = withRecord(state, name, { phase: "leaving", because: "stuck" });
    return note(next, "JoinFailed", `${name} is given up: ${reasons.stuck}`);
  }
  return wait(state, "ScalingUp", `waiting for ${name} to catch up`, deadlineMs);
}

/** Adds or removes one member, while all serve; undefined if there are as many as wanted. */
export function scale(view: View): Decision | undefined {
  const { state, wanted, addresses, nowMs } = view;
  const staying = view.members.filter(({ record }) => record.phase !== "leaving");
  const { length: count } = staying;
  if (count === wanted.replicas && view.strangers.length === 0) return undefined;
  if (view.strangers.length > 0) {
    const ids = view.strangers.map((one) => `${one.memberId} (${one.peerUrls.join(", ")})`);
    return blocked(
      state,
      "UnknownMembers",
      `${ids.join(", ")} is in the list of members but not of this object's: remove it with etcdctl member remove; until then nothing is scaled`,
    );
  }
  if (count < wanted.replicas) {
    if (!allServe(view)) return undefined;
    const serial = state.serial + 1;
    const name = `${wanted.name}-${serial}`;
    const place = addresses(serial, new Set(state.members.map((one) => one.peerUrl)));
    const { id } = wanted.template;
    const isRefused = id === state.refusedTemplate;
    const record: MemberRecord = {
      name,
      serial,
      ...place,
      phase: "joining",
      template: isRefused ? (staying[0]?.record.template ?? id) : id,
      started: false,
      deadlineMs: nowMs + joinPatienceMs,
    };
    const next = {
      ...state,
      serial,
      members: [...state.members, record],
      templates: { ...state.templates, [id]: wanted.template },
    };
    return note(next, "ScalingUp", `${name} is to join`);
  }
  const victim = victimOf(staying);
  if (victim === undefined || !canDoWithout(view, victim)) return undefined;
  const { name } = victim.record;
  const next = withRecord(state, name, { phase: "leaving", because: "surplus" });
  return note(next, "ScalingDown", `${name} is to go: ${wanted.replicas} members are wanted`);
}

/** Who goes first: one without a vote, one that does not serve, the newest; the leader last. */
function victimOf(members: readonly MemberView[]): MemberView | undefined {
  const rank = (one: MemberView) =>
    one.record.phase === "joining" ? 3 : !one.isAlive ? 2 : one.isLeader ? 0 : 1;
  return [...members].sort((a, b) => rank(b) - rank(a) || b.record.serial - a.record.serial)[0];
}
