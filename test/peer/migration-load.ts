// A client load of every kind, kept up while members come and go, and what must hold of it at the
// end: no acknowledged write lost, transactions whole, leases alive as long as they are kept and no
// longer, locks held by one at a time, watches complete and in order.
//
// Each task takes the outcome of a failed call for unknown and finds out by reading, as a careful
// client does. A task that meets a broken promise throws, and `stop` throws it on.
import assert from "node:assert/strict";
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
} from "#proto/gen/kv.ts";
import { type Event, Event_EventType as EventType } from "#proto/gen/mvcc.ts";
import { eventually, pause } from "#test/cluster/eventually.ts";
import { b, createWatch, interval, revisionOf, s, type Watches } from "#test/contract/setting.ts";
import type { Wire } from "#test/contract/wire.ts";
import type { MixedCluster } from "./mixed-cluster.ts";

const callLimit = { deadlineMs: 2_000 };
/** Of leases that are kept: an outage of that length would be a finding. */
const keptTtlS = 60;
const keptLeases = 10;
const shortTtlS = 2;
const prefix = "load/";

export interface LoadCounts {
  puts: number;
  txns: number;
  leases: number;
  keepAlives: number;
  locks: number;
  watchEvents: number;
}

/** Events of `prefix` as one watcher saw them, `type key=value@revision`. */
interface Watcher {
  /** The member it prefers; another when that one is gone. */
  readonly at: number;
  readonly seen: string[];
  /** It sees what is later. */
  readonly from: number;
  /** Everything up to here has been seen. */
  revision: number;
  resumed: number;
  stream: Watches | undefined;
}

export class MigrationLoad {
  readonly counts: LoadCounts = {
    puts: 0,
    txns: 0,
    leases: 0,
    keepAlives: 0,
    locks: 0,
    watchEvents: 0,
  };
  private readonly group: MixedCluster;
  private readonly tasks: Promise<void>[] = [];
  private readonly watchers: Watcher[] = [];
  private readonly watching: Promise<void>[] = [];
  /** Keys whose leases have ended, or are about to. */
  private readonly gone: string[] = [];
  private readonly kept: bigint[] = [];
  /** What later watches begin after. */
  private floor: number;
  private stopping = false;
  private closing = false;
  private failure: unknown;
  private turn = 0;
  private lockHolders = 0;
  private acknowledgedCount = 0;

  private constructor(group: MixedCluster, revision: number) {
    this.group = group;
    this.floor = revision;
  }

  static async start(group: MixedCluster): Promise<MigrationLoad> {
    const revision = revisionOf(await group.wires[0]!.kv.range({ key: b("any") }));
    const load = new MigrationLoad(group, revision);
    const wire = group.wires[0]!;
    await wire.kv.put({ key: b(`${prefix}counter`), value: b("0") });
    for (const one of ["a", "b"])
      await wire.kv.put({ key: b(`${prefix}pair/${one}`), value: b("0") });
    for (const at of group.alive()) load.watchFrom(at);
    const run = (task: () => Promise<void>): void => {
      const running = load.repeat(task);
      load.tasks.push(running);
    };
    for (let writer = 0; writer < 3; writer++) {
      let written = 0;
      run(() => load.put(`${prefix}put/${writer}/${written}`, String(written++)));
    }
    run(() => load.transact());
    run(() => load.lease());
    run(() => load.keepAlive());
    run(() => load.lock("one"));
    run(() => load.lock("two"));
    return load;
  }

  /** Watches through another member too. */
  watchFrom(at: number): void {
    const watcher: Watcher = {
      at,
      seen: [],
      from: this.floor,
      revision: this.floor,
      resumed: 0,
      stream: undefined,
    };
    this.watchers.push(watcher);
    this.watching.push(this.watch(watcher));
  }

  /** The revision up to which every watcher has seen the events; the caller compacts there. */
  compactable(): number {
    this.floor = Math.min(...this.watchers.map((one) => one.revision));
    return this.floor;
  }

  /** Ends the load and checks everything that it was promised. */
  async stop(): Promise<LoadCounts> {
    this.stopping = true;
    await Promise.all(this.tasks);
    this.check();
    await this.checkState();
    await this.checkWatches();
    return this.counts;
  }

  /** Ends the watches, after a failure too. */
  async close(): Promise<void> {
    this.stopping = true;
    this.closing = true;
    for (const { stream } of this.watchers) stream?.cancel();
    await Promise.all([...this.tasks, ...this.watching]);
  }

  /** A broken promise is none that another try could mend. */
  private must(condition: boolean, promise: string): void {
    if (!condition) this.failure ??= new assert.AssertionError({ message: promise });
  }

  /** Throws what a task met. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private async repeat(task: () => Promise<void>): Promise<void> {
    while (!this.stopping) {
      try {
        await task();
      } catch (error) {
        this.failure ??= error;
        return;
      }
      // The load shall be steady, not all that the machine can do.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Any member that is there. */
  private wire(): Wire {
    const alive = this.group.alive();
    return this.group.wires[alive[this.turn++ % alive.length]!]!;
  }

  private async put(key: string, value: string): Promise<void> {
    await this.group.put(key, value);
    this.counts.puts++;
  }

  /** A counter raised by compare-and-swap, and two keys that always change together. */
  private async transact(): Promise<void> {
    const counter = b(`${prefix}counter`);
    await eventually("a transaction", async () => {
      const wire = this.wire();
      const { kvs } = await wire.kv.range({ key: counter }, callLimit);
      const now = Number(s(kvs[0]?.value));
      this.must(now >= this.acknowledgedCount, `the counter fell to ${now}`);
      const value = b(String(now + 1));
      const { succeeded } = await wire.kv.txn(
        {
          compare: [
            {
              key: counter,
              target: CompareTarget.MOD,
              result: CompareResult.EQUAL,
              targetUnion: { $case: "modRevision", value: kvs[0]!.modRevision },
            },
          ],
          success: [`${prefix}counter`, `${prefix}pair/a`, `${prefix}pair/b`].map((key) => ({
            request: { $case: "requestPut", value: { key: b(key), value } },
          })),
        },
        callLimit,
      );
      if (succeeded) this.acknowledgedCount = now + 1;
      const pair = await wire.kv.range(interval(`${prefix}pair/`), callLimit);
      const [first, second] = pair.kvs.map((kv) => s(kv.value));
      this.must(first === second, `a transaction is whole, not ${first} and ${second}`);
    });
    this.counts.txns++;
  }

  /** A lease that is kept, one that is revoked, and one that expires, each with a key. */
  private async lease(): Promise<void> {
    const kind = this.counts.leases++ % 3;
    await eventually("a lease", async () => {
      const TTL = kind === 2 ? shortTtlS : keptTtlS;
      const { ID } = await this.wire().lease.leaseGrant({ TTL }, callLimit);
      const key = `${prefix}lease/${ID}`;
      if (kind === 2) this.gone.push(key);
      try {
        await this.wire().kv.put({ key: b(key), value: b("leased"), lease: ID }, callLimit);
      } catch (error) {
        // A short one may be gone before a put that came late; so must be its key.
        if (kind !== 2) throw error;
      }
      if (kind === 0 && this.kept.length < keptLeases) {
        this.kept.push(ID);
        this.group.acknowledged.set(key, "leased");
      } else if (kind !== 2) {
        await this.revoke(ID);
        this.gone.push(key);
      }
    });
    await pause();
  }

  private async revoke(ID: bigint): Promise<void> {
    await eventually("a lease is revoked", async () => {
      const { TTL } = await this.wire().lease.leaseTimeToLive({ ID }, callLimit);
      if (TTL >= 0) await this.wire().lease.leaseRevoke({ ID }, callLimit);
    });
  }

  private async keepAlive(): Promise<void> {
    const ID = this.kept[this.turn % this.kept.length];
    if (ID === undefined) return pause();
    await eventually("a keep-alive", async () => {
      const alive = this.wire().keepAlive();
      try {
        alive.send({ ID });
        const { TTL } = await alive.next();
        this.must(TTL === keptTtlS, `a lease that is kept lives, and is given ${TTL} s`);
      } finally {
        alive.cancel();
      }
    });
    this.counts.keepAlives++;
  }

  /** As etcd's clients lock: each waits with a key on a lease of its own, and the oldest key holds. */
  private async lock(name: string): Promise<void> {
    const { ID, key } = await eventually("a lock is asked for", async () => {
      const { ID } = await this.wire().lease.leaseGrant({ TTL: keptTtlS }, callLimit);
      const key = `${prefix}lock/${ID}`;
      try {
        await this.wire().kv.put({ key: b(key), value: b(name), lease: ID }, callLimit);
      } catch (error) {
        // It may hold the lock all the same, and nobody would release it.
        await this.revoke(ID);
        throw error;
      }
      return { ID, key };
    });
    for (;;) {
      const holder = await eventually("the holder of a lock", async () => {
        const { kvs } = await this.wire().kv.range(
          {
            ...interval(`${prefix}lock/`),
            sortOrder: SortOrder.ASCEND,
            sortTarget: SortTarget.CREATE,
            limit: 1,
          },
          callLimit,
        );
        return s(kvs[0]?.key);
      });
      if (holder === key) break;
      await pause();
    }
    this.lockHolders++;
    this.must(this.lockHolders === 1, "a lock has one holder");
    await this.put(`${prefix}locked/${ID}`, name);
    this.lockHolders--;
    await this.revoke(ID);
    this.counts.locks++;
  }

  private async watch(watcher: Watcher): Promise<void> {
    for (;;) {
      if (this.closing) return;
      const { group } = this;
      const alive = group.alive();
      const at = alive.includes(watcher.at) ? watcher.at : alive[watcher.resumed % alive.length]!;
      const stream = group.wires[at]!.watch();
      watcher.stream = stream;
      void stream.ended.catch(() => {});
      try {
        await createWatch(stream, { ...interval(prefix), startRevision: watcher.revision + 1 });
        for (;;) {
          const answer = await stream.next();
          assert.equal(answer.compactRevision, 0, "nothing that a watch needs is compacted");
          if (answer.canceled) break;
          this.take(watcher, answer.events);
        }
      } catch (error) {
        if (error instanceof assert.AssertionError) {
          this.failure ??= error;
          return;
        }
        await pause();
      } finally {
        stream.cancel();
        watcher.resumed++;
      }
    }
  }

  private take(watcher: Watcher, events: readonly Event[]): void {
    for (const { type, kv } of events) {
      const { modRevision } = kv!;
      assert.ok(modRevision >= watcher.revision, "a watch goes forwards");
      const value = type === EventType.PUT ? `=${s(kv!.value)}` : "";
      watcher.seen.push(`${type} ${s(kv!.key)}${value}@${modRevision}`);
    }
    const last = events.at(-1);
    if (last !== undefined) watcher.revision = last.kv!.modRevision;
  }

  /** What every member must now answer. */
  private async checkState(): Promise<void> {
    for (const at of this.group.alive()) {
      const wire = this.group.wires[at]!;
      const counter = await wire.kv.range({ key: b(`${prefix}counter`) });
      assert.ok(Number(s(counter.kvs[0]?.value)) >= this.acknowledgedCount, "no count is lost");
      await eventually("no expired lease left a key", async () => {
        const { kvs } = await wire.kv.range(interval(`${prefix}lease/`));
        const left = new Set(kvs.map((kv) => s(kv.key)));
        assert.deepEqual(
          this.gone.filter((key) => left.has(key)),
          [],
        );
      });
    }
  }

  /** All watches, wherever they were held, saw the history that a fresh one sees. */
  private async checkWatches(): Promise<void> {
    const wire = this.wire();
    await eventually("the end of the load is put", () =>
      wire.kv.put({ key: b(`${prefix}end`), value: b("") }, callLimit),
    );
    this.watchFrom(this.group.alive()[0]!);
    const last = `${EventType.PUT} ${prefix}end=@`;
    await eventually("all watches reach the end", async () => {
      this.check();
      for (const { seen } of this.watchers) {
        const at = seen.findLast((event) => event.startsWith(last));
        assert.ok(at !== undefined, `a watch stands at ${seen.at(-1)}`);
      }
    });
    const [first] = this.watchers;
    for (const { at, from, seen, resumed } of this.watchers) {
      const expected = first!.seen.filter((event) => revisionIn(event) > from);
      const different = expected.findIndex((event, i) => event !== seen[i]);
      const told = different < 0 ? "" : `${seen[different]} in place of ${expected[different]}`;
      assert.equal(told, "", `the watch of member ${at}, resumed ${resumed} times`);
      assert.equal(seen.length, expected.length);
      this.counts.watchEvents += seen.length;
    }
    this.checkHistory(first!.seen, await this.final());
  }

  /** What is stored under the load's prefix. */
  private async final(): Promise<Map<string, string>> {
    const { kvs } = await this.wire().kv.range(interval(prefix));
    return new Map(kvs.map((kv) => [s(kv.key), s(kv.value)]));
  }

  /** The events lead to what is stored, and every acknowledged write is among them. */
  private checkHistory(events: readonly string[], stored: ReadonlyMap<string, string>): void {
    const replayed = new Map<string, string>();
    const seen = new Set<string>();
    for (const event of events) {
      const [, type, key, value] = /^(\d) ([^=@]+)(?:=(.*))?@\d+$/.exec(event)!;
      if (Number(type) === EventType.PUT) {
        replayed.set(key!, value!);
        seen.add(`${key}=${value}`);
      } else {
        assert.ok(replayed.delete(key!), `what is deleted was there: ${event}`);
      }
    }
    assert.deepEqual([...replayed].sort(), [...stored].sort());
    for (const [key, value] of this.group.acknowledged) {
      if (key.startsWith(prefix)) assert.ok(seen.has(`${key}=${value}`), `a watch saw ${key}`);
    }
  }
}

function revisionIn(event: string): number {
  return Number(event.slice(event.lastIndexOf("@") + 1));
}
