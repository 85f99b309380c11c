// The watches of a proxy against a small store in the place of the cluster: what clients see must be
// what a watch of their own would have shown them, whatever they share.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import { Event, KeyValue } from "#proto/gen/mvcc.ts";
import { WatchCreateRequest, type WatchRequest, WatchResponse } from "#proto/gen/watch.ts";
import { type Answer, type AnswerQueue, WatchReceiver } from "./watch-receiver.ts";
import { type WatchListener, WatchUpstream, type WatchWire } from "./watch-upstream.ts";

const key = Buffer.from("k");
const range = { key, rangeEnd: new Uint8Array(0) };

interface ServerWatch {
  next: number;
  readonly wire: FakeWire;
  readonly prevKv: boolean;
}

/** One key with its history: every revision is a put. */
class FakeCluster {
  revision = 1;
  readonly watches = new Map<number, ServerWatch>();
  created = 0;
  openings = 0;
  leaderless = false;
  private nextId = 0;
  wire: FakeWire | undefined;

  header(): ResponseHeader {
    return { clusterId: 1n, memberId: 2n, revision: this.revision, raftTerm: 1 };
  }

  put(): void {
    this.revision++;
    this.deliver();
  }

  deliver(): void {
    for (const [watchId, watch] of this.watches) {
      if (watch.next > this.revision) continue;
      const events = [];
      for (; watch.next <= this.revision; watch.next++) {
        const kv = KeyValue.fromPartial({ key, modRevision: watch.next });
        events.push(Event.fromPartial({ kv, ...(watch.prevKv ? { prevKv: kv } : {}) }));
      }
      watch.wire.emit(WatchResponse.fromPartial({ header: this.header(), watchId, events }));
    }
  }

  request(wire: FakeWire, { requestUnion: union }: WatchRequest): void {
    if (union?.$case === "createRequest") {
      const watchId = this.nextId++;
      this.created++;
      const next = union.value.startRevision || this.revision + 1;
      this.watches.set(watchId, { next, wire, prevKv: union.value.prevKv });
      wire.emit(WatchResponse.fromPartial({ header: this.header(), watchId, created: true }));
      this.deliver();
    } else if (union?.$case === "cancelRequest") this.watches.delete(union.value.watchId);
    else if (union?.$case === "progressRequest") {
      wire.emit(WatchResponse.fromPartial({ header: this.header(), watchId: -1 }));
    }
  }

  /** The connection goes, and with it all watches. */
  cut(error: EtcdError): void {
    this.watches.clear();
    this.wire?.fail(error);
  }
}

/** A stream that answers in the next turn, as a real one does. */
class FakeWire {
  private readonly cluster: FakeCluster;
  private readonly listeners = new Map<string, (value: never) => void>();
  private isCut = false;

  constructor(cluster: FakeCluster) {
    this.cluster = cluster;
  }

  on(name: string, run: (value: never) => void): this {
    this.listeners.set(name, run);
    return this;
  }

  write(request: WatchRequest): boolean {
    setImmediate(() => {
      if (!this.isCut) this.cluster.request(this, request);
    });
    return true;
  }

  cancel(): void {
    this.isCut = true;
  }

  emit(response: WatchResponse): void {
    if (!this.isCut) this.listeners.get("data")?.(response as never);
  }

  fail({ code, message }: EtcdError): void {
    this.isCut = true;
    this.listeners.get("error")?.({ code, details: message } as never);
  }
}

/** Time stands still: what waits for a time runs in the next turn. */
const clock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  after(_, run) {
    const handle = setImmediate(run);
    return { cancel: () => clearImmediate(handle) };
  },
  every: () => ({ cancel() {} }),
};

class Client implements AnswerQueue, WatchListener {
  full = false;
  readonly wantsLeader: boolean;
  readonly answers: Answer[] = [];
  readonly behind: WatchReceiver[] = [];
  error: EtcdError | undefined;
  readonly receiver: WatchReceiver;

  constructor(request: Partial<WatchCreateRequest> = {}, wantsLeader = false) {
    this.wantsLeader = wantsLeader;
    this.receiver = new WatchReceiver(7, WatchCreateRequest.fromPartial(request), this);
  }

  post(answer: Answer): void {
    this.answers.push(answer);
  }
  fellBehind(receiver: WatchReceiver): void {
    this.behind.push(receiver);
  }
  ended(): void {}
  progressed(): void {}
  failed(error: EtcdError): void {
    this.error = error;
  }

  /** The revisions of the events that it was sent. */
  get revisions(): number[] {
    return this.answers.flatMap(({ events }) => {
      if (events === undefined) return [];
      const { events: decoded } = WatchResponse.decode(events.bytes);
      return decoded.map((event) => event.kv?.modRevision ?? 0);
    });
  }

  get isCreated(): boolean {
    return this.answers[0]?.created === true && this.answers[0].canceled !== true;
  }
}

class World {
  readonly cluster = new FakeCluster();
  readonly upstream: WatchUpstream;
  readonly clients: Client[] = [];
  reads = 0;
  refusal: EtcdError | undefined;

  constructor() {
    const { cluster } = this;
    this.upstream = new WatchUpstream({
      clock,
      open: async () => {
        cluster.openings++;
        if (cluster.leaderless) throw etcdError("noLeader");
        cluster.wire = new FakeWire(cluster);
        return cluster.wire as unknown as WatchWire;
      },
      revision: async () => {
        this.reads++;
        await new Promise((resolve) => setImmediate(resolve));
        if (this.refusal !== undefined) throw this.refusal;
        return cluster.header();
      },
      changed: () => {},
    });
  }

  watch(request: Partial<WatchCreateRequest> = {}, wantsLeader = false): Client {
    const client = new Client(request, wantsLeader);
    this.clients.push(client);
    this.upstream.join(client);
    this.upstream.attach(client.receiver, range);
    return client;
  }

  /** Until nothing is under way any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 40; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a thousand watches from now are one watch, and their reads few", async () => {
  const world = new World();
  const clients = Array.from({ length: 1000 }, () => world.watch());
  await world.settle();
  assert.ok(clients.every((client) => client.isCreated));
  assert.equal(world.cluster.watches.size, 1);
  assert.equal(world.reads, 2);
  world.cluster.put();
  world.cluster.put();
  for (const client of clients) assert.deepEqual(client.revisions, [2, 3]);
  assert.equal(world.upstream.coalescedWatchers, 999);
  for (const client of clients) world.upstream.detach(client.receiver);
  await world.settle();
  assert.equal(world.cluster.watches.size, 0);
});

test("a watch from now shows nothing that was there before it", async () => {
  const world = new World();
  world.watch();
  await world.settle();
  // Written, but not told to the watches yet.
  world.cluster.revision++;
  const late = world.watch();
  await world.settle();
  world.cluster.deliver();
  world.cluster.put();
  assert.deepEqual([world.clients[0]!.revisions, late.revisions], [[2, 3], [3]]);
  assert.equal(world.cluster.watches.size, 1);
});

test("a watch of the past gets it, and joins the others when it has caught up", async () => {
  const world = new World();
  for (let i = 0; i < 5; i++) world.cluster.put();
  const now = world.watch();
  await world.settle();
  const past = world.watch({ startRevision: 3 });
  const future = world.watch({ startRevision: 9 });
  await world.settle();
  assert.deepEqual(past.revisions, [3, 4, 5, 6]);
  assert.ok(future.isCreated);
  assert.equal(world.cluster.watches.size, 1);
  for (let i = 0; i < 4; i++) world.cluster.put();
  assert.deepEqual(now.revisions, [7, 8, 9, 10]);
  assert.deepEqual(past.revisions, [3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(future.revisions, [9, 10]);
});

test("previous values are asked for only where somebody wants them, and then for all", async () => {
  const world = new World();
  const plain = world.watch();
  await world.settle();
  const withPrevious = world.watch({ prevKv: true });
  await world.settle();
  world.cluster.put();
  await world.settle();
  assert.equal(world.cluster.watches.size, 1);
  world.cluster.put();
  const shown = ({ answers }: Client): boolean[] =>
    answers.flatMap(({ events }) =>
      events === undefined
        ? []
        : WatchResponse.decode(events.bytes).events.map(({ prevKv }) => prevKv !== undefined),
    );
  assert.deepEqual(shown(plain), [false, false]);
  assert.deepEqual(shown(withPrevious), [true, true]);
});

test("a client that does not read falls out, holds up nobody, and misses nothing", async () => {
  const world = new World();
  const slow = world.watch();
  const quick = world.watch();
  await world.settle();
  slow.full = true;
  for (let i = 0; i < 3; i++) world.cluster.put();
  assert.deepEqual([slow.revisions, quick.revisions], [[], [2, 3, 4]]);
  assert.equal(slow.behind.length, 1);
  slow.full = false;
  world.upstream.attach(slow.receiver, range);
  await world.settle();
  world.cluster.put();
  await world.settle();
  assert.deepEqual(slow.revisions, [2, 3, 4, 5]);
  assert.deepEqual(quick.revisions, [2, 3, 4, 5]);
  assert.equal(slow.answers.filter(({ created }) => created).length, 1);
  assert.equal(world.cluster.watches.size, 1);
});

test("when the connection breaks, watches go on where they were and nobody is told", async () => {
  const world = new World();
  const first = world.watch();
  await world.settle();
  world.cluster.put();
  world.cluster.cut(new EtcdError(grpcCode.unavailable, "gone"));
  world.cluster.put();
  const second = world.watch();
  await world.settle();
  world.cluster.put();
  assert.deepEqual(first.revisions, [2, 3, 4]);
  assert.deepEqual(second.revisions, [4]);
  assert.equal(first.answers.filter(({ created }) => created).length, 1);
  assert.equal(world.cluster.watches.size, 1);
});

test("without a leader those who asked are told, the others wait", async () => {
  const world = new World();
  const patient = world.watch();
  const told = world.watch({}, true);
  await world.settle();
  world.cluster.leaderless = true;
  world.cluster.cut(etcdError("noLeader"));
  await world.settle();
  assert.equal(told.error?.errorName, "noLeader");
  world.upstream.detach(told.receiver);
  world.upstream.leave(told);
  assert.equal(world.watch({}, true).error?.errorName, "noLeader");
  world.cluster.leaderless = false;
  await world.settle();
  world.cluster.put();
  assert.deepEqual([patient.error, patient.revisions], [undefined, [2]]);
});

test("whoever may not read a range is refused, whoever may is not", async () => {
  const world = new World();
  world.watch();
  await world.settle();
  world.refusal = etcdError("permissionDenied");
  const refused = world.watch();
  await world.settle();
  assert.equal(refused.answers[0]?.canceled, true);
  assert.match(refused.answers[0]?.cancelReason ?? "", /permission denied/);
  world.refusal = new EtcdError(grpcCode.unavailable, "nobody there");
  const own = world.watch();
  await world.settle();
  world.cluster.put();
  assert.deepEqual(own.revisions, [2]);
});
