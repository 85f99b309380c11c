// Watch: historic and live events, prev_kv, filters, progress, fragments, compaction, ids
// (facts: apply rules §4).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  b,
  createWatch,
  freshPrefix,
  interval,
  line,
  openWatch,
  plain,
  readEvents,
  revisionOf,
  type SettingOf,
  s,
} from "./setting.ts";
import { Wire } from "./wire.ts";

const NOPUT = 0;
const NODELETE = 1;

/** The cases of the Watch service. */
export function watchSuite(setting: SettingOf): void {
  const put = async (key: string, value: string): Promise<number> =>
    revisionOf(await setting().wire.kv.put({ key: b(key), value: b(value) }));
  const del = async (key: string): Promise<number> =>
    revisionOf(await setting().wire.kv.deleteRange({ key: b(key) }));
  const compact = (revision: number): Promise<unknown> =>
    setting().wire.kv.compact({ revision, physical: true });

  describe("Watch, events", () => {
    test("created has the current revision, the first free id and no events", async () => {
      const p = freshPrefix();
      const r = await put(`${p}a`, "1");
      const { stream, created } = await openWatch(setting().wire, interval(p));
      assert.equal(revisionOf(created), r);
      assert.equal(created.watchId, 0);
      assert.equal(created.canceled, false);
      assert.notEqual(created.header?.memberId, 0n);
      stream.cancel();
    });

    test("live puts and deletes, one answer a revision", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, interval(p));
      const r = revisionOf(created);
      await put(`${p}a`, "1");
      await put(`${p}a`, "2");
      await del(`${p}a`);
      for (const [i, expected] of ["PUT a=1 @1", "PUT a=2 @2", "DELETE a @3"].entries()) {
        const answer = await stream.next();
        assert.deepEqual(
          answer.events.map((event) => line(event, p, r)),
          [expected],
        );
        assert.equal(revisionOf(answer), r + i + 1, "a live answer has the revision of its events");
        assert.equal(answer.watchId, 0);
        assert.equal(answer.created, false);
      }
      stream.cancel();
    });

    test("an event has the whole pair", async () => {
      const p = freshPrefix();
      const { lease } = setting().wire;
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      const r = await put(`${p}a`, "1");
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      await setting().wire.kv.put({ key: b(`${p}a`), value: b("2"), lease: ID });
      const [event] = (await stream.next()).events;
      assert.deepEqual(plain(event?.kv), {
        key: `${p}a`,
        value: "2",
        create: r,
        mod: r + 1,
        version: 2,
        lease: ID,
      });
      assert.equal(event?.prevKv, undefined);
      stream.cancel();
      await lease.leaseRevoke({ ID });
    });

    test("a delete has key and mod_revision only", async () => {
      const p = freshPrefix();
      const r = await put(`${p}a`, "1");
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      await del(`${p}a`);
      const [event] = (await stream.next()).events;
      assert.equal(event?.type, 1);
      assert.deepEqual(plain(event?.kv), {
        key: `${p}a`,
        value: "",
        create: 0,
        mod: r + 1,
        version: 0,
        lease: 0n,
      });
      stream.cancel();
    });

    test("one key sees nothing of its neighbours", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, { key: b(`${p}b`) });
      await put(`${p}a`, "1");
      await put(`${p}ba`, "1");
      await put(`${p}b`, "1");
      assert.deepEqual(await readEvents(stream, 1, p, revisionOf(created)), ["PUT b=1 @3"]);
      stream.cancel();
    });

    test("an interval excludes its end", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, {
        key: b(`${p}b`),
        rangeEnd: b(`${p}d`),
      });
      for (const name of ["a", "b", "d", "c", "e", "bb"]) await put(p + name, "1");
      assert.deepEqual(await readEvents(stream, 3, p, revisionOf(created)), [
        "PUT b=1 @2",
        "PUT c=1 @4",
        "PUT bb=1 @6",
      ]);
      stream.cancel();
    });

    test("a range_end of one zero byte is every key from the key on", async () => {
      const p = `\x7f\x7f${freshPrefix()}`;
      const { stream, created } = await openWatch(setting().wire, {
        key: b(`${p}b`),
        rangeEnd: Buffer.from([0]),
      });
      await put(`${p}a`, "1");
      await put(`${p}c`, "1");
      assert.deepEqual(await readEvents(stream, 1, p, revisionOf(created)), ["PUT c=1 @2"]);
      stream.cancel();
      await setting().wire.kv.deleteRange(interval(p));
    });

    test("an empty key with one zero byte is every key", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, {
        key: b(""),
        rangeEnd: Buffer.from([0]),
      });
      await put(`${p}a`, "1");
      assert.deepEqual(await readEvents(stream, 1, p, revisionOf(created)), ["PUT a=1 @1"]);
      stream.cancel();
    });

    test("events of one txn come in one answer, in the order of the operations", async () => {
      const p = freshPrefix();
      await put(`${p}c`, "0");
      const { stream, created } = await openWatch(setting().wire, interval(p));
      await setting().wire.kv.txn({
        success: [
          { request: { $case: "requestPut", value: { key: b(`${p}b`), value: b("1") } } },
          { request: { $case: "requestDeleteRange", value: { key: b(`${p}c`) } } },
          { request: { $case: "requestPut", value: { key: b(`${p}a`), value: b("2") } } },
        ],
      });
      const answer = await stream.next();
      const lines = answer.events.map((event) => line(event, p, revisionOf(created)));
      assert.deepEqual(lines, ["PUT b=1 @1", "DELETE c @1", "PUT a=2 @1"]);
      stream.cancel();
    });

    test("history first, then live, nothing lost and nothing twice", async () => {
      const p = freshPrefix();
      const r = (await put(`${p}a`, "1")) - 1;
      await put(`${p}b`, "2");
      await del(`${p}a`);
      const { stream } = await openWatch(setting().wire, { ...interval(p), startRevision: r + 2 });
      await put(`${p}c`, "4");
      await put(`${p}c`, "5");
      assert.deepEqual(await readEvents(stream, 4, p, r), [
        "PUT b=2 @2",
        "DELETE a @3",
        "PUT c=4 @4",
        "PUT c=5 @5",
      ]);
      stream.cancel();
    });

    test("history begins exactly at the start revision", async () => {
      const p = freshPrefix();
      const r = (await put(`${p}a`, "1")) - 1;
      for (let i = 2; i <= 5; i++) await put(`${p}a`, String(i));
      for (let start = 1; start <= 5; start++) {
        const { stream } = await openWatch(setting().wire, {
          key: b(`${p}a`),
          startRevision: r + start,
        });
        const expected = Array.from(
          { length: 6 - start },
          (_, i) => `PUT a=${start + i} @${start + i}`,
        );
        assert.deepEqual(await readEvents(stream, expected.length, p, r), expected);
        stream.cancel();
      }
    });

    test("history of more than a thousand revisions is whole", async () => {
      const p = freshPrefix();
      const { kv } = setting().wire;
      const total = 1_200;
      const r = revisionOf(await kv.range({ key: b(p) }));
      const writes = Array.from({ length: total }, (_, i) =>
        kv.put({ key: b(`${p}k`), value: b(String(i)) }),
      );
      await Promise.all(writes);
      const { stream } = await openWatch(setting().wire, { key: b(`${p}k`), startRevision: r + 1 });
      const revisions: number[] = [];
      while (revisions.length < total) {
        for (const event of (await stream.next()).events) revisions.push(event.kv!.modRevision - r);
      }
      assert.deepEqual(
        revisions,
        Array.from({ length: total }, (_, i) => i + 1),
      );
      stream.cancel();
    });

    test("a start in the future gets nothing older", async () => {
      const p = freshPrefix();
      const r = await put(`${p}a`, "0");
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`), startRevision: r + 3 });
      for (let i = 1; i <= 4; i++) await put(`${p}a`, String(i));
      assert.deepEqual(await readEvents(stream, 2, p, r), ["PUT a=3 @3", "PUT a=4 @4"]);
      stream.cancel();
    });

    test("prev_kv: absent for a creation, the pair before for the rest", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, {
        key: b(`${p}a`),
        prevKv: true,
      });
      await put(`${p}a`, "1");
      await put(`${p}a`, "2");
      await del(`${p}a`);
      await put(`${p}a`, "4");
      const before: (string | undefined)[] = [];
      for (let i = 0; i < 4; i++) {
        const [event] = (await stream.next()).events;
        before.push(
          event?.prevKv === undefined
            ? undefined
            : line({ type: 0, kv: event.prevKv, prevKv: undefined }, p, revisionOf(created)),
        );
      }
      assert.deepEqual(before, [undefined, "PUT a=1 @1", "PUT a=2 @2", undefined]);
      stream.cancel();
    });

    test("prev_kv in history, absent where it was compacted", async () => {
      const p = freshPrefix();
      const r = (await put(`${p}a`, "1")) - 1;
      for (let i = 2; i <= 4; i++) await put(`${p}a`, String(i));
      await compact(r + 3);
      const { stream } = await openWatch(setting().wire, {
        key: b(`${p}a`),
        prevKv: true,
        startRevision: r + 3,
      });
      const values: string[] = [];
      while (values.length < 2) {
        for (const event of (await stream.next()).events) {
          values.push(event.prevKv === undefined ? "none" : s(event.prevKv.value));
        }
      }
      assert.deepEqual(values, ["none", "3"]);
      stream.cancel();
    });

    for (const [filters, expected] of [
      [[NOPUT], ["DELETE a @2", "DELETE a @4"]],
      [[NODELETE], ["PUT a=1 @1", "PUT a=3 @3"]],
    ] as const) {
      test(`filter ${filters[0] === NOPUT ? "NOPUT" : "NODELETE"}, live and in history`, async () => {
        const p = freshPrefix();
        const live = await openWatch(setting().wire, { key: b(`${p}a`), filters: [...filters] });
        const r = revisionOf(live.created);
        await put(`${p}a`, "1");
        await del(`${p}a`);
        await put(`${p}a`, "3");
        await del(`${p}a`);
        assert.deepEqual(await readEvents(live.stream, 2, p, r), expected);
        live.stream.cancel();
        const old = await openWatch(setting().wire, {
          key: b(`${p}a`),
          filters: [...filters],
          startRevision: r + 1,
        });
        assert.deepEqual(await readEvents(old.stream, 2, p, r), expected);
        old.stream.cancel();
      });
    }

    test("both filters leave nothing, and the other watch of the stream goes on", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, {
        key: b(`${p}a`),
        filters: [NOPUT, NODELETE],
      });
      const second = await createWatch(stream, { key: b(`${p}b`) });
      await put(`${p}a`, "1");
      await del(`${p}a`);
      await put(`${p}b`, "1");
      const answer = await stream.next();
      assert.equal(answer.watchId, second.watchId);
      assert.deepEqual(
        answer.events.map((event) => line(event, p, revisionOf(created))),
        ["PUT b=1 @3"],
      );
      stream.cancel();
    });

    test("an attempt to write that changes nothing is no event", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, interval(p));
      await del(`${p}none`);
      await put(`${p}a`, "1");
      assert.deepEqual(await readEvents(stream, 1, p, revisionOf(created)), ["PUT a=1 @1"]);
      stream.cancel();
    });
  });

  describe("Watch, ids and endings", () => {
    test("ids count up from 0, and each answer names its own", async () => {
      const p = freshPrefix();
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      assert.equal((await createWatch(stream, { key: b(`${p}b`) })).watchId, 1);
      assert.equal((await createWatch(stream, { key: b(`${p}c`) })).watchId, 2);
      await put(`${p}c`, "1");
      assert.equal((await stream.next()).watchId, 2);
      await put(`${p}a`, "1");
      assert.equal((await stream.next()).watchId, 0);
      stream.cancel();
    });

    test("a given id is used, and skipped by the counter", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, { key: b(`${p}a`), watchId: 1 });
      assert.equal(created.watchId, 1);
      assert.equal((await createWatch(stream, { key: b(`${p}b`) })).watchId, 0);
      assert.equal((await createWatch(stream, { key: b(`${p}c`) })).watchId, 2);
      stream.cancel();
    });

    test("an id in use is refused and harms nothing", async () => {
      const p = freshPrefix();
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`), watchId: 7 });
      const second = await createWatch(stream, { key: b(`${p}b`), watchId: 7 });
      assert.equal(second.watchId, -1);
      assert.equal(second.canceled, true);
      assert.equal(second.cancelReason, "mvcc: duplicate watch ID provided on the WatchStream");
      await put(`${p}b`, "1");
      await put(`${p}a`, "1");
      const answer = await stream.next();
      assert.equal(answer.watchId, 7);
      assert.equal(s(answer.events[0]?.kv?.key), `${p}a`);
      stream.cancel();
    });

    test("several watches of one key each get the event", async () => {
      const p = freshPrefix();
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      await createWatch(stream, interval(p));
      await put(`${p}a`, "1");
      const ids = [(await stream.next()).watchId, (await stream.next()).watchId];
      assert.deepEqual(ids.sort(), [0, 1]);
      stream.cancel();
    });

    for (const rangeEnd of ["b", "a"]) {
      test(`an end ${rangeEnd === "b" ? "equal to" : "before"} the key is refused`, async () => {
        const p = freshPrefix();
        const { stream, created } = await openWatch(setting().wire, {
          key: b(`${p}b`),
          rangeEnd: b(p + rangeEnd),
        });
        assert.equal(created.canceled, true);
        assert.equal(created.watchId, -1);
        assert.equal(created.cancelReason, "mvcc: watcher range is empty");
        stream.cancel();
      });
    }

    test("a negative start is refused", async () => {
      const { stream, created } = await openWatch(setting().wire, {
        key: b("a"),
        startRevision: -1,
      });
      assert.equal(created.canceled, true);
      assert.equal(created.watchId, -1);
      assert.equal(created.cancelReason, "etcdserver: mvcc: required revision has been compacted");
      stream.cancel();
    });

    test("a cancelled watch is answered, is silent, and leaves the others", async () => {
      const p = freshPrefix();
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      await createWatch(stream, { key: b(`${p}b`) });
      stream.send({ requestUnion: { $case: "cancelRequest", value: { watchId: 0 } } });
      const canceled = await stream.next();
      assert.equal(canceled.canceled, true);
      assert.equal(canceled.watchId, 0);
      assert.equal(canceled.cancelReason, "");
      assert.equal(canceled.compactRevision, 0);
      assert.ok(revisionOf(canceled) > 0);
      await put(`${p}a`, "1");
      await put(`${p}b`, "1");
      assert.equal((await stream.next()).watchId, 1);
      stream.cancel();
    });

    test("an unknown id to cancel is not answered", async () => {
      const p = freshPrefix();
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`) });
      stream.send({ requestUnion: { $case: "cancelRequest", value: { watchId: 55 } } });
      assert.equal(
        (await createWatch(stream, { key: b(`${p}b`) })).watchId,
        1,
        "the next answer is to the next request",
      );
      stream.cancel();
    });

    test("a request without content is not answered", async () => {
      const p = freshPrefix();
      const stream = setting().wire.watch();
      stream.send({});
      assert.equal((await createWatch(stream, { key: b(`${p}a`) })).watchId, 0);
      stream.cancel();
    });

    test("below the compacted revision: created, then cancelled with the revision", async () => {
      const p = freshPrefix();
      const r = await put(`${p}a`, "1");
      await put(`${p}a`, "2");
      await compact(r + 1);
      const { stream, created } = await openWatch(setting().wire, {
        key: b(`${p}a`),
        startRevision: r,
      });
      assert.equal(created.canceled, false);
      const canceled = await stream.next();
      assert.equal(canceled.canceled, true);
      assert.equal(canceled.watchId, created.watchId);
      assert.equal(canceled.compactRevision, r + 1);
      assert.equal(canceled.header?.revision ?? 0, 0);
      assert.deepEqual(canceled.events, []);
      stream.cancel();
    });

    test("at the compacted revision itself: the events that are kept", async () => {
      const p = freshPrefix();
      const r = await put(`${p}a`, "1");
      await put(`${p}a`, "2");
      await put(`${p}a`, "3");
      await compact(r + 1);
      const { stream } = await openWatch(setting().wire, { key: b(`${p}a`), startRevision: r + 1 });
      assert.deepEqual(await readEvents(stream, 2, p, r), ["PUT a=2 @1", "PUT a=3 @2"]);
      stream.cancel();
    });

    test("a client that says no more still gets events", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, { key: b(`${p}a`) });
      stream.finish();
      await put(`${p}a`, "1");
      assert.deepEqual(await readEvents(stream, 1, p, revisionOf(created)), ["PUT a=1 @1"]);
      stream.cancel();
    });
  });

  describe("Watch, progress and fragments", () => {
    test("a client that does not read costs little, holds up nobody, and misses nothing", async () => {
      const p = freshPrefix();
      const { cluster, wire } = setting();
      const { clientUrl, endpoint } = cluster.members[0]!;
      const apart = new Wire(endpoint);
      const slow = await openWatch(apart, { key: b(`${p}a`) });
      const base = revisionOf(slow.created);
      slow.stream.hold(true);
      const fast = await openWatch(wire, { key: b(`${p}a`) });
      const count = 200;
      const value = Buffer.alloc(60_000, "v");
      const puts = Array.from({ length: count }, () => wire.kv.put({ key: b(`${p}a`), value }));
      await Promise.all(puts);
      const revisions = async ({ stream }: typeof fast): Promise<number[]> => {
        const seen: number[] = [];
        while (seen.length < count)
          for (const { kv } of (await stream.next()).events) seen.push(kv!.modRevision - base);
        return seen;
      };
      const all = Array.from({ length: count }, (_, i) => i + 1);
      assert.deepEqual(await revisions(fast), all);
      const page = await (await fetch(`${clientUrl}/metrics`)).text();
      const metric = (name: string): number =>
        Number(new RegExp(`^etcd_debugging_mvcc_${name} (\\S+)$`, "m").exec(page)?.[1]);
      // 12 MB were written: what is not read waits in the history, and not for this client.
      assert.ok(metric("pending_events_total") < 150, `${metric("pending_events_total")} wait`);
      // A proxy reads for its clients: the member has no slow one.
      if (cluster.isProxied !== true) assert.ok(metric("slow_watcher_total") >= 1);
      slow.stream.hold(false);
      assert.deepEqual(await revisions(slow), all);
      for (const { stream } of [slow, fast]) stream.cancel();
      apart.close();
    });

    test("asked for, progress comes after every event it covers", async () => {
      const p = freshPrefix();
      const { stream, created } = await openWatch(setting().wire, { key: b(`${p}a`) });
      const base = revisionOf(created);
      let r = base;
      for (let i = 0; i < 20; i++) r = await put(`${p}a`, String(i));
      // The watch may still be catching up, and a request made then is not answered: ask until it is.
      const ask = (): void =>
        stream.send({ requestUnion: { $case: "progressRequest", value: {} } });
      ask();
      const beat = setting().cluster.clock.every(200, ask);
      let events = 0;
      for (;;) {
        const answer = await stream.next();
        if (answer.events.length === 0) {
          assert.equal(answer.watchId, -1);
          assert.equal(answer.canceled, false);
          assert.equal(
            events,
            revisionOf(answer) - base,
            "all events up to its revision came before",
          );
          if (revisionOf(answer) === r) break;
        }
        events += answer.events.length;
      }
      beat.cancel();
      stream.cancel();
    });

    test("fragment: a large revision comes in parts, all but the last say so", async () => {
      const p = freshPrefix();
      const { kv } = setting().wire;
      const value = Buffer.alloc(1_000_000, "v");
      for (const name of ["a", "b", "c", "d"]) await kv.put({ key: b(p + name), value });
      const whole = await openWatch(setting().wire, { ...interval(p), prevKv: true });
      const parts = await openWatch(setting().wire, {
        ...interval(p),
        prevKv: true,
        fragment: true,
      });
      await kv.deleteRange(interval(p));
      assert.equal(
        (await whole.stream.next()).events.length,
        4,
        "unasked, a revision is never split",
      );
      const seen: string[] = [];
      const marks: boolean[] = [];
      while (seen.length < 4) {
        const answer = await parts.stream.next();
        marks.push(answer.fragment);
        for (const event of answer.events) seen.push(s(event.kv?.key).slice(p.length));
      }
      assert.deepEqual(seen, ["a", "b", "c", "d"]);
      assert.ok(marks.length > 1, "it was split");
      assert.deepEqual(
        marks,
        marks.map((_, i) => i < marks.length - 1),
      );
      whole.stream.cancel();
      parts.stream.cancel();
    });
  });
}
