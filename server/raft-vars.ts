// The state of raft as /debug/vars shows it: the form that etcd's raft gives its status in JSON.
import { formatId } from "#base/ids.ts";
import type { RaftStatus } from "#server/raft/status.ts";

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function raftVars(status: RaftStatus): Readonly<Record<string, unknown>> {
  const progress = [...status.progress].map(([id, { match, next, state }]) => [
    formatId(id),
    { match, next, state: `State${capitalized(state)}` },
  ]);
  return {
    id: formatId(status.id),
    term: status.term,
    vote: formatId(status.vote),
    commit: status.commit,
    lead: formatId(status.leader),
    raftState: `State${status.role.split("-").map(capitalized).join("")}`,
    applied: status.applied,
    progress: Object.fromEntries(progress),
    leadtransferee: formatId(status.leadTransferee),
  };
}
