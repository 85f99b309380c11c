// The configuration as bucket `meta` keeps it: JSON with decimal IDs that may exceed 2^53, so it is
// written digit by digit (facts: storage format §3).
import { text, utf8 } from "#base/bytes.ts";
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

const idList = /"(voters|learners|voters_outgoing|learners_next)":\[([\d,\s]*)\]/g;

/** Reads what encodeConfState or etcd wrote; undefined if there is no list of voters. */
export function decodeConfState(bytes: Uint8Array): ConfState | undefined {
  const json = text(bytes);
  const lists = new Map<string, bigint[]>();
  for (const [, name, ids] of json.matchAll(idList)) {
    lists.set(name!, ids!.trim() === "" ? [] : ids!.split(",").map((id) => BigInt(id.trim())));
  }
  const voters = lists.get("voters");
  if (voters === undefined) return undefined;
  return {
    voters,
    learners: lists.get("learners") ?? [],
    votersOutgoing: lists.get("voters_outgoing") ?? [],
    learnersNext: lists.get("learners_next") ?? [],
    autoLeave: /"auto_leave":\s*true/.test(json),
  };
}
