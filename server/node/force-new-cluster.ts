// --force-new-cluster: a member whose cluster lost its quorum goes on alone, with its data and its
// cluster's ID. Its log gets committed changes that remove everybody else, as etcd writes them. All that
// the log holds stays: a member that was killed may not have noted yet that its last entries were
// committed, and acknowledged; etcd drops these. Unsafe by nature: the others must never run again.
import { utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import {
  ConfChange,
  ConfChangeType,
  type Entry,
  EntryType,
  type HardState,
} from "#proto/gen/raft.ts";
import { promotionJson } from "#server/membership/member-json.ts";
import type { LogWriter } from "#server/node/ready-loop.ts";
import type { WalContents } from "#server/wal/wal.ts";

/** The configuration that a log leads to: true for a learner. */
function effectiveMembers(
  contents: Pick<WalContents, "snapshot">,
  entries: readonly Entry[],
): Map<bigint, boolean> {
  const { learners, voters } = contents.snapshot.confState;
  const members = new Map<bigint, boolean>();
  for (const id of voters) members.set(id, false);
  for (const id of learners) members.set(id, true);
  for (const entry of entries) {
    if (entry.type !== EntryType.EntryConfChange) continue;
    const { nodeId, type } = ConfChange.decode(entry.data);
    if (type === ConfChangeType.ConfChangeRemoveNode) members.delete(nodeId);
    else if (type === ConfChangeType.ConfChangeAddNode) members.set(nodeId, false);
    else if (type === ConfChangeType.ConfChangeAddLearnerNode) members.set(nodeId, true);
  }
  return members;
}

/** All entries but a removal of `self` that may not have been committed, and what lies behind it. */
function keptEntries(entries: readonly Entry[], commit: number, self: MemberId): readonly Entry[] {
  const cut = entries.findIndex((entry) => {
    if (entry.index <= commit || entry.type !== EntryType.EntryConfChange) return false;
    const { nodeId, type } = ConfChange.decode(entry.data);
    return type === ConfChangeType.ConfChangeRemoveNode && nodeId === self;
  });
  return cut < 0 ? entries : entries.slice(0, cut);
}

function change(type: ConfChangeType, nodeId: bigint, context: string): Uint8Array {
  return ConfChange.encode({ id: 0n, type, nodeId, context: utf8(context) }).finish();
}

export interface ForcedLog {
  readonly hardState: HardState;
  /** What the log holds from now on behind its mark. */
  readonly entries: Entry[];
  /** The end of them, which is new. */
  readonly added: readonly Entry[];
}

/**
 * The log with which `self` goes on alone, or undefined if it is alone already. `applied` is the last
 * entry whose effects its state holds, which proves it committed. Throws OperatingError if `self` is
 * no member.
 */
export function forcedLog(
  contents: Pick<WalContents, "snapshot" | "entries" | "hardState">,
  applied: number,
  self: MemberId,
): ForcedLog | undefined {
  const { term, vote } = contents.hardState;
  const commit = Math.max(contents.hardState.commit, applied);
  const kept = keptEntries(contents.entries, commit, self);
  const last = Math.max(commit, kept.at(-1)?.index ?? 0);
  const members = effectiveMembers(contents, kept);
  const isLearner = members.get(self);
  if (isLearner === undefined) {
    throw new OperatingError(
      "NOT_A_MEMBER",
      `--force-new-cluster: this member ${formatId(self)} is not in the cluster that its own log tells of; use the folder of another member, or restore a snapshot`,
    );
  }
  const changes: Uint8Array[] = [];
  // A voter must be left at every step.
  if (isLearner) {
    changes.push(change(ConfChangeType.ConfChangeAddNode, self, promotionJson(self)));
  }
  for (const id of [...members.keys()].sort((a, b) => (a < b ? -1 : 1))) {
    if (id !== self) changes.push(change(ConfChangeType.ConfChangeRemoveNode, id, ""));
  }
  if (changes.length === 0) return undefined;
  const added = changes.map((data, i) => ({
    type: EntryType.EntryConfChange,
    term,
    index: last + 1 + i,
    data,
  }));
  return {
    hardState: { term, vote, commit: last + added.length },
    entries: [...kept, ...added],
    added,
  };
}

/** Writes the log with which `self` goes on alone, synced; returns what the log then holds. */
export async function forceNewCluster(
  wal: LogWriter,
  contents: WalContents,
  applied: number,
): Promise<WalContents> {
  const forced = forcedLog(contents, applied, contents.memberId);
  if (forced === undefined) return contents;
  const { added, entries, hardState } = forced;
  await wal.save(hardState, added, true);
  return { ...contents, hardState, entries };
}
