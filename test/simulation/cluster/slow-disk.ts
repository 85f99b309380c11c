// Log, state and received files on a disk that takes its time, and that a crash finds with part of
// what was not synced. The memory adapters keep the books; here calls only wait.
import type { Random } from "#base/random.ts";
import type { Bucket } from "#base/state-batch.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import type {
  AllBucketsView,
  Backend,
  StateRecord,
  StateView,
  WritableBatch,
} from "#server/mvcc/backend.ts";
import type { ReplaceableState } from "#server/node/replica.ts";
import type { StateFiles } from "#server/node/snapshot-transfer.ts";
import { MemoryWal } from "#server/wal/memory-wal.ts";
import type { SnapshotMark, Wal, WalIdentity } from "#server/wal/wal.ts";
import type { Life } from "./virtual-time.ts";

/** What survives: the log, the state that counts, and the mark of a replacement under way. */
export class DiskImage {
  wal: MemoryWal;
  backend = new MemoryBackend();
  unfinished: SnapshotMark | undefined;

  constructor(identity: WalIdentity) {
    this.wal = MemoryWal.create(identity);
  }

  /** A crash: a killed process loses nothing that it had handed over, a power cut any part of it. */
  crash(random: Random): { readonly lost: number } {
    const killed = random.chance(0.4);
    // Each store has files of its own: one may lose much and the other nothing.
    const keep = (unsynced: number): number =>
      killed || random.chance(0.3) ? unsynced : random.below(unsynced + 1);
    const before = this.wal.unsyncedCount + this.backend.unsyncedCount;
    const [keptLog, keptState] = [keep(this.wal.unsyncedCount), keep(this.backend.unsyncedCount)];
    this.wal = this.wal.crash(keptLog);
    this.backend = this.backend.crash(keptState);
    return { lost: before - keptLog - keptState };
  }
}

type StateRow = readonly [bucket: Bucket, key: Uint8Array, value: Uint8Array];

/** Whole states on their way between members: what their bytes stand for. */
export class StateDepot {
  private readonly states = new Map<number, readonly StateRow[]>();
  private serial = 0;

  put(rows: readonly StateRow[]): Uint8Array {
    this.states.set(++this.serial, rows);
    return Buffer.from(String(this.serial));
  }

  get(bytes: Uint8Array): readonly StateRow[] {
    const rows = this.states.get(Number(Buffer.from(bytes).toString()));
    if (rows === undefined) throw new Error("a state came that was never sent");
    return rows;
  }
}

/** The disk as one life of a member uses it. */
export class SlowDisk implements ReplaceableState, Wal, StateFiles {
  private readonly image: DiskImage;
  private readonly life: Life;
  private readonly random: Random;
  private readonly depot: StateDepot;
  private current: SlowBackend;
  private readonly received = new Map<number, readonly StateRow[]>();
  private logBusyUntilMs = 0;
  /** The longest that a sync of this life usually takes. */
  private readonly syncMs: number;

  private readonly replacing: () => void;

  /** `replacing` is called when log and state begin to be replaced. */
  constructor(
    image: DiskImage,
    life: Life,
    random: Random,
    depot: StateDepot,
    replacing: () => void,
  ) {
    this.replacing = replacing;
    this.image = image;
    this.life = life;
    this.random = random;
    this.depot = depot;
    this.syncMs = random.chance(0.2) ? 300 : 12;
    this.current = new SlowBackend(image.backend, life, random);
  }

  get backend(): Backend {
    return this.current;
  }

  // ── log ──────────────────────────────────────────────────────────────────────────────────────────

  async save(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    sync: boolean,
  ): Promise<void> {
    const { wal } = this.image;
    await wal.save(hardState, entries, false);
    await this.logWork(sync);
    if (sync) await wal.save(undefined, [], true);
  }

  async saveSnapshot(mark: SnapshotMark): Promise<void> {
    await this.image.wal.saveSnapshot(mark);
    await this.logWork(false);
  }

  async compact(index: number): Promise<void> {
    await this.image.wal.compact(index);
    await this.logWork(false);
  }

  async reset(mark: SnapshotMark, hardState: HardState | undefined): Promise<void> {
    await this.logWork(true);
    await this.image.wal.reset(mark, hardState);
    await this.logWork(false);
  }

  async close(): Promise<void> {}

  private logWork(sync: boolean): Promise<void> {
    const { life, random } = this;
    const slow = sync && random.chance(0.02) ? random.below(1500) : 0;
    const workMs = sync ? 1 + random.below(this.syncMs) + slow : random.below(2);
    const nowMs = life.monotonicMs();
    this.logBusyUntilMs = Math.max(nowMs, this.logBusyUntilMs) + workMs;
    return life.sleep(this.logBusyUntilMs - nowMs);
  }

  // ── state ────────────────────────────────────────────────────────────────────────────────────────

  /** As server/backend/state-folder.ts: fill, point to it, reset the log, finish, adopt, close. */
  async replace(
    mark: SnapshotMark,
    fill: (backend: Backend) => Promise<void>,
    resetLog: (mark: SnapshotMark) => Promise<void>,
    adopt: (backend: Backend) => Promise<void>,
  ): Promise<void> {
    const { image, life, random } = this;
    this.replacing();
    const filling = new MemoryBackend();
    const fresh = new SlowBackend(filling, life, random);
    await fill(fresh);
    await fresh.write(fresh.newBatch(), { sync: true });
    const old = this.current;
    image.backend = filling;
    image.unfinished = mark;
    this.current = fresh;
    await life.sleep(random.below(30));
    await resetLog(mark);
    await life.sleep(random.below(30));
    image.unfinished = undefined;
    await adopt(fresh);
    await old.close();
  }

  // ── files of states ──────────────────────────────────────────────────────────────────────────────

  async export(backend: Backend) {
    const rows: StateRow[] = [];
    const view = backend.scanAll();
    for (let page = await view.next(50); page.length > 0; page = await view.next(50)) {
      rows.push(...page);
    }
    await view.close();
    const of = (wanted: Bucket): StateRecord[] =>
      rows.filter(([bucket]) => bucket === wanted).map(([, key, value]) => [key, value]);
    const bytes = this.depot.put(rows);
    return {
      records: {
        meta: of("meta"),
        members: of("members"),
        members_removed: of("members_removed"),
        cluster: of("cluster"),
      },
      bytes: bytes.length,
      body: async function* () {
        yield bytes;
      },
      remove: async () => {},
    };
  }

  async receive(index: number, body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const bytes of body) {
      await this.life.sleep(this.random.below(50));
      this.received.set(index, this.depot.get(bytes));
    }
  }

  async fill(index: number, backend: Backend): Promise<void> {
    const rows = this.received.get(index);
    if (rows === undefined) throw new Error(`the received state of ${index} is not there`);
    let batch = backend.newBatch();
    for (const [bucket, key, value] of rows) {
      batch.put(bucket, key, value);
      if (batch.opCount < 40) continue;
      await backend.write(batch, { sync: false });
      batch = backend.newBatch();
    }
    await backend.write(batch, { sync: false });
  }

  async drop(index: number): Promise<void> {
    this.received.delete(index);
  }
}

class SlowBackend implements Backend {
  private readonly inner: MemoryBackend;
  private readonly life: Life;
  private readonly random: Random;
  private busyUntilMs = 0;

  constructor(inner: MemoryBackend, life: Life, random: Random) {
    this.inner = inner;
    this.life = life;
    this.random = random;
  }

  newBatch(): WritableBatch {
    return this.inner.newBatch();
  }

  async write(batch: WritableBatch, options: { readonly sync: boolean }): Promise<void> {
    const { life, random } = this;
    const written = this.inner.write(batch, { sync: false });
    const workMs = options.sync ? random.below(40) : random.below(6);
    const nowMs = life.monotonicMs();
    this.busyUntilMs = Math.max(nowMs, this.busyUntilMs) + workMs;
    await written;
    await life.sleep(this.busyUntilMs - nowMs);
    if (options.sync) await this.inner.write(this.inner.newBatch(), { sync: true });
  }

  sizeBytes(): number {
    return this.inner.sizeBytes();
  }

  async getMany(bucket: Bucket, keys: readonly Uint8Array[]) {
    await this.life.sleep(this.random.below(this.random.chance(0.02) ? 300 : 4));
    return this.inner.getMany(bucket, keys);
  }

  scan(bucket: Bucket, from: Uint8Array, to?: Uint8Array): StateView {
    const view = this.inner.scan(bucket, from, to);
    return { next: (max) => this.slowly(() => view.next(max)), close: () => view.close() };
  }

  scanAll(): AllBucketsView {
    const view = this.inner.scanAll();
    return { next: (max) => this.slowly(() => view.next(max)), close: () => view.close() };
  }

  defragment(): Promise<void> {
    return this.inner.defragment();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  private async slowly<T>(read: () => Promise<T>): Promise<T> {
    await this.life.sleep(this.random.below(3));
    return read();
  }
}
