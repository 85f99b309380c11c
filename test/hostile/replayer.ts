// A member without raft: what is committed is handed to it. Fuzzers compare what several of them, or one
// that starts anew, make of the same entries.
import { crc32c } from "@node-rs/crc32";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import type { Entry } from "#proto/gen/raft.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { Applier } from "#server/apply/applier.ts";
import { AuthStore } from "#server/auth/auth-store.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { WatchHub } from "#server/mvcc/watch-hub.ts";
import { ApplyTurn } from "#server/node/apply-turn.ts";
import { loadSmallBuckets, readApplied } from "#server/node/boot-state.ts";
import { MembershipChanges } from "#server/node/membership-changes.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { SlowApplies } from "#server/node/slow-applies.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthPorts } from "#test/fakes/auth.ts";

const own = 1n as MemberId;

interface Parts {
  readonly store: MvccStore;
  readonly lessor: Lessor;
  readonly members: Members;
  readonly auth: AuthStore;
  readonly alarms: Alarms;
  readonly turn: ApplyTurn;
  readonly pending: PendingProposals;
}

export class Replayer {
  private readonly backend: Backend;
  private readonly answers: boolean;
  private parts!: Parts;
  private fatal: unknown;

  private constructor(backend: Backend, answers: boolean) {
    this.backend = backend;
    this.answers = answers;
  }

  /** Takes up what the records hold. `answers`: somebody waits for each command here. */
  static async open(backend: Backend, answers: boolean): Promise<Replayer> {
    const replayer = new Replayer(backend, answers);
    await replayer.load();
    return replayer;
  }

  get appliedIndex(): number {
    return this.parts.turn.appliedIndex;
  }

  get revision(): number {
    return this.parts.store.currentRevision;
  }

  private async load(): Promise<void> {
    const { backend } = this;
    const lessor = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
    const members = new Members(2);
    const alarms = new Alarms();
    const auth = new AuthStore(fakeAuthPorts());
    const capabilities = new Capabilities(own);
    const v2 = new V2Store();
    await loadSmallBuckets(backend, { members, alarms, auth, lessor, capabilities, v2 });
    if (this.answers) lessor.promote(0, 0);
    const pause = async (): Promise<void> => {};
    const store = await MvccStore.load(backend, lessor, { crc32c, pause, cacheBytes: 1 << 20 });
    const pending = new PendingProposals(7000);
    const changes = new MembershipChanges({
      memberId: own,
      clock: systemClock,
      log: silentLog,
      members,
      raft: { applyConfChange: () => members.confState() },
      peers: { addPeer: () => {}, updatePeer: () => {}, removePeer: () => {} },
      forgetLog: () => {},
      onRemoved: () => {},
    });
    // A removed member would stop in a second.
    changes.stop();
    const applier = new Applier({
      ...{ store, alarms, auth, members, capabilities, v2, leases: lessor },
      quotaBytes: 200_000,
      persistCheckpoints: false,
      sizeBytes: () => backend.sizeBytes(),
      monotonicMs: () => 0,
    });
    const { index, term } = await readApplied(backend);
    const turn = new ApplyTurn(
      {
        ...{ applier, store, pending },
        hub: new WatchHub(store, { pause }),
        backend: () => backend,
        applyConfChange: (change, batch) => changes.apply(change, batch),
        emptyEntry: () => {},
        applied: () => {},
        slow: new SlowApplies(Number.POSITIVE_INFINITY, silentLog),
        monotonicMs: () => 0,
        fatal: (error) => {
          this.fatal = error;
        },
      },
      index,
      term,
    );
    this.parts = { store, lessor, members, auth, alarms, turn, pending };
  }

  /** Applies one entry; what its proposer was told, or why the member stops. */
  async apply(entry: Entry, id: bigint): Promise<{ told?: string; stops?: unknown }> {
    const { turn, pending } = this.parts;
    let told: string | undefined;
    if (this.answers) {
      pending.wait(id, 0, {
        settled: () => {
          told = "served";
        },
        failed: ({ message }) => {
          told = message;
        },
      });
    }
    try {
      await turn.apply([entry]);
      turn.advanced();
      await turn.flushed();
      if (this.fatal !== undefined) return { stops: this.fatal };
    } catch (error) {
      return { stops: error };
    }
    pending.settle(id, {}, false);
    await new Promise(setImmediate);
    return told === undefined ? {} : { told };
  }

  async compact(): Promise<void> {
    const { store } = this.parts;
    while (store.compacting) {
      if (store.compactionHash === "wanted")
        await store.computeCompactionHash({ pause: async () => {}, isOver: () => false });
      const batch = this.backend.newBatch();
      store.compactStep(batch, 100);
      if (batch.opCount > 0) await this.backend.write(batch, { sync: false });
      store.compactionWritten();
    }
  }

  /** All that a member keeps, and what it makes of it. */
  async print(): Promise<readonly string[]> {
    const lines: string[] = [];
    const view = this.backend.scanAll({ withShared: true });
    for (let slice = await view.next(1000); slice.length > 0; slice = await view.next(1000)) {
      for (const [bucket, key, value] of slice) {
        // A password of etcd 3.4 is hashed by each member with a salt of its own.
        const shown = bucket === "authUsers" ? "" : toHex(value);
        lines.push(`${bucket} ${toHex(key)} ${shown}`);
      }
    }
    await view.close();
    const { store, lessor, members, auth, alarms } = this.parts;
    const { hash, compactRevision } = await store.hashNow(store.currentRevision);
    lines.push(`hash ${hash} at ${store.currentRevision}, compacted ${compactRevision}`);
    for (const id of lessor.list().toSorted((a, b) => (a < b ? -1 : 1)))
      lines.push(
        `lease ${id} ${lessor.view(id, 0)?.grantedTtlSeconds} ${lessor.keysOf(id)?.map(toHex)}`,
      );
    lines.push(`members ${JSON.stringify(members.list(), bigintText)} ${members.clusterVersion}`);
    lines.push(`auth ${auth.isEnabled} ${auth.revision} ${auth.userNames()} ${auth.roleNames()}`);
    lines.push(
      `alarms ${alarms
        .list(0)
        .map((one) => `${one.memberID} ${one.alarm}`)
        .sort()}`,
    );
    return lines;
  }
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const bigintText = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;
