// KV.RangeStream: what Range answers, in chunks (facts: apply rules §3).
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
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

const DESCEND = 2;
const all = (p: string): Partial<RangeRequest> => interval(p);

/** The cases of KV.RangeStream. */
export function rangeStreamSuite(setting: SettingOf): void {
  describe("KV.RangeStream", () => {
    const p = freshPrefix();
    const total = 250;
    /** The key that was created first, and the revision at which all were there. */
    const first = "001";
    let written = 0;
    before(async () => {
      const { kv } = setting().wire;
      const key = (i: number): Buffer => b(`${p}${String(i).padStart(3, "0")}`);
      await kv.put({ key: key(Number(first)), value: b("") });
      const puts = await Promise.all(
        Array.from({ length: total }, (_, i) => kv.put({ key: key(i), value: b(String(i)) })),
      );
      written = Math.max(...puts.map(revisionOf));
    });

    const read = async (request: Partial<RangeRequest>): Promise<RangeResponse[]> => {
      const stream = setting().wire.rangeStream(request);
      const chunks: RangeResponse[] = [];
      for (;;) {
        const { rangeResponse } = await stream.next();
        assert.ok(rangeResponse !== undefined);
        chunks.push(rangeResponse);
        if (rangeResponse.header !== undefined) break;
      }
      assert.equal((await stream.ended).code, 0);
      return chunks;
    };

    test("all chunks together are what Range answers", async () => {
      const whole = await setting().wire.kv.range(all(p));
      const chunks = await read(all(p));
      assert.ok(chunks.length > 1, "more than one chunk");
      assert.deepEqual(
        chunks.flatMap((chunk) => chunk.kvs.map(plain)),
        whole.kvs.map(plain),
      );
    });
    test("header, more and count come with the last chunk only", async () => {
      const chunks = await read({ ...all(p), limit: 100 });
      const last = chunks.pop();
      for (const chunk of chunks) {
        assert.deepEqual([chunk.header, chunk.more, chunk.count], [undefined, false, 0]);
      }
      assert.equal(last?.count, total);
      assert.equal(last?.more, true);
      assert.ok(revisionOf(last!) > 0);
      assert.equal(
        chunks.concat(last!).reduce((sum, chunk) => sum + chunk.kvs.length, 0),
        100,
      );
    });
    test("one key, no key, and count_only", async () => {
      assert.equal(
        names(
          (await read({ key: b(`${p}007`) })).flatMap(({ kvs }) => kvs),
          p,
        ),
        "007",
      );
      const none = await read({ key: b(`${p}none`) });
      assert.deepEqual(
        none.map(({ kvs, count }) => [kvs.length, count]),
        [[0, 0]],
      );
      const counted = await read({ ...all(p), countOnly: true });
      assert.equal(counted.at(-1)?.count, total);
      assert.equal(counted.flatMap(({ kvs }) => kvs).length, 0);
    });
    test("keys_only, serializable and a past revision", async () => {
      const revision = revisionOf(await setting().wire.kv.range(all(p)));
      await setting().wire.kv.put({ key: b(`${p}000`), value: b("changed") });
      const chunks = await read({ ...all(p), revision, serializable: true });
      assert.equal(s(chunks[0]?.kvs[0]?.value), "0");
      const keys = await read({ ...all(p), keysOnly: true });
      assert.ok(keys.every(({ kvs }) => kvs.every(({ value }) => value.length === 0)));
    });
    test("a limit below 0 is none, and asks for one chunk", async () => {
      const [only, ...others] = await read({ ...all(p), limit: -2, keysOnly: true });
      assert.deepEqual([only?.kvs.length, only?.more, only?.count], [total, false, total]);
      assert.deepEqual(others, []);
    });
    test("a target without an order sorts each chunk, and counts what lies behind its last", async () => {
      const [only] = await read({ ...all(p), limit: 1, sortTarget: 2, revision: written });
      assert.deepEqual([names(only!.kvs, p), only?.more], [first, true]);
      assert.equal(only?.count, total - Number(first));
    });
    for (const [name, request, code, message] of [
      ["an empty key", {}, 3, "etcdserver: key is not provided"],
      [
        "a future revision",
        { key: b("a"), revision: 1_000_000_000 },
        11,
        "etcdserver: mvcc: required revision is a future revision",
      ],
      ["sorting", { ...all(p), sortOrder: DESCEND }, 12, /./],
      ["a filter", { ...all(p), minModRevision: 2 }, 12, /./],
    ] as const) {
      test(`refused: ${name}`, async () => {
        const stream = setting().wire.rangeStream(request);
        await refuses(stream.next(), code, message);
      });
    }
  });
}
