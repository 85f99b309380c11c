import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { text, utf8 } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import type { Bucket, StateBatch } from "#base/state-batch.ts";
import { isEtcdError } from "#proto/errors.ts";
import { Lessor, maxTtlSeconds, minTtlSeconds } from "#server/lease/lessor.ts";

/** What the batches of a test wrote to bucket lease. */
class Records implements StateBatch {
  readonly byKey = new Map<string, Uint8Array>();

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    assert.equal(bucket, "lease");
    this.byKey.set(Buffer.from(key).toString("hex"), value);
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    assert.equal(bucket, "lease");
    this.byKey.delete(Buffer.from(key).toString("hex"));
  }

  entries(): (readonly [Uint8Array, Uint8Array])[] {
    return [...this.byKey].map(([key, value]) => [Buffer.from(key, "hex"), value] as const);
  }
}

const id = (n: number) => BigInt(n) as LeaseId;
const newLessor = () => new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });

test("the least TTL is one and a half elections in whole seconds", () => {
  const rows = [
    [10, 100, 2],
    [5, 100, 1],
    [50, 100, 8],
    [500, 100, 75],
    [10, 1000, 15],
  ] as const;
  for (const [ticks, heartbeatMs, want] of rows) {
    assert.equal(minTtlSeconds(ticks, heartbeatMs), want, `${ticks} ticks of ${heartbeatMs} ms`);
  }
});

test("grant: what is stored and what is refused", () => {
  const rows = [
    { id: 1n, ttl: 60, stored: 60 },
    { id: 2n, ttl: 1, stored: 2 },
    { id: 3n, ttl: 0, stored: 2 },
    { id: 4n, ttl: -5, stored: 2 },
    { id: 5n, ttl: maxTtlSeconds, stored: maxTtlSeconds },
    { id: -6n, ttl: 9, stored: 9 },
    { id: 7n, ttl: maxTtlSeconds + 1, error: "leaseTtlTooLarge" },
    { id: 0n, ttl: 10, error: "leaseNotFound" },
    { id: 1n, ttl: 10, error: "leaseExists" },
    { id: 1n, ttl: maxTtlSeconds + 1, error: "leaseTtlTooLarge" },
  ] as const;
  const lessor = newLessor();
  const records = new Records();
  for (const row of rows) {
    const grant = () => lessor.grant(records, row.id as LeaseId, row.ttl, 0);
    if ("error" in row) {
      assert.throws(grant, (thrown) => isEtcdError(thrown, row.error), `${row.id} ${row.ttl}`);
    } else {
      assert.equal(grant(), row.stored, `${row.id} ${row.ttl}`);
    }
  }
  assert.equal(lessor.count, 6);
});

test("records are etcd's: eight bytes big-endian, leasepb.Lease", () => {
  const lessor = newLessor();
  const records = new Records();
  lessor.grant(records, 0x1234n as LeaseId, 60, 0);
  lessor.checkpoint(records, 0x1234n as LeaseId, 17, true, 0);
  assert.deepEqual(
    [...records.byKey].map(([key, value]) => [key, Buffer.from(value).toString("hex")]),
    [["0000000000001234", "08b424103c1811"]],
  );
  lessor.revoke(records, 0x1234n as LeaseId);
  assert.equal(records.byKey.size, 0);
});

test("revoke gives the keys in bytewise order and forgets the lease", () => {
  const lessor = newLessor();
  const records = new Records();
  lessor.grant(records, id(1), 10, 0);
  const keys = [utf8("b"), Uint8Array.of(0xff), utf8("ä"), utf8("a"), utf8("ab"), Uint8Array.of(0)];
  for (const key of keys) lessor.attach(id(1), key);
  lessor.detach(id(1), utf8("a"));
  lessor.detach(id(9), utf8("a"));
  const got = lessor.revoke(records, id(1)).map((key) => Buffer.from(key).toString("hex"));
  assert.deepEqual(got, ["00", "6162", "62", "c3a4", "ff"]);
  assert.equal(lessor.exists(id(1)), false);
  const missing = (run: () => unknown) =>
    assert.throws(run, (thrown) => isEtcdError(thrown, "leaseNotFound"));
  missing(() => lessor.revoke(records, id(1)));
  missing(() => lessor.attach(id(1), utf8("a")));
});

test("attached keys are copies", () => {
  const lessor = newLessor();
  lessor.grant(new Records(), id(1), 10, 0);
  const key = utf8("key");
  lessor.attach(id(1), key);
  key.fill(0);
  assert.deepEqual(lessor.keysOf(id(1))?.map(text), ["key"]);
});

test("only a primary counts, renews and expires", () => {
  const lessor = newLessor();
  const records = new Records();
  lessor.grant(records, id(1), 10, 0);
  assert.deepEqual(lessor.renew(id(1), 0), { kind: "not-primary" });
  assert.deepEqual(lessor.expired(1e9, 500), []);
  assert.equal(lessor.view(id(1), 1e9)?.remainingSeconds, undefined);

  lessor.promote(1000, 1500);
  assert.equal(lessor.view(id(1), 1000)?.remainingSeconds, 11);
  assert.deepEqual(lessor.expired(1000 + 11_499, 500), []);
  assert.deepEqual(lessor.expired(1000 + 11_500, 500), [id(1)]);
  assert.deepEqual(lessor.renew(id(1), 1000 + 11_500), { kind: "expired" });

  lessor.demote();
  assert.deepEqual(lessor.expired(1e9, 500), []);
  lessor.promote(2e9, 0);
  const renewed = { kind: "renewed", ttlSeconds: 10, clearCheckpoint: false };
  assert.deepEqual(lessor.renew(id(1), 2e9 + 9999), renewed);
  assert.deepEqual(lessor.expired(2e9 + 19_998, 500), []);
  assert.deepEqual(lessor.expired(2e9 + 19_999, 500), [id(1)]);
  assert.deepEqual(lessor.renew(id(2), 0), { kind: "not-found" });
});

test("a grant on a primary counts from then, without extension", () => {
  const lessor = newLessor();
  lessor.promote(0, 5000);
  lessor.grant(new Records(), id(1), 3, 10_000);
  assert.deepEqual(lessor.expired(12_999, 1), []);
  assert.deepEqual(lessor.expired(13_000, 1), [id(1)]);
});

test("an expired lease is named again only after the retry time", () => {
  const lessor = newLessor();
  lessor.promote(0, 0);
  lessor.grant(new Records(), id(1), 2, 0);
  assert.deepEqual(lessor.expired(2000, 500), [id(1)]);
  assert.deepEqual(lessor.expired(2000, 500), []);
  assert.deepEqual(lessor.expired(8999, 500), []);
  assert.deepEqual(lessor.expired(9000, 500), [id(1)]);
  assert.deepEqual(lessor.renew(id(1), 9000), { kind: "expired" });
});

test("expired names the first ended first, and no more than asked for", () => {
  const lessor = newLessor();
  const records = new Records();
  lessor.promote(0, 0);
  for (const ttl of [9, 4, 7, 3, 8]) lessor.grant(records, id(ttl), ttl, 0);
  assert.deepEqual(lessor.expired(7000, 2), [id(3), id(4)]);
  assert.deepEqual(lessor.expired(7000, 2), [id(7)]);
  assert.deepEqual(
    lessor.list().map((lease) => [lease, lessor.view(lease, 7000)?.remainingSeconds]),
    [
      [id(3), -4],
      [id(4), -3],
      [id(7), 0],
      [id(8), 1],
      [id(9), 2],
    ],
  );
});

test("a checkpoint is where the next leader counts from; a renewal takes the full TTL", () => {
  const lessor = newLessor();
  const records = new Records();
  lessor.grant(records, id(1), 600, 0);
  lessor.checkpoint(records, id(1), 100, true, 0);
  lessor.checkpoint(records, id(2), 100, true, 0);
  const next = newLessor();
  next.load(records.entries());
  next.promote(0, 0);
  assert.equal(next.view(id(1), 0)?.remainingSeconds, 100);
  assert.equal(next.view(id(1), 0)?.grantedTtlSeconds, 600);
  assert.deepEqual(next.renew(id(1), 0), {
    kind: "renewed",
    ttlSeconds: 600,
    clearCheckpoint: true,
  });
  assert.equal(next.view(id(1), 0)?.remainingSeconds, 600);

  lessor.checkpoint(records, id(1), 50, false, 0);
  const third = newLessor();
  third.load(records.entries());
  third.promote(0, 0);
  assert.equal(third.view(id(1), 0)?.remainingSeconds, 100, "not persisted, so the earlier one");
});

test("load raises short TTLs and drops what was there", () => {
  const wide = new Lessor({ minTtlSeconds: 1, expiredRetryMs: 1 });
  const records = new Records();
  wide.grant(records, id(1), 1, 0);
  const lessor = newLessor();
  lessor.grant(new Records(), id(5), 10, 0);
  lessor.promote(0, 0);
  lessor.load(records.entries());
  assert.equal(lessor.isPrimary, false);
  assert.equal(lessor.exists(id(5)), false);
  assert.equal(lessor.view(id(1), 0)?.grantedTtlSeconds, 2);
});

test("who waits for an expired lease hears of its revocation, and of lost leadership", () => {
  const lessor = newLessor();
  const records = new Records();
  const heard: string[] = [];
  lessor.promote(0, 0);
  lessor.grant(records, id(1), 2, 0);
  lessor.grant(records, id(2), 2, 0);
  lessor.onSettled(id(1), () => heard.push("1"));
  lessor.onSettled(id(2), () => heard.push("2"));
  lessor.onSettled(id(3), () => heard.push("3"));
  assert.deepEqual(heard, ["3"]);
  lessor.revoke(records, id(1));
  assert.deepEqual(heard, ["3", "1"]);
  lessor.demote();
  lessor.demote();
  assert.deepEqual(heard, ["3", "1", "2"]);
});

test("a new leader spreads many leases over time", () => {
  for (const count of [999, 1000, 5000]) {
    const lessor = newLessor();
    const records = new Records();
    for (let n = 1; n <= count; n++) lessor.grant(records, id(n), 30, 0);
    lessor.promote(0, 1000);
    const perSecond = new Map<number, number>();
    for (let second = 0; lessor.count > 0 && second < 60; second++) {
      const ids = lessor.expired(second * 1000, count);
      if (ids.length > 0) perSecond.set(second, ids.length);
      for (const one of ids) lessor.revoke(records, one);
    }
    assert.equal(lessor.count, 0);
    const most = Math.max(...perSecond.values());
    if (count < 1000) assert.deepEqual([...perSecond], [[31, count]]);
    else assert.ok(most <= 751, `${most} in one second of ${count}`);
  }
});

/** Checkpoints each 300 s, as in etcd. */
const checkpointed = () =>
  new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000, checkpointMs: 300_000 });
const s = 1000;

test("checkpoints: of leases longer than the interval, each interval, until little is left", () => {
  const lessor = checkpointed();
  const records = new Records();
  lessor.promote(0, 0);
  lessor.grant(records, id(1), 1000, 0);
  lessor.grant(records, id(2), 300, 0);
  lessor.grant(records, id(3), 301, 0);
  const due = (nowMs: number, max = 1000) =>
    lessor.dueCheckpoints(nowMs, max).map((one) => `${one.ID}: ${one.remainingTTL}`);
  assert.deepEqual(due(299 * s), []);
  assert.deepEqual(due(300 * s, 1), ["1: 700"], "no more than asked for");
  assert.deepEqual(due(300 * s), ["3: 1"]);
  assert.deepEqual(due(300 * s), [], "named once");
  lessor.checkpoint(records, id(1), 700, true, 301 * s);
  assert.deepEqual(due(600 * s), []);
  assert.deepEqual(due(601 * s), ["1: 399"]);
  assert.deepEqual(due(901 * s), ["1: 99"], "the one before was lost");
  lessor.checkpoint(records, id(1), 99, true, 902 * s);
  assert.deepEqual(due(1e9), [], "less than an interval is left");
});

test("checkpoints: a renewed lease is not noted, and a renewal clears what was noted or is under way", () => {
  const lessor = checkpointed();
  const records = new Records();
  lessor.promote(0, 0);
  lessor.grant(records, id(1), 600, 0);
  const renew = (nowMs: number) => {
    const renewal = lessor.renew(id(1), nowMs);
    return renewal.kind === "renewed" ? renewal.clearCheckpoint : renewal.kind;
  };
  assert.equal(renew(300 * s), false);
  assert.deepEqual(lessor.dueCheckpoints(300 * s, 10), [], "all of it is left");
  assert.equal(lessor.dueCheckpoints(600 * s, 10).length, 1, "looked at an interval later");
  assert.equal(renew(600 * s), true, "the one under way would be applied behind it");
  lessor.checkpoint(records, id(1), 300, true, 600 * s);
  assert.equal(renew(601 * s), true);
  lessor.checkpoint(records, id(1), 0, true, 601 * s);
  assert.equal(renew(602 * s), false);
});

test("checkpoints: none on a member that is not primary, of a revoked lease, or if switched off", () => {
  const lessor = checkpointed();
  const records = new Records();
  lessor.grant(records, id(1), 600, 0);
  lessor.grant(records, id(2), 600, 0);
  assert.deepEqual(lessor.dueCheckpoints(1e9, 10), []);
  lessor.promote(0, 1000);
  lessor.revoke(records, id(2));
  assert.deepEqual(
    lessor.dueCheckpoints(400 * s, 10).map((one) => [one.ID, one.remainingTTL]),
    [[id(1), 201]],
  );
  lessor.demote();
  assert.deepEqual(lessor.dueCheckpoints(1e9, 10), []);
  lessor.promote(400 * s, 0);
  assert.equal(lessor.dueCheckpoints(700 * s, 10).length, 1, "forgotten with the leadership");
  const off = newLessor();
  off.promote(0, 0);
  off.grant(new Records(), id(1), 6000, 0);
  assert.deepEqual(off.dueCheckpoints(1e9, 10), []);
});

test("a promotion in slices: primary from the first, and what happens meanwhile stands", () => {
  const count = 25_000;
  const lessor = newLessor();
  const records = new Records();
  for (let n = 1; n <= count; n++) lessor.grant(records, id(n), n % 2 === 0 ? 600 : 900, 0);
  const steps = lessor.promoting(0, 1000);
  assert.equal(steps.next().done, false);
  assert.equal(lessor.isPrimary, true);
  assert.deepEqual(lessor.expired(1e9, 10), [], "none has an end yet");
  assert.equal(lessor.view(id(2), 1000)?.remainingSeconds, 600);
  assert.equal(lessor.renew(id(4), 5000).kind, "renewed");
  lessor.revoke(records, id(6));
  lessor.grant(records, id(count + 1), 2, 5000);
  let slices = 1;
  while (!steps.next().done) slices++;
  assert.equal(slices, 5, "two looks at each lease");
  assert.equal(lessor.view(id(2), 1000)?.remainingSeconds, 600);
  assert.equal(lessor.view(id(4), 5000)?.remainingSeconds, 600, "from its renewal");
  assert.equal(lessor.exists(id(6)), false);
  assert.deepEqual(lessor.expired(7000, 10), [id(count + 1)]);
  const ends = new Set<bigint>();
  for (let at = 0; at < 2_000_000; at += 10_000) {
    for (const one of lessor.expired(at, count)) {
      ends.add(one);
      lessor.revoke(records, one);
    }
  }
  assert.equal(ends.size, count, "every lease ends but the one that was revoked");

  const other = newLessor();
  other.load(records.entries());
  const early = other.promoting(0, 0);
  early.next();
  other.demote();
  assert.equal(early.next().done, true);
  assert.deepEqual(other.expired(1e9, 10), []);
});

/** The same rules, written without any structure: what the lessor must agree with. */
class Model {
  readonly leases = new Map<
    LeaseId,
    { ttl: number; ends: number; order: number; keys: Set<string> }
  >();
  ordered = 0;
  primary = false;

  ended(nowMs: number): LeaseId[] {
    return [...this.leases]
      .filter(([, lease]) => lease.ends <= nowMs)
      .map(([lease]) => lease)
      .sort((a, b) => (a < b ? -1 : 1));
  }
}

test("agrees with a naive model", () => {
  const leaseIds = fc.integer({ min: 1, max: 12 }).map(id);
  const step = fc.oneof(
    fc.record({ do: fc.constant("grant" as const), id: leaseIds, ttl: fc.integer({ max: 40 }) }),
    fc.record({ do: fc.constant("revoke" as const), id: leaseIds }),
    fc.record({ do: fc.constant("renew" as const), id: leaseIds }),
    fc.record({
      do: fc.constant("attach" as const),
      id: leaseIds,
      key: fc.string({ maxLength: 2 }),
    }),
    fc.record({
      do: fc.constant("detach" as const),
      id: leaseIds,
      key: fc.string({ maxLength: 2 }),
    }),
    fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 15_000 }) }),
    fc.record({ do: fc.constant("promote" as const), extend: fc.integer({ min: 0, max: 2000 }) }),
    fc.record({ do: fc.constant("demote" as const) }),
    fc.record({ do: fc.constant("restart" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const records = new Records();
      const model = new Model();
      // A retry of 1 ms makes `expired` name everything that has ended, as the model does.
      const make = () => new Lessor({ minTtlSeconds: 2, expiredRetryMs: 1 });
      let lessor = make();
      let now = 0;
      for (const one of steps) {
        const known = "id" in one ? model.leases.get(one.id) : undefined;
        switch (one.do) {
          case "grant":
            if (known !== undefined) {
              assert.throws(() => lessor.grant(records, one.id, one.ttl, now));
            } else {
              const ttl = Math.max(2, one.ttl);
              assert.equal(lessor.grant(records, one.id, one.ttl, now), ttl);
              const ends = model.primary ? now + ttl * 1000 : Number.POSITIVE_INFINITY;
              model.leases.set(one.id, { ttl, ends, order: model.ordered++, keys: new Set() });
            }
            break;
          case "revoke":
            if (known === undefined) assert.throws(() => lessor.revoke(records, one.id));
            else {
              const want = [...known.keys].map((key) => utf8(key)).sort(Buffer.compare);
              assert.deepEqual(lessor.revoke(records, one.id).map(text), want.map(text));
              model.leases.delete(one.id);
            }
            break;
          case "renew": {
            const got = lessor.renew(one.id, now).kind;
            if (!model.primary) assert.equal(got, "not-primary");
            else if (known === undefined) assert.equal(got, "not-found");
            else if (known.ends <= now) assert.equal(got, "expired");
            else {
              assert.equal(got, "renewed");
              known.ends = now + known.ttl * 1000;
              known.order = model.ordered++;
            }
            break;
          }
          case "attach":
            if (known === undefined) assert.throws(() => lessor.attach(one.id, utf8(one.key)));
            else {
              lessor.attach(one.id, utf8(one.key));
              known.keys.add(one.key);
            }
            break;
          case "detach":
            lessor.detach(one.id, utf8(one.key));
            known?.keys.delete(one.key);
            break;
          case "wait":
            now += one.ms;
            break;
          case "promote":
            lessor.promote(now, one.extend);
            model.primary = true;
            for (const lease of model.leases.values()) {
              lease.ends = now + one.extend + lease.ttl * 1000;
              lease.order = model.ordered++;
            }
            break;
          case "demote":
            lessor.demote();
            model.primary = false;
            for (const lease of model.leases.values()) lease.ends = Number.POSITIVE_INFINITY;
            break;
          case "restart": {
            lessor = make();
            lessor.load(records.entries());
            model.primary = false;
            for (const [lease, state] of model.leases) {
              state.ends = Number.POSITIVE_INFINITY;
              for (const key of state.keys) lessor.attach(lease, utf8(key));
            }
            break;
          }
        }
        now += 2;
        const named = lessor.expired(now, 1000).sort((a, b) => (a < b ? -1 : 1));
        assert.deepEqual(named, model.ended(now));
        assert.equal(lessor.count, model.leases.size);
        assert.equal(records.byKey.size, model.leases.size);
        const inOrder = [...model.leases].sort(
          ([a, x], [b, y]) =>
            (x.ends === y.ends ? 0 : x.ends - y.ends) ||
            (x.ends === Number.POSITIVE_INFINITY ? (a < b ? -1 : 1) : x.order - y.order),
        );
        assert.deepEqual(
          lessor.list(),
          inOrder.map(([lease]) => lease),
        );
        for (const [lease, state] of model.leases) {
          const want = [...state.keys].map((key) => utf8(key)).sort(Buffer.compare);
          assert.deepEqual(lessor.keysOf(lease)?.map(text), want.map(text));
        }
      }
    }),
    { numRuns: 300 },
  );
});
