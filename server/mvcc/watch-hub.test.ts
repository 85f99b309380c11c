import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import { WatchCreateRequest, type WatchResponse } from "#proto/gen/watch.ts";
import type { WatchSession } from "#server/mvcc/watch-session.ts";
import { type KvCommand, Rig, type RigOptions, turns } from "#test/mvcc/rig.ts";

const b = (text: string): Buffer => Buffer.from(text, "latin1");
const small: RigOptions = { cacheBytes: 300, recentBytes: 0, leases: [7n] };

const put = (key: string, value = "v"): KvCommand => ({
  kind: "put",
  payload: PutRequest.fromPartial({ key: b(key), value: b(value) }),
});
const del = (key: string, end = ""): KvCommand => ({
  kind: "deleteRange",
  payload: DeleteRangeRequest.fromPartial({ key: b(key), rangeEnd: b(end) }),
});
const compact = (revision: number): KvCommand => ({
  kind: "compaction",
  payload: CompactionRequest.fromPartial({ revision }),
});
const puts = (...keys: string[]): KvCommand => {
  const success = keys.map((key) => ({
    request: { $case: "requestPut", value: PutRequest.fromPartial({ key: b(key), value: b("v") }) },
  }));
  return { kind: "txn", payload: { compare: [], success, failure: [] } as TxnRequest };
};

/** Applies one by one, each written at once. */
async function apply(rig: Rig, ...commands: KvCommand[]): Promise<void> {
  for (const command of commands) {
    await rig.apply([command]);
    await rig.flush();
  }
}

function create(
  session: WatchSession,
  request: Parameters<typeof WatchCreateRequest.fromPartial>[0],
): void {
  const value = WatchCreateRequest.fromPartial(request);
  session.request({ requestUnion: { $case: "createRequest", value } });
}

function progress(session: WatchSession): void {
  session.request({ requestUnion: { $case: "progressRequest", value: {} } });
}

function cancel(session: WatchSession, watchId: number): void {
  session.request({ requestUnion: { $case: "cancelRequest", value: { watchId } } });
}

/** One line a response: `id@revision created|canceled|compacted N "reason"| events`. */
function show(response: WatchResponse): string {
  const words = [`${response.watchId}@${response.header?.revision}`];
  if (response.created) words.push("created");
  if (response.canceled) words.push("canceled");
  if (response.compactRevision > 0) words.push(`compacted=${response.compactRevision}`);
  if (response.cancelReason !== "") words.push(JSON.stringify(response.cancelReason));
  if (response.fragment) words.push("fragment");
  for (const { type, kv, prevKv } of response.events) {
    const before = prevKv === undefined ? "" : `<${prevKv.value}@${prevKv.modRevision}`;
    words.push(`${type === 0 ? "+" : "-"}${kv?.key}=${kv?.value}@${kv?.modRevision}${before}`);
  }
  return words.join(" ");
}

function read(session: WatchSession): string[] {
  const lines: string[] = [];
  for (let one = session.next(); one !== undefined; one = session.next()) lines.push(show(one));
  return lines;
}

/** Reads until nothing comes any more. */
async function settle(session: WatchSession): Promise<string[]> {
  const lines: string[] = [];
  for (let idle = 0; idle < 3; idle++) {
    await turns(6);
    const more = read(session);
    if (more.length > 0) idle = 0;
    lines.push(...more);
  }
  return lines;
}

const compactedText = "etcdserver: mvcc: required revision has been compacted";

/** Before each row: a=v at 2, b=v at 3, a=w at 4, b deleted at 5; then compaction if the row says so. */
const rows: readonly [
  name: string,
  compactAt: number,
  requests: readonly Parameters<typeof WatchCreateRequest.fromPartial>[0][],
  then: readonly KvCommand[],
  lines: readonly string[],
][] = [
  ["from now on", 0, [{ key: b("a") }], [put("a", "x"), put("b")], ["0@5 created", "0@6 +a=x@6"]],
  [
    "an empty key is the smallest one",
    0,
    [{ rangeEnd: b("\0") }],
    [put("a")],
    ["0@5 created", "0@6 +a=v@6"],
  ],
  [
    "a range",
    0,
    [{ key: b("a"), rangeEnd: b("b") }],
    [put("b"), put("aa")],
    ["0@5 created", "0@7 +aa=v@7"],
  ],
  [
    "everything from a key on",
    0,
    [{ key: b("b"), rangeEnd: b("\0") }],
    [put("a"), put("z")],
    ["0@5 created", "0@7 +z=v@7"],
  ],
  [
    "an empty range",
    0,
    [{ key: b("b"), rangeEnd: b("b") }],
    [],
    ['-1@5 created canceled "mvcc: watcher range is empty"'],
  ],
  [
    "a negative start",
    0,
    [{ key: b("a"), startRevision: -1 }],
    [],
    [`-1@5 created canceled "${compactedText}"`],
  ],
  [
    "IDs count up, past those given",
    0,
    [{ key: b("a"), watchId: 1 }, { key: b("a") }, { key: b("a") }],
    [],
    ["1@5 created", "0@5 created", "2@5 created"],
  ],
  [
    "an ID in use",
    0,
    [
      { key: b("a"), watchId: 3 },
      { key: b("b"), watchId: 3 },
    ],
    [],
    ["3@5 created", '-1@5 created canceled "mvcc: duplicate watch ID provided on the WatchStream"'],
  ],
  [
    "history in one response, then live",
    0,
    [{ key: b("a"), startRevision: 1 }],
    [put("a", "x")],
    ["0@5 created", "0@5 +a=v@2 +a=w@4", "0@6 +a=x@6"],
  ],
  [
    "from within history",
    0,
    [{ key: b("a"), startRevision: 3 }],
    [],
    ["0@5 created", "0@5 +a=w@4"],
  ],
  [
    "a deletion has key and revision",
    0,
    [{ key: b("b"), startRevision: 4 }],
    [],
    ["0@5 created", "0@5 -b=@5"],
  ],
  [
    "previous pairs in history",
    0,
    [{ key: b("a"), rangeEnd: b("c"), startRevision: 2, prevKv: true }],
    [],
    ["0@5 created", "0@5 +a=v@2 +b=v@3 +a=w@4<v@2 -b=@5<v@3"],
  ],
  [
    "previous pairs live",
    0,
    [{ key: b("a"), rangeEnd: b("c"), prevKv: true }],
    [put("a", "x"), put("b", "y"), del("a")],
    ["0@5 created", "0@6 +a=x@6<w@4", "0@7 +b=y@7", "0@8 -a=@8<x@6"],
  ],
  [
    "a future start",
    0,
    [{ key: b("a"), startRevision: 7 }],
    [put("a", "6"), put("a", "7")],
    ["0@5 created", "0@7 +a=7@7"],
  ],
  [
    "a compacted start",
    4,
    [{ key: b("a"), startRevision: 3 }],
    [put("a")],
    ["0@5 created", "0@0 canceled compacted=4"],
  ],
  [
    "a start at the compaction",
    4,
    [{ key: b("a"), startRevision: 4 }],
    [],
    ["0@5 created", "0@5 +a=w@4"],
  ],
  [
    "a previous pair that is compacted",
    4,
    [{ key: b("a"), startRevision: 4, prevKv: true }],
    [],
    ["0@5 created", "0@5 +a=w@4"],
  ],
  [
    "no puts",
    0,
    [{ key: b("b"), startRevision: 1, filters: [0] }],
    [put("b"), del("b")],
    ["0@5 created", "0@5 -b=@5", "0@7 -b=@7"],
  ],
  [
    "no deletions",
    0,
    [{ key: b("b"), startRevision: 1, filters: [1] }],
    [put("b"), del("b")],
    ["0@5 created", "0@5 +b=v@3", "0@6 +b=v@6"],
  ],
  [
    "all filtered, nothing sent",
    0,
    [{ key: b("b"), startRevision: 1, filters: [0, 1] }],
    [put("b"), del("b")],
    ["0@5 created"],
  ],
  [
    "one revision is one response",
    0,
    [{ key: b("a"), rangeEnd: b("\0") }],
    [puts("z", "a", "m"), del("a", "\0")],
    ["0@5 created", "0@6 +z=v@6 +a=v@6 +m=v@6", "0@7 -a=@7 -m=@7 -z=@7"],
  ],
  [
    "nothing changed, nothing sent",
    0,
    [{ key: b("a"), rangeEnd: b("\0") }],
    [del("nope")],
    ["0@5 created"],
  ],
];

for (const [name, compactAt, requests, then, lines] of rows) {
  for (const recentBytes of [0, 100_000]) {
    test(`${name}${recentBytes > 0 ? ", history in memory" : ""}`, async () => {
      const rig = await Rig.open({ ...small, recentBytes });
      await apply(rig, put("a"), put("b"), put("a", "w"), del("b"));
      if (compactAt > 0) await apply(rig, compact(compactAt));
      const session = rig.hub.openWatch(() => {});
      for (const request of requests) create(session, request);
      const got = await settle(session);
      await apply(rig, ...then);
      got.push(...(await settle(session)));
      assert.deepEqual(got, lines);
      session.close();
      assert.equal(rig.hub.watcherCount, 0);
    });
  }
}

test("a cancelled watch gets nothing more, an unknown ID no answer, and the ID is free again", async () => {
  const rig = await Rig.open(small);
  const session = rig.hub.openWatch(() => {});
  create(session, { key: b("a"), watchId: 5 });
  cancel(session, 6);
  await apply(rig, put("a"));
  cancel(session, 5);
  await apply(rig, put("a"));
  create(session, { key: b("a"), watchId: 5 });
  assert.deepEqual(read(session), ["5@1 created", "5@2 +a=v@2", "5@2 canceled", "5@3 created"]);
});

test("all watches of a member share one bound of memory, and long keys count", async () => {
  const rig = await Rig.open({ ...small, watcherBytes: 3000 });
  const [first, second] = [rig.hub.openWatch(() => {}), rig.hub.openWatch(() => {})];
  create(first, { key: Buffer.alloc(1000, "k") });
  create(second, { key: b("a") });
  create(second, { key: b("b") });
  const refused = '-1@1 created canceled "etcdserver: too many requests"';
  assert.deepEqual(read(second), ["0@1 created", refused]);
  cancel(first, 0);
  create(second, { key: b("b") });
  assert.deepEqual(read(second), ["1@1 created"]);
  second.close();
  for (let count = 0; count < 5; count++) create(first, { key: b("c") });
  assert.equal(read(first).filter((line) => !line.includes("canceled")).length, 6);
});

test("manual progress: once for the stream, only if every watch has had everything", async () => {
  const rig = await Rig.open(small);
  await apply(rig, put("a"), put("a"));
  const session = rig.hub.openWatch(() => {});
  progress(session);
  assert.deepEqual(read(session), [], "no watch, no answer");
  create(session, { key: b("a") });
  create(session, { key: b("a"), startRevision: 1 });
  progress(session);
  assert.deepEqual(read(session), ["0@3 created", "1@3 created"], "one is still behind");
  await settle(session);
  progress(session);
  await apply(rig, put("a"));
  progress(session);
  assert.deepEqual(read(session), ["-1@3", "0@4 +a=v@4", "1@4 +a=v@4", "-1@4"]);
  create(session, { key: b("a"), startRevision: 100 });
  progress(session);
  assert.deepEqual(read(session), ["2@4 created"], "its start has not come");
});

test("progress ticks go to quiet watches that asked, behind all events they cover", async () => {
  const rig = await Rig.open(small);
  const session = rig.hub.openWatch(() => {});
  create(session, { key: b("a"), progressNotify: true });
  create(session, { key: b("b"), progressNotify: true });
  create(session, { key: b("b") });
  read(session);
  rig.hub.progressTick();
  await apply(rig, put("a"));
  rig.hub.progressTick();
  rig.hub.progressTick();
  assert.deepEqual(read(session), ["0@1", "1@1", "0@2 +a=v@2", "1@2", "0@2", "1@2"]);
});

for (const [identityBytes, firsts] of [
  [0, [4, 4, 2]],
  [24, [3, 3, 3, 1]],
  [1100, [2, 2, 2, 2, 2]],
] as const) {
  test(`fragments: split at the limit less ${identityBytes}, each event whole, all but the last marked`, async () => {
    const limit = 4096;
    const rig = await Rig.open({
      ...small,
      cacheBytes: 1 << 24,
      maxRequestBytes: limit - 512 * 1024,
    });
    const session = rig.hub.openWatch(() => {});
    create(session, { key: b("a"), rangeEnd: b("\0"), fragment: true });
    create(session, { key: b("a"), rangeEnd: b("\0") });
    read(session);
    const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);
    const big = puts(...keys);
    if (big.kind !== "txn") throw new Error("unreachable");
    for (const { request } of big.payload.success) {
      if (request?.$case === "requestPut") request.value.value = Buffer.alloc(1000, "x");
    }
    await apply(rig, big, put("one", "y".repeat(9000)));
    const parts: [id: number, fragment: boolean, events: number][] = [];
    const next = () => session.next(() => identityBytes);
    for (let one = next(); one !== undefined; one = next()) {
      parts.push([one.watchId, one.fragment, one.events.length]);
    }
    assert.deepEqual(parts, [
      ...firsts.map((events, at) => [0, at < firsts.length - 1, events]),
      [1, false, 10],
      [0, false, 1],
      [1, false, 1],
    ]);
  });
}

test("a client that does not read falls behind alone, and then gets all, each once", async () => {
  const rig = await Rig.open({ ...small, sessionQueueBytes: 2000 });
  const slow = rig.hub.openWatch(() => {});
  const fast = rig.hub.openWatch(() => {});
  for (const session of [slow, fast]) create(session, { key: b("k"), prevKv: true });
  const fastLines = read(fast);
  for (let i = 0; i < 300; i++) {
    await apply(rig, put("k", `${i}`));
    fastLines.push(...read(fast));
  }
  assert.equal(fastLines.length, 301);
  assert.equal(rig.hub.slowWatcherCount, 1);
  const events = (await settle(slow)).flatMap(
    (line) => line.match(/\+k=\d+@\d+(<\d+@\d+)?/g) ?? [],
  );
  const expected = Array.from({ length: 300 }, (_, i) =>
    i === 0 ? "+k=0@2" : `+k=${i}@${i + 2}<${i - 1}@${i + 1}`,
  );
  assert.deepEqual(events, expected);
  await turns();
  assert.equal(rig.hub.slowWatcherCount, 0);
  await apply(rig, put("k", "live"));
  assert.deepEqual(read(slow), ["0@302 +k=live@302<299@301"]);
});

test("little waits for a client that reads slowly, however large the records are", async () => {
  const queueBytes = 400_000;
  const rig = await Rig.open({ ...small, sessionQueueBytes: queueBytes });
  const slow = rig.hub.openWatch(() => {});
  create(slow, { key: b("k") });
  const valueBytes = 100_000;
  const count = 40;
  for (let i = 0; i < count; i++) await apply(rig, put("k", "v".repeat(valueBytes)));
  const revisions: number[] = [];
  let most = 0;
  while (revisions.length < count) {
    await turns();
    most = Math.max(most, rig.hub.pendingEvents);
    for (const { kv } of slow.next()?.events ?? []) revisions.push(kv!.modRevision);
  }
  assert.deepEqual(
    revisions,
    Array.from({ length: count }, (_, i) => i + 2),
  );
  // The budget, what is queued when it is almost used, and a slice of history.
  const limit = queueBytes + valueBytes + 512 * 1024 + valueBytes;
  assert.ok(most * valueBytes <= limit, `${most} records waited`);
});

test("a watch that fell behind a compaction is cancelled with it", async () => {
  const rig = await Rig.open({ ...small, sessionQueueBytes: 300 });
  const session = rig.hub.openWatch(() => {});
  create(session, { key: b("k") });
  for (let i = 0; i < 20; i++) await apply(rig, put("k"));
  await apply(rig, compact(20));
  const lines = await settle(session);
  assert.equal(lines.at(-1), "0@0 canceled compacted=20");
  progress(session);
  assert.deepEqual(read(session), [], "the watch is gone");
});

test("onReady is called once a turn, and only if there is something", async () => {
  const rig = await Rig.open(small);
  let calls = 0;
  const session = rig.hub.openWatch(() => {
    calls++;
  });
  create(session, { key: b("a"), rangeEnd: b("c") });
  read(session);
  rig.hub.deliver();
  calls = 0;
  await rig.apply([put("a"), put("b"), put("z")]);
  assert.equal(calls, 1);
  await rig.apply([put("z")]);
  assert.equal(calls, 1);
});

test("history of several slices: whole revisions, at most 1000 a response", async () => {
  for (const recentBytes of [0, 10_000_000]) {
    const rig = await Rig.open({ ...small, recentBytes });
    for (let i = 0; i < 60; i++)
      await apply(rig, puts(...Array.from({ length: 97 }, (_, k) => `k${k}`)));
    const session = rig.hub.openWatch(() => {});
    create(session, { key: b("k"), rangeEnd: b("l"), startRevision: 2 });
    let next = 2;
    let responses = 0;
    const take = (response: WatchResponse): void => {
      responses++;
      const mains = response.events.map(({ kv }) => kv?.modRevision ?? 0);
      for (const main of new Set(mains)) {
        assert.equal(main, next++);
        assert.equal(mains.filter((each) => each === main).length, 97);
      }
    };
    for (let i = 0; i < 100; i++) {
      await turns(3);
      for (let one = session.next(); one !== undefined; one = session.next())
        if (!one.created) take(one);
    }
    assert.equal(next, 62);
    assert(responses > 3);
  }
});

test("after the state was replaced every watch goes on where it was", async () => {
  const rig = await Rig.open(small);
  const other = await Rig.open(small);
  const session = rig.hub.openWatch(() => {});
  create(session, { key: b("a"), rangeEnd: b("\0") });
  create(session, { key: b("a"), startRevision: 6 });
  const first = [put("a"), put("b")];
  await apply(rig, ...first);
  await apply(other, ...first, put("c"), put("a", "w"));
  await rig.reload(other.backend.reopen());
  const lines = await settle(session);
  await apply(rig, put("a", "six"));
  lines.push(...(await settle(session)));
  assert.deepEqual(lines, [
    "0@1 created",
    "1@1 created",
    "0@2 +a=v@2",
    "0@3 +b=v@3",
    "0@5 +c=v@4 +a=w@5",
    "1@6 +a=six@6",
    "0@6 +a=six@6",
  ]);
});

test("a state replaced and closed under a watch that catches up costs it nothing", async () => {
  const rig = await Rig.open(small);
  const other = await Rig.open(small);
  for (const keys of Array.from({ length: 60 }, (_, i) =>
    Array.from({ length: 100 }, (_, k) => `k${i}.${k}`),
  )) {
    await apply(rig, puts(...keys));
    await apply(other, puts(...keys));
  }
  await apply(other, put("last"));
  const session = rig.hub.openWatch(() => {});
  const former = rig.backend;
  const scan = former.scan.bind(former);
  former.scan = (...interval) => {
    const view = scan(...interval);
    // As a disk does, it takes its time.
    const next = (max: number) => turns(1).then(() => view.next(max));
    return { next, close: () => view.close() };
  };
  const reloading = rig.reload(other.backend.reopen());
  await turns(5);
  create(session, { key: b("a"), rangeEnd: b("\0"), startRevision: 2 });
  let events = 0;
  const take = (): void => {
    for (let one = session.next(); one !== undefined; one = session.next()) {
      events += one.events.length;
    }
  };
  await reloading;
  await former.close();
  take();
  assert(events < 6000, "the watch was through before the state was replaced");
  for (let turn = 0; events < 6001 && turn < 200; turn++) {
    await turns(1);
    take();
  }
  await rig.flush();
  assert.equal(events, 6001);
});

test("watches of one stream whose queue fills within a slice all get everything", async () => {
  const rig = await Rig.open({ ...small, sessionQueueBytes: 200 });
  for (let i = 0; i < 5; i++) await apply(rig, put("k", `${i}`));
  const events = new Map<number, string[]>();
  const pump = (): void => {
    for (let one = session.next(); one !== undefined; one = session.next()) {
      const list = events.get(one.watchId) ?? [];
      events.set(one.watchId, list);
      for (const { kv } of one.events) list.push(`${kv?.value}`);
    }
  };
  const session = rig.hub.openWatch(pump);
  for (let i = 0; i < 4; i++) create(session, { key: b("k"), startRevision: 1 });
  pump();
  await turns(60);
  const all = ["0", "1", "2", "3", "4"];
  assert.deepEqual(
    [...events.entries()].sort(),
    [0, 1, 2, 3].map((id) => [id, all]),
  );
});

test("in a long queue revisions share a watch's response; what was taken is not touched", async () => {
  const rig = await Rig.open(small);
  const session = rig.hub.openWatch(() => {});
  const count = 70;
  for (let id = 0; id < count; id++) create(session, { key: b("a") });
  assert.equal(read(session).length, count);
  await apply(rig, put("a", "1"), put("b"), put("a", "2"));
  // Its queue was long once all had the first of them.
  assert.equal(show(session.next()!), "0@4 +a=1@2 +a=2@4");
  await apply(rig, put("a", "3"));
  cancel(session, 1);
  progress(session);
  await apply(rig, put("a", "4"));
  const lines = read(session);
  for (let id = 1; id < count; id++) {
    const own = lines.filter((line) => line.startsWith(`${id}@`));
    const events = own.flatMap((line) => line.match(/\+a=\d/g) ?? []).join(" ");
    assert.equal(events, `+a=1 +a=2 +a=3${id === 1 ? "" : " +a=4"}`, own.join("\n"));
  }
  assert.deepEqual(
    lines.filter((line) => line.startsWith("0@")),
    ["0@6 +a=3@5 +a=4@6"],
  );
  // Progress at 5 stands behind every event up to there.
  const told = lines.findIndex((line) => line.startsWith("-1@5"));
  assert.ok(lines.slice(0, told).filter((line) => line.includes("+a=3@5")).length === count);
  assert.ok(lines.includes("1@5 canceled"));
});
