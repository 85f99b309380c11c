// One watch of a stream, and the answers it gets.
import { Buffer } from "node:buffer";
import { type Event, Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";
import type { Watched } from "#server/mvcc/watch-matcher.ts";
import type { WatchSession } from "#server/mvcc/watch-session.ts";

/** Live: gets every change as it is applied. Behind: catches up. Gone: cancelled. */
export type WatcherState = "live" | "behind" | "gone";

export interface Watcher extends Watched {
  readonly session: WatchSession;
  readonly id: number;
  readonly startRevision: number;
  readonly wantsPrevious: boolean;
  readonly noPuts: boolean;
  readonly noDeletes: boolean;
  readonly progress: boolean;
  readonly fragment: boolean;
  state: WatcherState;
  /** The first revision not yet delivered; of a live watcher, a lower bound of it. */
  next: number;
  /** No events went out since the last progress tick. */
  quiet: boolean;
  /** Events of the revision or slice being gathered. */
  pending: Event[];
  pendingBytes: number;
  /** Its newest response with events, while that has not been taken: newer events join it. */
  queued: QueuedResponse | undefined;
  /** An event being gathered lacks its previous pair: it was not in memory. */
  lacksPrevious: boolean;
}

/** A response that waits in its session's queue. */
export interface QueuedResponse {
  readonly response: WatchResponse;
  bytes: number;
  readonly fragment: boolean;
  /** Whose events these are, so that it is told when they are taken. */
  readonly watcher: Watcher | undefined;
}

/** The watch ID of answers that belong to no watcher. */
export const noWatchId = -1;

const responseOverheadBytes = 128;
const eventOverheadBytes = 32;

/** What a response weighs in a session's queue. */
export function responseBytes(eventBytes: number): number {
  return responseOverheadBytes + eventBytes;
}

/** What an event weighs: no less than its encoded size. */
export function eventBytes(record: Uint8Array, previous: Uint8Array | null | undefined): number {
  return record.length + (previous?.length ?? 0) + eventOverheadBytes;
}

/** A response with only a header of this revision. */
export function watchResponse(watchId: number, revision: number): WatchResponse {
  return {
    header: { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 },
    watchId,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [],
  };
}

/** The event of a change: a deletion's pair has only key and revision. */
export function changeEvent(
  kv: KeyValue,
  main: number,
  tombstone: boolean,
  prevKv: KeyValue | undefined,
): Event {
  if (tombstone) kv.modRevision = main;
  return { type: tombstone ? Event_EventType.DELETE : Event_EventType.PUT, kv, prevKv };
}

/** True if the watcher's filters let a change of this kind through. */
export function wantsKind(watcher: Watcher, tombstone: boolean): boolean {
  return tombstone ? !watcher.noDeletes : !watcher.noPuts;
}

/** Bytes as a string whose order is bytewise. */
export function keyString(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
