// Leases: what is granted, which keys hang on it, and, on the leader alone, when it ends.
// Grant, revoke and checkpoint are replicated and write to the turn's batch; renewal and the count
// of time are the leader's own affair ("primary") and are lost with it (facts: apply rules §5). With
// checkpoints the leader has what is left of a long lease noted now and then, so that a change of
// leader does not give it its whole TTL again.
// Invariants: a lease is in #due exactly while this member is primary; a lease that expired stays,
// and is not renewed, until a revoke is applied. Keys are copied; callers keep their buffers.
// What is counted of a lease holds for one reign of this member (`reign`): whoever looks at it asks
// #counted first, so that to lose a million leases touches none.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { uint64Bytes } from "#base/bytes.ts";
import { type Due, DueHeap } from "#base/due-heap.ts";
import type { LeaseId } from "#base/ids.ts";
import { sortInSlices } from "#base/sliced-sort.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { etcdError } from "#proto/errors.ts";
import { Lease as StoredLease } from "#proto/gen/leasestate.ts";

/** The longest TTL that can be asked for, in seconds. */
export const maxTtlSeconds = 9_000_000_000;

/** From so many leases on, a new leader spreads their ends. */
const spreadFromLeases = 1000;
const spreadPerSecond = 750;
/** Leases that one slice of a promotion counts: a few milliseconds. */
const leasesPerSlice = 10_000;

export interface LessorOptions {
  /** Shorter TTLs are raised to this: minTtlSeconds(). */
  readonly minTtlSeconds: number;
  /** After how long `expired` names a lease again that was not revoked: the request timeout. */
  readonly expiredRetryMs: number;
  /** How often what is left of a long lease is to be noted; left out: never. */
  readonly checkpointMs?: number | undefined;
}

/** What is left of a lease, to be replicated. */
export interface DueCheckpoint {
  readonly ID: LeaseId;
  readonly remainingTTL: number;
}

/** When the next checkpoint of a lease is due. */
interface CheckpointDue extends Due {
  readonly lease: Lease;
  /** Named by dueCheckpoints and not applied yet. */
  underWay: boolean;
}

/** The shortest TTL for these timings: one and a half elections, in whole seconds. */
export function minTtlSeconds(electionTicks: number, heartbeatMs: number): number {
  return Math.ceil((Math.floor((3 * electionTicks) / 2) * heartbeatMs) / 1000);
}

/** What a keep-alive finds. */
export type Renewal =
  /** Ends anew after `ttlSeconds`; with `clearCheckpoint` a checkpoint of 0 should be proposed. */
  | { readonly kind: "renewed"; readonly ttlSeconds: number; readonly clearCheckpoint: boolean }
  | { readonly kind: "not-found" }
  /** Ended but not yet revoked: wait with onSettled, then try again. */
  | { readonly kind: "expired" }
  | { readonly kind: "not-primary" };

export interface LeaseView {
  readonly id: LeaseId;
  readonly grantedTtlSeconds: number;
  /** Whole seconds left, negative when overdue; undefined on a member that is not primary. */
  readonly remainingSeconds: number | undefined;
}

interface Lease extends Due {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  /** The last checkpoint; 0: none. */
  remainingSeconds: number;
  /** For which reign `expiryMs`, the place in the heap and `checkpoint` hold. */
  reign: number;
  /** Infinity while this member is not primary. */
  expiryMs: number;
  /** Later for an end that was set later: the order of those that fall on one millisecond. */
  expiryOrder: number;
  /** Attached keys as latin1 text, whose order is that of the bytes; undefined for none so far. */
  keys: Set<string> | undefined;
  /** Undefined without checkpoints, and for a lease that is too short for them. */
  checkpoint: CheckpointDue | undefined;
  settled: (() => void)[] | undefined;
  revoked: boolean;
}

export class Lessor {
  readonly #options: LessorOptions;
  readonly #leases = new Map<LeaseId, Lease>();
  #due = new DueHeap<Lease>();
  #checkpointsDue = new DueHeap<CheckpointDue>();
  /** Those that somebody waits for. */
  readonly #awaited = new Set<Lease>();
  #primary = false;
  #endsSet = 0;
  /** Grows whenever all that was counted is void. */
  #reign = 0;
  /** While `promoting` is at work: from when all leases are counted. */
  #promotion: { readonly nowMs: number; readonly extendMs: number } | undefined;
  /** Counted since the start, for metrics. */
  granted = 0;
  revoked = 0;
  renewed = 0;

  constructor(options: LessorOptions) {
    assert(options.expiredRetryMs > 0, "a retry at once would never end");
    this.#options = options;
  }

  /** How many leases there are. */
  get count(): number {
    return this.#leases.size;
  }

  /** True between promote and demote. */
  get isPrimary(): boolean {
    return this.#primary;
  }

  exists(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  /**
   * Grants lease `id` (never 0; the proposer chose it) and returns its TTL in seconds, raised to the
   * least one. Throws lease-not-found for 0, too-large-TTL, or lease-exists, in etcd's order.
   */
  grant(batch: StateBatch, id: LeaseId, ttlSeconds: number, nowMs: number): number {
    if (id === 0n) throw etcdError("leaseNotFound");
    if (ttlSeconds > maxTtlSeconds) throw etcdError("leaseTtlTooLarge");
    if (this.#leases.has(id)) throw etcdError("leaseExists");
    const lease = this.#add(id, ttlSeconds, 0);
    this.#persist(batch, lease);
    this.granted++;
    if (this.#primary) {
      this.#endAt(lease, nowMs + secondsLeft(lease) * 1000);
      this.#scheduleCheckpoint(lease, nowMs);
    }
    return lease.ttlSeconds;
  }

  /**
   * Removes the lease and returns its keys in ascending order, for the caller to delete in the same
   * batch. Throws lease-not-found.
   */
  revoke(batch: StateBatch, id: LeaseId): readonly Uint8Array[] {
    const lease = this.#counted(id);
    if (lease === undefined) throw etcdError("leaseNotFound");
    this.#leases.delete(id);
    lease.revoked = true;
    this.revoked++;
    this.#due.remove(lease);
    if (lease.checkpoint !== undefined) this.#checkpointsDue.remove(lease.checkpoint);
    batch.delete("lease", uint64Bytes(id));
    const keys = keysOf(lease);
    this.#settle(lease);
    return keys;
  }

  /** The keys of a lease in ascending order; undefined if there is no such lease. */
  keysOf(id: LeaseId): readonly Uint8Array[] | undefined {
    const lease = this.#leases.get(id);
    return lease === undefined ? undefined : keysOf(lease);
  }

  /** Throws lease-not-found. */
  attach(id: LeaseId, key: Uint8Array): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw etcdError("leaseNotFound");
    lease.keys ??= new Set();
    lease.keys.add(latin1(key));
  }

  /** A lease that is gone is ignored. */
  detach(id: LeaseId, key: Uint8Array): void {
    const lease = this.#leases.get(id);
    if (lease?.keys?.delete(latin1(key)) === true && lease.keys.size === 0) lease.keys = undefined;
  }

  /**
   * Takes a replicated checkpoint: `remainingSeconds` is where a next leader begins to count.
   * Unknown leases are ignored. `persist`: the cluster is at 3.6 or the feature gate is on.
   */
  checkpoint(
    batch: StateBatch,
    id: LeaseId,
    remainingSeconds: number,
    persist: boolean,
    nowMs: number,
  ): void {
    const lease = this.#counted(id);
    if (lease === undefined) return;
    lease.remainingSeconds = remainingSeconds;
    if (persist) this.#persist(batch, lease);
    if (this.#primary) this.#scheduleCheckpoint(lease, nowMs);
  }

  /**
   * At most `max` leases whose checkpoint is due, with what is left of each; the caller proposes
   * them. Each is named again an interval after that, or after its checkpoint was applied. Empty while
   * not primary.
   */
  dueCheckpoints(nowMs: number, max: number): DueCheckpoint[] {
    const due: DueCheckpoint[] = [];
    while (due.length < max) {
      const one = this.#checkpointsDue.peek();
      if (one === undefined || one.dueMs > nowMs) break;
      const { lease } = one;
      const remainingTTL = Math.ceil((lease.expiryMs - nowMs) / 1000);
      if (remainingTTL >= lease.ttlSeconds) {
        // Renewed just now: nothing to note yet.
        this.#scheduleCheckpoint(lease, nowMs);
        continue;
      }
      if (remainingTTL <= 0) {
        this.#checkpointsDue.remove(one);
        continue;
      }
      // Should it be lost, it is due again after an interval.
      this.#checkpointsDue.place(one, nowMs + (this.#options.checkpointMs ?? 0));
      one.underWay = true;
      due.push({ ID: lease.id, remainingTTL });
    }
    return due;
  }

  /** Begins to count: each lease ends `extendMs` after its remaining or full TTL, spread if many. */
  promote(nowMs: number, extendMs: number): void {
    for (const _ of this.promoting(nowMs, extendMs));
  }

  /**
   * The same in slices of a few milliseconds, for a member with very many leases: the caller lets
   * other work pass between them. This member is primary from the first on; a lease that has not had
   * its turn cannot end yet, and all are counted from `nowMs`. Ends early if it is demoted meanwhile.
   */
  *promoting(nowMs: number, extendMs: number): Generator<undefined, void> {
    if (this.#primary) this.demote();
    this.#primary = true;
    const promotion = { nowMs, extendMs };
    this.#promotion = promotion;
    // Whole seconds apart, so that groups of equal ends are as good as a sort.
    const bySeconds = new Map<number, Lease[]>();
    let left = leasesPerSlice;
    for (const lease of this.#leases.values()) {
      const seconds = secondsLeft(lease);
      const group = bySeconds.get(seconds);
      if (group === undefined) bySeconds.set(seconds, [lease]);
      else group.push(lease);
      if (--left > 0) continue;
      left = leasesPerSlice;
      yield;
      if (this.#promotion !== promotion) return;
    }
    const spread = this.#leases.size >= spreadFromLeases ? new Spread() : undefined;
    for (const seconds of [...bySeconds.keys()].sort((a, b) => a - b)) {
      for (const lease of bySeconds.get(seconds) ?? []) {
        this.#freshen(lease);
        // One that was renewed, granted or revoked meanwhile has its end, or none.
        if (lease.expiryMs === Number.POSITIVE_INFINITY && !lease.revoked) {
          const remainingMs = extendMs + seconds * 1000;
          this.#endAt(lease, nowMs + remainingMs + (spread?.delayMs(remainingMs) ?? 0));
          this.#scheduleCheckpoint(lease, nowMs);
        }
        if (--left > 0) continue;
        left = leasesPerSlice;
        yield;
        if (this.#promotion !== promotion) return;
      }
    }
    this.#promotion = undefined;
  }

  /** Stops to count: every lease is endless until this member is promoted again. */
  demote(): void {
    this.#primary = false;
    this.#promotion = undefined;
    this.#reign++;
    this.#due = new DueHeap();
    this.#checkpointsDue = new DueHeap();
    for (const lease of [...this.#awaited]) this.#settle(lease);
  }

  /** A keep-alive. Only a primary that has just proved its leadership may ask. */
  renew(id: LeaseId, nowMs: number): Renewal {
    if (!this.#primary) return { kind: "not-primary" };
    const lease = this.#counted(id);
    if (lease === undefined) return { kind: "not-found" };
    if (lease.expiryMs <= nowMs) return { kind: "expired" };
    // One that is on its way would be applied after this renewal.
    const clearCheckpoint = lease.remainingSeconds > 0 || lease.checkpoint?.underWay === true;
    this.renewed++;
    this.#endAt(lease, nowMs + lease.ttlSeconds * 1000);
    return { kind: "renewed", ttlSeconds: lease.ttlSeconds, clearCheckpoint };
  }

  /**
   * Calls `run` once, when the lease is revoked or this member stops being primary; at once if
   * there is nothing to wait for. Callers bound how many wait.
   */
  onSettled(id: LeaseId, run: () => void): void {
    const lease = this.#leases.get(id);
    if (lease === undefined || !this.#primary) {
      run();
      return;
    }
    lease.settled ??= [];
    lease.settled.push(run);
    this.#awaited.add(lease);
  }

  /**
   * At most `max` leases that have ended, first ended first. One that is not revoked is named again
   * after `expiredRetryMs`. Empty while not primary.
   */
  expired(nowMs: number, max: number): LeaseId[] {
    const ids: LeaseId[] = [];
    while (ids.length < max) {
      const lease = this.#due.peek();
      if (lease === undefined || lease.dueMs > nowMs) break;
      ids.push(lease.id);
      this.#due.place(lease, nowMs + this.#options.expiredRetryMs);
    }
    return ids;
  }

  /** True for a lease that has ended and waits for its revocation. */
  hasExpired(id: LeaseId, nowMs: number): boolean {
    const lease = this.#counted(id);
    return lease !== undefined && lease.expiryMs <= nowMs;
  }

  /** What TimeToLive tells; undefined if there is no such lease. */
  view(id: LeaseId, nowMs: number): LeaseView | undefined {
    const lease = this.#counted(id);
    return lease === undefined ? undefined : this.#viewOf(lease, nowMs);
  }

  /**
   * The IDs of all leases, on the primary by their ends, equal ones as they were set; else by ID. In
   * slices of a few milliseconds, as `promoting`; those granted or revoked meanwhile may be there or not.
   */
  *listing(): Generator<undefined, readonly LeaseId[]> {
    const ends: End[] = [];
    for (const lease of this.#leases.values()) {
      this.#freshen(lease);
      ends.push({ id: lease.id, expiryMs: lease.expiryMs, order: lease.expiryOrder });
      if (ends.length % leasesPerSlice === 0) yield;
    }
    const sorted = yield* sortInSlices(ends, sooner, leasesPerSlice);
    return sorted.map(({ id }) => id);
  }

  /** The same at once. */
  list(): readonly LeaseId[] {
    const listing = this.listing();
    for (;;) {
      const step = listing.next();
      if (step.done === true) return step.value;
    }
  }

  /**
   * Starts anew from the records of bucket `lease` (a start, an installed snapshot). Keys are
   * attached afterwards by whoever reads them. Throws on a record that cannot be decoded.
   */
  load(records: Iterable<readonly [key: Uint8Array, value: Uint8Array]>): void {
    this.demote();
    this.#leases.clear();
    for (const [, value] of records) {
      const stored = StoredLease.decode(value);
      this.#add(stored.ID as LeaseId, stored.TTL, stored.RemainingTTL);
    }
  }

  #add(id: LeaseId, ttlSeconds: number, remainingSeconds: number): Lease {
    const lease: Lease = {
      id,
      ttlSeconds: Math.max(ttlSeconds, this.#options.minTtlSeconds),
      remainingSeconds,
      reign: this.#reign,
      expiryMs: Number.POSITIVE_INFINITY,
      expiryOrder: 0,
      dueMs: 0,
      heapIndex: -1,
      keys: undefined,
      checkpoint: undefined,
      settled: undefined,
      revoked: false,
    };
    this.#leases.set(id, lease);
    return lease;
  }

  #persist(batch: StateBatch, lease: Lease): void {
    const record = StoredLease.encode({
      ID: lease.id,
      TTL: lease.ttlSeconds,
      RemainingTTL: lease.remainingSeconds,
    });
    batch.put("lease", uint64Bytes(lease.id), record.finish());
  }

  /** A lease, with nothing counted of it that is void by now. */
  #counted(id: LeaseId): Lease | undefined {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.#freshen(lease);
    return lease;
  }

  #freshen(lease: Lease): void {
    if (lease.reign === this.#reign) return;
    lease.reign = this.#reign;
    lease.expiryMs = Number.POSITIVE_INFINITY;
    lease.heapIndex = -1;
    lease.checkpoint = undefined;
  }

  #settle(lease: Lease): void {
    const waiting = lease.settled;
    if (waiting === undefined) return;
    lease.settled = undefined;
    this.#awaited.delete(lease);
    for (const run of waiting) run();
  }

  #endAt(lease: Lease, expiryMs: number): void {
    lease.expiryMs = expiryMs;
    lease.expiryOrder = this.#endsSet++;
    this.#due.place(lease, expiryMs);
  }

  /** The next checkpoint is due an interval from now, if the lease is counted for longer than that. */
  #scheduleCheckpoint(lease: Lease, nowMs: number): void {
    const { checkpointMs } = this.#options;
    if (checkpointMs === undefined) return;
    if (lease.checkpoint !== undefined) lease.checkpoint.underWay = false;
    if (secondsLeft(lease) * 1000 <= checkpointMs) {
      if (lease.checkpoint !== undefined) this.#checkpointsDue.remove(lease.checkpoint);
      return;
    }
    lease.checkpoint ??= { lease, underWay: false, dueMs: 0, heapIndex: -1 };
    this.#checkpointsDue.place(lease.checkpoint, nowMs + checkpointMs);
  }

  #viewOf(lease: Lease, nowMs: number): LeaseView {
    let { expiryMs } = lease;
    const promotion = this.#promotion;
    if (expiryMs === Number.POSITIVE_INFINITY && promotion !== undefined)
      expiryMs = promotion.nowMs + promotion.extendMs + secondsLeft(lease) * 1000;
    const endless = expiryMs === Number.POSITIVE_INFINITY;
    return {
      id: lease.id,
      grantedTtlSeconds: lease.ttlSeconds,
      remainingSeconds: endless ? undefined : Math.trunc((expiryMs - nowMs) / 1000),
    };
  }
}

/**
 * Puts leases off that would end in the same second, so that no more than spreadPerSecond end in one.
 * A window opens with its first lease; the n-th lease beyond the quota is put off by n/quota seconds
 * less what it already lies behind the window's start. To be asked in the order of the ends.
 */
class Spread {
  private windowMs = Number.NEGATIVE_INFINITY;
  private windowEndMs = Number.NEGATIVE_INFINITY;
  private count = 0;

  delayMs(remainingMs: number): number {
    if (remainingMs > this.windowEndMs) {
      this.windowMs = remainingMs;
      this.windowEndMs = remainingMs + 1000;
      this.count = 1;
      return 0;
    }
    if (++this.count <= spreadPerSecond) return 0;
    const delayMs = (1000 * this.count) / spreadPerSecond - (remainingMs - this.windowMs);
    this.windowEndMs = this.windowMs + delayMs;
    return delayMs;
  }
}

/** What a lease is counted from by a new leader. */
function secondsLeft(lease: Lease): number {
  return lease.remainingSeconds > 0 ? lease.remainingSeconds : lease.ttlSeconds;
}

function keysOf({ keys }: Lease): Uint8Array[] {
  return keys === undefined ? [] : [...keys].sort().map((key) => Buffer.from(key, "latin1"));
}

interface End {
  readonly id: LeaseId;
  readonly expiryMs: number;
  readonly order: number;
}

function sooner(a: End, b: End): number {
  if (a.expiryMs !== b.expiryMs) return a.expiryMs < b.expiryMs ? -1 : 1;
  if (a.expiryMs !== Number.POSITIVE_INFINITY) return a.order - b.order;
  return a.id < b.id ? -1 : 1;
}

function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
