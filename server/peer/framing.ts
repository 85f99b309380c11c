// The frames of the peer wire (facts: peer protocol §5), as pure codecs. Encoders append to a
// BinaryWriter; decoders take chunks as they come and keep only what does not form a whole frame.
//
// Decoded messages alias the chunk they arrived in, so chunks must not be reused. A decoder that
// threw is spent: the connection is to be closed.
import { Buffer } from "node:buffer";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import type { MemberId } from "#base/ids.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { Entry, Message, MessageType } from "#proto/gen/raft.ts";
import type { BinaryWriter } from "#proto/wire.ts";

/** What readers accept in one frame of a stream, in bytes. */
export const streamFrameLimit = 512 * 1024 * 1024;
/** What readers accept as the message before a snapshot's database, in bytes. */
export const snapshotMessageLimit = 64 * 1024 * 1024;

/** A frame that breaks the wire's rules; the connection cannot go on. */
export class FrameError extends Error {
  readonly code = "MALFORMED_PEER_FRAME";
}

const noContext = new Uint8Array(0);
const nothing: Buffer = Buffer.alloc(0);

/** Kept alive by it, dropped by its reader; never reaches raft. */
export function isLinkHeartbeat(message: Message): boolean {
  return message.type === MessageType.MsgHeartbeat && message.from === 0n && message.to === 0n;
}

/** Appends a length and a message: the message stream's frame, and the head of a snapshot. */
export function writeMessageFrame(writer: BinaryWriter, message: Message): void {
  writer.uint64BE(0);
  const start = writer.length;
  Message.encode(message, writer);
  writer.setUint64BE(start - 8, writer.length - start);
}

/** The link heartbeat of the message stream. */
export function writeMessageHeartbeat(writer: BinaryWriter): void {
  writer.uint64BE(2).uint32(8).int32(MessageType.MsgHeartbeat);
}

/** Reads a big-endian length and refuses one above `limit`. */
function readLength(data: Buffer, at: number, limit: number): number {
  const length = data.readUInt32BE(at) * 4294967296 + data.readUInt32BE(at + 4);
  if (length > limit) throw new FrameError("rafthttp: error limit exceeded");
  return length;
}

/**
 * Cuts a stream of chunks into frames. Bytes of an unfinished frame are gathered in a buffer that
 * doubles, so a frame in however many chunks costs two copies.
 */
abstract class FrameDecoder {
  private gathered = nothing;
  private held = 0;
  /** Bytes from the start of the unfinished frame without which it need not be looked at again. */
  protected needed = 1;

  /** Takes the next chunk, which must not be written to afterwards. Throws FrameError, WireError. */
  push(chunk: Buffer): void {
    let data = chunk;
    if (this.held > 0) {
      this.gather(chunk);
      if (this.held < this.needed) return;
      data = this.gathered.subarray(0, this.held);
    }
    let at = 0;
    while (at < data.length) {
      const next = this.frame(data, at);
      if (next < 0) break;
      at = next;
    }
    if (at === 0 && this.held > 0) return;
    // Messages may go on using what they were cut from: what is left begins a buffer of its own.
    this.held = 0;
    this.gathered = nothing;
    if (at < data.length) this.gather(at === 0 ? data : data.subarray(at));
  }

  private gather(chunk: Buffer): void {
    const held = this.held + chunk.length;
    if (held > this.gathered.length) {
      const likely = Math.min(this.needed, likelyFrameBytes);
      const wider = Buffer.allocUnsafeSlow(Math.max(held, likely, this.gathered.length * 2));
      this.gathered.copy(wider, 0, 0, this.held);
      this.gathered = wider;
    }
    chunk.copy(this.gathered, this.held);
    this.held = held;
  }

  /** Where the frame at `at` ends, or −1 after setting `needed` if it is not whole yet. */
  protected abstract frame(data: Buffer, at: number): number;
}

/** Reads the message stream; link heartbeats are dropped. */
export class MessageDecoder extends FrameDecoder {
  private readonly onMessage: (message: Message) => void;

  constructor(onMessage: (message: Message) => void) {
    super();
    this.onMessage = onMessage;
  }

  protected override frame(data: Buffer, at: number): number {
    const have = data.length - at;
    this.needed = 8;
    if (have < 8) return -1;
    this.needed = 8 + readLength(data, at, streamFrameLimit);
    if (have < this.needed) return -1;
    const end = at + this.needed;
    const message = Message.decode(data.subarray(at + 8, end));
    if (!isLinkHeartbeat(message)) this.onMessage(message);
    return end;
  }
}

/** How much of a frame's length is believed before its bytes are there. */
const likelyFrameBytes = 1 << 20;

/** Type and number of entries. */
const recordHeadBytes = 9;
/** Entries of one record; a leader sends 512 KiB at most, each of more than eight bytes. */
const recordEntryLimit = 1 << 20;

const recordHeartbeat = 0;
const recordEntries = 1;
const recordMessage = 2;

/** Writes the msgappv2 stream of one connection; its state follows what was written. */
export class AppendEncoder {
  private term = 0;
  private index = 0;

  /** Appends the shortest record that carries this MsgApp. */
  write(writer: BinaryWriter, message: Message): void {
    const { entries } = message;
    if (
      message.index === this.index &&
      message.logTerm === this.term &&
      message.logTerm === message.term
    ) {
      writer.uint32(recordEntries).uint64BE(entries.length);
      for (const entry of entries) {
        writer.uint64BE(0);
        const start = writer.length;
        Entry.encode(entry, writer);
        writer.setUint64BE(start - 8, writer.length - start);
      }
      writer.uint64BE(message.commit);
      this.index += entries.length;
      return;
    }
    writer.uint32(recordMessage);
    writeMessageFrame(writer, message);
    this.term = message.term;
    this.index = entries.at(-1)?.index ?? message.index;
  }

  heartbeat(writer: BinaryWriter): void {
    writer.uint32(recordHeartbeat);
  }
}

/** Reads the msgappv2 stream that `remote` writes to `local`. */
export class AppendDecoder extends FrameDecoder {
  private term = 0;
  private index = 0;
  /** Of an unfinished record of entries: how many have a known length, and where these end. */
  private known = 0;
  private end = recordHeadBytes;
  private readonly local: MemberId;
  private readonly remote: MemberId;
  private readonly onMessage: (message: Message) => void;

  constructor(local: MemberId, remote: MemberId, onMessage: (message: Message) => void) {
    super();
    this.local = local;
    this.remote = remote;
    this.onMessage = onMessage;
  }

  protected override frame(data: Buffer, at: number): number {
    switch (data[at]) {
      case recordHeartbeat:
        return at + 1;
      case recordEntries:
        return this.entries(data, at);
      case recordMessage:
        return this.message(data, at);
      default:
        throw new FrameError(`unknown type ${data[at]} of a record in a msgappv2 stream`);
    }
  }

  private message(data: Buffer, at: number): number {
    const have = data.length - at;
    this.needed = 9;
    if (have < 9) return -1;
    this.needed = 9 + readLength(data, at + 1, streamFrameLimit);
    if (have < this.needed) return -1;
    const end = at + this.needed;
    const message = Message.decode(data.subarray(at + 9, end));
    this.term = message.term;
    this.index = message.entries.at(-1)?.index ?? message.index;
    this.onMessage(message);
    return end;
  }

  private entries(data: Buffer, at: number): number {
    const have = data.length - at;
    this.needed = 17;
    if (have < 17) return -1;
    const count = readLength(data, at + 1, recordEntryLimit);
    for (; this.known < count; this.known++) {
      // Each entry that is still to come, and the commit index, take eight bytes at least.
      this.needed = this.end + (count - this.known) * 8 + 8;
      if (have < this.end + 8) return -1;
      this.end += 8 + readLength(data, at + this.end, streamFrameLimit - this.end);
    }
    this.needed = this.end + 8;
    if (have < this.needed) return -1;
    this.known = 0;
    this.end = recordHeadBytes;

    const entries: Entry[] = [];
    let from = at + recordHeadBytes;
    for (let i = 0; i < count; i++) {
      const size = data.readUInt32BE(from + 4);
      from += 8 + size;
      entries.push(Entry.decode(data.subarray(from - size, from)));
    }
    const message: Message = {
      type: MessageType.MsgApp,
      to: this.local,
      from: this.remote,
      term: this.term,
      logTerm: this.term,
      index: this.index,
      entries,
      commit: readLength(data, from, Number.MAX_SAFE_INTEGER),
      snapshot: undefined,
      reject: false,
      rejectHint: 0,
      context: noContext,
      vote: 0n,
      responses: [],
    };
    this.index += count;
    this.onMessage(message);
    return at + this.needed;
  }
}

/** A snapshot on the wire: its message, and the database that follows. */
export interface SnapshotEnvelope {
  readonly message: Message;
  /** What follows the message, to be read once. */
  readonly body: AsyncIterable<Buffer>;
}

/**
 * Reads the message that heads a snapshot, which counts in `unfinished` until then. Throws FrameError or
 * WireError if there is none, or TooManyUnfinished.
 */
export async function readSnapshotEnvelope(
  chunks: AsyncIterable<Buffer>,
  unfinished?: UnfinishedBytes,
): Promise<SnapshotEnvelope> {
  const iterator = chunks[Symbol.asyncIterator]();
  const head = new GatheredBytes(unfinished);
  let needed = 8;
  let data = nothing;
  try {
    while (data.length < needed) {
      const next = await iterator.next();
      if (next.done === true) throw new FrameError("unexpected EOF");
      head.push(next.value);
      if (head.length < needed) continue;
      data = head.take();
      if (needed > 8) break;
      needed = 8 + readLength(data, 0, snapshotMessageLimit);
      if (data.length < needed) {
        head.push(data);
        data = nothing;
      }
    }
  } finally {
    head.drop();
  }
  const message = Message.decode(data.subarray(8, needed));
  return { message, body: restOf(data.subarray(needed), iterator) };
}

async function* restOf(first: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (first.length > 0) yield first;
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
