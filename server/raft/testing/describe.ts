// Raft's outputs in one line of text each, for scripts and failure reports.
import { text } from "#base/bytes.ts";
import { formatId } from "#base/ids.ts";
import type { ConfState, Entry, Message, Snapshot } from "#proto/gen/raft.ts";
import {
  ConfChange,
  ConfChangeType,
  ConfChangeV2,
  EntryType,
  MessageType,
} from "#proto/gen/raft.ts";
import { asV2 } from "#server/raft/conf-change.ts";
import type { Ready } from "#server/raft/ready.ts";
import type { ProgressStatus } from "#server/raft/status.ts";

const messageNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, value]) => [value, name]),
);

const changeLetters = new Map<number, string>([
  [ConfChangeType.ConfChangeAddNode, "v"],
  [ConfChangeType.ConfChangeRemoveNode, "r"],
  [ConfChangeType.ConfChangeUpdateNode, "u"],
  [ConfChangeType.ConfChangeAddLearnerNode, "l"],
]);

/** A context: printable text quoted, anything else in hexadecimal. */
export function describeBytes(bytes: Uint8Array): string {
  const content = text(bytes);
  if (/^[\x20-\x7e]*$/.test(content)) return JSON.stringify(content);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Such as `v4 r2`, `leave-joint`. */
export function describeChange(change: ConfChange | ConfChangeV2): string {
  const { changes, transition } = asV2(change);
  if (changes.length === 0) return "leave-joint";
  const list = changes.map((one) => `${changeLetters.get(one.type) ?? "?"}${formatId(one.nodeId)}`);
  return list.join(" ") + (transition === 0 ? "" : ` transition=${transition}`);
}

/** `term/index` and what the entry says. */
export function describeEntry(entry: Entry): string {
  const at = `${entry.term}/${entry.index}`;
  switch (entry.type) {
    case EntryType.EntryConfChange:
      return `${at} change(${describeChange(ConfChange.decode(entry.data))})`;
    case EntryType.EntryConfChangeV2:
      return `${at} change2(${describeChange(ConfChangeV2.decode(entry.data))})`;
    default:
      return entry.data.length === 0 ? `${at} empty` : `${at} ${describeBytes(entry.data)}`;
  }
}

function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(", ")}]`;
}

/** Such as `(1 2 3)&&(1 2) learners=(4)`. */
export function describeConfState(state: ConfState): string {
  const ids = (list: readonly bigint[]): string => `(${list.map(formatId).join(" ")})`;
  let line = ids(state.voters);
  if (state.votersOutgoing.length > 0) line += `&&${ids(state.votersOutgoing)}`;
  if (state.learners.length > 0) line += ` learners=${ids(state.learners)}`;
  if (state.learnersNext.length > 0) line += ` learners-next=${ids(state.learnersNext)}`;
  return state.autoLeave ? `${line} auto-leave` : line;
}

function describeSnapshot({ metadata }: Snapshot): string {
  if (metadata === undefined) return "without metadata";
  const conf = metadata.confState === undefined ? "none" : describeConfState(metadata.confState);
  return `${metadata.term}/${metadata.index} ${conf}`;
}

/** Every field that is set. */
export function describeMessage(message: Message): string {
  const parts = [
    `${formatId(message.from)}->${formatId(message.to)} ${messageNames.get(message.type) ?? message.type}`,
    `term=${message.term}`,
  ];
  if (message.logTerm !== 0 || message.index !== 0) {
    parts.push(`log=${message.logTerm}/${message.index}`);
  }
  if (message.reject) parts.push(`reject hint=${message.rejectHint}`);
  if (message.commit !== 0) parts.push(`commit=${message.commit}`);
  if (message.context.length > 0) parts.push(`context=${describeBytes(message.context)}`);
  if (message.entries.length > 0) parts.push(describeEntries(message.entries));
  if (message.snapshot !== undefined) parts.push(`snapshot=${describeSnapshot(message.snapshot)}`);
  return parts.join(" ");
}

/** One line for each field of a Ready that says something. */
export function describeReady(ready: Ready): string[] {
  const lines: string[] = [];
  const { softState, hardState, snapshot } = ready;
  if (softState !== undefined) lines.push(`${softState.role} leader=${formatId(softState.leader)}`);
  if (hardState !== undefined) {
    const { term, vote, commit } = hardState;
    lines.push(`save term=${term} vote=${formatId(vote)} commit=${commit}`);
  }
  if (snapshot !== undefined) lines.push(`install ${describeSnapshot(snapshot)}`);
  if (ready.entries.length > 0) lines.push(`append ${describeEntries(ready.entries)}`);
  if (ready.committed.length > 0) lines.push(`apply ${describeEntries(ready.committed)}`);
  for (const { index, context } of ready.readStates) {
    lines.push(`read ${describeBytes(context)} at ${index}`);
  }
  for (const message of ready.messages) lines.push(`send ${describeMessage(message)}`);
  if (ready.mustSync) lines.push("sync");
  return lines;
}

/** A leader's view of one member. */
export function describeProgress(progress: ProgressStatus): string {
  let line = `${progress.state} match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) line += " learner";
  if (progress.paused) line += " paused";
  if (progress.pendingSnapshot > 0) line += ` pending-snapshot=${progress.pendingSnapshot}`;
  if (!progress.recentActive) line += " inactive";
  if (progress.inflight > 0) line += ` inflight=${progress.inflight}`;
  return line;
}
