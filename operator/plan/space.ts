// Full databases (alarm NOSPACE): history is compacted, every member defragmented, the leader last, then
// the alarms are cleared, unless the data itself needs more than there is. Writes are refused meanwhile
// anyway, so nobody who is away is waited for.
import { act, blocked, note } from "#operator/plan/decide.ts";
import type { Decision, Membership, PlanState, Space } from "#operator/plan/types.ts";
import { type View, votersOf } from "#operator/plan/view.ts";

/** So long nothing is tried again. */
export const spaceRestMs = 10 * 60_000;

const withSpace = (state: PlanState, space: Space): PlanState => ({ ...state, space });

/** Alarms of members that are gone are cleared; undefined if there are none. */
export function clearStaleAlarms(view: View, membership: Membership): Decision | undefined {
  const ids = new Set(membership.members.map((one) => one.memberId));
  const stale = membership.alarms.find((one) => !ids.has(one.memberId));
  if (stale === undefined) return undefined;
  const step = { kind: "disarm", memberId: stale.memberId, alarm: stale.kind } as const;
  return act(view.state, step, "ClearingAlarm", `of ${stale.memberId}, which is gone`);
}

/** The next step to make room; undefined if nobody is full. */
export function makeRoom(view: View, membership: Membership): Decision | undefined {
  const { state, nowMs, wanted } = view;
  const { space } = state;
  const alarm = membership.alarms.find((one) => one.kind === "nospace");
  if (alarm === undefined) {
    if (space === undefined) return undefined;
    const { space: _, ...rest } = state;
    return note(rest, "RoomMade", "the databases have room again");
  }
  const word = "MakingRoom";
  if (space === undefined || (space.phase === "rest" && nowMs >= (space.untilMs ?? 0))) {
    return note(withSpace(state, { phase: "compact", done: [] }), word, "the databases are full");
  }
  switch (space.phase) {
    case "compact":
    case "compact-again": {
      // Latched as done before it is, and done twice, which does no harm: whoever is killed between the
      // write and the act has compacted at one of the two.
      const phase = space.phase === "compact" ? "compact-again" : "defragment";
      const next = withSpace(state, { phase, done: [] });
      return act(next, { kind: "compact" }, word, "compacting history");
    }
    case "defragment": {
      const left = votersOf(view)
        .filter((one) => one.isAlive && !space.done.includes(one.record.name))
        .sort((a, b) => Number(a.isLeader) - Number(b.isLeader));
      const [next] = left;
      if (next === undefined)
        return note(withSpace(state, { ...space, phase: "disarm" }), word, "");
      const { name } = next.record;
      const done = withSpace(state, { ...space, done: [...space.done, name] });
      return act(done, { kind: "defragment", member: name }, word, `defragmenting ${name}`);
    }
    case "disarm": {
      const used = Math.max(0, ...view.members.map((one) => one.answer?.usedBytes ?? 0));
      if (wanted.quotaBytes !== undefined && used >= wanted.quotaBytes) {
        const rest = { phase: "rest", done: [], untilMs: nowMs + spaceRestMs } as const;
        return note(withSpace(state, rest), word, "the data itself is too large");
      }
      const step = { kind: "disarm", memberId: alarm.memberId, alarm: "nospace" } as const;
      return act(state, step, word, "clearing the alarm");
    }
    case "rest":
      return {
        ...blocked(
          state,
          "NoSpace",
          "the data needs more than the quota: delete keys, or raise spec.options.quota-backend-bytes",
        ),
        step: { kind: "wait", ...(space.untilMs === undefined ? {} : { untilMs: space.untilMs }) },
      };
  }
}
