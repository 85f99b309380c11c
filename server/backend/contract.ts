// What every Backend must do, run by the test of each.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";
import type { Backend } from "#server/mvcc/backend.ts";

/** A backend under test. */
export interface BackendUnderTest {
  open(): Promise<Backend>;
  /** Closes it and opens the same data again. */
  reopen(backend: Backend): Promise<Backend>;
}

const unsynced = { sync: false };

function show(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
}

async function put(backend: Backend, bucket: Bucket, ...pairs: [string, string][]): Promise<void> {
  const batch = backend.newBatch();
  for (const [key, value] of pairs) batch.put(bucket, utf8(key), utf8(value));
  await backend.write(batch, unsynced);
}

async function all(
  backend: Backend,
  bucket: Bucket,
  options: { from?: string; to?: string; slice?: number } = {},
): Promise<[string | undefined, string | undefined][]> {
  const to = options.to === undefined ? undefined : utf8(options.to);
  const view = backend.scan(bucket, utf8(options.from ?? ""), to);
  const out: [string | undefined, string | undefined][] = [];
  for (;;) {
    const slice = await view.next(options.slice ?? 1000);
    if (slice.length === 0) break;
    assert(slice.length <= (options.slice ?? 1000));
    for (const [key, value] of slice) out.push([show(key), show(value)]);
  }
  await view.close();
  return out;
}

/** Registers the suite. */
export function backendContract(name: string, under: BackendUnderTest): void {
  describe(`backend contract: ${name}`, () => {
    test("a written record is read, an unknown one is undefined, in the order asked", async () => {
      const backend = await under.open();
      await put(backend, "lease", ["b", "2"], ["a", "1"], ["empty", ""]);
      const values = await backend.getMany("lease", ["a", "none", "b", "empty"].map(utf8));
      assert.deepEqual(values.map(show), ["1", undefined, "2", ""]);
      assert.deepEqual(await backend.getMany("lease", []), []);
      await backend.close();
    });

    test("many reads at once all answer", async () => {
      const backend = await under.open();
      const names = Array.from({ length: 500 }, (_, i) => `k${i}`);
      await put(backend, "private", ...names.map((n): [string, string] => [n, `v${n}`]));
      const answers = await Promise.all(
        [0, 1, 2].map(() => backend.getMany("private", names.map(utf8))),
      );
      for (const values of answers) {
        assert.deepEqual(
          values.map(show),
          names.map((n) => `v${n}`),
        );
      }
      await backend.close();
    });

    test("buckets do not see each other's records", async () => {
      const backend = await under.open();
      const buckets: Bucket[] = [...etcdBuckets, "private"];
      for (const bucket of buckets) await put(backend, bucket, ["same", bucket], ["\xff\xff", "z"]);
      for (const bucket of buckets) {
        const [same] = await backend.getMany(bucket, [utf8("same")]);
        assert.equal(show(same), bucket);
        assert.equal((await all(backend, bucket)).length, 2, bucket);
      }
      await backend.close();
    });

    const ranges: [string, string, string | undefined, string[]][] = [
      ["all", "", undefined, ["a", "b", "ba", "c"]],
      ["from in the middle", "b", undefined, ["b", "ba", "c"]],
      ["to is left out", "a", "c", ["a", "b", "ba"]],
      ["from between keys", "aa", "bz", ["b", "ba"]],
      ["nothing", "x", undefined, []],
      ["empty interval", "b", "b", []],
      ["interval upside down", "c", "a", []],
    ];
    for (const [title, from, to, expected] of ranges) {
      test(`scan: ${title}, in slices of any length`, async () => {
        const backend = await under.open();
        await put(backend, "meta", ["c", "3"], ["a", "1"], ["ba", "4"], ["b", "2"]);
        await put(backend, "members_removed", ["z", "0"]);
        await put(backend, "private", ["a", "0"]);
        for (const slice of [1, 2, 3, 1000]) {
          const options = to === undefined ? { from, slice } : { from, to, slice };
          const keys = (await all(backend, "meta", options)).map(([key]) => key);
          assert.deepEqual(keys, expected);
        }
        await backend.close();
      });
    }

    test("a view shows the state of the moment it was opened", async () => {
      const backend = await under.open();
      await put(backend, "auth", ["a", "old"], ["b", "old"]);
      const view = backend.scan("auth", utf8(""));
      const everything = backend.scanAll();
      const batch = backend.newBatch();
      batch.put("auth", utf8("a"), utf8("new"));
      batch.delete("auth", utf8("b"));
      batch.put("auth", utf8("c"), utf8("new"));
      await backend.write(batch, unsynced);
      const seen = await view.next(10);
      assert.deepEqual(
        seen.map(([key, value]) => [show(key), show(value)]),
        [
          ["a", "old"],
          ["b", "old"],
        ],
      );
      assert.equal((await everything.next(10)).length, 2);
      await view.close();
      await everything.close();
      assert.deepEqual(await all(backend, "auth"), [
        ["a", "new"],
        ["c", "new"],
      ]);
      await backend.close();
    });

    test("scanAll with shared records: they come last", async () => {
      const backend = await under.open();
      await put(backend, "shared", ["s", "1"]);
      await put(backend, "private", ["p", "1"]);
      await put(backend, "meta", ["m", "1"]);
      const view = backend.scanAll({ withShared: true });
      const seen = (await view.next(10)).map(([bucket]) => bucket);
      await view.close();
      assert.deepEqual(seen, ["meta", "shared"]);
      await backend.close();
    });

    test("scanAll: etcd's buckets in their order, without private records", async () => {
      const backend = await under.open();
      for (const bucket of [...etcdBuckets].reverse()) {
        await put(backend, bucket, ["2", bucket], ["1", bucket]);
      }
      await put(backend, "private", ["1", "p"]);
      const view = backend.scanAll();
      const seen: string[] = [];
      for (;;) {
        const slice = await view.next(3);
        if (slice.length === 0) break;
        for (const [bucket, key, value] of slice) {
          assert.equal(show(value), bucket);
          seen.push(`${bucket}/${show(key)}`);
        }
      }
      await view.close();
      assert.deepEqual(
        seen,
        etcdBuckets.flatMap((bucket) => [`${bucket}/1`, `${bucket}/2`]),
      );
      await backend.close();
    });

    test("in a batch the last write of a key wins", async () => {
      const backend = await under.open();
      const batch = backend.newBatch();
      batch.put("meta", utf8("a"), utf8("1"));
      batch.delete("meta", utf8("a"));
      batch.put("meta", utf8("a"), utf8("2"));
      batch.put("meta", utf8("b"), utf8("1"));
      batch.delete("meta", utf8("b"));
      assert.equal(batch.opCount, 5);
      assert.equal(batch.byteSize, 8);
      await backend.write(batch, unsynced);
      assert.deepEqual(await all(backend, "meta"), [["a", "2"]]);
      assert.equal(backend.sizeBytes(), 2);
      await backend.close();
    });

    test("defragmenting keeps what is there, asked twice at a time, and is refused once closed", async () => {
      const backend = await under.open();
      await put(backend, "key", ["a", "1"], ["b", "2"]);
      const batch = backend.newBatch();
      batch.delete("key", utf8("a"), 1);
      await backend.write(batch, unsynced);
      await Promise.all([backend.defragment(), backend.defragment()]);
      assert.deepEqual(await all(backend, "key"), [["b", "2"]]);
      await backend.close();
      await assert.rejects(() => backend.defragment());
    });

    test("writes take effect in the order of their calls", async () => {
      const backend = await under.open();
      const writes: Promise<void>[] = [];
      for (let i = 0; i < 300; i++) {
        const batch = backend.newBatch();
        batch.put("meta", utf8("n"), utf8(String(i)));
        writes.push(backend.write(batch, { sync: i % 100 === 0 }));
      }
      await Promise.all(writes);
      assert.deepEqual(await all(backend, "meta"), [["n", "299"]]);
      await backend.close();
    });

    test("a reopened state holds what was written", async () => {
      let backend = await under.open();
      await put(backend, "key", ["r1", "v1"], ["r2", "v2"]);
      await put(backend, "meta", ["m", "long value"]);
      await put(backend, "private", ["p", "x"]);
      const size = backend.sizeBytes();
      backend = await under.reopen(backend);
      assert.equal(backend.sizeBytes(), size);
      assert.deepEqual(await all(backend, "key"), [
        ["r1", "v1"],
        ["r2", "v2"],
      ]);
      await put(backend, "meta", ["m", ""]);
      assert.equal(backend.sizeBytes(), size - "long value".length);
      await backend.close();
    });

    test("the size counts keys and values of what is there, through any history", async () => {
      const seed = Date.now() % 1_000_000;
      const random = seededRandom(seed);
      let backend = await under.open();
      const model = new Map<string, number>();
      let revision = 0;
      const expected = () => [...model].reduce((sum, [k, v]) => sum + k.length - 4 + v, 0);
      for (let round = 0; round < 60; round++) {
        const batch = backend.newBatch();
        for (let op = 0; op < 10; op++) {
          const value = new Uint8Array(random.below(40));
          const key = `k${random.below(12)}`;
          switch (random.below(5)) {
            case 0:
              batch.put("lease", utf8(key), value);
              model.set(`leas${key}`, value.length);
              break;
            case 1:
              batch.delete("lease", utf8(key));
              model.delete(`leas${key}`);
              break;
            case 2:
              batch.put("private", utf8(key), value);
              model.set(`priv${key}`, value.length);
              break;
            case 3: {
              const record = `r${revision++}`;
              batch.put("key", utf8(record), value);
              model.set(`key ${record}`, value.length);
              break;
            }
            default: {
              const record = [...model.keys()].find((one) => one.startsWith("key "));
              if (record === undefined) break;
              batch.delete("key", utf8(record.slice(4)), model.get(record));
              model.delete(record);
            }
          }
        }
        await backend.write(batch, { sync: random.chance(0.1) });
        assert.equal(backend.sizeBytes(), expected(), `seed ${seed}, round ${round}`);
        if (random.chance(0.1)) {
          backend = await under.reopen(backend);
          assert.equal(backend.sizeBytes(), expected(), `seed ${seed}, reopened, round ${round}`);
        }
      }
      await backend.close();
    });

    test("broken rules stop the caller", async () => {
      const backend = await under.open();
      const batch = backend.newBatch();
      assert.throws(() => batch.delete("key", utf8("r")), /size/);
      const used = backend.newBatch();
      used.put("meta", utf8("a"), utf8("b"));
      await backend.write(used, unsynced);
      assert.throws(() => used.put("meta", utf8("a"), utf8("c")), /after it was written/);
      assert.throws(() => void backend.write(used, unsynced), /twice/);
      await backend.close();
    });

    test("a closed state refuses, it does not crash", async () => {
      const backend = await under.open();
      const batch = backend.newBatch();
      batch.put("meta", utf8("a"), utf8("b"));
      const late = backend.newBatch();
      const write = backend.write(batch, { sync: true });
      await backend.close();
      await write;
      late.put("meta", utf8("c"), utf8("d"));
      await assert.rejects(backend.write(late, unsynced), { name: "Error" });
      await assert.rejects(backend.getMany("meta", [utf8("a")]), { name: "Error" });
      await backend.close();
    });
  });
}
