import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { silentLog } from "#base/log.ts";
import { checkLogFiles, cutLogFiles } from "#server/backend/log-files.ts";
import { Rocks } from "#server/backend/rocks.ts";
import { hardState, testEntries, testIdentity } from "#server/wal/contract.ts";
import { entryKey } from "#server/wal/record.ts";
import { openWal } from "#server/wal/rocks-wal.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-log-files-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const fresh = (): string => path.join(root, `dir-${made++}`);

// A log of 20 saves, each over 4 KiB, so that the file spans several blocks.
const saves = 20;
const original = fresh();
{
  const { wal } = await openWal({ dir: original, identity: testIdentity, log: silentLog });
  for (let i = 1; i <= saves; i++) {
    const [entry] = testEntries(i, i, 1);
    assert(entry !== undefined);
    const data = Buffer.concat([entry.data, Buffer.alloc(4500, i)]);
    await wal.save(hardState(1, 0), [{ ...entry, data }], true);
  }
  await wal.close();
}

/** A copy of the log, with its newest RocksDB log file. */
async function copy(): Promise<{ dir: string; store: string; file: string }> {
  const dir = fresh();
  await cp(original, dir, { recursive: true });
  const store = path.join(dir, "log");
  const names = (await readdir(store)).filter((name) => name.endsWith(".log")).sort();
  const newest = names.at(-1);
  assert(newest !== undefined);
  return { dir, store, file: path.join(store, newest) };
}

async function change(file: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file, edit(await readFile(file)));
}

function flip(offset: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    const at = offset < 0 ? bytes.length + offset : offset;
    bytes[at] = (bytes[at] ?? 0) ^ 0x40;
    return bytes;
  };
}

const zero =
  (from: number, to: number) =>
  (bytes: Buffer): Buffer =>
    bytes.fill(0, from, to);

const damages: [string, (bytes: Buffer) => Buffer, number | RegExp][] = [
  ["nothing", (bytes) => bytes, saves],
  ["last record: a byte of its payload", flip(-100), saves - 1],
  ["last record: cut off", (bytes) => bytes.subarray(0, bytes.length - 1000), saves - 1],
  ["last record: its end is zeros", (bytes) => bytes.fill(0, bytes.length - 900), saves - 1],
  ["behind the last record: garbage", (b) => Buffer.concat([b, Buffer.alloc(5000, 0xa7)]), saves],
  ["behind the last record: zeros", (b) => Buffer.concat([b, Buffer.alloc(70_000)]), saves],
  ["first record: a byte of its payload", flip(300), /bad record at offset 0 /],
  ["first record: its length", flip(5), /bad record at offset 0 /],
  ["first record: its type", flip(6), /bad record at offset 0 /],
  ["a byte in the middle", flip(50_000), /bad record at offset \d+ /],
  ["a page of zeros in the middle", zero(40_960, 45_056), /bad record at offset \d+ /],
  ["a whole block of zeros", zero(32_768, 65_536), /bad record at offset 32768 /],
  [
    "a hole: bytes taken out",
    (bytes) => Buffer.concat([bytes.subarray(0, 20_000), bytes.subarray(24_000)]),
    /bad record at offset \d+ /,
  ],
];

describe("a damaged log file", () => {
  for (const [title, damage, expected] of damages) {
    test(title, async () => {
      const { dir, file } = await copy();
      await change(file, damage);
      const opening = openWal({ dir, identity: testIdentity, log: silentLog });
      if (typeof expected === "number") {
        const { wal, contents } = await opening;
        assert.equal(contents?.entries.length, expected);
        await wal.close();
      } else {
        await assert.rejects(opening, (error: Error & { code: string }) => {
          assert.equal(error.code, "WAL_DAMAGED");
          assert.match(error.message, expected);
          assert(error.message.includes(file), "names the file");
          assert(!error.message.includes("\n"), "is one line");
          return true;
        });
      }
    });
  }

  test("any byte but those of the last record is refused", async () => {
    const { store, file } = await copy();
    const sound = await readFile(file);
    for (let at = 0; at < sound.length - 5000; at += 701) {
      await writeFile(file, flip(at)(Buffer.from(sound)));
      // A block's tail that is too short for a header holds nothing.
      if (32_768 - (at % 32_768) < 7) continue;
      await assert.rejects(checkLogFiles(store), { code: "WAL_DAMAGED" }, `offset ${at}`);
    }
  });

  test("cut anywhere, it opens with whole saves only", async () => {
    const { store, file } = await copy();
    const { length } = await readFile(file);
    for (let at = length; at > 0; at -= 4001) {
      await truncate(file, at);
      await checkLogFiles(store);
    }
  });

  const raw = {
    create: false,
    writeBufferBytes: 1 << 20,
    cacheBytes: 0,
    compression: false,
    maxParallelReads: 1,
  };
  const keys = Array.from({ length: saves }, (_, i) => entryKey(i + 1));

  test("without the check RocksDB leaves a write out in silence, and shows later ones", async () => {
    const { store, file } = await copy();
    await change(file, flip(50_000));
    const rocks = await Rocks.open(store, raw);
    const found = (await rocks.getMany(keys)).map((value) => value !== undefined);
    await rocks.close();
    assert(found.includes(false));
    assert.equal(found.at(-1), true);
  });

  for (const at of [10, 20_000, 50_000, 80_000]) {
    test(`cut off at byte ${at}, it recovers to one point in time`, async () => {
      const { store, file } = await copy();
      assert.equal(await cutLogFiles(store), undefined);
      await change(file, flip(at));
      const cut = await cutLogFiles(store);
      assert.equal(cut?.file, path.basename(file));
      assert(cut.offset <= at);
      assert.equal(await cutLogFiles(store), undefined);
      const rocks = await Rocks.open(store, raw);
      const found = (await rocks.getMany(keys)).map((value) => value !== undefined);
      await rocks.close();
      const count = found.indexOf(false);
      assert.equal(count, Math.floor(cut.offset / 4500));
      assert(!found.slice(count).includes(true));
    });
  }
});

/** A log file of sound records with these types and payload sizes. */
function logFile(records: readonly (readonly [type: number, size: number])[]): Buffer {
  const out: Buffer[] = [];
  let length = 0;
  for (const [type, size] of records) {
    const head = type > 4 ? 11 : 7;
    const left = 32_768 - (length % 32_768);
    if (left < 7) {
      out.push(Buffer.alloc(left));
      length += left;
    }
    const record = Buffer.alloc(head + size, type);
    record.writeUInt16LE(size, 4);
    record[6] = type;
    const crc = crc32c(record.subarray(6));
    const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
    record.writeUInt32LE(masked, 0);
    out.push(record);
    length += record.length;
  }
  return Buffer.concat(out);
}

const full = [1, 200] as const;
const torn = (records: readonly (readonly [number, number])[]): Buffer => {
  const bytes = logFile(records);
  return bytes.subarray(0, bytes.length - 5);
};

const folders: [string, Record<string, Buffer>, RegExp | undefined][] = [
  ["no file", {}, undefined],
  ["an empty file", { "000010.log": Buffer.alloc(0) }, undefined],
  [
    "sound files",
    { "000010.log": logFile([full, full]), "000011.log": logFile([full]) },
    undefined,
  ],
  [
    "recycled types",
    {
      "000010.log": logFile([
        [5, 100],
        [6, 10],
        [8, 3],
      ]),
    },
    undefined,
  ],
  [
    "recycled types, one damaged",
    { "000010.log": flip(20)(logFile([[5, 100], full])) },
    /000010\.log has a bad record at offset 0 /,
  ],
  [
    "a block's last bytes are fill",
    { "000010.log": logFile([[1, 32_768 - 7 - 4], full]) },
    undefined,
  ],
  [
    "a torn end, and newer files without a record",
    { "000010.log": torn([full, full]), "000011.log": Buffer.alloc(0) },
    undefined,
  ],
  [
    "a torn end, and a record in a newer file",
    { "000010.log": torn([full, full]), "000011.log": logFile([full]) },
    /000010\.log has a bad record at offset 207 /,
  ],
  [
    "a write that has no end before the next",
    { "000010.log": logFile([full, [2, 100], full]) },
    /000010\.log has a bad record at offset 207 /,
  ],
  [
    "a write that has no beginning before the next",
    { "000010.log": logFile([full, [4, 100], full]) },
    /000010\.log has a bad record at offset 207 /,
  ],
  ["a write that has no end", { "000010.log": logFile([full, [2, 100], [3, 9]]) }, undefined],
  [
    "numbers, not names, tell the order",
    { "999999.log": torn([full, full]), "1000000.log": logFile([full]) },
    /999999\.log has a bad record/,
  ],
  [
    "a write whose first part is lost and whose later parts are there",
    { "000010.log": flip(220)(logFile([full, [2, 100], [3, 100], [4, 100]])) },
    undefined,
  ],
];

for (const [title, files, expected] of folders) {
  test(`log files: ${title}`, async () => {
    const dir = await mkdtemp(path.join(root, "files-"));
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(path.join(dir, name), bytes);
    }
    if (expected === undefined) await checkLogFiles(dir);
    else await assert.rejects(checkLogFiles(dir), { code: "WAL_DAMAGED", message: expected });
  });
}

test("what lies in newer files than the bad record is cut off too", async () => {
  const dir = await mkdtemp(path.join(root, "files-"));
  await writeFile(path.join(dir, "000010.log"), logFile([full, [2, 100], [4, 50], [2, 100]]));
  await writeFile(path.join(dir, "000011.log"), logFile([full]));
  await writeFile(path.join(dir, "000012.log"), "");
  assert.deepEqual(await cutLogFiles(dir), { file: "000010.log", offset: 371, bytes: 107 + 207 });
  assert.equal((await readFile(path.join(dir, "000010.log"))).length, 371);
  assert.equal((await readFile(path.join(dir, "000011.log"))).length, 0);
});

test("a write that has no end is cut off with what follows", async () => {
  const dir = await mkdtemp(path.join(root, "files-"));
  await writeFile(path.join(dir, "000010.log"), logFile([full, [2, 100], full]));
  assert.equal((await cutLogFiles(dir))?.offset, 207);
});

test("a leftover below the manifest's log number is not read", async () => {
  const { dir, store } = await copy();
  await writeFile(path.join(store, "000001.log"), torn([full, full]));
  const { wal, contents } = await openWal({ dir, identity: testIdentity, log: silentLog });
  assert.equal(contents?.entries.length, saves);
  await wal.close();
});
