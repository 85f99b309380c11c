// Making and measuring what crosses the wire. All messages are built here, with every field set, so
// that they share one shape.
import { emptyBytes, utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import type { Entry, EntryType, Message } from "#proto/gen/raft.ts";
import { MessageType } from "#proto/gen/raft.ts";

/** The entries of messages that have none; shared and frozen. */
export const noEntries: Entry[] = Object.freeze([] as Entry[]) as Entry[];

const noResponses: Message[] = Object.freeze([] as Message[]) as Message[];

/** The context of a vote request that a leader asked for: it overrules the lease (thesis §3.10). */
export const campaignTransferContext: Uint8Array = utf8("CampaignTransfer");

/** A message of `type` with nothing else set. */
export function newMessage(
  type: MessageType,
  route: { readonly from: MemberId; readonly to: MemberId; readonly term: number },
): Message {
  return {
    type,
    to: route.to,
    from: route.from,
    term: route.term,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: emptyBytes,
    vote: 0n,
    responses: noResponses,
  };
}

/** An entry not yet in a log. */
export function newEntry(type: EntryType, data: Uint8Array): Entry {
  return { type, term: 0, index: 0, data };
}

/** True for messages that a member sends only to itself; they are refused from the wire. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgHup:
    case MessageType.MsgBeat:
    case MessageType.MsgUnreachable:
    case MessageType.MsgSnapStatus:
    case MessageType.MsgCheckQuorum:
    case MessageType.MsgStorageAppend:
    case MessageType.MsgStorageAppendResp:
    case MessageType.MsgStorageApply:
    case MessageType.MsgStorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** True for messages that only answer: from a stranger they mean nothing. */
export function isResponse(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgAppResp:
    case MessageType.MsgVoteResp:
    case MessageType.MsgHeartbeatResp:
    case MessageType.MsgPreVoteResp:
      return true;
    default:
      return false;
  }
}

/** True for the messages that carry no term, because they are not the sender's own word. */
export function mayLackTerm(type: MessageType): boolean {
  switch (type) {
    case MessageType.MsgProp:
    case MessageType.MsgReadIndex:
    case MessageType.MsgTransferLeader:
    case MessageType.MsgForgetLeader:
      return true;
    default:
      return false;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest /= 128) size++;
  return size;
}

/** Encoded size of an entry in bytes, as limits count it. */
export function entryBytes(entry: Entry): number {
  let size = 0;
  if (entry.type !== 0) size += 2;
  if (entry.term !== 0) size += 1 + varintSize(entry.term);
  if (entry.index !== 0) size += 1 + varintSize(entry.index);
  const length = entry.data.length;
  if (length !== 0) size += 1 + varintSize(length) + length;
  return size;
}

/** How many of the entries from `from` up to `to` fit into `maxBytes`; at least one if there is one. */
export function countWithin(
  entries: readonly Entry[],
  range: { readonly from: number; readonly to: number },
  maxBytes: number,
): number {
  let bytes = 0;
  let count = 0;
  for (let i = range.from; i < range.to; i++) {
    bytes += entryBytes(entries[i]!);
    if (bytes > maxBytes && count > 0) break;
    count++;
  }
  return count;
}

/** Bytes of data in `entries`: what in-flight and uncommitted limits count. */
export function payloadBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) bytes += entries[i]!.data.length;
  return bytes;
}
