// One side of the way between the core and a thread of connections: what a turn of the event loop wrote
// leaves in one message, and what the other side has not read yet is bounded.
import type { MessagePort } from "node:worker_threads";
import { assert } from "#base/assert.ts";
import { type RecordTarget, RecordWriter, readRecords, recordType } from "./records.ts";

/** Sent and not read by the other side: beyond this, `congested`. */
const maxUnreadBytes = 16 * 1024 * 1024;
/** Read and not told of, before a message goes out for that alone. */
const tellBytes = 256 * 1024;

/** A batch of records; what else a port carries is no object with `records`. */
export interface Batch {
  readonly records: ArrayBuffer;
  readonly bytes: number;
}

export interface ChannelEvents extends RecordTarget {
  /** The other side has read again, after `congested` was true. */
  room(): void;
}

/** What a Worker and a MessagePort have in common. */
export type RecordPort = Pick<MessagePort, "postMessage">;

export class ThreadChannel implements RecordTarget {
  private readonly events: ChannelEvents;
  private readonly writer: RecordWriter;
  private due = false;
  private unreadBytes = 0;
  private untoldBytes = 0;
  private wasCongested = false;

  constructor(port: RecordPort, events: ChannelEvents) {
    this.events = events;
    this.writer = new RecordWriter((records, bytes) => {
      this.unreadBytes += bytes;
      port.postMessage({ records, bytes } satisfies Batch, [records]);
    });
  }

  /** The other side reads too slowly: hold back what can wait, until `room`. */
  get congested(): boolean {
    if (this.unreadBytes <= maxUnreadBytes) return false;
    this.wasCongested = true;
    return true;
  }

  /** See RecordWriter; leaves at the end of the turn. */
  put(
    type: number,
    connection: number,
    stream: number,
    value: number,
    first?: Uint8Array,
    second?: Uint8Array,
  ): void {
    this.writer.put(type, connection, stream, value, first, second);
    this.flushLater();
  }

  /** A batch of the other side. */
  receive({ records, bytes }: Batch): void {
    readRecords(records, bytes, this);
    this.untoldBytes += bytes;
    if (this.untoldBytes >= tellBytes) this.flushLater();
  }

  record(
    type: number,
    connection: number,
    stream: number,
    value: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    if (type !== recordType.taken) {
      this.events.record(type, connection, stream, value, bytes, from, to);
      return;
    }
    this.unreadBytes -= value;
    assert(this.unreadBytes >= 0, "more records were read than were sent");
    if (!this.wasCongested || this.unreadBytes > maxUnreadBytes / 2) return;
    this.wasCongested = false;
    this.events.room();
  }

  private flushLater(): void {
    if (this.due) return;
    this.due = true;
    setImmediate(this.flush);
  }

  /** Sends what was written; at the end of the turn it happens by itself. */
  readonly flush = (): void => {
    this.due = false;
    if (this.untoldBytes > 0) {
      this.writer.put(recordType.taken, 0, 0, this.untoldBytes);
      this.untoldBytes = 0;
    }
    this.writer.flush();
  };
}
