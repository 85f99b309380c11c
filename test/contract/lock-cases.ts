// v3lockpb.Lock: who holds, who waits, and what is left when a waiter goes (facts: apply rules §8).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  b,
  endsInTime,
  freshPrefix,
  interval,
  names,
  openWatch,
  readEvents,
  refuses,
  revisionOf,
  type SettingOf,
  s,
} from "./setting.ts";
import type { Wire } from "./wire.ts";

/** A lease of its own, and the key that it has under a name. */
async function candidate(wire: Wire, name: string): Promise<{ lease: bigint; key: string }> {
  const { ID } = await wire.lease.leaseGrant({ TTL: 600 });
  return { lease: ID, key: `${name}/${ID.toString(16)}` };
}

/** Resolves when `count` keys were put under a prefix after that revision. */
async function putsAfter(wire: Wire, prefix: string, revision: number, count: number) {
  const { stream } = await openWatch(wire, { ...interval(prefix), startRevision: revision + 1 });
  const lines = await readEvents(stream, count, prefix, revision);
  stream.cancel();
  return lines;
}

/** The cases of the Lock service. */
export function lockSuite(setting: SettingOf): void {
  describe("Lock", () => {
    test("a free lock is held at once, by a key with the lease's ID", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const mine = await candidate(wire, name);
      const before = revisionOf(await wire.kv.range({ key: b(name) }));
      const held = await wire.lock.lock({ name: b(name), lease: mine.lease });
      assert.equal(s(held.key), mine.key);
      assert.equal(revisionOf(held), before + 1);
      assert.ok(held.header!.clusterId !== 0n && held.header!.raftTerm > 0);
      const { kvs } = await wire.kv.range(interval(`${name}/`));
      assert.equal(names(kvs, ""), mine.key);
      assert.deepEqual([kvs[0]!.lease, kvs[0]!.value.length], [mine.lease, 0]);
      const unlocked = await wire.lock.unlock({ key: held.key });
      assert.equal(revisionOf(unlocked), before + 2);
      assert.equal((await wire.kv.range(interval(`${name}/`))).kvs.length, 0);
    });

    test("the same lease holds it again; nothing is written", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const { lease } = await candidate(wire, name);
      const first = await wire.lock.lock({ name: b(name), lease });
      const again = await wire.lock.lock({ name: b(name), lease });
      assert.deepEqual([s(again.key), revisionOf(again)], [s(first.key), revisionOf(first)]);
    });

    test("without a lease the server grants one of 60 seconds", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const { key } = await wire.lock.lock({ name: b(name) });
      const ID = BigInt(`0x${s(key).slice(name.length + 1)}`);
      const { grantedTTL, keys } = await wire.lease.leaseTimeToLive({ ID, keys: true });
      assert.deepEqual([grantedTTL, keys.map(s)], [60, [s(key)]]);
      await wire.lease.leaseRevoke({ ID });
    });

    test("waiters get it in the order of their coming", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const all = await Promise.all([1, 2, 3].map(() => candidate(wire, name)));
      const order: string[] = [];
      const holds: Promise<void>[] = [];
      let revision = revisionOf(await wire.kv.range({ key: b(name) }));
      for (const one of all) {
        const locking = wire.lock.lock({ name: b(name), lease: one.lease });
        holds.push(
          locking.then(({ key }) => {
            order.push(s(key));
          }),
        );
        await putsAfter(wire, `${name}/`, revision, 1);
        revision++;
      }
      for (const [at, one] of all.entries()) {
        await holds[at];
        assert.deepEqual(
          order,
          all.slice(0, at + 1).map(({ key }) => key),
        );
        await wire.lock.unlock({ key: b(one.key) });
      }
    });

    test("one whose lease ends while it waits does not get it", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const holder = await candidate(wire, name);
      const waiter = await candidate(wire, name);
      const { header } = await wire.lock.lock({ name: b(name), lease: holder.lease });
      const waiting = refuses(
        wire.lock.lock({ name: b(name), lease: waiter.lease }),
        2,
        "mutex: session is expired",
      );
      await putsAfter(wire, `${name}/`, header!.revision, 1);
      await wire.lease.leaseRevoke({ ID: waiter.lease });
      await wire.lock.unlock({ key: b(holder.key) });
      await waiting;
    });

    test("one whose call ends while it waits leaves no key", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}lock`;
      const holder = await candidate(wire, name);
      const waiter = await candidate(wire, name);
      const { header } = await wire.lock.lock({ name: b(name), lease: holder.lease });
      const { stream } = await openWatch(wire, {
        ...interval(`${name}/`),
        startRevision: header!.revision + 1,
      });
      const late = wire.lock.lock({ name: b(name), lease: waiter.lease }, { deadlineMs: 1500 });
      await endsInTime(late);
      const id = waiter.lease.toString(16);
      assert.deepEqual(await readEvents(stream, 2, `${name}/`, header!.revision), [
        `PUT ${id}= @1`,
        `DELETE ${id} @2`,
      ]);
      stream.cancel();
    });

    test("an unknown lease and an empty key are refused", async () => {
      const { wire } = setting();
      const name = b(`${freshPrefix()}lock`);
      await refuses(
        wire.lock.lock({ name, lease: 0x7edcn }),
        2,
        "etcdserver: requested lease not found",
      );
      await refuses(wire.lock.unlock({}), 2, "etcdserver: key is not provided");
      assert.ok((await wire.lock.unlock({ key: name })).header);
    });
  });
}
