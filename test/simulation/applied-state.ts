// What a simulated member's state machine holds, and what a committed entry makes of it: a digest of
// all writes, the configuration, and who was ever removed, whose ID never comes back.
import { uint64Bytes } from "#base/bytes.ts";
import {
  ConfChange,
  ConfChangeType,
  ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type Snapshot,
} from "#proto/gen/raft.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import { digestOf } from "./checkers.ts";
import type { Counters } from "./counters.ts";

/** The applied state as a whole: a digest of everything applied up to `index`. */
export interface AppState {
  readonly index: number;
  readonly term: number;
  readonly digest: number;
  readonly confState: ConfState;
  readonly removed: readonly bigint[];
}

export const noConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** The state of a member that has heard nothing yet. */
export const emptyState: AppState = {
  index: 0,
  term: 0,
  digest: 0,
  confState: noConfState,
  removed: [],
};

export function isMember(confState: ConfState, id: bigint): boolean {
  return (
    confState.voters.includes(id) ||
    confState.learners.includes(id) ||
    confState.votersOutgoing.includes(id) ||
    confState.learnersNext.includes(id)
  );
}

/** The state as a leader sends it. */
export function snapshotOf(app: AppState): Snapshot {
  const { confState, digest, index, removed, term } = app;
  const data = Buffer.concat([BigInt(digest), ...removed].map((one) => uint64Bytes(one)));
  return { data, metadata: { confState, index, term } };
}

export function stateOf(snapshot: Snapshot): AppState {
  const { data } = snapshot;
  const { confState, index, term } = snapshot.metadata!;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const [digest, ...removed] = Array.from({ length: data.length / 8 }, (_, i) =>
    view.getBigUint64(8 * i),
  );
  return { index, term, digest: Number(digest), confState: confState ?? noConfState, removed };
}

/** The state after `entry`; raft switches its configuration if that is what the entry says. */
export function applyEntry(
  app: AppState,
  entry: Entry,
  raw: RawNode,
  counters: Counters,
): AppState {
  const { index, term } = entry;
  if (entry.type === EntryType.EntryNormal) {
    return { ...app, index, term, digest: digestOf(entry.data, app.digest) };
  }
  const change =
    entry.type === EntryType.EntryConfChange
      ? ConfChange.decode(entry.data)
      : ConfChangeV2.decode(entry.data);
  const accepted = acceptedPart(app, change);
  if (accepted !== change) counters.add("change of membership refused by the state");
  const confState = raw.applyConfChange(accepted);
  const removed = count(app.confState, confState, counters);
  return { ...app, index, term, confState, removed: [...app.removed, ...removed] };
}

/** What is refused becomes a change of member 0, which is nobody. */
function acceptedPart(app: AppState, change: ConfChange | ConfChangeV2): ConfChange | ConfChangeV2 {
  if ("nodeId" in change) return isRefused(app, change) ? { ...change, nodeId: 0n } : change;
  const isBack = (id: bigint): boolean => app.removed.includes(id);
  if (!change.changes.some(({ nodeId }) => isBack(nodeId))) return change;
  const changes = change.changes.map((one) => (isBack(one.nodeId) ? { ...one, nodeId: 0n } : one));
  return { ...change, changes };
}

/** As server/membership does: a proposal that came twice, or late, must not change what it did not mean. */
function isRefused({ confState, removed }: AppState, change: ConfChange): boolean {
  const { nodeId, type } = change;
  if (removed.includes(nodeId)) return true;
  const { learners, voters } = confState;
  switch (type) {
    case ConfChangeType.ConfChangeAddNode:
      return voters.includes(nodeId);
    case ConfChangeType.ConfChangeAddLearnerNode:
      return voters.includes(nodeId) || learners.includes(nodeId);
    case ConfChangeType.ConfChangeRemoveNode:
      if (!voters.includes(nodeId)) return !learners.includes(nodeId);
      return voters.length === 1;
    default:
      return false;
  }
}

/** Counts what changed; returns who was removed. */
function count(before: ConfState, after: ConfState, counters: Counters): bigint[] {
  const wasJoint = before.votersOutgoing.length > 0;
  const joint = after.votersOutgoing.length > 0;
  if (joint && !wasJoint) counters.add("joint change entered");
  if (!joint && wasJoint) counters.add("joint change left");
  for (const id of after.voters) {
    if (before.learners.includes(id)) counters.add("learner promoted");
    else if (!isMember(before, id)) counters.add("member added");
  }
  if (after.learners.some((id) => !isMember(before, id))) counters.add("learner added");
  const everyone = new Set([...before.voters, ...before.learners, ...before.votersOutgoing]);
  const removed = [...everyone].filter((id) => !isMember(after, id));
  for (const id of removed) {
    counters.add(before.learners.includes(id) ? "learner removed" : "member removed");
  }
  return removed;
}
