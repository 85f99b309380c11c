// The way past node's streams for a plain socket: reads go into one buffer for all sockets, writes to libuv
// at once (docs/adr/0036).
// Node does not promise what is used here. So everything is looked for first, and without it, or on a
// socket of another kind (TLS), bytes go through the streams.
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** What node's handle of a TCP or Unix socket has. */
interface Handle {
  onread: (this: Handle, bytes?: ArrayBuffer) => void;
  /** All reads go there; their callback gets no bytes, only their number. */
  useUserBuffer(buffer: Buffer): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, chunks: readonly Buffer[], allBuffers: true): number;
}

interface WriteRequest {
  oncomplete: (status: number) => void;
  /** What waits: libuv has its address alone, and while it does only this keeps it from being collected. */
  chunks?: readonly Buffer[];
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
}

/** What `SocketHandle.write` came to. */
export type Written = "taken" | "waits" | "failed";

const readBytes = 65_536;
/** Every read of every socket: what is in it is copied before the next. */
const shared = Buffer.allocUnsafeSlow(readBytes);
const binding = streamBinding();

function streamBinding(): StreamBinding | undefined {
  const bound = (process as { binding?(name: string): unknown }).binding?.("stream_wrap");
  const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = (bound ??
    {}) as Partial<StreamBinding>;
  const isThere =
    typeof WriteWrap === "function" &&
    ArrayBuffer.isView(streamBaseState) &&
    typeof kReadBytesOrError === "number" &&
    typeof kLastWriteWasAsync === "number";
  return isThere
    ? { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync }
    : undefined;
}

function handleOf(socket: Duplex): Handle | undefined {
  // Subclasses, of TLS for one, have handles of other kinds.
  if (Object.getPrototypeOf(socket) !== Socket.prototype) return undefined;
  const handle = (socket as { _handle?: Partial<Handle> | null })._handle;
  if (handle === null || handle === undefined) return undefined;
  const calls = [
    "onread",
    "useUserBuffer",
    "readStart",
    "readStop",
    "writeBuffer",
    "writev",
  ] as const;
  return calls.every((name) => typeof handle[name] === "function") ? (handle as Handle) : undefined;
}

/** A socket's handle; whoever has it writes through it or, when `write` does not take more, the socket. */
export class SocketHandle {
  /** Bytes that libuv has of `write` and the kernel has not taken. */
  waiting = 0;
  private readonly handle: Handle;
  private readonly bound: StreamBinding;
  private readonly taken: () => void;
  private request: WriteRequest | undefined;

  private constructor(handle: Handle, bound: StreamBinding, taken: () => void) {
    this.handle = handle;
    this.bound = bound;
    this.taken = taken;
  }

  /**
   * From now on `received` gets what is read, a buffer of its own each time, and `taken` is called when
   * what waited has been taken, or never will be. Ends and errors go to the socket as always. Undefined
   * where node has no such handle.
   */
  static of(
    socket: Duplex,
    received: (bytes: Buffer) => void,
    taken: () => void,
  ): SocketHandle | undefined {
    const handle = handleOf(socket);
    if (handle === undefined || binding === undefined) return undefined;
    const { streamBaseState, kReadBytesOrError } = binding;
    const ended = handle.onread;
    handle.onread = (): void => {
      const length = streamBaseState[kReadBytesOrError]!;
      if (length <= 0) {
        ended.call(handle);
        return;
      }
      if (socket.destroyed) return;
      const bytes = Buffer.allocUnsafe(length);
      shared.copy(bytes, 0, 0, length);
      received(bytes);
    };
    handle.useUserBuffer(shared);
    return new SocketHandle(handle, binding, taken);
  }

  pause(): void {
    this.handle.readStop();
  }

  resume(): void {
    this.handle.readStart();
  }

  /**
   * Hands chunks to the kernel, as far as it takes them now; the rest "waits" in libuv until `taken`, and
   * what is in the chunks must not change before. Nothing may be written before, neither here nor on the socket.
   */
  write(chunks: readonly Buffer[], bytes: number): Written {
    const { handle, bound } = this;
    // One that was taken at once was not used up.
    const request = this.request ?? this.newRequest();
    this.request = undefined;
    const status =
      chunks.length === 1
        ? handle.writeBuffer(request, chunks[0]!)
        : handle.writev(request, chunks, true);
    if (status !== 0) return "failed";
    if (bound.streamBaseState[bound.kLastWriteWasAsync] === 0) {
      this.request = request;
      return "taken";
    }
    this.waiting = bytes;
    request.chunks = chunks;
    return "waits";
  }

  private newRequest(): WriteRequest {
    const request = new this.bound.WriteWrap();
    request.oncomplete = () => {
      this.waiting = 0;
      this.taken();
    };
    return request;
  }
}
