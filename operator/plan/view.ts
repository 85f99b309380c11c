// State and observation side by side: each member with its record, what is seen of it, and its place in
// the list of members, which is matched by host and port of the peer URL and by nothing else.
import type {
  Answer,
  ListedMember,
  MemberRecord,
  ObservedMember,
  PlanInput,
  PlanState,
  ProcessState,
} from "#operator/plan/types.ts";

/**
 * Entries that a member may be behind and still count as caught up: members are asked one after the other,
 * and at tens of thousands of writes a second the later ones seem to be ahead.
 */
export const maxLag = 10_000;

export interface MemberView {
  readonly record: MemberRecord;
  readonly volume: ObservedMember["volume"];
  readonly runs: ProcessState;
  readonly answer: Answer | undefined;
  /** All that is seen of it. */
  readonly seen: ObservedMember | undefined;
  readonly listed: ListedMember | undefined;
  /** Takes part: has a vote and a leader of this cluster, though it may be behind. */
  readonly isAlive: boolean;
  /** Its data differs from the majority's, by an alarm; its vote counts as any other. */
  readonly isCorrupt: boolean;
  /** Serves: takes part and is not far behind. */
  readonly isHealthy: boolean;
  /** Its data is gone for good. */
  readonly isLost: boolean;
  readonly isLeader: boolean;
}

export interface View extends PlanInput {
  readonly state: PlanState;
  /** By serial. */
  readonly members: readonly MemberView[];
  /** In the list, but of no record. */
  readonly strangers: readonly ListedMember[];
  readonly voterCount: number;
}

/** A peer URL without its scheme, which may change: host and port. */
export const placeOfUrl = (url: string): string => url.replace(/^[a-z]+:\/\//, "");

export const quorumOf = (voters: number): number => Math.floor(voters / 2) + 1;

export function viewOf(input: PlanInput, state: PlanState): View {
  const { observed } = input;
  const listed = observed.membership?.members ?? [];
  const seen = new Map(observed.members.map((one) => [one.name, one]));
  const newest = Math.max(0, ...observed.members.map((one) => one.answer?.index ?? 0));
  const members = state.members.map((record): MemberView => {
    const one = seen.get(record.name);
    const volume = one?.volume ?? "absent";
    const runs = one?.runs ?? { kind: "absent" };
    const answer = one?.answer;
    const own = placeOfUrl(record.peerUrl);
    const place = listed.find((each) => each.peerUrls.some((url) => placeOfUrl(url) === own));
    // Where ports are used again, an old member's answer may come from its successor's place.
    const isOwn = answer !== undefined && answer.memberId === (place?.memberId ?? record.memberId);
    const isCorrupt =
      place !== undefined &&
      (observed.membership?.alarms ?? []).some(
        (one) => one.kind === "corrupt" && one.memberId === place.memberId,
      );
    const isAlive =
      isOwn &&
      runs.kind === "running" &&
      answer.clusterId === state.clusterId &&
      answer.leaderId !== "" &&
      !answer.isLearner;
    return {
      record,
      volume,
      runs,
      answer,
      seen: one,
      listed: place,
      isAlive,
      isCorrupt,
      isHealthy: isAlive && newest - answer.appliedIndex <= maxLag,
      isLost: volume === "lost" || (record.started && volume === "absent"),
      isLeader: isOwn && answer.leaderId === answer.memberId,
    };
  });
  const places = new Set(state.members.map((record) => placeOfUrl(record.peerUrl)));
  return {
    ...input,
    state,
    members,
    strangers: listed.filter((one) => !one.peerUrls.some((url) => places.has(placeOfUrl(url)))),
    voterCount: listed.filter((one) => !one.isLearner).length,
  };
}

/** Members with a vote by the list. */
export function votersOf(view: View): readonly MemberView[] {
  return view.members.filter((one) => one.listed !== undefined && !one.listed.isLearner);
}

/**
 * Whether the rest would have a quorum of serving voters without this one. A member that takes part is only
 * let go while all others serve: one disruption at a time. `isBad`: what it says is not to be relied on.
 */
export function canDoWithout(view: View, member: MemberView, isBad = false): boolean {
  if (member.listed?.isLearner) return true;
  const rest = votersOf(view).filter((one) => one !== member);
  const left = view.voterCount - 1;
  const healthy = rest.filter((one) => one.isHealthy).length;
  if (left < 1) return false;
  return member.isAlive && !isBad ? healthy === left : healthy >= quorumOf(left);
}

/** Every voter of the list serves, and none is a stranger. */
export function allServe(view: View): boolean {
  const voters = votersOf(view);
  return voters.length === view.voterCount && voters.every((one) => one.isHealthy);
}

/**
 * Whether this one may be stopped for a moment: it does not answer anyway, or all others serve. Without a
 * quorum one that answers is left alone, for it may be what the others wait for.
 */
export function canPause(view: View, member: MemberView): boolean {
  if (member.answer === undefined) return true;
  if (view.observed.membership === undefined) {
    return view.members.every((one) => one === member || one.record.phase !== "voter");
  }
  const others = votersOf(view).filter((one) => one !== member);
  return others.length === view.voterCount - 1 && others.every((one) => one.isHealthy);
}

/** The state with one record changed. */
export function withRecord(
  state: PlanState,
  name: string,
  change: Partial<MemberRecord>,
): PlanState {
  const members = state.members.map((one) => (one.name === name ? { ...one, ...change } : one));
  return { ...state, members };
}
