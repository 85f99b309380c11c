// Drives the real store as the node does: prefetch, apply into one batch, write, tell. Batches can be
// held back, and a crash loses those that were; the commands in them are then applied again, as the
// log would have it.
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32c } from "@node-rs/crc32";
import { EtcdError } from "#proto/errors.ts";
import type {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  TxnRequest,
} from "#proto/gen/kv.ts";
import {
  applyCompaction,
  applyDeleteRange,
  applyPut,
  applyTxn,
  prefetch,
} from "#server/apply/kv.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import type { WritableBatch } from "#server/mvcc/backend.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { WatchHub } from "#server/mvcc/watch-hub.ts";

export type KvCommand =
  | { readonly kind: "put"; readonly payload: PutRequest }
  | { readonly kind: "deleteRange"; readonly payload: DeleteRangeRequest }
  | { readonly kind: "txn"; readonly payload: TxnRequest }
  | { readonly kind: "compaction"; readonly payload: CompactionRequest };

/** Leases that always exist; keeps who hangs on which. */
export class FakeLeases implements LeaseAttachments {
  readonly attached = new Map<bigint, Set<string>>();

  constructor(leases: Iterable<bigint>) {
    for (const lease of leases) this.attached.set(lease, new Set());
  }

  exists(lease: bigint): boolean {
    return this.attached.has(lease);
  }

  attach(lease: bigint, key: Uint8Array): void {
    const keys = this.attached.get(lease);
    if (keys === undefined) throw new Error(`a key is attached to lease ${lease}, which is gone`);
    keys.add(Buffer.from(key).toString("latin1"));
  }

  detach(lease: bigint, key: Uint8Array): void {
    this.attached.get(lease)?.delete(Buffer.from(key).toString("latin1"));
  }
}

export interface RigOptions {
  readonly cacheBytes: number;
  readonly recentBytes: number;
  readonly sessionQueueBytes?: number;
  readonly watcherBytes?: number;
  readonly maxRequestBytes?: number;
  readonly leases?: readonly bigint[];
}

interface Held {
  readonly batch: WritableBatch;
  readonly commands: readonly KvCommand[];
  /** Undefined for a step of compaction. */
  readonly revision: number | undefined;
}

export class Rig {
  backend = new MemoryBackend();
  leases: FakeLeases;
  store!: MvccStore;
  hub!: WatchHub;
  private held: Held[] = [];
  private readonly options: RigOptions;
  private failure: unknown;

  private constructor(options: RigOptions) {
    this.options = options;
    this.leases = new FakeLeases(options.leases ?? []);
  }

  static async open(options: RigOptions): Promise<Rig> {
    const rig = new Rig(options);
    await rig.load();
    return rig;
  }

  private async load(): Promise<void> {
    const { cacheBytes, recentBytes, sessionQueueBytes, watcherBytes, maxRequestBytes } =
      this.options;
    const pause = (): Promise<void> => nextTurn();
    this.leases = new FakeLeases(this.options.leases ?? []);
    this.store = await MvccStore.load(this.backend, this.leases, {
      crc32c,
      pause,
      cacheBytes,
      recentBytes,
    });
    this.hub = new WatchHub(this.store, {
      pause,
      ...(sessionQueueBytes === undefined ? {} : { sessionQueueBytes }),
      ...(watcherBytes === undefined ? {} : { watcherBytes }),
      ...(maxRequestBytes === undefined ? {} : { maxRequestBytes }),
      fatal: (error) => {
        this.failure = error;
      },
    });
  }

  /** Applies the commands into one batch, which `flush` will write. */
  async apply(commands: readonly KvCommand[], answers = true): Promise<(object | string)[]> {
    const { store, leases } = this;
    const pins = [await prefetch(store, commands)];
    const batch = this.backend.newBatch();
    const context = { store, leases, batch, answers };
    const results: (object | string)[] = [];
    for (const command of commands) {
      for (let cold = prefetch(store, [command]); cold !== undefined; ) {
        pins.push(await cold);
        cold = prefetch(store, [command]);
      }
      const result = applyOne(context, command);
      results.push(result instanceof EtcdError ? (result.errorName ?? "?") : result);
    }
    for (const one of pins) one?.release();
    this.held.push({ batch, commands, revision: store.currentRevision });
    this.hub.deliver();
    return results;
  }

  /** One step of a compaction that is scheduled. */
  compactStep(maxRecords: number): void {
    const batch = this.backend.newBatch();
    this.store.compactStep(batch, maxRecords);
    this.held.push({ batch, commands: [], revision: undefined });
  }

  /** Writes the oldest `count` of the batches held back. */
  async flush(count = this.held.length): Promise<void> {
    for (const { batch, revision } of this.held.splice(0, count)) {
      await this.backend.write(batch, { sync: false });
      if (revision === undefined) this.store.compactionWritten();
      else this.store.written(revision);
    }
    if (this.failure !== undefined) throw this.failure;
  }

  /** Writes what is held back without telling the store yet; the function returned tells it. */
  async writeUntold(): Promise<() => void> {
    const revision = this.store.currentRevision;
    for (const { batch } of this.held.splice(0)) await this.backend.write(batch, { sync: false });
    return () => this.store.written(revision);
  }

  /** Loses what is held back, starts again from the backend, applies the lost commands again. */
  async restart(): Promise<void> {
    const lost = this.held;
    this.held = [];
    this.hub.close();
    this.backend = this.backend.reopen();
    await this.load();
    for (const { commands } of lost) if (commands.length > 0) await this.apply(commands);
  }

  /** Takes over a copy of the state, as after the install of a snapshot. */
  async reload(backend: MemoryBackend): Promise<void> {
    this.backend = backend;
    this.held = [];
    this.leases = new FakeLeases(this.options.leases ?? []);
    await this.store.reload(backend, this.leases);
    this.hub.restore();
  }
}

function applyOne(context: Parameters<typeof applyPut>[0], { kind, payload }: KvCommand): object {
  if (kind === "put") return applyPut(context, payload);
  if (kind === "deleteRange") return applyDeleteRange(context, payload);
  return kind === "txn" ? applyTxn(context, payload) : applyCompaction(context, payload);
}

/** Lets everything that waits for a later turn go on. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}
