// KV.Put, KV.DeleteRange and KV.Compact (facts: apply rules §2 and §3).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  b,
  freshPrefix,
  interval,
  names,
  plain,
  refuses,
  revisionOf,
  type SettingOf,
  s,
} from "./setting.ts";

const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const FUTURE = "etcdserver: mvcc: required revision is a future revision";

function putSuite(setting: SettingOf): void {
  describe("KV.Put", () => {
    test("makes one revision and no prev_kv", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      const second = await kv.put({ key: b(`${p}a`), value: b("2") });
      assert.equal(revisionOf(second), r + 1);
      assert.equal(second.prevKv, undefined);
      const read = await kv.range({ key: b(`${p}a`) });
      assert.deepEqual(plain(read.kvs[0]), {
        key: `${p}a`,
        value: "2",
        create: r,
        mod: r + 1,
        version: 2,
        lease: 0n,
      });
    });

    test("prev_kv is the pair as it was", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const first = await kv.put({ key: b(`${p}a`), value: b("1"), prevKv: true });
      assert.equal(first.prevKv, undefined, "there was none");
      const second = await kv.put({ key: b(`${p}a`), value: b("2"), prevKv: true });
      assert.deepEqual(plain(second.prevKv), {
        key: `${p}a`,
        value: "1",
        create: revisionOf(first),
        mod: revisionOf(first),
        version: 1,
        lease: 0n,
      });
    });

    test("the same value again is a new revision", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      assert.equal(revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") })), r + 1);
      assert.equal((await kv.range({ key: b(`${p}a`) })).kvs[0]?.version, 2);
    });

    test("an empty value is a value", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      await kv.put({ key: b(`${p}a`) });
      const read = await kv.range({ key: b(`${p}a`) });
      assert.equal(read.count, 1);
      assert.equal(read.kvs[0]?.value.length, 0);
    });

    test("ignore_value keeps the value and takes the lease", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}a`), value: b("1") });
      await kv.put({ key: b(`${p}a`), ignoreValue: true, lease: ID });
      const { kvs } = await kv.range({ key: b(`${p}a`) });
      assert.equal(s(kvs[0]?.value), "1");
      assert.equal(kvs[0]?.lease, ID);
      assert.equal(kvs[0]?.version, 2);
      await lease.leaseRevoke({ ID });
    });

    test("ignore_lease keeps the lease and takes the value", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      await kv.put({ key: b(`${p}a`), value: b("2"), ignoreLease: true });
      const { kvs } = await kv.range({ key: b(`${p}a`) });
      assert.equal(s(kvs[0]?.value), "2");
      assert.equal(kvs[0]?.lease, ID);
      await lease.leaseRevoke({ ID });
    });

    test("ignore_value and ignore_lease together make a new version of the same pair", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      await kv.put({ key: b(`${p}a`), value: b("1") });
      await kv.put({ key: b(`${p}a`), ignoreValue: true, ignoreLease: true });
      const { kvs } = await kv.range({ key: b(`${p}a`) });
      assert.equal(s(kvs[0]?.value), "1");
      assert.equal(kvs[0]?.version, 2);
    });

    test("a put without a lease detaches the key", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      await kv.put({ key: b(`${p}a`), value: b("2") });
      const left = await lease.leaseTimeToLive({ ID, keys: true });
      assert.deepEqual(left.keys, []);
      await lease.leaseRevoke({ ID });
      assert.equal((await kv.range({ key: b(`${p}a`) })).count, 1);
    });

    test("a put with another lease moves the key", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const first = await lease.leaseGrant({ TTL: 600 });
      const second = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}a`), value: b("1"), lease: first.ID });
      await kv.put({ key: b(`${p}a`), value: b("2"), lease: second.ID });
      await lease.leaseRevoke({ ID: first.ID });
      assert.equal((await kv.range({ key: b(`${p}a`) })).kvs[0]?.lease, second.ID);
      await lease.leaseRevoke({ ID: second.ID });
      assert.equal((await kv.range({ key: b(`${p}a`) })).count, 0);
    });

    const refused: readonly [string, object, number, string][] = [
      ["an empty key", { value: b("v") }, 3, "etcdserver: key is not provided"],
      [
        "ignore_value with a value",
        { key: b("k"), value: b("v"), ignoreValue: true },
        3,
        "etcdserver: value is provided",
      ],
      [
        "ignore_lease with a lease",
        { key: b("k"), lease: 7n, ignoreLease: true },
        3,
        "etcdserver: lease is provided",
      ],
      [
        "ignore_value of no key",
        { key: b("case-none/k"), ignoreValue: true },
        3,
        "etcdserver: key not found",
      ],
      [
        "ignore_lease of no key",
        { key: b("case-none/k"), ignoreLease: true },
        3,
        "etcdserver: key not found",
      ],
      [
        "an unknown lease",
        { key: b("case-none/k"), lease: 0x7edcn },
        5,
        "etcdserver: requested lease not found",
      ],
      [
        "an unknown lease is seen before a missing key",
        { key: b("case-none/k"), lease: 0x7edcn, ignoreValue: true },
        5,
        "etcdserver: requested lease not found",
      ],
    ];
    for (const [name, request, code, message] of refused) {
      test(`refused, without a revision: ${name}`, async () => {
        const { kv } = setting().wire;
        const before = revisionOf(await kv.range({ key: b("k") }));
        await refuses(kv.put(request), code, message);
        assert.equal(revisionOf(await kv.range({ key: b("k") })), before);
        assert.equal((await kv.range({ key: b("case-none/k") })).count, 0);
      });
    }
  });
}

function deleteSuite(setting: SettingOf): void {
  describe("KV.DeleteRange", () => {
    test("deletes one key in one revision", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      await kv.put({ key: b(`${p}ab`), value: b("1") });
      const answer = await kv.deleteRange({ key: b(`${p}a`) });
      assert.equal(answer.deleted, 1);
      assert.equal(revisionOf(answer), r + 2);
      assert.deepEqual(answer.prevKvs, []);
      assert.equal(names((await kv.range(interval(p))).kvs, p), "ab");
    });

    test("deletes an interval in one revision, prev_kvs in key order", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      for (const name of ["c", "a", "d", "b"]) await kv.put({ key: b(p + name), value: b(name) });
      const r = revisionOf(await kv.range({ key: b(p) }));
      const answer = await kv.deleteRange({ key: b(`${p}a`), rangeEnd: b(`${p}d`), prevKv: true });
      assert.equal(answer.deleted, 3);
      assert.equal(revisionOf(answer), r + 1);
      assert.equal(names(answer.prevKvs, p), "a b c");
      assert.deepEqual(
        answer.prevKvs.map((pair) => s(pair.value)),
        ["a", "b", "c"],
      );
      assert.deepEqual(
        answer.prevKvs.map((pair) => pair.modRevision),
        [r - 2, r, r - 3],
      );
    });

    test("nothing there: no revision", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.range({ key: b(p) }));
      const answer = await kv.deleteRange({ ...interval(p), prevKv: true });
      assert.equal(answer.deleted, 0);
      assert.deepEqual(answer.prevKvs, []);
      assert.equal(revisionOf(answer), r);
    });

    test("an end before the key deletes nothing", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      await kv.put({ key: b(`${p}b`), value: b("1") });
      const answer = await kv.deleteRange({ key: b(`${p}c`), rangeEnd: b(`${p}a`) });
      assert.equal(answer.deleted, 0);
      assert.equal((await kv.range(interval(p))).count, 1);
    });

    test("a range_end of one zero byte deletes everything from the key on", async () => {
      const { kv } = setting().wire;
      const p = `\x7f\x7f\x7f${freshPrefix()}`;
      for (const name of ["a", "b", "c"]) await kv.put({ key: b(p + name), value: b(name) });
      const answer = await kv.deleteRange({ key: b(`${p}b`), rangeEnd: Buffer.from([0]) });
      assert.equal(answer.deleted, 2);
      assert.equal(names((await kv.range(interval(p))).kvs, p), "a");
      await kv.deleteRange(interval(p));
    });

    test("a key that is made again begins again", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      await kv.put({ key: b(`${p}a`), value: b("1") });
      await kv.put({ key: b(`${p}a`), value: b("2") });
      const r = revisionOf(await kv.deleteRange({ key: b(`${p}a`) }));
      await kv.put({ key: b(`${p}a`), value: b("3") });
      const pair = plain((await kv.range({ key: b(`${p}a`) })).kvs[0]);
      assert.deepEqual(pair, {
        key: `${p}a`,
        value: "3",
        create: r + 1,
        mod: r + 1,
        version: 1,
        lease: 0n,
      });
    });

    test("a deleted key leaves its lease", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      await kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      await kv.deleteRange({ key: b(`${p}a`) });
      assert.deepEqual((await lease.leaseTimeToLive({ ID, keys: true })).keys, []);
      await lease.leaseRevoke({ ID });
    });

    test("an empty key is refused", async () => {
      const { kv } = setting().wire;
      await refuses(kv.deleteRange({}), 3, "etcdserver: key is not provided");
      await refuses(kv.deleteRange({ rangeEnd: b("b") }), 3, "etcdserver: key is not provided");
    });
  });
}

function compactSuite(setting: SettingOf): void {
  describe("KV.Compact", () => {
    test("below the revision is compacted, at it and above are readable", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      await kv.put({ key: b(`${p}a`), value: b("2") });
      await kv.put({ key: b(`${p}a`), value: b("3") });
      const answer = await kv.compact({ revision: r + 1, physical: true });
      assert.equal(revisionOf(answer), r + 2, "the header has the current revision");
      await refuses(kv.range({ key: b(`${p}a`), revision: r }), 11, COMPACTED);
      assert.equal(s((await kv.range({ key: b(`${p}a`), revision: r + 1 })).kvs[0]?.value), "2");
      assert.equal(s((await kv.range({ key: b(`${p}a`), revision: r + 2 })).kvs[0]?.value), "3");
      assert.equal(s((await kv.range({ key: b(`${p}a`) })).kvs[0]?.value), "3");
    });

    test("without physical too", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      await kv.put({ key: b(`${p}a`), value: b("2") });
      await kv.compact({ revision: r + 1 });
      await refuses(kv.range({ key: b(`${p}a`), revision: r }), 11, COMPACTED);
      assert.equal((await kv.range({ key: b(`${p}a`) })).count, 1);
    });

    test("keeps what was last written before it", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      await kv.put({ key: b(`${p}old`), value: b("1") });
      await kv.put({ key: b(`${p}gone`), value: b("1") });
      await kv.deleteRange({ key: b(`${p}gone`) });
      const r = revisionOf(await kv.put({ key: b(`${p}new`), value: b("1") }));
      await kv.compact({ revision: r, physical: true });
      const read = await kv.range({ ...interval(p), revision: r });
      assert.equal(names(read.kvs, p), "new old");
    });

    test("a version goes on counting over a compaction", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      await kv.put({ key: b(`${p}a`), value: b("2") });
      await kv.compact({ revision: r + 1, physical: true });
      await kv.put({ key: b(`${p}a`), value: b("3") });
      const pair = plain((await kv.range({ key: b(`${p}a`) })).kvs[0]);
      assert.deepEqual(pair, {
        key: `${p}a`,
        value: "3",
        create: r,
        mod: r + 2,
        version: 3,
        lease: 0n,
      });
    });

    test("the same revision twice is refused, as is an older one", async () => {
      const { kv } = setting().wire;
      const r = revisionOf(await kv.put({ key: b(`${freshPrefix()}a`), value: b("1") }));
      await kv.compact({ revision: r });
      await refuses(kv.compact({ revision: r }), 11, COMPACTED);
      await refuses(kv.compact({ revision: r - 1 }), 11, COMPACTED);
      await refuses(kv.compact({ revision: 0 }), 11, COMPACTED);
      await refuses(kv.compact({ revision: -5 }), 11, COMPACTED);
    });

    test("a future revision is refused", async () => {
      const { kv } = setting().wire;
      const r = revisionOf(await kv.put({ key: b(`${freshPrefix()}a`), value: b("1") }));
      await refuses(kv.compact({ revision: r + 1 }), 11, FUTURE);
    });
  });
}

/** The cases of KV's writes. */
export function writeSuite(setting: SettingOf): void {
  putSuite(setting);
  deleteSuite(setting);
  compactSuite(setting);
}
