// What no honest member sends, found before raft sees it. Raft's own asserts stop the process, and so
// would an entry that no member can apply: neither may hang on the bytes of one peer. Whether a
// message fits this member's log is raft's business, and not looked at here.
import { type MemberId, noMember } from "#base/ids.ts";
import {
  ConfChange,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  type Snapshot,
} from "#proto/gen/raft.ts";
import { decodeCommand } from "#server/apply/command.ts";
import {
  checkClusterVersion,
  majorMinor,
  serverVersion,
} from "#server/membership/cluster-version.ts";
import { Members } from "#server/membership/members.ts";
import { restoreConfiguration } from "#server/raft/conf-change.ts";

/** The last value of its kind, or one that was too large for a safe integer. */
const saturated = Number.MAX_SAFE_INTEGER;

/** Of whom a message may be that reaches a member in its own name: what was forwarded to a leader. */
const mayBeOwn: ReadonlySet<MessageType> = new Set([
  MessageType.MsgProp,
  MessageType.MsgReadIndex,
  MessageType.MsgTransferLeader,
]);

/** Why a message from the wire cannot be right, or undefined. `own` is this member. */
export function messageFault(message: Message, own: MemberId): string | undefined {
  const { type, term, index, logTerm, commit, rejectHint, entries, snapshot } = message;
  if (!mayBeOwn.has(type)) {
    if (message.from === own) return "it claims to be of this member";
    if (message.from === noMember) return "it names no sender";
  }
  if (Math.max(term, index, logTerm, commit, rejectHint) >= saturated) {
    return "a term or an index is beyond 2^53";
  }
  switch (type) {
    case MessageType.MsgApp:
      return appendFault(message);
    case MessageType.MsgProp:
      for (const entry of entries) {
        const fault = proposalFault(entry);
        if (fault !== undefined) return fault;
      }
      return undefined;
    case MessageType.MsgSnap:
      return snapshotFault(snapshot);
    default:
      return undefined;
  }
}

/** Entries go on where the message says, in terms that never go back nor beyond the leader's. */
function appendFault(message: Message): string | undefined {
  let { index, logTerm } = message;
  if (logTerm > message.term) return "an earlier entry is of a later term than its leader";
  for (const entry of message.entries) {
    index++;
    if (entry.index !== index) return `entry ${entry.index} stands where ${index} belongs`;
    if (entry.term < logTerm || entry.term > message.term) {
      return `entry ${entry.index} is of term ${entry.term}, after ${logTerm} and below ${message.term}`;
    }
    logTerm = entry.term;
    if (entry.type > EntryType.EntryConfChangeV2 || entry.type < EntryType.EntryNormal) {
      return `entry ${entry.index} is of the unknown type ${entry.type}`;
    }
  }
  return undefined;
}

/** What a leader took into the log every member would have to apply. */
function proposalFault(entry: Entry): string | undefined {
  try {
    switch (entry.type) {
      case EntryType.EntryNormal: {
        const command = decodeCommand(entry.data);
        if (command === undefined) return "a command that this version does not know was proposed";
        return command.kind === "clusterVersionSet" ? versionFault(command.payload.ver) : undefined;
      }
      case EntryType.EntryConfChange:
        new Members(0).fault(ConfChange.decode(entry.data));
        return undefined;
      default:
        return `an entry of type ${entry.type} was proposed`;
    }
  } catch {
    return "a command that is malformed was proposed";
  }
}

/**
 * A leader proposes the lowest version of all members, and this one is among them. What is above it, or
 * is no version, would stop every member that applies it, this program's and etcd's alike.
 */
function versionFault(proposed: string): string | undefined {
  if (majorMinor(proposed) === undefined) return "a cluster version that is none was proposed";
  try {
    checkClusterVersion(proposed);
    return undefined;
  } catch {
    return `the cluster version ${proposed} was proposed, above this member's ${serverVersion}`;
  }
}

function snapshotFault(snapshot: Snapshot | undefined): string | undefined {
  const metadata = snapshot?.metadata;
  if (metadata?.confState === undefined) return "a snapshot without index or configuration";
  if (Math.max(metadata.index, metadata.term) >= saturated) return "an index beyond 2^53";
  if (metadata.index === 0 || metadata.term === 0) return "a snapshot of nothing";
  const configuration = restoreConfiguration(metadata.confState);
  if ("refused" in configuration) return configuration.refused;
  return configuration.voters.size === 0 ? "a snapshot of a cluster without voters" : undefined;
}
