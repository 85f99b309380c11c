// The writing end of a stream: the peer dialled, this member answers without end. Messages queue
// here, unencoded, while the connection takes no more; everything that one turn queued leaves in
// one write. The entries of a queued message are shared with the log and never changed.
import type { Buffer } from "node:buffer";
import type { ServerResponse } from "node:http";
import type { Clock, Timer } from "#base/clock.ts";
import type { Message } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { AppendEncoder, writeMessageFrame, writeMessageHeartbeat } from "#server/peer/framing.ts";
import type { PeerCounters } from "#server/peer/peer-status.ts";

export type StreamKind = "message" | "msgapp";

/** Messages that may wait for one stream. */
export const streamQueueLimit = 4096;
/** One write holds about so many bytes at most, plus one message. */
const writeBytes = 1024 * 1024;

/** Encodes the frames of one connection. */
interface Encoder {
  write(writer: BinaryWriter, message: Message): void;
  heartbeat(writer: BinaryWriter): void;
}

const messageEncoder: Encoder = { write: writeMessageFrame, heartbeat: writeMessageHeartbeat };

export interface StreamWriterPorts {
  readonly clock: Clock;
  readonly counters: PeerCounters;
  /** A heartbeat goes out so often: a third of the time after which a silent stream is given up. */
  readonly heartbeatPeriodMs: number;
  /** A stream was attached. */
  opened(): void;
  /** The attached stream ended or was replaced; `dropped` messages were still queued. */
  closed(dropped: readonly Message[]): void;
}

interface Connection {
  readonly response: ServerResponse;
  readonly encoder: Encoder;
  readonly heartbeats: Timer;
}

export class StreamWriter {
  readonly kind: StreamKind;
  private readonly ports: StreamWriterPorts;
  private connection: Connection | undefined;
  private queue: Message[] = [];
  /** The connection took all it can hold; it says so when it has room again. */
  private blocked = false;

  constructor(kind: StreamKind, ports: StreamWriterPorts) {
    this.kind = kind;
    this.ports = ports;
  }

  get attached(): boolean {
    return this.connection !== undefined;
  }

  /** Takes over a response whose headers have been sent; an earlier one is closed. */
  attach(response: ServerResponse): void {
    const lost = this.queue;
    this.drop();
    if (lost.length > 0) this.ports.closed(lost);
    const encoder = this.kind === "msgapp" ? new AppendEncoder() : messageEncoder;
    const { clock, heartbeatPeriodMs } = this.ports;
    const connection: Connection = {
      response,
      encoder,
      heartbeats: clock.every(heartbeatPeriodMs, () => this.heartbeat()),
    };
    this.connection = connection;
    this.blocked = false;
    response.on("drain", () => {
      if (this.connection !== connection) return;
      this.blocked = false;
      this.flush();
    });
    // Errors of a response are followed by its end.
    response.on("error", () => {});
    response.once("close", () => {
      if (this.connection !== connection) return;
      const dropped = this.queue;
      this.drop();
      this.ports.closed(dropped);
    });
    this.ports.opened();
    this.flush();
  }

  /** Queues a message for the next `flush`; false if there is no room. Only while attached. */
  push(message: Message): boolean {
    if (this.queue.length >= streamQueueLimit) return false;
    this.queue.push(message);
    return true;
  }

  /** Writes what is queued, as far as the connection takes it. */
  flush(): void {
    const { connection, queue } = this;
    if (connection === undefined || this.blocked || queue.length === 0) return;
    let next = 0;
    while (next < queue.length && !this.blocked) {
      const writer = new BinaryWriter(firstCapacity(queue, next));
      while (next < queue.length && writer.length < writeBytes) {
        connection.encoder.write(writer, queue[next++]!);
      }
      this.write(connection, writer.finish());
    }
    if (next === queue.length) queue.length = 0;
    else queue.splice(0, next);
  }

  /** Ends the attached stream and forgets what is queued. */
  drop(): void {
    const { connection } = this;
    this.queue = [];
    if (connection === undefined) return;
    this.connection = undefined;
    connection.heartbeats.cancel();
    connection.response.destroy();
  }

  private heartbeat(): void {
    const { connection } = this;
    // A blocked connection needs no heartbeat: it has more to read than it can take.
    if (connection === undefined || this.blocked) return;
    const writer = new BinaryWriter(16);
    connection.encoder.heartbeat(writer);
    this.write(connection, writer.finish());
  }

  private write(connection: Connection, frames: Buffer): void {
    this.ports.counters.sentBytes += frames.length;
    this.blocked = !connection.response.write(frames);
  }
}

/** Room for the messages that one write will hold, so that a buffer seldom grows. */
function firstCapacity(queue: readonly Message[], from: number): number {
  let bytes = 0;
  for (let i = from; i < queue.length && bytes < writeBytes; i++) {
    bytes += 96;
    const { entries } = queue[i]!;
    for (const entry of entries) bytes += entry.data.length + 32;
  }
  return bytes;
}
