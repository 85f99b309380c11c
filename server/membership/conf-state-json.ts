// The configuration as bucket `meta` keeps it: JSON with decimal IDs that may exceed 2^53, so it is
// written digit by digit (facts: storage format §3).
import { utf8 } from "#base/bytes.ts";
import type { ConfState } from "#proto/gen/raft.ts";

/** The value of `confState`. Empty lists but the voters' are left out. */
export function encodeConfState(state: ConfState): Uint8Array {
  const list = (ids: readonly bigint[]): string => `[${ids.join(",")}]`;
  const parts = [`"voters":${list(state.voters)}`];
  if (state.learners.length > 0) parts.push(`"learners":${list(state.learners)}`);
  if (state.votersOutgoing.length > 0)
    parts.push(`"voters_outgoing":${list(state.votersOutgoing)}`);
  if (state.learnersNext.length > 0) parts.push(`"learners_next":${list(state.learnersNext)}`);
  parts.push(`"auto_leave":${state.autoLeave}`);
  return utf8(`{${parts.join(",")}}`);
}
