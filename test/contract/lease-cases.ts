// Leases: grant, revoke, keep-alive, time to live, list, expiry (facts: apply rules §5).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  b,
  freshPrefix,
  interval,
  openWatch,
  readEvents,
  refuses,
  revisionOf,
  type SettingOf,
  s,
} from "./setting.ts";

const NOT_FOUND = "etcdserver: requested lease not found";
/** No lease has it: IDs that servers pick are far larger. */
const UNKNOWN = 0x7edcn;

/** The cases of the Lease service. */
export function leaseSuite(setting: SettingOf): void {
  describe("Lease", () => {
    test("the server picks an ID, positive and new", async () => {
      const { lease } = setting().wire;
      const first = await lease.leaseGrant({ TTL: 600 });
      const second = await lease.leaseGrant({ TTL: 600 });
      assert.ok(first.ID > 0n && second.ID > 0n && first.ID !== second.ID);
      assert.equal(first.TTL, 600);
      assert.equal(first.error, "");
      assert.ok(revisionOf(first) > 0);
      await lease.leaseRevoke({ ID: first.ID });
      await lease.leaseRevoke({ ID: second.ID });
    });

    test("a given ID is kept, all 63 bits of it", async () => {
      const { lease } = setting().wire;
      const ID = 0x7fffffffffffffffn;
      assert.equal((await lease.leaseGrant({ TTL: 600, ID })).ID, ID);
      assert.equal((await lease.leaseTimeToLive({ ID })).grantedTTL, 600);
      await lease.leaseRevoke({ ID });
    });

    test("an ID in use is refused", async () => {
      const { lease } = setting().wire;
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await refuses(lease.leaseGrant({ TTL: 600, ID }), 9, "etcdserver: lease already exists");
      await lease.leaseRevoke({ ID });
      assert.equal(
        (await lease.leaseGrant({ TTL: 600, ID })).ID,
        ID,
        "a revoked ID can be used again",
      );
      await lease.leaseRevoke({ ID });
    });

    test("a TTL above nine thousand million is refused", async () => {
      const { lease } = setting().wire;
      await refuses(
        lease.leaseGrant({ TTL: 9_000_000_001 }),
        11,
        "etcdserver: too large lease TTL",
      );
      const { ID, TTL } = await lease.leaseGrant({ TTL: 9_000_000_000 });
      assert.equal(TTL, 9_000_000_000);
      await lease.leaseRevoke({ ID });
    });

    for (const TTL of [-5, 0, 1]) {
      test(`a TTL of ${TTL} is raised to the least, 2`, async () => {
        const { lease } = setting().wire;
        const granted = await lease.leaseGrant({ TTL });
        assert.equal(granted.TTL, 2);
        assert.equal((await lease.leaseTimeToLive({ ID: granted.ID })).grantedTTL, 2);
        await lease.leaseRevoke({ ID: granted.ID });
      });
    }

    test("a grant and a revoke without keys make no revision", async () => {
      const { kv, lease } = setting().wire;
      const r = revisionOf(await kv.put({ key: b(`${freshPrefix()}a`), value: b("1") }));
      const granted = await lease.leaseGrant({ TTL: 600 });
      assert.equal(revisionOf(granted), r);
      assert.equal(revisionOf(await lease.leaseRevoke({ ID: granted.ID })), r);
    });

    test("a revoke deletes the keys in one revision, in key order", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      const { ID } = await wire.lease.leaseGrant({ TTL: 600 });
      for (const name of ["c", "a", "b"]) {
        await wire.kv.put({ key: b(p + name), value: b("1"), lease: ID });
      }
      const r = revisionOf(await wire.kv.put({ key: b(`${p}free`), value: b("1") }));
      const { stream } = await openWatch(wire, interval(p));
      await wire.lease.leaseRevoke({ ID });
      const events = await readEvents(stream, 3, p, r);
      assert.deepEqual(events, ["DELETE a @1", "DELETE b @1", "DELETE c @1"]);
      stream.cancel();
      const left = await wire.kv.range(interval(p));
      assert.equal(left.count, 1);
      assert.equal(revisionOf(left), r + 1);
    });

    test("a revoke of an unknown lease is refused", async () => {
      const { lease } = setting().wire;
      await refuses(lease.leaseRevoke({ ID: UNKNOWN }), 5, NOT_FOUND);
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await lease.leaseRevoke({ ID });
      await refuses(lease.leaseRevoke({ ID }), 5, NOT_FOUND);
    });

    test("time to live: granted, left, and the keys if asked", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}b`), value: b("1"), lease: ID });
      await kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      const without = await lease.leaseTimeToLive({ ID });
      assert.equal(without.ID, ID);
      assert.equal(without.grantedTTL, 600);
      assert.ok(without.TTL > 500 && without.TTL <= 600, `TTL ${without.TTL}`);
      assert.deepEqual(without.keys, []);
      const withKeys = await lease.leaseTimeToLive({ ID, keys: true });
      assert.deepEqual(withKeys.keys.map(s).sort(), [`${p}a`, `${p}b`]);
      await lease.leaseRevoke({ ID });
    });

    test("time to live of an unknown lease is -1, no error", async () => {
      const { lease } = setting().wire;
      const answer = await lease.leaseTimeToLive({ ID: UNKNOWN, keys: true });
      assert.equal(answer.TTL, -1);
      assert.equal(answer.grantedTTL, 0);
      assert.equal(answer.ID, UNKNOWN);
      assert.deepEqual(answer.keys, []);
    });

    test("list has every lease once", async () => {
      const { lease } = setting().wire;
      const granted = [];
      for (let i = 0; i < 3; i++) granted.push((await lease.leaseGrant({ TTL: 600 + i })).ID);
      const listed = (await lease.leaseLeases({})).leases.map(({ ID }) => ID);
      for (const ID of granted) assert.equal(listed.filter((other) => other === ID).length, 1);
      for (const ID of granted) await lease.leaseRevoke({ ID });
      const after = (await lease.leaseLeases({})).leases.map(({ ID }) => ID);
      assert.ok(granted.every((ID) => !after.includes(ID)));
    });

    test("keep-alive answers each request with the full TTL", async () => {
      const { wire } = setting();
      const { ID } = await wire.lease.leaseGrant({ TTL: 600 });
      const other = await wire.lease.leaseGrant({ TTL: 300 });
      const stream = wire.keepAlive();
      stream.send({ ID });
      const first = await stream.next();
      assert.deepEqual([first.ID, first.TTL], [ID, 600]);
      assert.ok(revisionOf(first) > 0);
      stream.send({ ID: other.ID });
      const second = await stream.next();
      assert.deepEqual([second.ID, second.TTL], [other.ID, 300]);
      stream.finish();
      assert.equal((await stream.ended).code, 0);
      await wire.lease.leaseRevoke({ ID });
      await wire.lease.leaseRevoke({ ID: other.ID });
    });

    test("keep-alive of an unknown lease has TTL 0 and the stream lives on", async () => {
      const { wire } = setting();
      const { ID } = await wire.lease.leaseGrant({ TTL: 600 });
      const stream = wire.keepAlive();
      stream.send({ ID: UNKNOWN });
      const unknown = await stream.next();
      assert.deepEqual([unknown.ID, unknown.TTL], [UNKNOWN, 0]);
      stream.send({ ID });
      assert.equal((await stream.next()).TTL, 600);
      await wire.lease.leaseRevoke({ ID });
      stream.send({ ID });
      assert.equal((await stream.next()).TTL, 0);
      stream.cancel();
    });

    test("an expired lease deletes its keys, and is gone", async () => {
      const { cluster, wire } = setting();
      const p = freshPrefix();
      const askedMs = cluster.clock.monotonicMs();
      const { ID, TTL } = await wire.lease.leaseGrant({ TTL: 2 });
      await wire.kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      const r = revisionOf(await wire.kv.put({ key: b(`${p}b`), value: b("1"), lease: ID }));
      const { stream } = await openWatch(wire, interval(p));
      assert.deepEqual(await readEvents(stream, 2, p, r), ["DELETE a @1", "DELETE b @1"]);
      const livedMs = cluster.clock.monotonicMs() - askedMs;
      assert.ok(livedMs >= TTL * 1000, `not before its time: after ${livedMs} ms`);
      stream.cancel();
      assert.equal((await wire.lease.leaseTimeToLive({ ID })).TTL, -1);
      await refuses(wire.lease.leaseRevoke({ ID }), 5, NOT_FOUND);
      await refuses(wire.kv.put({ key: b(`${p}a`), lease: ID }), 5, NOT_FOUND);
    });

    test("a lease that is kept alive outlives one that is not", async () => {
      const { cluster, wire } = setting();
      const p = freshPrefix();
      const kept = await wire.lease.leaseGrant({ TTL: 3 });
      const left = await wire.lease.leaseGrant({ TTL: 5 });
      await wire.kv.put({ key: b(`${p}kept`), value: b("1"), lease: kept.ID });
      await wire.kv.put({ key: b(`${p}left`), value: b("1"), lease: left.ID });
      const { stream } = await openWatch(wire, interval(p));
      const alive = wire.keepAlive();
      const beat = cluster.clock.every(500, () => alive.send({ ID: kept.ID }));
      const [gone] = (await readEvents(stream, 1, p, 0)).map((event) => event.split(" ")[1]);
      beat.cancel();
      assert.equal(gone, "left", "the longer one expired first");
      assert.equal((await wire.kv.range({ key: b(`${p}kept`) })).count, 1);
      alive.cancel();
      stream.cancel();
      await wire.lease.leaseRevoke({ ID: kept.ID });
    });
  });
}
