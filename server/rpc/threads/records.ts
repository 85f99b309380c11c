// What the core and a thread of connections tell each other: records behind one another in a buffer, a
// batch a turn of the event loop. Five words each (what, connection, stream, value, length of what
// follows) and bytes, filled up to a whole word. Pure: it knows no thread.
import { Buffer } from "node:buffer";
import { emptyBytes } from "#base/bytes.ts";

/** What a record says; `value` and the bytes in brackets. */
export const recordType = {
  /** To the core: a connection has come [who it is, JSON]. */
  opened: 1,
  /** To the core: it is gone. */
  closed: 2,
  /** To the core: what the requests that follow on the connection have as headers [JSON]. */
  headers: 3,
  /** To the core: a request begins; value 1: and has no body. */
  request: 4,
  /** Both ways: [bytes of the stream]; value 1, to the core: and the client sends no more. */
  data: 5,
  /** To the core: the client sends no more. */
  end: 6,
  /** To the core: the stream is over. To the thread: end it at once, with error code `value`. */
  reset: 7,
  /** Both ways: `value` bytes of the stream were taken, as many more may come. */
  credit: 8,
  /** To the core: something to be counted [JSON]. */
  counted: 9,
  /** Both ways: `value` bytes of records were read. */
  taken: 10,
  /** To the thread: list `value` of fields, sent again and again [JSON]. */
  list: 11,
  /** To the thread: the response begins with list `value >> 1`; the lowest bit: and ends with it. */
  respond: 12,
  /** To the thread: the same with fields that are sent once [JSON]; value 1: and ends. */
  respondOnce: 13,
  /** To the thread: the response ends; with list `value - 1` unless 0. */
  finish: 14,
  /** To the thread: the same with fields that are sent once [JSON]. */
  finishOnce: 15,
  /** To the thread: a whole response [bytes]: headers of list `value >> 16`, trailers of list `value & 0xffff`. */
  answer: 16,
} as const;

/** What a record carries as JSON. */
export const textOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const headWords = 5;
const batchBytes = 131_072;
/** Batches with less than this in them are copied into a buffer of their size. */
const copyBelow = batchBytes / 2;

/** Takes the records of a batch, in order. `bytes` from `from` to `to` are the batch's own. */
export interface RecordTarget {
  record(
    type: number,
    connection: number,
    stream: number,
    value: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void;
}

/** Writes records into batches; a batch leaves by `send` when it is full, or by `flush`. */
export class RecordWriter {
  private readonly send: (batch: ArrayBuffer, bytes: number) => void;
  private words = new Uint32Array(batchBytes / 4);
  private bytes = new Uint8Array(this.words.buffer);
  private at = 0;

  /** `send` owns the buffer that it gets, of which `bytes` are records. */
  constructor(send: (batch: ArrayBuffer, bytes: number) => void) {
    this.send = send;
  }

  /** Both payloads are copied, one behind the other. */
  put(
    type: number,
    connection: number,
    stream: number,
    value: number,
    first: Uint8Array = emptyBytes,
    second: Uint8Array = emptyBytes,
  ): void {
    const length = first.length + second.length;
    const size = headWords * 4 + ((length + 3) & ~3);
    if (this.at + size > this.bytes.length) {
      this.flush();
      if (size > this.bytes.length) this.room(size);
    }
    const { words, bytes } = this;
    let at = this.at >> 2;
    words[at++] = type;
    words[at++] = connection;
    words[at++] = stream;
    words[at++] = value;
    words[at++] = length;
    if (first.length > 0) bytes.set(first, at * 4);
    if (second.length > 0) bytes.set(second, at * 4 + first.length);
    this.at += size;
  }

  /** Sends what was written since the last batch. */
  flush(): void {
    const { at } = this;
    if (at === 0) return;
    this.at = 0;
    const { buffer } = this.words;
    if (at <= copyBelow && buffer.byteLength === batchBytes) {
      this.send(buffer.slice(0, at), at);
      return;
    }
    this.room(batchBytes);
    this.send(buffer, at);
  }

  private room(bytes: number): void {
    this.words = new Uint32Array(bytes / 4);
    this.bytes = new Uint8Array(this.words.buffer);
  }
}

/** Hands the records of a batch to `target`. */
export function readRecords(batch: ArrayBuffer, length: number, target: RecordTarget): void {
  const words = new Uint32Array(batch, 0, length / 4);
  const bytes = Buffer.from(batch, 0, length);
  for (let at = 0; at < words.length; ) {
    const size = words[at + 4]!;
    const from = (at + headWords) * 4;
    target.record(
      words[at]!,
      words[at + 1]!,
      words[at + 2]!,
      words[at + 3]!,
      bytes,
      from,
      from + size,
    );
    at += headWords + ((size + 3) >> 2);
  }
}
