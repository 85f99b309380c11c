// The socket of a connection whose bytes a thread has, for whoever serves the connection here.
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { Http2Stream, StreamReceiver } from "../http2/stream.ts";
import type { ConnectionFacts } from "./relay.ts";

/**
 * A connection's socket as far as this thread has it: who is at its other end, and, of one that is
 * handed on whole, its bytes.
 */
export class RemoteSocket extends Duplex implements StreamReceiver {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly encrypted: boolean;
  private readonly subject: string | undefined;
  private readonly clock: Clock;
  private readonly cut: () => void;
  private stream: Http2Stream | undefined;
  private whenRoom: (() => void) | undefined;
  private idleMs = 0;
  private idle: { cancel(): void } | undefined;

  /** `cut` ends the socket itself, behind what was written. */
  constructor(facts: ConnectionFacts, clock: Clock, cut: () => void) {
    super({ allowHalfOpen: true });
    this.remoteAddress = facts.remoteAddress;
    this.remotePort = facts.remotePort;
    this.encrypted = facts.encrypted;
    this.subject = facts.subject;
    this.clock = clock;
    this.cut = cut;
    this.on("error", ignoreSocketError);
  }

  /** As node's TLS sockets have it, but the subject alone. */
  getPeerX509Certificate(): { readonly subject: string } | undefined {
    return this.subject === undefined ? undefined : { subject: this.subject };
  }

  /** Its bytes are those of `stream` from now on. */
  carry(stream: Http2Stream): this {
    this.stream = stream;
    stream.headersSent = true;
    stream.receiver = this;
    return this;
  }

  /** As node's sockets have it: `timeout` is told after so long without a byte; 0: never. */
  setTimeout(ms: number, run?: () => void): this {
    this.idleMs = ms;
    if (run !== undefined) this.once("timeout", run);
    this.active();
    return this;
  }

  onData(bytes: Buffer, from: number, to: number): void {
    this.active();
    if (!this.push(bytes.subarray(from, to))) this.stream!.hold(true);
  }

  onEnd(): void {
    this.push(null);
  }

  onReset(): void {
    this.destroy();
  }

  onWritable(): void {
    const { whenRoom } = this;
    this.whenRoom = undefined;
    whenRoom?.();
  }

  override _read(): void {
    this.stream?.hold(false);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.active();
    const { stream } = this;
    if (stream === undefined || stream.localEnded || stream.write(emptyBytes, Buffer.from(chunk)))
      done();
    else this.whenRoom = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.stream?.finish(undefined);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.idle?.cancel();
    if (this.stream !== undefined) this.cut();
    done(error);
  }

  private active(): void {
    if (this.idle === undefined && this.idleMs === 0) return;
    this.idle?.cancel();
    this.idle =
      this.idleMs === 0 || this.destroyed
        ? undefined
        : this.clock.after(this.idleMs, () => void this.emit("timeout"));
  }
}

function ignoreSocketError(): void {
  // The connection ends by itself; whoever serves it sees that.
}
