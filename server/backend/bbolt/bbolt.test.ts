import assert from "node:assert/strict";
import { test } from "node:test";
import { compareBytes, utf8 } from "#base/bytes.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { checkBolt } from "#server/backend/bbolt/check.ts";
import { decodeMeta, encodeMetaPage, fnv1a } from "#server/backend/bbolt/format.ts";
import { type BoltFile, type BoltSource, openBolt } from "#server/backend/bbolt/reader.ts";
import { BoltWriter } from "#server/backend/bbolt/writer.ts";

type Row = readonly [key: Uint8Array, value: Uint8Array];
type Buckets = readonly (readonly [name: string, rows: readonly Row[]])[];

function write(buckets: Buckets, pageBytes?: number): Buffer {
  const pages: Uint8Array[] = [];
  const writer = new BoltWriter((page) => pages.push(page), pageBytes);
  for (const [name, rows] of buckets) {
    writer.bucket(utf8(name));
    for (const [key, value] of rows) writer.add(key, value);
  }
  const { head, fileBytes } = writer.finish();
  const file = Buffer.concat([head, ...pages]);
  assert.equal(file.length, fileBytes);
  return file;
}

function openBytes(file: Buffer): Promise<BoltFile> {
  return openBolt({
    name: "the file",
    bytes: file.length,
    read: (offset, length) => {
      assert(offset >= 0 && length >= 0 && offset + length <= file.length, "reads within the file");
      return Promise.resolve(file.subarray(offset, offset + length));
    },
  });
}

async function readAll(file: Buffer): Promise<[string, Row[]][]> {
  const bolt = await openBytes(file);
  const out: [string, Row[]][] = [];
  for (const name of await bolt.buckets()) {
    const rows: Row[] = [];
    for await (const row of bolt.records(name)) rows.push(row);
    out.push([Buffer.from(name).toString(), rows]);
  }
  return out;
}

function expectEqual(actual: Buckets, expected: Buckets, label: string): void {
  assert.deepEqual(
    actual.map(([name, rows]) => [name, rows.length]),
    expected.map(([name, rows]) => [name, rows.length]),
    label,
  );
  actual.forEach(([name, rows], b) => {
    rows.forEach(([key, value], i) => {
      const row = expected[b]?.[1][i];
      assert(row !== undefined && compareBytes(row[0], key) === 0, `${label}: key ${name}/${i}`);
      assert(compareBytes(row[1], value) === 0, `${label}: value ${name}/${i}`);
    });
  });
}

const numbered = (count: number, valueBytes: number): Row[] =>
  Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(17, 1);
    key.writeUInt32BE(i, 0);
    return [key, Buffer.alloc(valueBytes, i)] as const;
  });

const shapes: [string, Buckets][] = [
  ["no bucket", []],
  ["an empty bucket", [["a", []]]],
  [
    "empty buckets around one record",
    [
      ["a", []],
      ["b", [[utf8("k"), utf8("")]]],
      ["c", []],
    ],
  ],
  ["one leaf", [["a", numbered(10, 20)]]],
  [
    "several leaves",
    [
      ["a", numbered(500, 100)],
      ["b", numbered(40, 900)],
    ],
  ],
  ["two levels of branches", [["a", numbered(30_000, 60)]]],
  [
    "values of many pages",
    [
      [
        "a",
        [
          [utf8("a"), Buffer.alloc(1_500_000, 3)],
          [utf8("b"), utf8("x")],
        ],
      ],
    ],
  ],
  ["a value that fills a page to the byte", [["a", [[utf8("k"), Buffer.alloc(4096 - 33, 1)]]]]],
  ["a value one byte longer", [["a", [[utf8("k"), Buffer.alloc(4096 - 32, 1)]]]]],
  [
    "long keys, so that branches hold two children",
    [
      [
        "a",
        Array.from({ length: 40 }, (_, i) => [Buffer.alloc(30_000, i + 1), utf8("v")] as const),
      ],
    ],
  ],
];

for (const [title, buckets] of shapes) {
  for (const pageBytes of [4096, 16_384]) {
    test(`written and read back, pages of ${pageBytes}: ${title}`, async () => {
      const file = write(buckets, pageBytes);
      assert.equal(file.length % pageBytes, 0);
      expectEqual(await readAll(file), buckets, title);
    });
  }
}

test("either meta page alone is enough, and the newer one wins", async () => {
  const buckets: Buckets = [["a", numbered(100, 50)]];
  for (const spoilt of [0, 4096]) {
    const file = write(buckets);
    file[spoilt + 40] = (file[spoilt + 40] ?? 0) ^ 1;
    expectEqual(await readAll(file), buckets, `meta at ${spoilt} is damaged`);
  }
  const file = write(buckets);
  const good = decodeMeta(file);
  assert(good !== undefined);
  encodeMetaPage(1, { ...good, root: 99_999, transaction: 9 }).copy(file, 4096);
  await assert.rejects(readAll(file), { code: "SNAPSHOT_DAMAGED", message: /page 99999 does not/ });
});

test("FNV-1a, from its authors' test vectors", () => {
  assert.equal(fnv1a(utf8("")), 0xcbf29ce484222325n);
  assert.equal(fnv1a(utf8("a")), 0xaf63dc4c8601ec8cn);
  assert.equal(fnv1a(utf8("foobar")), 0x85944171f73967e8n);
});

test("misuse is refused", () => {
  const writer = (): BoltWriter => {
    const one = new BoltWriter(() => undefined);
    one.bucket(utf8("m"));
    one.add(utf8("k"), utf8("v"));
    return one;
  };
  assert.throws(() => writer().add(utf8("k"), utf8("v")), /not in order/);
  assert.throws(() => writer().add(utf8("a"), utf8("v")), /not in order/);
  assert.throws(() => writer().add(utf8(""), utf8("v")), /out of range/);
  assert.throws(() => writer().bucket(utf8("m")), /not in order/);
  assert.throws(() => new BoltWriter(() => undefined).add(utf8("a"), utf8("v")), /outside/);
});

/** A meta page with another field changed, and its checksum made to fit. */
function forgeMeta(file: Buffer, random: Random): void {
  const at = random.below(2) * 4096 + 16;
  const field = [8, 16, 32, 40, 48][random.below(5)]!;
  const number = random.chance(0.5)
    ? random.below(40)
    : [2 ** 31, 2 ** 32 - 1, 2 ** 20, 0][random.below(4)]!;
  file.writeUInt32LE(number, at + field);
  if (random.chance(0.2)) file.writeUInt32LE(random.below(1 << 22), at + field + 4);
  file.writeBigUInt64LE(fnv1a(file.subarray(at, at + 56)), at + 56);
}

test("a damaged file ends in an error, never in a loop, a crash or a huge allocation", async () => {
  const seed = Number(process.env["BOLT_SEED"] ?? Date.now() % 1_000_000);
  const rounds = Number(process.env["BOLT_ROUNDS"] ?? 200);
  const random = seededRandom(seed);
  const replay = `BOLT_SEED=${seed} BOLT_ROUNDS=${rounds} node --test server/backend/bbolt/bbolt.test.ts`;
  const sound = write([
    ["a", numbered(300, 40)],
    ["b", []],
    ["c", numbered(5, 9000)],
    ["key", numbered(200, 20)],
  ]);
  let rejected = 0;
  for (let round = 0; round < rounds; round++) {
    const file = Buffer.from(sound);
    const hits = 1 + random.below(6);
    for (let i = 0; i < hits; i++) {
      // Headers and element heads, where damage leads somewhere else.
      const page = random.below(file.length / 4096) * 4096;
      const to = random.chance(0.3) ? random.below(6) : random.below(256);
      file[page + random.below(200)] = to;
    }
    if (random.chance(0.3)) forgeMeta(file, random);
    const cut = random.chance(0.2) ? file.subarray(0, random.below(file.length)) : file;
    let largest = 0;
    const watched: BoltSource = {
      name: "snapshot",
      bytes: cut.length,
      read: async (offset, length) => {
        assert.ok(offset >= 0 && length >= 0 && offset + length <= cut.length, replay);
        largest = Math.max(largest, length);
        return Uint8Array.from(cut.subarray(offset, offset + length));
      },
    };
    let findings: readonly string[] | undefined;
    try {
      const bolt = await openBolt(watched);
      findings = await checkBolt(bolt);
      for await (const _ of bolt.allRecords());
      if (findings.length > 0) rejected++;
    } catch (error) {
      rejected++;
      assert.equal((error as { code?: string }).code, "SNAPSHOT_DAMAGED", `${replay}: ${error}`);
      assert.notEqual(findings?.length, 0, `${replay}: checked and found sound, then ${error}`);
    }
    assert.ok(largest <= cut.length, replay);
  }
  assert.ok(rejected > rounds / 4, `${replay}: only ${rejected} of ${rounds} were noticed`);
});
