import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { ConfChange, type Entry, EntryType } from "#proto/gen/raft.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { Applier } from "#server/apply/applier.ts";
import { type CommandKind, type CommandPayloads, encodeCommand } from "#server/apply/command.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { WatchHub } from "#server/mvcc/watch-hub.ts";
import { ApplyTurn } from "#server/node/apply-turn.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { SlowApplies } from "#server/node/slow-applies.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthStore } from "#test/fakes/auth.ts";

class Rig {
  readonly backend: MemoryBackend;
  readonly pending = new PendingProposals(7000);
  readonly told: string[] = [];
  readonly warned: object[] = [];
  readonly slow = new SlowApplies(100, {
    ...silentLog,
    warn: (fields, message) => void this.warned.push({ ...fields, message }),
  });
  /** How long each look at the clock takes. */
  applyMs = 0;
  private nowMs = 0;
  readonly turn: ApplyTurn;
  private index: number;

  private constructor(backend: MemoryBackend, store: MvccStore, leases: Lessor, index: number) {
    this.backend = backend;
    this.index = index;
    const pause = (): Promise<void> => new Promise(setImmediate);
    const applier = new Applier({
      store,
      leases,
      alarms: new Alarms(),
      auth: fakeAuthStore(),
      members: new Members(),
      capabilities: new Capabilities(1n as MemberId),
      v2: new V2Store(),
      quotaBytes: Number.POSITIVE_INFINITY,
      persistCheckpoints: false,
      sizeBytes: () => 0,
      monotonicMs: () => 0,
    });
    this.turn = new ApplyTurn(
      {
        applier,
        store,
        hub: new WatchHub(store, { pause }),
        pending: this.pending,
        backend: () => backend,
        applyConfChange: () => ({}),
        emptyEntry: (term) => void this.told.push(`empty entry of term ${term}`),
        applied: (upTo) => void this.told.push(`applied ${upTo}`),
        slow: this.slow,
        monotonicMs: () => (this.nowMs += this.applyMs),
        fatal: (error) => void this.told.push(`fatal: ${(error as Error).message}`),
      },
      index,
      1,
    );
  }

  static async open(backend = new MemoryBackend(), cacheBytes = 1 << 20): Promise<Rig> {
    const leases = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
    const options = { crc32c, pause: async () => {}, cacheBytes, recentBytes: 0 };
    const store = await MvccStore.load(backend, leases, options);
    return new Rig(backend, store, leases, (await readApplied(backend)).index);
  }

  entry(data: Uint8Array): Entry {
    return { index: ++this.index, term: 4, type: EntryType.EntryNormal, data };
  }

  command<K extends CommandKind>(kind: K, payload: CommandPayloads[K], id = 1n): Entry {
    return this.entry(encodeCommand(kind, payload, { id, username: "", authRevision: 0 }));
  }

  change(id: bigint): Entry {
    const change = { id, type: 0, nodeId: 7n, context: new Uint8Array(0) } as const;
    const data = ConfChange.encode(change).finish();
    return { index: ++this.index, term: 4, type: EntryType.EntryConfChange, data };
  }

  /** Waits for the command's answer as a client's request does. */
  wait(id: bigint): void {
    this.pending.wait(id, 0, {
      settled: () => void this.told.push(`answer ${id}`),
      failed: ({ message }) => void this.told.push(`answer ${id}: ${message}`),
    });
  }

  async taken(): Promise<readonly string[]> {
    await new Promise(setImmediate);
    return this.told.splice(0);
  }
}

const put = (key: string, parts: Parameters<typeof PutRequest.fromPartial>[0] = {}): PutRequest =>
  PutRequest.fromPartial({ key: Buffer.from(key), value: Buffer.from("v"), ...parts });

test("a run is one batch that carries index and term, then come the answers", async () => {
  const rig = await Rig.open();
  rig.wait(7n);
  rig.wait(8n);
  const entries = [
    rig.entry(new Uint8Array(0)),
    rig.command("put", put("a"), 7n),
    rig.command("put", put("b", { lease: 99n }), 8n),
    rig.command("put", put("c"), 9n),
  ];
  assert.equal(rig.turn.apply(entries), undefined);
  assert.equal(rig.backend.unsyncedCount, 1);
  assert.deepEqual(await rig.taken(), [
    "empty entry of term 4",
    "applied 4",
    "answer 7",
    "answer 8: etcdserver: requested lease not found",
  ]);
  assert.deepEqual(await readApplied(rig.backend), { index: 4, term: 4 });
});

test("a change of membership is answered once raft can take the next one", async () => {
  const rig = await Rig.open();
  for (const id of [7n, 8n]) rig.wait(id);
  rig.turn.apply([rig.change(7n), rig.command("put", put("a"), 8n)]);
  assert.deepEqual(await rig.taken(), ["applied 2", "answer 8"]);
  rig.turn.advanced();
  rig.turn.advanced();
  assert.deepEqual(await rig.taken(), ["answer 7"]);
});

test("an entry that does nothing moves the index as well", async () => {
  const rig = await Rig.open();
  rig.turn.apply([rig.command("leaseRevoke", { ID: 5n })]);
  await rig.turn.flushed();
  assert.deepEqual(await readApplied(rig.backend), { index: 1, term: 4 });
});

test("what is not in memory is waited for; meanwhile the run says so, and it stays one batch", async () => {
  const first = await Rig.open();
  const large = { value: Buffer.alloc(400) };
  first.turn.apply([first.command("put", put("a", large)), first.command("put", put("b", large))]);
  await first.turn.flushed();
  const rig = await Rig.open(first.backend.reopen(), 300);
  const before = rig.backend.unsyncedCount;
  rig.wait(7n);
  const entries = [
    rig.command("put", put("x"), 6n),
    rig.command("put", put("a", { prevKv: true }), 7n),
  ];
  const applying = rig.turn.apply(entries);
  assert(applying instanceof Promise);
  assert.equal(rig.turn.isWaiting, true);
  assert.equal(rig.turn.appliedIndex, 2);
  await applying;
  assert.equal(rig.turn.isWaiting, false);
  assert.equal(rig.backend.unsyncedCount, before + 1);
  assert.deepEqual(await rig.taken(), ["applied 4", "answer 7"]);
});

test("a state that cannot be written ends the member", async () => {
  const rig = await Rig.open();
  rig.backend.breakDisk();
  rig.turn.apply([rig.command("put", put("a"))]);
  assert.deepEqual(await rig.taken(), ["applied 1", "fatal: the state could not be written"]);
});

test("a received state that covers what reads wait for tells them", async () => {
  const rig = await Rig.open();
  rig.turn.reset(40, 3);
  assert.deepEqual(await rig.taken(), ["applied 40"]);
  assert.equal(rig.turn.appliedIndex, 40);
  assert.equal(rig.turn.appliedTerm, 3);
});

test("a received state ends the waiting for what it may already hold", async () => {
  const rig = await Rig.open();
  rig.wait(9n);
  rig.turn.reset(40, 3);
  assert.deepEqual(await rig.taken(), ["answer 9: etcdserver: request timed out", "applied 40"]);
  assert.equal(rig.pending.size, 0);
});

test("a gap, and a command that nobody here knows, are never passed over", async () => {
  const rig = await Rig.open();
  const [, second] = [rig.command("put", put("a")), rig.command("put", put("b"))];
  assert.throws(() => rig.turn.apply([second]), /a gap/);
  const other = await Rig.open();
  // Field 2000 of the command: of a version to come.
  const unknown = other.entry(Uint8Array.of(0x82, 0x7d, 0x00));
  assert.throws(() => other.turn.apply([unknown]), /does not know/);
  assert.equal(other.turn.appliedIndex, 0);
});

test("a command that takes longer than the limit is counted and logged, without its value", async () => {
  const rig = await Rig.open();
  const put = (): Entry =>
    rig.command("put", PutRequest.fromPartial({ key: utf8("a"), value: utf8("secret") }), 9n);
  rig.applyMs = 100;
  await rig.turn.apply([put(), put()]);
  assert.equal(rig.slow.count, 0);
  rig.applyMs = 101;
  await rig.turn.apply([put(), put()]);
  assert.equal(rig.slow.count, 2);
  assert.deepEqual(rig.warned[0], {
    took: "101ms",
    "expected-duration": "100ms",
    prefix: "",
    request: 'header:<ID:9 > put:<key:"a" value_size:6 >',
    message: "apply request took too long",
  });
});
