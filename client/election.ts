// Elections by name, shared with every client that follows etcd's recipe: candidates put their value
// under a lease, the oldest one leads until it resigns or its session ends, then the next one does.
import { callCanceled } from "#client/errors.ts";
import { type Bytes, bytesOf } from "#client/kv.ts";
import type { CallOptions } from "#client/options.ts";
import {
  createdAt,
  deleteOp,
  eitherSignal,
  keyUnder,
  oldest,
  pairAt,
  putOp,
  readOp,
  waitForOlder,
} from "#client/ordered-keys.ts";
import type { Session } from "#client/session.ts";
import type { Watcher } from "#client/watch.ts";
import type { Compare, RangeResponse } from "#proto/gen/kv.ts";
import { Event_EventType } from "#proto/gen/mvcc.ts";

/** Why an election did not do what it was asked. */
export class ElectionError extends Error {
  readonly reason: "not leader" | "no leader" | "session expired";

  constructor(reason: ElectionError["reason"]) {
    super(`election: ${reason}`);
    this.reason = reason;
  }
}

/** One session's part in an election: candidate, leader or observer. */
export class Election {
  readonly session: Session;
  readonly name: string;
  /** The key that stands for this session. */
  readonly key: string;
  private createRevision = 0;

  constructor(session: Session, name: string) {
    this.session = session;
    this.name = name;
    this.key = keyUnder(name, session.lease);
  }

  /** Grows from leader to leader, as a lock's fence; 0 for who neither leads nor waits. */
  get term(): number {
    return this.createRevision;
  }

  /** To be compared in a transaction: it then does nothing if this session does not lead any more. */
  leading(): Compare {
    return createdAt(this.key, this.createRevision === 0 ? -1 : this.createRevision);
  }

  /**
   * Stands for election with `value` and resolves when elected; as long as `options.signal` allows. A
   * campaign that fails is withdrawn. Throws ElectionError when the session ends meanwhile.
   */
  async campaign(value: Bytes, options: CallOptions = {}): Promise<void> {
    const { client, lease, ended } = this.session;
    const bytes = bytesOf(value);
    const response = await client.kv.txn(
      {
        compare: [createdAt(this.key, 0)],
        success: [putOp(this.key, bytes, lease)],
        failure: [readOp(this.key)],
      },
      options,
    );
    const present = response.succeeded ? undefined : pairAt(response, 0);
    this.createRevision = present?.createRevision ?? response.header?.revision ?? 0;
    const until = eitherSignal(ended, options.signal);
    try {
      const limits = { ...options, signal: until.signal };
      if (present !== undefined && Buffer.compare(present.value, bytes) !== 0) {
        await this.proclaim(bytes, limits);
      }
      await waitForOlder(client, this.name, this.createRevision, limits);
    } catch (thrown) {
      // Best effort: what cannot be withdrawn now ends with the lease.
      await this.resign({ timeoutMs: this.session.ttlSeconds * 1_000 }).catch(() => {});
      throw ended.aborted ? new ElectionError("session expired") : thrown;
    } finally {
      until.dispose();
    }
  }

  /** Changes the value without another election; throws ElectionError "not leader". */
  async proclaim(value: Bytes, options: CallOptions = {}): Promise<void> {
    const { client, lease } = this.session;
    const { succeeded } = await client.kv.txn(
      {
        compare: [this.leading()],
        success: [putOp(this.key, bytesOf(value), lease)],
      },
      options,
    );
    if (succeeded) return;
    this.createRevision = 0;
    throw new ElectionError("not leader");
  }

  /** Gives leadership, or the place in the line, away. Without one it does nothing. */
  async resign(options: CallOptions = {}): Promise<void> {
    if (this.createRevision === 0) return;
    const compare = [this.leading()];
    this.createRevision = 0;
    await this.session.client.kv.txn({ compare, success: [deleteOp(this.key)] }, options);
  }

  /** The leader's key and value now; throws ElectionError "no leader". */
  async leader(options: CallOptions = {}): Promise<RangeResponse> {
    const request = oldest(this.name);
    const response = await this.session.client.kv.range(request.key, request, options);
    if (response.kvs.length === 0) throw new ElectionError("no leader");
    return response;
  }

  /**
   * The leader now and whenever leader or value change, newest last; what is overtaken may be left out.
   * Ends with `signal`; throws when it is disrupted.
   */
  async *observe(signal?: AbortSignal): AsyncGenerator<RangeResponse> {
    const { client } = this.session;
    const request = oldest(this.name);
    while (signal?.aborted !== true) {
      let current = await client.kv.range(request.key, request, { signal });
      if (current.kvs.length === 0) {
        const { key, rangeEnd } = request;
        const startRevision = (current.header?.revision ?? 0) + 1;
        const first = await firstPut(client.watch.watch(key, { rangeEnd, startRevision }), signal);
        if (first === undefined) return;
        current = first;
      }
      const [pair] = current.kvs;
      if (pair !== undefined) yield answerOf({ kv: pair }, current.header);
      const startRevision = (current.header?.revision ?? 0) + 1;
      const watcher = client.watch.watch(pair?.key ?? request.key, { startRevision });
      const isOver = yield* values(watcher, signal);
      if (isOver) return;
    }
  }
}

function answerOf(
  event: { readonly kv: RangeResponse["kvs"][number] },
  header: RangeResponse["header"],
): RangeResponse {
  return { header, kvs: [event.kv], more: false, count: 0 };
}

/** Cancels the watcher with the signal while `run` goes on. */
function bound(watcher: Watcher, signal: AbortSignal | undefined): () => void {
  const stop = (): void => watcher.cancel();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  return () => signal?.removeEventListener("abort", stop);
}

/** The first put that the watch tells; undefined if the signal came first. */
async function firstPut(
  watcher: Watcher,
  signal: AbortSignal | undefined,
): Promise<RangeResponse | undefined> {
  const release = bound(watcher, signal);
  try {
    for await (const { events, header } of watcher) {
      for (const { type, kv } of events) {
        if (type !== Event_EventType.PUT || kv === undefined) continue;
        // One answer may hold several revisions: what follows is watched from this one.
        const own = header === undefined ? undefined : { ...header, revision: kv.modRevision };
        return answerOf({ kv }, own);
      }
    }
  } finally {
    release();
  }
  if (signal?.aborted) return undefined;
  throw watcher.error ?? callCanceled();
}

/** Every value of the key until it is deleted (false) or the signal comes (true). */
async function* values(
  watcher: Watcher,
  signal: AbortSignal | undefined,
): AsyncGenerator<RangeResponse, boolean> {
  const release = bound(watcher, signal);
  try {
    for await (const { events, header } of watcher) {
      for (const { type, kv } of events) {
        if (type === Event_EventType.DELETE) return false;
        if (kv !== undefined) yield answerOf({ kv }, header);
      }
    }
  } finally {
    release();
  }
  if (signal?.aborted) return true;
  throw watcher.error ?? callCanceled();
}
