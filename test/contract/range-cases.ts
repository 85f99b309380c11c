// KV.Range: each option, alone and together (facts: apply rules §3).
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import {
  b,
  freshPrefix,
  interval,
  names,
  plain,
  prefixEnd,
  refuses,
  revisionOf,
  type SettingOf,
} from "./setting.ts";

const NONE = 0;
const ASCEND = 1;
const DESCEND = 2;
const KEY = 0;
const VERSION = 1;
const CREATE = 2;
const MOD = 3;
const VALUE = 4;

interface RangeCase {
  readonly name: string;
  /** `p` is the prefix, `r` the revision before the first write of the fixture. */
  readonly request: (p: string, r: number) => Partial<RangeRequest>;
  readonly keys: string;
  readonly more?: boolean;
  readonly count: number;
}

const all = (p: string): Partial<RangeRequest> => interval(p);

// The fixture: a=5 b=3 c=4 d=1 e=2 at r+1…r+5, b again at r+6, d again at r+7 and r+8.
const rangeCases: readonly RangeCase[] = [
  { name: "one key", request: (p) => ({ key: b(`${p}c`) }), keys: "c", count: 1 },
  { name: "a key that is not there", request: (p) => ({ key: b(`${p}x`) }), keys: "", count: 0 },
  {
    name: "a key that is the prefix of others",
    request: (p) => ({ key: b(p) }),
    keys: "",
    count: 0,
  },
  { name: "an interval, in key order", request: all, keys: "a b c d e", count: 5 },
  {
    name: "an interval excludes its end",
    request: (p) => ({ key: b(`${p}b`), rangeEnd: b(`${p}d`) }),
    keys: "b c",
    count: 2,
  },
  {
    name: "an interval whose ends are no keys",
    request: (p) => ({ key: b(`${p}aa`), rangeEnd: b(`${p}cc`) }),
    keys: "b c",
    count: 2,
  },
  {
    name: "an end equal to the key gives nothing",
    request: (p) => ({ key: b(`${p}b`), rangeEnd: b(`${p}b`) }),
    keys: "",
    count: 0,
  },
  {
    name: "an end before the key gives nothing",
    request: (p) => ({ key: b(`${p}d`), rangeEnd: b(`${p}b`) }),
    keys: "",
    count: 0,
  },
  {
    name: "limit cuts and says more",
    request: (p) => ({ ...all(p), limit: 2 }),
    keys: "a b",
    more: true,
    count: 5,
  },
  {
    name: "limit equal to the count",
    request: (p) => ({ ...all(p), limit: 5 }),
    keys: "a b c d e",
    count: 5,
  },
  {
    name: "limit above the count",
    request: (p) => ({ ...all(p), limit: 9 }),
    keys: "a b c d e",
    count: 5,
  },
  {
    name: "limit 0 is none",
    request: (p) => ({ ...all(p), limit: 0 }),
    keys: "a b c d e",
    count: 5,
  },
  {
    name: "a negative limit is none",
    request: (p) => ({ ...all(p), limit: -3 }),
    keys: "a b c d e",
    count: 5,
  },
  { name: "count_only", request: (p) => ({ ...all(p), countOnly: true }), keys: "", count: 5 },
  {
    name: "count_only of a past revision",
    request: (p, r) => ({ ...all(p), countOnly: true, revision: r + 3 }),
    keys: "",
    count: 3,
  },
  {
    name: "count_only with a limit",
    request: (p) => ({ ...all(p), countOnly: true, limit: 2 }),
    keys: "",
    count: 5,
  },
  {
    name: "a past revision",
    request: (p, r) => ({ ...all(p), revision: r + 3 }),
    keys: "a b c",
    count: 3,
  },
  {
    name: "a past revision with a limit",
    request: (p, r) => ({ ...all(p), revision: r + 4, limit: 1 }),
    keys: "a",
    more: true,
    count: 4,
  },
  {
    name: "a negative revision is the current one",
    request: (p) => ({ ...all(p), revision: -7 }),
    keys: "a b c d e",
    count: 5,
  },
  {
    name: "serializable",
    request: (p) => ({ ...all(p), serializable: true, limit: 0 }),
    keys: "a b c d e",
    count: 5,
  },
  {
    name: "sorted by key, descending",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: KEY }),
    keys: "e d c b a",
    count: 5,
  },
  {
    name: "sorted by key, descending, with a limit",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: KEY, limit: 2 }),
    keys: "e d",
    more: true,
    count: 5,
  },
  {
    name: "sorted by key, ascending, with a limit",
    request: (p) => ({ ...all(p), sortOrder: ASCEND, sortTarget: KEY, limit: 2 }),
    keys: "a b",
    more: true,
    count: 5,
  },
  {
    name: "sorted by creation, descending",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: CREATE }),
    keys: "e d c b a",
    count: 5,
  },
  {
    name: "the newest of a prefix, as locks ask for it",
    request: (p, r) => ({
      ...all(p),
      sortOrder: DESCEND,
      sortTarget: CREATE,
      maxCreateRevision: r + 4,
      limit: 1,
    }),
    keys: "d",
    more: true,
    count: 5,
  },
  {
    name: "sorted by modification, ascending",
    request: (p) => ({ ...all(p), sortOrder: ASCEND, sortTarget: MOD }),
    keys: "a c e b d",
    count: 5,
  },
  {
    name: "sorted by modification, descending, with a limit",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: MOD, limit: 3 }),
    keys: "d b e",
    more: true,
    count: 5,
  },
  {
    name: "a target without an order is ascending",
    request: (p) => ({ ...all(p), sortOrder: NONE, sortTarget: MOD }),
    keys: "a c e b d",
    count: 5,
  },
  {
    name: "sorted by value, ascending",
    request: (p) => ({ ...all(p), sortOrder: ASCEND, sortTarget: VALUE }),
    keys: "d e b c a",
    count: 5,
  },
  {
    name: "sorted by value, descending, keys only",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: VALUE, keysOnly: true }),
    keys: "a c b e d",
    count: 5,
  },
  {
    name: "sorted by version, descending, the two that differ",
    request: (p) => ({ ...all(p), sortOrder: DESCEND, sortTarget: VERSION, limit: 2 }),
    keys: "d b",
    more: true,
    count: 5,
  },
  {
    name: "min_mod_revision",
    request: (p, r) => ({ ...all(p), minModRevision: r + 5 }),
    keys: "b d e",
    count: 5,
  },
  {
    name: "max_mod_revision",
    request: (p, r) => ({ ...all(p), maxModRevision: r + 5 }),
    keys: "a c e",
    count: 5,
  },
  {
    name: "min_create_revision",
    request: (p, r) => ({ ...all(p), minCreateRevision: r + 3 }),
    keys: "c d e",
    count: 5,
  },
  {
    name: "max_create_revision",
    request: (p, r) => ({ ...all(p), maxCreateRevision: r + 2 }),
    keys: "a b",
    count: 5,
  },
  {
    name: "filters together with a limit: the limit comes after them",
    request: (p, r) => ({ ...all(p), minModRevision: r + 3, maxModRevision: r + 6, limit: 2 }),
    keys: "b c",
    more: true,
    count: 5,
  },
  {
    name: "filters that leave nothing",
    request: (p, r) => ({ ...all(p), minCreateRevision: r + 6 }),
    keys: "",
    count: 5,
  },
  {
    name: "keys_only",
    request: (p) => ({ ...all(p), keysOnly: true }),
    keys: "a b c d e",
    count: 5,
  },
];

/** The cases of KV.Range. */
export function rangeSuite(setting: SettingOf): void {
  describe("KV.Range", () => {
    const p = freshPrefix();
    let r = 0;
    let last = 0;

    before(async () => {
      const { kv } = setting().wire;
      const writes = ["a=5", "b=9", "c=4", "d=8", "e=2", "b=3", "d=7", "d=1"];
      for (const [i, write] of writes.entries()) {
        const [key, value] = write.split("=");
        last = revisionOf(await kv.put({ key: b(p + key), value: b(value!) }));
        if (i === 0) r = last - 1;
      }
      assert.equal(last, r + 8);
    });

    for (const entry of rangeCases) {
      test(entry.name, async () => {
        const answer = await setting().wire.kv.range(entry.request(p, r));
        assert.equal(names(answer.kvs, p), entry.keys);
        assert.equal(answer.more, entry.more ?? false);
        assert.equal(answer.count, entry.count);
        assert.equal(revisionOf(answer), last, "the header has the current revision");
      });
    }

    const range = (request: Partial<RangeRequest>): Promise<RangeResponse> =>
      setting().wire.kv.range(request);

    test("a pair has its value, version and both revisions", async () => {
      const answer = await range({ key: b(`${p}d`) });
      assert.deepEqual(plain(answer.kvs[0]), {
        key: `${p}d`,
        value: "1",
        create: r + 4,
        mod: r + 8,
        version: 3,
        lease: 0n,
      });
    });

    test("a pair at a past revision is as it was", async () => {
      const answer = await range({ key: b(`${p}d`), revision: r + 7 });
      assert.deepEqual(plain(answer.kvs[0]), {
        key: `${p}d`,
        value: "7",
        create: r + 4,
        mod: r + 7,
        version: 2,
        lease: 0n,
      });
      assert.equal(
        revisionOf(answer),
        last,
        "the header has the current revision, not the asked one",
      );
    });

    test("keys_only leaves out values and nothing else", async () => {
      const answer = await range({ key: b(`${p}d`), keysOnly: true });
      assert.deepEqual(plain(answer.kvs[0]), {
        key: `${p}d`,
        value: "",
        create: r + 4,
        mod: r + 8,
        version: 3,
        lease: 0n,
      });
    });

    test("a range_end of one zero byte is every key from the key on", async () => {
      const q = `\x7f\x7f${p}`;
      const { kv } = setting().wire;
      await kv.put({ key: b(`${q}1`), value: b("x") });
      last = revisionOf(await kv.put({ key: b(`${q}2`), value: b("x") }));
      const answer = await range({ key: b(`${q}1`), rangeEnd: Buffer.from([0]) });
      assert.equal(names(answer.kvs, q), "1 2");
      const whole = await range({
        key: Buffer.from([0]),
        rangeEnd: Buffer.from([0]),
        countOnly: true,
      });
      assert.ok(whole.count >= 7);
      last = revisionOf(await kv.deleteRange({ key: b(q), rangeEnd: prefixEnd(q) }));
    });

    test("keys are bytes and sort as bytes", async () => {
      const q = Buffer.from(freshPrefix());
      const { kv } = setting().wire;
      const keys = [[0xff], [0x00], [0x80, 0x00], [0x7f], [0x80], [0x00, 0x00]].map((tail) =>
        Buffer.concat([q, Buffer.from(tail)]),
      );
      for (const key of keys) await kv.put({ key, value: key });
      const answer = await range({ key: q, rangeEnd: prefixEnd(q.toString()) });
      const expected = [...keys].sort(Buffer.compare).map((key) => key.toString("hex"));
      assert.deepEqual(
        answer.kvs.map((kv) => Buffer.from(kv.key).toString("hex")),
        expected,
      );
      assert.deepEqual(
        answer.kvs.map((kv) => Buffer.from(kv.value).toString("hex")),
        expected,
      );
      last = revisionOf(answer);
    });

    test("a deleted key is gone now and there in the past", async () => {
      const q = freshPrefix();
      const { kv } = setting().wire;
      const first = revisionOf(await kv.put({ key: b(`${q}k`), value: b("v") }));
      last = revisionOf(await kv.deleteRange({ key: b(`${q}k`) }));
      assert.equal((await range({ key: b(`${q}k`) })).count, 0);
      assert.equal((await range({ key: b(`${q}k`), revision: first })).count, 1);
      assert.equal((await range({ key: b(`${q}k`), revision: first - 1 })).count, 0);
    });

    test("keys_only leaves out the lease too, unless sorted by value", async () => {
      const q = freshPrefix();
      const { kv, lease } = setting().wire;
      const { ID } = await lease.leaseGrant({ TTL: 600, ID: 0n });
      await kv.put({ key: b(`${q}k`), value: b("v"), lease: ID });
      assert.equal((await range({ key: b(`${q}k`) })).kvs[0]?.lease, ID);
      assert.equal((await range({ key: b(`${q}k`), keysOnly: true })).kvs[0]?.lease, 0n);
      const sorted = await range({ key: b(`${q}k`), keysOnly: true, sortTarget: VALUE });
      assert.equal(sorted.kvs[0]?.lease, ID);
      await lease.leaseRevoke({ ID });
    });

    test("a future revision is refused", async () => {
      await refuses(
        range({ key: b(`${p}a`), revision: 1_000_000_000 }),
        11,
        "etcdserver: mvcc: required revision is a future revision",
      );
    });
    test("the next revision is a future one", async () => {
      const current = revisionOf(await range({ key: b(`${p}a`) }));
      await refuses(
        range({ key: b(`${p}a`), revision: current + 1 }),
        11,
        "etcdserver: mvcc: required revision is a future revision",
      );
      assert.equal((await range({ key: b(`${p}a`), revision: current })).count, 1);
    });
    test("an empty key is refused", async () => {
      await refuses(range({}), 3, "etcdserver: key is not provided");
      await refuses(range({ rangeEnd: b("z") }), 3, "etcdserver: key is not provided");
    });
    test("an unknown sort order is refused", async () => {
      await refuses(
        range({ ...all(p), sortOrder: 3 as never }),
        3,
        "etcdserver: invalid sort option",
      );
    });
    test("an unknown sort target is refused", async () => {
      await refuses(
        range({ ...all(p), sortTarget: 5 as never }),
        3,
        "etcdserver: invalid sort option",
      );
    });
  });
}
