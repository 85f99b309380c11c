// Watches: all of one client share a stream. A watcher sees every event once and in order: when the
// stream breaks, it is made again on another connection from the revision after the last one that
// was delivered whole. It ends by its own `cancel`, or when the server cancels it (compacted
// revision, permission) or says that it has no leader; the reason is in `error`.
//
// Queues are bounded: while a watcher holds more than `queueLimit` answers that nobody took, the
// stream is paused, and flow control holds the server back.
import type { ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { Timer } from "#base/clock.ts";
import { errorLine, errorOfStatus } from "#client/errors.ts";
import { type Bytes, bytesOf } from "#client/kv.ts";
import { rpc, type Transport } from "#client/transport.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import type { Event } from "#proto/gen/mvcc.ts";
import {
  WatchCreateRequest,
  WatchDefinition,
  type WatchRequest,
  type WatchResponse,
} from "#proto/gen/watch.ts";

export type WatchParts = Partial<Omit<WatchCreateRequest, "key" | "watchId">>;

const watchRpc = rpc(WatchDefinition, WatchDefinition.methods.watch, { repeatable: false });
const reopenAfterMs = 100;
const queueLimit = 256;
const progressForAll = -1;

/** Why the server ended a watch. */
function cancelError(response: WatchResponse): EtcdError {
  if (response.compactRevision !== 0) return etcdError("compacted");
  if (response.cancelReason === "") return etcdError("futureRevision");
  return errorOfStatus(grpcCode.failedPrecondition, response.cancelReason);
}

/** What the shared stream knows of a watcher beyond its public face. */
interface WatcherState {
  readonly watcher: Watcher;
  readonly request: WatchCreateRequest;
  /** The first revision that was not yet delivered; 0 while the server has not told its own. */
  nextRevision: number;
  id: number | undefined;
  fragments: Event[];
  canceled: boolean;
}

/** One watch; iterate it once. The last answer may be `canceled`, then `error` says why. */
export class Watcher implements AsyncIterable<WatchResponse> {
  error: EtcdError | undefined;
  private readonly queue: WatchResponse[] = [];
  private readonly onCancel: () => void;
  private readonly onDrained: () => void;
  private ended = false;
  private wake: (() => void) | undefined;

  /** Made by WatchClient.watch. */
  constructor(hooks: { readonly onCancel: () => void; readonly onDrained: () => void }) {
    this.onCancel = hooks.onCancel;
    this.onDrained = hooks.onDrained;
  }

  /** True while more answers wait than the limit allows. */
  get full(): boolean {
    return this.queue.length > queueLimit;
  }

  /** Ends the watch; answers that wait are still delivered. */
  cancel(): void {
    if (this.ended) return;
    this.finish();
    this.onCancel();
  }

  /** Calls `handle` with every answer; resolves at the end of the watch. */
  async each(handle: (response: WatchResponse) => void | Promise<void>): Promise<void> {
    for await (const response of this) await handle(response);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse> {
    try {
      for (;;) {
        const response = this.queue.shift();
        if (response !== undefined) {
          if (this.queue.length === queueLimit) this.onDrained();
          yield response;
        } else if (this.ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.cancel();
    }
  }

  /** Used by WatchClient. */
  deliver(response: WatchResponse): void {
    this.queue.push(response);
    this.wake?.();
  }

  /** Used by WatchClient. */
  finish(error?: EtcdError): void {
    this.error ??= error;
    this.ended = true;
    this.wake?.();
  }
}

type WatchStream = ClientDuplexStream<WatchRequest, WatchResponse>;

/** See the head of the file. */
export class WatchClient {
  private readonly transport: Transport;
  private readonly closing = new AbortController();
  private stream: WatchStream | undefined;
  private opening = false;
  private reopen: Timer | undefined;
  /** Watchers that the server knows, by its id. */
  private readonly live = new Map<number, WatcherState>();
  /** The one whose creation was sent; answers come in the order of requests. */
  private creating: WatcherState | undefined;
  private waiting: WatcherState[] = [];
  private progressAsked = false;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Watches one key, or the interval up to `rangeEnd`; from now unless `startRevision` is given. */
  watch(key: Bytes, parts: WatchParts = {}): Watcher {
    const request = WatchCreateRequest.fromPartial({ ...parts, key: bytesOf(key) });
    const watcher: Watcher = new Watcher({
      onCancel: () => this.cancel(state),
      onDrained: () => this.resume(),
    });
    const state: WatcherState = {
      watcher,
      request,
      nextRevision: request.startRevision,
      id: undefined,
      fragments: [],
      canceled: false,
    };
    this.waiting.push(state);
    this.advance();
    return watcher;
  }

  /** Asks for a progress notification to every watcher of this client. */
  requestProgress(): void {
    this.progressAsked = true;
    this.advance();
  }

  /** Ends every watch and the stream. */
  close(): void {
    this.closing.abort();
    this.reopen?.cancel();
    for (const { watcher } of this.everyWatcher()) watcher.finish();
    this.live.clear();
    this.waiting = [];
    this.stream?.cancel();
  }

  private everyWatcher(): WatcherState[] {
    const creating = this.creating === undefined ? [] : [this.creating];
    return [...this.live.values(), ...creating, ...this.waiting];
  }

  /** Sends what is to be sent, opening the stream first if there is none. */
  private advance(): void {
    const { stream } = this;
    if (stream === undefined) {
      if (!this.opening && this.reopen === undefined) void this.open();
      return;
    }
    if (this.creating === undefined) {
      const next = this.waiting.shift();
      if (next !== undefined) {
        this.creating = next;
        const value = { ...next.request, startRevision: next.nextRevision };
        stream.write({ requestUnion: { $case: "createRequest", value } });
      }
    }
    if (this.progressAsked && this.creating === undefined) {
      this.progressAsked = false;
      stream.write({ requestUnion: { $case: "progressRequest", value: {} } });
    }
  }

  private async open(): Promise<void> {
    this.opening = true;
    try {
      const limits = { deadlineMs: undefined, signal: this.closing.signal };
      const stream = await this.transport.duplex(watchRpc, limits, { hasleader: "true" });
      if (this.closing.signal.aborted) {
        stream.on("error", () => {});
        stream.cancel();
        return;
      }
      this.stream = stream;
      stream.on("data", (response: WatchResponse) => this.receive(stream, response));
      stream.on("error", (error: ServiceError) => {
        this.broken(stream, errorOfStatus(error.code, error.details));
      });
      stream.on("end", () => {
        this.broken(stream, new EtcdError(grpcCode.unavailable, "the watch stream ended"));
      });
    } catch (thrown) {
      const error = thrown instanceof EtcdError ? thrown : undefined;
      for (const { watcher } of this.everyWatcher()) watcher.finish(error);
      return;
    } finally {
      this.opening = false;
    }
    this.advance();
  }

  private receive(stream: WatchStream, response: WatchResponse): void {
    if (stream !== this.stream) return;
    if (response.created) this.created(response);
    else if (response.watchId === progressForAll) {
      for (const state of this.live.values()) this.deliver(state, response);
    } else {
      const state = this.live.get(response.watchId);
      if (state === undefined) return;
      if (response.canceled) this.end(state, response);
      else this.deliver(state, response);
    }
    this.advance();
  }

  private created(response: WatchResponse): void {
    const state = this.creating;
    this.creating = undefined;
    if (state === undefined) return;
    if (response.canceled) {
      this.end(state, response);
      return;
    }
    state.id = response.watchId;
    if (state.nextRevision === 0) state.nextRevision = (response.header?.revision ?? 0) + 1;
    if (state.canceled) this.sendCancel(state);
    else this.live.set(response.watchId, state);
  }

  private deliver(state: WatcherState, response: WatchResponse): void {
    if (response.fragment) {
      for (const event of response.events) state.fragments.push(event);
      return;
    }
    let whole = response;
    if (state.fragments.length > 0) {
      whole = { ...response, events: [...state.fragments, ...response.events] };
      state.fragments = [];
    }
    const last = whole.events.at(-1)?.kv?.modRevision ?? whole.header?.revision ?? 0;
    state.nextRevision = Math.max(state.nextRevision, last + 1);
    state.watcher.deliver(whole);
    if (state.watcher.full) this.stream?.pause();
  }

  private end(state: WatcherState, response: WatchResponse): void {
    if (state.id !== undefined) this.live.delete(state.id);
    state.watcher.deliver(response);
    state.watcher.finish(cancelError(response));
    this.closeIdle();
  }

  private cancel(state: WatcherState): void {
    state.canceled = true;
    this.waiting = this.waiting.filter((other) => other !== state);
    if (state.id !== undefined && this.live.delete(state.id)) this.sendCancel(state);
    this.resume();
    this.closeIdle();
  }

  private sendCancel(state: WatcherState): void {
    if (state.id === undefined) return;
    const value = { watchId: state.id };
    this.stream?.write({ requestUnion: { $case: "cancelRequest", value } });
  }

  private resume(): void {
    if ([...this.live.values()].some(({ watcher }) => watcher.full)) return;
    this.stream?.resume();
  }

  private closeIdle(): void {
    if (this.live.size > 0 || this.creating !== undefined || this.waiting.length > 0) return;
    // Forgotten at once: a watch that comes now gets a stream of its own.
    this.stream?.end();
    this.stream = undefined;
  }

  private broken(stream: WatchStream, error: EtcdError): void {
    if (stream !== this.stream) return;
    this.stream = undefined;
    const states = this.everyWatcher().filter(({ canceled }) => !canceled);
    this.live.clear();
    this.creating = undefined;
    this.waiting = [];
    if (this.closing.signal.aborted || states.length === 0) return;
    const mayResume =
      error.errorName !== "noLeader" &&
      (error.code === grpcCode.unavailable || error.code === grpcCode.internal);
    if (!mayResume) {
      for (const { watcher } of states) {
        watcher.deliver({
          header: undefined,
          watchId: 0,
          created: false,
          canceled: true,
          compactRevision: 0,
          cancelReason: errorLine(error),
          fragment: false,
          events: [],
        });
        watcher.finish(error);
      }
      return;
    }
    for (const state of states) {
      state.id = undefined;
      state.fragments = [];
    }
    this.waiting = states;
    this.reopen = this.transport.clock.after(reopenAfterMs, () => {
      this.reopen = undefined;
      this.advance();
    });
  }
}
