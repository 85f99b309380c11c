// What the transport itself answers: unknown methods, bytes that are no message, sizes, deadlines.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { b, freshPrefix, interval, refuses, revisionOf, type SettingOf } from "./setting.ts";
import { Wire } from "./wire.ts";

const malformed: readonly (readonly [string, readonly number[]])[] = [
  ["a tag without its field", [0x0a]],
  ["a length beyond the end", [0x0a, 5, 97]],
  ["a length beyond 32 bits", [0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 97]],
  ["a varint that does not end", [0x18, 0x80]],
  ["a varint beyond 64 bits", [0x18, ...Array.from({ length: 9 }, () => 0x80), 2]],
  ["field number 0", [0, 0]],
  ["an end of no group", [0x0c]],
  ["a group that does not end", [0x0a, 1, 97, 0xfb, 0x07, 0x08, 1]],
  ["a field number beyond 32 bits", [0x8a, 0x80, 0x80, 0x80, 0x10, 1, 97]],
];

/** The cases of the gRPC transport. */
export function wireSuite(setting: SettingOf): void {
  describe("gRPC", () => {
    test("an unknown method", async () => {
      await refuses(
        setting().wire.raw("/etcdserverpb.KV/Nope", b("")),
        12,
        "unknown method Nope for service etcdserverpb.KV",
      );
    });
    test("an unknown service", async () => {
      await refuses(setting().wire.raw("/no.such/Nope", b("")), 12, "unknown service no.such");
    });
    test("bytes that are no message", async () => {
      const { wire } = setting();
      const cut = Buffer.from([0x0a, 0x7f, 0x61]);
      await refuses(wire.raw("/etcdserverpb.KV/Range", cut), 13, /unmarshal|decod|malformed/i);
      await refuses(wire.raw("/etcdserverpb.KV/Put", cut), 13, /unmarshal|decod|malformed/i);
      assert.ok(revisionOf(await wire.kv.range({ key: b("a") })) > 0, "the connection lives on");
    });
    for (const [name, bytes] of malformed) {
      test(`no message: ${name}`, async () => {
        const range = setting().wire.raw("/etcdserverpb.KV/Range", Buffer.from(bytes));
        await refuses(
          range,
          13,
          "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
        );
      });
    }
    test("a string that is no UTF-8", async () => {
      const { wire } = setting();
      const check = wire.raw("/grpc.health.v1.Health/Check", Buffer.of(0x0a, 2, 0xc3, 0x28));
      const text = "grpc: error unmarshalling request: string field contains invalid UTF-8";
      await refuses(check, 13, text);
    });
    test("groups, and known fields of another wire type, count as unknown fields", async () => {
      const { wire } = setting();
      const group = [0xfb, 0x07, 0x08, 1, 0xfc, 0x07];
      await wire.raw("/etcdserverpb.KV/Range", Buffer.from([0x0a, 1, 97, ...group]));
      await wire.raw("/etcdserverpb.KV/Range", Buffer.of(0x0a, 1, 97, 0x1a, 1, 7));
    });
    test("unknown fields are ignored", async () => {
      const key = `${freshPrefix()}a`;
      const { wire } = setting();
      await wire.kv.put({ key: b(key), value: b("1") });
      const request = Buffer.concat([
        Buffer.from([0x0a, key.length]),
        b(key),
        Buffer.from([0xa2, 0x06, 1, 0x78]),
      ]);
      const answer = await wire.raw("/etcdserverpb.KV/Range", request);
      assert.ok(answer.includes(key));
    });
    test("client-api-version must be UTF-8, which ASCII is", async () => {
      const { wire } = setting();
      const answer = await wire.kv.range(
        { key: b("a") },
        { metadata: { "client-api-version": "3.7" } },
      );
      assert.ok(revisionOf(answer) > 0);
    });
    test("hasleader is no obstacle when there is one", async () => {
      const { wire } = setting();
      const answer = await wire.kv.range({ key: b("a") }, { metadata: { hasleader: "true" } });
      assert.ok(revisionOf(answer) > 0);
    });
    test("a thousand requests at once on one connection", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      const r = revisionOf(await wire.kv.range({ key: b(p) }));
      const answers = await Promise.all(
        Array.from({ length: 1_000 }, (_, i) => wire.kv.put({ key: b(p + i), value: b("1") })),
      );
      const revisions = answers.map(revisionOf).sort((x, y) => x - y);
      assert.deepEqual(
        revisions,
        Array.from({ length: 1_000 }, (_, i) => r + 1 + i),
      );
      assert.equal((await wire.kv.range(interval(p))).count, 1_000);
    });
    test("an answer of many megabytes", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      const value = Buffer.alloc(1_000_000, "v");
      for (let i = 0; i < 6; i++) await wire.kv.put({ key: b(p + i), value });
      const answer = await wire.kv.range(interval(p));
      assert.equal(answer.kvs.length, 6);
      assert.ok(answer.kvs.every((pair) => Buffer.from(pair.value).equals(value)));
      await wire.kv.deleteRange(interval(p));
    });
    test("a value of just under the limit, and one above", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      await wire.kv.put({ key: b(`${p}a`), value: Buffer.alloc(1_572_864 - 200) });
      await refuses(
        wire.kv.put({ key: b(`${p}b`), value: Buffer.alloc(1_572_864) }),
        3,
        "etcdserver: request is too large",
      );
      assert.equal((await wire.kv.range(interval(p))).count, 1);
      await wire.kv.deleteRange(interval(p));
    });
    test("a message above the limit of the transport", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      await refuses(
        wire.kv.put({ key: b(`${p}b`), value: Buffer.alloc(1_572_864 + 512 * 1024 + 100) }),
        8,
        /received message larger than max/,
      );
      assert.equal((await wire.kv.range(interval(p))).count, 0);
    });
    test("a compressed request is understood or refused as unimplemented", async () => {
      const { wire } = setting();
      const gzip = new Wire(wire.endpoint, { "grpc.default_compression_algorithm": 2 });
      const key = b(`${freshPrefix()}a`);
      const outcome = await gzip.kv.put({ key, value: Buffer.alloc(5_000, "v") }).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      assert.ok(outcome === 0 || outcome === 12, `code ${outcome}`);
      assert.equal((await wire.kv.range({ key })).count, outcome === 0 ? 1 : 0);
      gzip.close();
    });
  });
}

/** The cases of requests that reach different members. */
export function followerSuite(setting: SettingOf): void {
  describe("through every member", () => {
    test("a write through one is read through each other at once", async () => {
      const { wires } = setting();
      const p = freshPrefix();
      for (const [i, writer] of wires.entries()) {
        const written = revisionOf(await writer.kv.put({ key: b(`${p}a`), value: b(String(i)) }));
        for (const reader of wires) {
          const read = await reader.kv.range({ key: b(`${p}a`) });
          assert.equal(Buffer.from(read.kvs[0]!.value).toString(), String(i));
          assert.equal(revisionOf(read), written);
        }
      }
    });
    test("a member's own write is in its serializable read", async () => {
      const { wires } = setting();
      for (const wire of wires) {
        const key = b(`${freshPrefix()}a`);
        const written = revisionOf(await wire.kv.put({ key, value: b("1") }));
        const read = await wire.kv.range({ key, serializable: true });
        assert.equal(read.count, 1);
        assert.ok(revisionOf(read) >= written);
      }
    });
    test("a watch on each member sees writes through each member, in one order", async () => {
      const { wires } = setting();
      const p = freshPrefix();
      const streams = wires.map((wire) => wire.watch());
      for (const stream of streams) {
        stream.send({ requestUnion: { $case: "createRequest", value: { ...interval(p) } } });
        assert.equal((await stream.next()).created, true);
      }
      const writes = wires.flatMap((wire, i) =>
        Array.from({ length: 20 }, (_, j) =>
          wire.kv.put({ key: b(`${p}${i}-${j}`), value: b("1") }),
        ),
      );
      const revisions = (await Promise.all(writes)).map(revisionOf).sort((x, y) => x - y);
      for (const stream of streams) {
        const seen: number[] = [];
        while (seen.length < writes.length) {
          for (const event of (await stream.next()).events) seen.push(event.kv!.modRevision);
        }
        assert.deepEqual(seen, revisions);
        stream.cancel();
      }
    });
    test("counters added by compare and set through all members lose nothing", async () => {
      const { wires } = setting();
      const key = b(`${freshPrefix()}counter`);
      await wires[0]!.kv.put({ key, value: b("0") });
      const add = async (i: number): Promise<void> => {
        const { kv } = wires[i % wires.length]!;
        for (;;) {
          const [pair] = (await kv.range({ key })).kvs;
          const next = b(String(Number(Buffer.from(pair!.value).toString()) + 1));
          const { succeeded } = await kv.txn({
            compare: [
              { key, target: 2, targetUnion: { $case: "modRevision", value: pair!.modRevision } },
            ],
            success: [{ request: { $case: "requestPut", value: { key, value: next } } }],
          });
          if (succeeded) return;
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, i) => add(i)));
      const [pair] = (await wires[1]!.kv.range({ key })).kvs;
      assert.equal(Buffer.from(pair!.value).toString(), "12");
    });
    test("a lease granted by one is kept alive, read, listed and revoked by others", async () => {
      const { wires } = setting();
      const [x, y, z] = wires as [Wire, Wire, Wire];
      const p = freshPrefix();
      const { ID } = await x.lease.leaseGrant({ TTL: 600 });
      await y.kv.put({ key: b(`${p}a`), value: b("1"), lease: ID });
      const alive = z.keepAlive();
      alive.send({ ID });
      assert.equal((await alive.next()).TTL, 600);
      alive.cancel();
      for (const wire of wires) {
        const left = await wire.lease.leaseTimeToLive({ ID, keys: true });
        assert.equal(left.grantedTTL, 600);
        assert.ok(left.TTL > 500, `TTL ${left.TTL}`);
        assert.equal(left.keys.length, 1);
        assert.ok((await wire.lease.leaseLeases({})).leases.some((lease) => lease.ID === ID));
      }
      await z.lease.leaseRevoke({ ID });
      assert.equal((await x.kv.range({ key: b(`${p}a`) })).count, 0);
    });
    test("a compaction through one holds for all", async () => {
      const { wires } = setting();
      const key = b(`${freshPrefix()}a`);
      const r = revisionOf(await wires[0]!.kv.put({ key, value: b("1") }));
      await wires[1]!.kv.put({ key, value: b("2") });
      await wires[2]!.kv.compact({ revision: r + 1, physical: true });
      for (const wire of wires) {
        await wire.kv.range({ key }); // has applied the compaction
        await refuses(
          wire.kv.range({ key, revision: r }),
          11,
          "etcdserver: mvcc: required revision has been compacted",
        );
      }
    });
  });
}
