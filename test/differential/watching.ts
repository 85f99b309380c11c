// One stream of watches on one member: what came for each watch since it was last compared.
//
// A watch of the harness's own on a key of its own (the sentinel) tells when everything before a
// certain revision has been sent: watches that are up to date share one order on a stream. Those that
// read history are waited for by requests for progress, which are answered once none is left behind.
import type { WatchCreateRequest, WatchResponse } from "#proto/gen/watch.ts";
import { CALL_LIMIT_MS, type Call, type Status } from "./connection.ts";
import { joinHistory, type Mapping } from "./mapping.ts";
import { decodeResponse, encodeRequest } from "./wire-codec.ts";

/** The watch that the harness adds to every stream. */
const SENTINEL_ID = 77_777;
/** The key that it watches; nobody else writes it. */
export const sentinelKey: Uint8Array = Buffer.from([0xff, 0xff, 0x73]);
const PROGRESS_RETRY_MS = 20;

/** One response as it came, and as it is compared. */
interface Received {
  readonly message: WatchResponse;
  readonly isCanonical: boolean;
}
type Entry = Readonly<Record<string, unknown>>;

/** Resolves with true once `condition` holds, or false after the limit; looks at every change. */
export async function until(
  call: Call,
  condition: () => boolean,
  limitMs: number = CALL_LIMIT_MS,
): Promise<boolean> {
  if (condition()) return true;
  return await new Promise((resolve) => {
    const before = call.onChange;
    const end = (held: boolean): void => {
      clearTimeout(timer);
      call.onChange = before;
      resolve(held);
    };
    const timer = setTimeout(() => end(false), limitMs);
    call.onChange = () => {
      before();
      if (condition()) end(true);
      else if (call.status !== undefined) end(false);
    };
  });
}

/** A stream and what was received on it. */
export class Watching {
  readonly call: Call;
  private readonly mapping: Mapping;
  private readonly isStrict: boolean;
  private readonly lists = new Map<number, Received[]>();
  private readonly creates: Partial<WatchCreateRequest>[] = [];
  private readonly notifying = new Set<number>();
  private readonly notified = new Map<number, number>();
  private readonly future = new Map<number, number>();
  /** Watches that were created and have not ended. */
  private readonly live = new Set<number>();
  private created = 0;
  /** The sentinel may not be watched: such a stream is only there to be refused. */
  isRefused = false;
  private sentinel = 0;
  private progress = 0;
  private isBehind = false;
  private taken = 0;
  /**
   * Watches that a compaction has ended. etcd keeps their IDs until they are cancelled, and until then
   * tells of no progress (differences.ts: endedWatch): such a stream is only read on.
   */
  private readonly ended = new Set<number>();

  constructor(call: Call, mapping: Mapping, isStrict: boolean) {
    this.call = call;
    this.mapping = mapping;
    this.isStrict = isStrict;
    call.onChange = () => this.take();
  }

  /** Adds the sentinel; resolves once the stream lives or has ended. */
  async begin(): Promise<void> {
    this.send({ createRequest: { key: sentinelKey, watchId: SENTINEL_ID } });
    await until(this.call, () => this.created > 0 || this.call.status !== undefined);
  }

  send(union: Readonly<Record<string, unknown>>): void {
    const [[$case, value]] = Object.entries(union) as [[string, unknown]];
    if ($case === "createRequest") this.creates.push(value as Partial<WatchCreateRequest>);
    this.call.send(encodeRequest("Watch/Watch", { requestUnion: { $case, value } }));
  }

  /** Asks for a watch and waits for the answer. `revision` is the member's. */
  async create(request: Partial<WatchCreateRequest>, revision: number): Promise<void> {
    const { startRevision = 0 } = request;
    const before = this.created;
    const isHistory = startRevision > 0 && startRevision <= revision;
    // One history at a time, so that what can be told of it is the same on both members.
    await this.catchUp(revision);
    if (this.ended.size > 0 || (isHistory && this.cannotTell(revision))) return;
    this.send({ createRequest: request });
    await until(this.call, () => this.created > before);
    if (isHistory) {
      this.isBehind = true;
      if (this.isStrict) await this.catchUp(revision);
    }
  }

  /** Cancels a watch, of which all has come; waits for the answer if there is such a watch. */
  async cancel(watchId: number): Promise<void> {
    if (this.ended.has(watchId)) return;
    this.send({ cancelRequest: { watchId } });
    await until(this.call, () => !this.live.has(watchId));
  }

  /** Waits until no watch is behind; false if that takes too long. */
  async catchUp(revision: number): Promise<boolean> {
    if (!this.isBehind || this.cannotTell(revision)) return true;
    const seen = await this.askProgress(revision);
    if (seen) this.isBehind = false;
    return seen;
  }

  /** True if progress is not told: ever, or while some watch waits for a revision yet to come. */
  cannotTell(revision: number): boolean {
    if (this.ended.size > 0) return true;
    for (const [id, start] of this.future) {
      if (start > revision) return true;
      this.future.delete(id);
    }
    return false;
  }

  /** Asks for progress until it is told; false at the limit. */
  async askProgress(revision: number): Promise<boolean> {
    this.progress = 0;
    const over = (): boolean => this.ended.size > 0 || this.call.status !== undefined;
    for (let ms = 0; ms < CALL_LIMIT_MS; ms += PROGRESS_RETRY_MS) {
      this.send({ progressRequest: {} });
      const told = (): boolean => this.progress >= revision || over();
      if (await until(this.call, told, PROGRESS_RETRY_MS)) return true;
      if (over()) return true;
    }
    return false;
  }

  /** Waits until everything up to this revision of the sentinel has come; false at the limit. */
  async reach(revision: number): Promise<boolean> {
    if (this.call.status !== undefined || this.isRefused) return true;
    const reached = await until(
      this.call,
      () => this.sentinel >= revision || this.call.status !== undefined,
    );
    return reached && (await this.catchUp(revision));
  }

  /** Waits for a notification by itself at this revision or a later one; false at the limit. */
  async notification(revision: number): Promise<boolean> {
    if (this.notifying.size === 0 || this.cannotTell(revision)) return true;
    return await until(
      this.call,
      () =>
        this.call.status !== undefined ||
        [...this.notifying].some((id) => (this.notified.get(id) ?? 0) >= revision),
    );
  }

  /** What was seen is compared; what comes from now on is the next view. */
  forget(): void {
    this.lists.clear();
  }

  /** What came since the view was forgotten, comparable. */
  view(): { readonly watches: unknown; readonly status: Status | undefined } {
    this.take();
    const watches = Object.fromEntries(
      [...this.lists].sort(([a], [b]) => a - b).map(([id, list]) => [id, this.plain(list)]),
    );
    return { watches, status: this.call.status };
  }

  private take(): void {
    const { messages } = this.call;
    for (; this.taken < messages.length; this.taken++) {
      const { message, isCanonical } = decodeResponse("Watch/Watch", messages[this.taken]!);
      this.sort(message as unknown as WatchResponse, isCanonical);
    }
    messages.length = 0;
    this.taken = 0;
  }

  private sort(message: WatchResponse, isCanonical: boolean): void {
    const revision = message.header?.revision ?? 0;
    const { watchId, events } = message;
    const isEmpty = events.length === 0 && !message.created && !message.canceled;
    if (message.created) {
      if (this.created++ === 0) this.isRefused = message.canceled;
      const request = this.creates.shift();
      if (!message.canceled) {
        if (request?.progressNotify === true) this.notifying.add(watchId);
        this.live.add(watchId);
        const start = request?.startRevision ?? 0;
        if (start > revision) this.future.set(watchId, start);
      }
    } else if (message.canceled) this.future.delete(watchId);
    if (watchId === SENTINEL_ID) {
      if (events.length > 0) this.sentinel = revision;
      return;
    }
    if (isEmpty && watchId === -1) {
      this.progress = revision;
      return;
    }
    if (isEmpty && this.notifying.has(watchId)) {
      this.notified.set(watchId, revision);
      return;
    }
    if (message.canceled) {
      this.live.delete(watchId);
      this.notifying.delete(watchId);
    }
    if (message.compactRevision > 0) this.ended.add(watchId);
    const list = this.lists.get(watchId);
    if (list === undefined) this.lists.set(watchId, [{ message, isCanonical }]);
    else list.push({ message, isCanonical });
  }

  /** On a stream that is not strict, what is told of one revision, however it came. */
  private plain(received: readonly Received[]): readonly unknown[] {
    // Not before: an ID may have come here before the answer that tells what it stands for.
    const list = received.map(({ message, isCanonical }): Entry => {
      const settled = this.mapping.settle("Watch/Watch", message) as Record<string, unknown>;
      return { ...settled, isCanonical };
    });
    if (this.isStrict) return joinHistory(list);
    const out: unknown[] = [];
    let group: { modRevision: unknown; events: unknown[] } | undefined;
    let last: unknown;
    for (const entry of list) {
      const events = entry["events"] as { kv: { modRevision: number } }[];
      if (events.length === 0) {
        group = undefined;
        out.push(entry);
        continue;
      }
      // A revision comes whole, unless pieces were asked for.
      if (events[0]?.kv.modRevision === last) out.push("a revision in two responses");
      for (const event of events) {
        if (group === undefined || group.modRevision !== event.kv.modRevision) {
          group = { modRevision: event.kv.modRevision, events: [] };
          out.push(group);
        }
        group.events.push(event);
      }
      last = entry["fragment"] === true ? undefined : group?.modRevision;
    }
    return out;
  }
}
