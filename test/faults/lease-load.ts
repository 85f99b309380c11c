// Leases and locks under load. Three promises are tried: what hangs on a lease that is renewed does
// not vanish before its time, what is no longer renewed does vanish, and a key that is created under
// a lease is a lock with at most one holder.
//
// A renewal that was sent at s and acknowledged lets the lease live until s + TTL at least: whoever is
// told before then that it is gone has found a fault. Times are of this process's monotonic clock.
import * as grpc from "@grpc/grpc-js";
import { utf8 } from "#base/bytes.ts";
import { type Random, seededRandom } from "#base/random.ts";
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequest,
  KVDefinition,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  type TxnResponse,
} from "#proto/gen/kv.ts";
import { LeaseDefinition, LeaseGrantRequest } from "#proto/gen/lease.ts";
import { Caller } from "./caller.ts";
import { between, wait } from "./ground.ts";
import { type History, nowNs, type Operation } from "./history.ts";

export interface LeaseLoadOptions {
  readonly endpoints: readonly string[];
  readonly history: History;
  readonly seed: number;
  /** The first number of a client that no other load has. */
  readonly firstClient: number;
  readonly deadlineMs: number;
}

/** The lock was had: its key, and what was put there, at this revision. */
export interface Acquisition {
  readonly token: string;
  readonly revision: number;
}

export const lockKey = "lock";
/** Written by who holds the lock, and names the revision since when. */
export const fencedKey = "fenced";
const leasePrefix = "lease/";
const keeperCount = 3;
const contenderCount = 3;
const registerCount = 2;
const longTtlSeconds = 36_000;
const shortestTtlSeconds = 2;
const longestTtlSeconds = 4;
const kv = KVDefinition.methods;
const lease = LeaseDefinition.methods;
const decoder = new TextDecoder();

const put = (key: string, value: string, id: bigint): RequestOp => ({
  request: {
    $case: "requestPut",
    value: PutRequest.fromPartial({ key: utf8(key), value: utf8(value), lease: id }),
  },
});

const remove = (key: string): RequestOp => ({
  request: {
    $case: "requestDeleteRange",
    value: DeleteRangeRequest.fromPartial({ key: utf8(key) }),
  },
});

/** Carried out if `key` was created at `revision`; 0 is for a key that is not there. */
function ifCreatedAt(key: string, revision: number, ...success: RequestOp[]): TxnRequest {
  return TxnRequest.fromPartial({
    compare: [
      {
        key: utf8(key),
        target: CompareTarget.CREATE,
        result: CompareResult.EQUAL,
        targetUnion: { $case: "createRevision", value: revision },
      },
    ],
    success,
  });
}

/** One lease and until when it must live. */
class KeptLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  aliveUntilMs: number;
  private readonly caller: Caller;

  private constructor(caller: Caller, id: bigint, ttlSeconds: number, sentMs: number) {
    this.caller = caller;
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.aliveUntilMs = sentMs + ttlSeconds * 1000;
  }

  static async grant(caller: Caller, ttlSeconds: number): Promise<KeptLease> {
    const sentMs = performance.now();
    const request = LeaseGrantRequest.fromPartial({ TTL: ttlSeconds });
    const { ID, TTL } = await caller.call(LeaseDefinition, lease.leaseGrant, request);
    return new KeptLease(caller, ID, TTL, sentMs);
  }

  /** False if the lease is gone. */
  async renew(): Promise<boolean> {
    const sentMs = performance.now();
    const { TTL } = await this.caller.firstOf(LeaseDefinition, lease.leaseKeepAlive, {
      ID: this.id,
    });
    if (TTL <= 0) return false;
    this.aliveUntilMs = Math.max(this.aliveUntilMs, sentMs + TTL * 1000);
    return true;
  }

  async revoke(): Promise<void> {
    await this.caller.call(LeaseDefinition, lease.leaseRevoke, { ID: this.id });
  }

  /** How much too early it is gone, if it is by now; undefined if it may be. */
  get earlyMs(): number | undefined {
    const early = this.aliveUntilMs - performance.now();
    return early > 0 ? early : undefined;
  }
}

/** Holders of the lock as their clients believe. */
interface Holder {
  readonly token: string;
  /** Cleared before it is given up. */
  kept: KeptLease | undefined;
}

export class LeaseLoad {
  /** Leases that ended before their time, or never. */
  readonly leaseFaults: string[] = [];
  /** Two holders at one time. */
  readonly lockFaults: string[] = [];
  readonly acquisitions: Acquisition[] = [];
  renewals = 0;
  private readonly options: LeaseLoadOptions;
  private holder: Holder | undefined;
  private serial = 0;

  constructor(options: LeaseLoadOptions) {
    this.options = options;
  }

  async run(stopped: AbortSignal): Promise<void> {
    const roles = [
      ...Array.from({ length: keeperCount }, () => this.keep),
      ...Array.from({ length: contenderCount }, () => this.contend),
      ...Array.from({ length: registerCount }, () => this.register),
    ];
    await Promise.all(
      roles.map(async (role, i) => {
        const { endpoints, seed, deadlineMs } = this.options;
        const caller = new Caller(endpoints, i, deadlineMs);
        const random = seededRandom(seed * 43 + i);
        while (!stopped.aborted) {
          await wait(between(random, 20, 200));
          if (!(await caller.connected())) continue;
          try {
            await role.call(this, caller, random, stopped, i);
          } catch (error) {
            // No answer: the lease is left to itself.
            if ((error as Partial<grpc.ServiceError>).code === undefined) throw error;
          }
        }
        caller.close();
      }),
    );
  }

  /** Waits until all leases that nobody renews are gone; tells if they are not. */
  async settle(limitMs: number): Promise<void> {
    const { endpoints, deadlineMs } = this.options;
    const caller = new Caller(endpoints, 0, deadlineMs);
    const endMs = performance.now() + limitMs;
    let left = "nobody answered";
    const request = RangeRequest.fromPartial({
      key: utf8(leasePrefix),
      rangeEnd: utf8(`${leasePrefix.slice(0, -1)}0`),
    });
    while (performance.now() < endMs) {
      try {
        const { kvs } = await caller.call(KVDefinition, kv.range, request);
        if (kvs.length === 0) {
          caller.close();
          return;
        }
        left = kvs.map((one) => decoder.decode(one.key)).join(", ");
      } catch {
        // Asked again.
      }
      await wait(200);
    }
    caller.close();
    this.leaseFaults.push(`not ended ${limitMs} ms after the last renewal: ${left}`);
  }

  /** A lease with a key, renewed for a while, then revoked or left to end by itself. */
  private async keep(caller: Caller, random: Random, stopped: AbortSignal): Promise<void> {
    const ttl = between(random, shortestTtlSeconds, longestTtlSeconds);
    const kept = await KeptLease.grant(caller, ttl);
    const key = `${leasePrefix}${kept.id.toString(16)}`;
    await caller.call(
      KVDefinition,
      kv.put,
      PutRequest.fromPartial({ key: utf8(key), value: utf8("kept"), lease: kept.id }),
    );
    for (let left = between(random, 3, 15); left > 0 && !stopped.aborted; left--) {
      await wait(between(random, 50, 700));
      if (!(await caller.connected())) continue;
      try {
        if (!(await kept.renew())) {
          this.early(kept, "its renewal was refused");
          return;
        }
        this.renewals++;
        const request = RangeRequest.fromPartial({ key: utf8(key) });
        const { kvs } = await caller.call(KVDefinition, kv.range, request);
        if (kvs.length === 0) {
          this.early(kept, "its key was gone");
          return;
        }
      } catch {
        // Tried again, on another member.
      }
    }
    if (random.chance(0.5)) await kept.revoke();
  }

  private early(kept: KeptLease, what: string): void {
    const { earlyMs } = kept;
    if (earlyMs === undefined) return;
    this.leaseFaults.push(
      `lease ${kept.id.toString(16)} of ${kept.ttlSeconds} s: ${what} ${earlyMs.toFixed(0)} ms too early`,
    );
  }

  /** A lock: a key that is created under a lease; who has it writes what only its holder may. */
  private async contend(caller: Caller, random: Random): Promise<void> {
    const kept = await KeptLease.grant(caller, shortestTtlSeconds);
    const token = `t${this.serial++}`;
    let revision = 0;
    for (let tries = 0; tries < 20 && revision === 0; tries++) {
      const asked = ifCreatedAt(lockKey, 0, put(lockKey, token, kept.id));
      const answer = await caller.call(KVDefinition, kv.txn, asked);
      if (answer.succeeded) revision = answer.header?.revision ?? 0;
      else await wait(between(random, 20, 150));
    }
    if (revision === 0) {
      await kept.revoke();
      return;
    }
    const other = this.holder?.kept?.earlyMs;
    if (other !== undefined) {
      this.lockFaults.push(
        `${token} got the lock at revision ${revision}, ${this.holder?.token} has it for ${other.toFixed(0)} ms more`,
      );
    }
    this.acquisitions.push({ token, revision });
    const holder: Holder = { token, kept };
    this.holder = holder;
    try {
      for (let writes = between(random, 1, 4); writes > 0; writes--) {
        if (random.chance(0.3)) await kept.renew();
        const value = `${token}@${revision}`;
        const asked = ifCreatedAt(lockKey, revision, put(fencedKey, value, 0n));
        const answer: TxnResponse = await caller.call(KVDefinition, kv.txn, asked);
        if (!answer.succeeded) {
          const { earlyMs } = kept;
          if (earlyMs !== undefined) {
            this.lockFaults.push(`${token} lost the lock ${earlyMs.toFixed(0)} ms too early`);
          }
          return;
        }
        await wait(between(random, 10, 100));
      }
    } finally {
      holder.kept = undefined;
    }
    // Some forget to unlock, and the lease does it for them.
    if (random.chance(0.3)) return;
    if (random.chance(0.5)) {
      await caller.call(KVDefinition, kv.txn, ifCreatedAt(lockKey, revision, remove(lockKey)));
    }
    await kept.revoke();
  }

  /** A register whose value goes with its lease, recorded for the linearizability checker. */
  private async register(
    caller: Caller,
    random: Random,
    _stopped: AbortSignal,
    i: number,
  ): Promise<void> {
    const kept = await KeptLease.grant(caller, longTtlSeconds);
    const key = `held${i}.${Math.floor(nowNs() / 60e9)}`;
    const prefix = `${kept.id.toString(16)}.`;
    const client = this.options.firstClient + i;
    const record = async (
      kind: Operation["kind"],
      value: string,
      run: (operation: Operation) => Promise<void>,
    ): Promise<void> => {
      const operation: Operation = {
        client,
        call: nowNs(),
        return: 0,
        kind,
        key,
        value,
        expect: null,
        found: null,
        success: false,
        revision: 0,
        unknown: false,
      };
      try {
        await run(operation);
        operation.return = nowNs();
      } catch (error) {
        operation.unknown = true;
        if ((error as Partial<grpc.ServiceError>).code === grpc.status.NOT_FOUND) {
          this.early(kept, `a ${kind} did not find it`);
        }
        throw error;
      } finally {
        this.options.history.add(operation);
      }
    };
    const read = () =>
      record("get", "", async (operation) => {
        const request = RangeRequest.fromPartial({ key: utf8(key) });
        const { kvs } = await caller.call(KVDefinition, kv.range, request);
        operation.found = kvs[0] === undefined ? null : decoder.decode(kvs[0].value);
      });
    for (let puts = between(random, 1, 3); puts > 0; puts--) {
      const value = `${prefix}${this.serial++}`;
      await record("put", value, async (operation) => {
        const request = { key: utf8(key), value: utf8(value), lease: kept.id };
        const answer = await caller.call(KVDefinition, kv.put, PutRequest.fromPartial(request));
        operation.revision = answer.header?.revision ?? 0;
      });
      await read();
    }
    await record("revoke", prefix, () => kept.revoke());
    await read();
  }
}
