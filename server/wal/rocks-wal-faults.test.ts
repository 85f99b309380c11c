// Logs that must not be opened, and disks that fail.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { Rocks } from "#server/backend/rocks.ts";
import { hardState, mark, testEntries, testIdentity } from "#server/wal/contract.ts";
import { entryKey, metaKeys, sealMeta, walFormat } from "#server/wal/record.ts";
import { openWal } from "#server/wal/rocks-wal.ts";
import type { Wal } from "#server/wal/wal.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-wal-faults-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const fresh = (): string => path.join(root, `dir-${made++}`);
const rocksOptions = {
  create: false,
  writeBufferBytes: 1 << 20,
  cacheBytes: 0,
  compression: false,
  maxParallelReads: 1,
};

/** A log of entries 1 to 20, each a run, closed. */
async function twenty(): Promise<string> {
  const dir = fresh();
  const { wal } = await openWal({ dir, identity: testIdentity, log: silentLog });
  await wal.save(hardState(1, 0), [], false);
  for (const entry of testEntries(1, 20, 1)) await wal.save(undefined, [entry], false);
  await wal.save(hardState(1, 9), [], true);
  await wal.close();
  return dir;
}

async function edit(dir: string, change: (rocks: Rocks) => Promise<void>): Promise<void> {
  const rocks = await Rocks.open(path.join(dir, "log"), rocksOptions);
  await change(rocks);
  await rocks.close();
}

async function putRaw(rocks: Rocks, key: Uint8Array, value: Uint8Array): Promise<void> {
  const batch = rocks.newBatch();
  batch.put(key, value);
  await rocks.write(batch, true);
}

async function deleteRaw(rocks: Rocks, ...keys: Uint8Array[]): Promise<void> {
  const batch = rocks.newBatch();
  for (const key of keys) batch.delete(key);
  await rocks.write(batch, true);
}

function oneLine(code: string, message: RegExp) {
  return (error: Error & { code: string }): boolean => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert(!error.message.includes("\n"));
    return true;
  };
}

const tampered: [string, RegExp, (rocks: Rocks) => Promise<void>][] = [
  ["an entry is gone", /entry 5 is missing/, (rocks) => deleteRaw(rocks, entryKey(5))],
  ["the first entry is gone", /entry 1 is missing/, (rocks) => deleteRaw(rocks, entryKey(1))],
  [
    "the tail is gone, committed entries with it",
    /entry 9 was committed, but the last one is 8/,
    (rocks) => deleteRaw(rocks, ...Array.from({ length: 12 }, (_, i) => entryKey(9 + i))),
  ],
  [
    "an entry lies under another's key",
    /entry 5: another index/,
    async (rocks) => putRaw(rocks, entryKey(5), (await rocks.get(entryKey(6))) ?? Buffer.alloc(0)),
  ],
  [
    "a byte of an entry differs",
    /entry 7: checksum mismatch/,
    async (rocks) => {
      const value = Buffer.from((await rocks.get(entryKey(7))) ?? "");
      value[25] = (value[25] ?? 0) ^ 1;
      await putRaw(rocks, entryKey(7), value);
    },
  ],
  ["an entry is cut", /entry 3: too short/, (rocks) => putRaw(rocks, entryKey(3), Buffer.alloc(9))],
  [
    "a record that is no entry stands among them",
    /record behind entry 5 is none/,
    (rocks) => putRaw(rocks, Buffer.concat([entryKey(5), Buffer.alloc(1)]), Buffer.alloc(9)),
  ],
  [
    "the hard state is gone",
    /hard-state is missing/,
    (rocks) => deleteRaw(rocks, metaKeys.hardState),
  ],
  [
    "the hard state is damaged",
    /hard-state has a wrong checksum/,
    (rocks) => putRaw(rocks, metaKeys.hardState, Buffer.alloc(28)),
  ],
  ["the mark is gone", /snapshot is missing/, (rocks) => deleteRaw(rocks, metaKeys.snapshot)],
  [
    "the identity is damaged",
    /identity has a wrong checksum/,
    (rocks) => putRaw(rocks, metaKeys.identity, Buffer.alloc(20)),
  ],
];

for (const [title, message, tamper] of tampered) {
  test(`damaged: ${title}`, async () => {
    const dir = await twenty();
    await edit(dir, tamper);
    await assert.rejects(
      openWal({ dir, identity: undefined, log: silentLog }),
      oneLine("WAL_DAMAGED", message),
    );
  });
}

test("damaged: a byte of an entry in a table file", async () => {
  const dir = await twenty();
  // Entries larger than a table's block, so that the damaged block is read by nothing else.
  const { wal } = await openWal({ dir, identity: testIdentity, log: silentLog });
  const wide = testEntries(21, 30, 1).map((entry) => ({
    ...entry,
    data: Buffer.concat([entry.data, Buffer.alloc(9000)]),
  }));
  for (const entry of wide) await wal.save(undefined, [entry], true);
  await wal.close();
  // Opening moves what the log files held into tables.
  await edit(dir, () => Promise.resolve());
  const store = path.join(dir, "log");
  let found = 0;
  for (const name of (await readdir(store)).filter((one) => one.endsWith(".sst"))) {
    const bytes = await readFile(path.join(store, name));
    const at = bytes.indexOf("entry 25 of term 1");
    if (at < 0) continue;
    found++;
    bytes[at + 3] = 0x20;
    await writeFile(path.join(store, name), bytes);
  }
  assert.equal(found, 1);
  await assert.rejects(
    openWal({ dir, identity: testIdentity, log: silentLog }),
    oneLine("WAL_DAMAGED", /entry 25: checksum mismatch/),
  );
});

test("damaged: a table file is gone", async () => {
  const dir = await twenty();
  await edit(dir, () => Promise.resolve());
  const store = path.join(dir, "log");
  for (const name of await readdir(store)) {
    if (name.endsWith(".sst")) await rm(path.join(store, name));
  }
  await assert.rejects(
    openWal({ dir, identity: testIdentity, log: silentLog }),
    oneLine("DATA_DAMAGED", /is damaged: .*No such file/),
  );
});

test("another cluster's and another member's log are refused, by name", async () => {
  const dir = await twenty();
  const other = { ...testIdentity, clusterId: 0xabcn as ClusterId };
  await assert.rejects(
    openWal({ dir, identity: other, log: silentLog }),
    oneLine("WAL_OTHER_CLUSTER", /belongs to cluster 8000000000000001, not abc: check/),
  );
  const member = { ...testIdentity, memberId: 0x1n as MemberId };
  await assert.rejects(
    openWal({ dir, identity: member, log: silentLog }),
    oneLine("WAL_OTHER_MEMBER", /belongs to member fedcba9876543210, not 1: check/),
  );
});

test("a newer format is refused", async () => {
  const dir = await twenty();
  await edit(dir, (rocks) =>
    putRaw(rocks, metaKeys.format, sealMeta(metaKeys.format, Buffer.from([walFormat + 1]))),
  );
  await assert.rejects(
    openWal({ dir, identity: testIdentity, log: silentLog }),
    oneLine("FORMAT_TOO_NEW", /has format 3, this version knows up to 2/),
  );
});

/** A record of format 1. */
function oldRecord(index: number, term: number): Buffer {
  const data = testEntries(index, index, term)[0]!.data;
  const value = Buffer.alloc(21 + data.length);
  value.writeBigUInt64BE(BigInt(index), 4);
  value.writeBigUInt64BE(BigInt(term), 12);
  value.set(data, 21);
  value.writeUInt32LE(crc32c(value.subarray(4)), 0);
  return value;
}

test("a log of format 1 is read, and stays one", async () => {
  const dir = fresh();
  const made = await openWal({ dir, identity: testIdentity, log: silentLog });
  await made.wal.save(hardState(1, 0), [], true);
  await made.wal.close();
  const formatOf = async (): Promise<number | undefined> => {
    let value: Uint8Array | undefined;
    await edit(dir, async (rocks) => {
      value = await rocks.get(metaKeys.format);
    });
    return value?.[4];
  };
  await edit(dir, async (rocks) => {
    await putRaw(rocks, metaKeys.format, sealMeta(metaKeys.format, Buffer.from([1])));
    for (let index = 1; index <= 300; index++)
      await putRaw(rocks, entryKey(index), oldRecord(index, 1));
  });
  const first = await openWal({ dir, identity: testIdentity, log: silentLog });
  assert.equal(first.contents?.entries.length, 300);
  await first.wal.save(undefined, [], true);
  await first.wal.close();
  const second = await openWal({ dir, identity: testIdentity, log: silentLog });
  await second.wal.save(hardState(2, 299), testEntries(300, 500, 2), true);
  await second.wal.saveSnapshot(mark(290, 1));
  await second.wal.compact(290);
  await second.wal.close();
  assert.equal(await formatOf(), 1);
  await edit(dir, async (rocks) => {
    const value = await rocks.get(entryKey(400));
    assert(value !== undefined && Buffer.from(value).equals(oldRecord(400, 2)));
  });
  const { wal, contents } = await openWal({ dir, identity: testIdentity, log: silentLog });
  assert.deepEqual(
    contents?.entries.map(({ index, term, data }) => [index, term, data.toString()]),
    [...testEntries(291, 299, 1), ...testEntries(300, 500, 2)].map(({ index, term, data }) => [
      index,
      term,
      data.toString(),
    ]),
  );
  await wal.saveSnapshot(mark(299, 1));
  await wal.compact(299);
  await wal.close();
  await edit(dir, async (rocks) => {
    const found = await rocks.getMany(Array.from({ length: 299 }, (_, i) => entryKey(i + 1)));
    // Those from the last multiple of 128 on were known by their keys, the others by their numbers.
    assert.deepEqual(
      found.flatMap((value, i) => (value === undefined ? [] : [i + 1])),
      [],
    );
  });
});

test("a run that holds what is none is refused by what is wrong", async () => {
  const seal = (value: Buffer): Buffer => {
    value.writeUInt32LE(crc32c(value.subarray(4)), 0);
    return value;
  };
  const with1 = (value: Buffer, at: number, byte: number): Buffer => {
    value[at] = byte;
    return value;
  };
  const changes: [RegExp, (value: Buffer) => Buffer][] = [
    [/entry 4: unknown type/, (value) => with1(value, 21, 7)],
    [/entry 4: too short/, (value) => value.subarray(0, value.length - 1)],
    [/entry 4: too short/, (value) => with1(value, 22, 0xff)],
    [/entry 4: term 0 after 1/, (value) => with1(value, 20, 0)],
  ];
  for (const [message, change] of changes) {
    const dir = await twenty();
    await edit(dir, async (rocks) =>
      putRaw(rocks, entryKey(4), seal(change(Buffer.from((await rocks.get(entryKey(4))) ?? "")))),
    );
    await assert.rejects(
      openWal({ dir, identity: undefined, log: silentLog }),
      oneLine("WAL_DAMAGED", message),
    );
  }
});

test("a missing log is not made unless an identity is given", async () => {
  const dir = fresh();
  await assert.rejects(
    openWal({ dir, identity: undefined, log: silentLog }),
    oneLine("WAL_MISSING", /holds no log/),
  );
  await assert.rejects(readdir(dir), { code: "ENOENT" });
});

test("a log whose making was cut short is made again", async () => {
  const dir = fresh();
  await mkdir(path.join(dir, "log.new"), { recursive: true });
  await writeFile(path.join(dir, "log.new", "CURRENT"), "MANIFEST-");
  const { wal, contents } = await openWal({ dir, identity: testIdentity, log: silentLog });
  assert.equal(contents, undefined);
  await wal.close();
  assert.deepEqual(await readdir(dir), ["log"]);
});

test("a folder that is in use, is a file or cannot be made", async () => {
  const dir = await twenty();
  const { wal } = await openWal({ dir, identity: testIdentity, log: silentLog });
  await assert.rejects(
    openWal({ dir, identity: testIdentity, log: silentLog }),
    oneLine("DIR_LOCKED", /is in use by another process/),
  );
  await wal.save(hardState(1, 20), [], true);
  await wal.close();

  const file = path.join(root, "a-file");
  await writeFile(file, "");
  for (const [where, code] of [
    [file, "DIR_INVALID"],
    [path.join(file, "below"), "DIR_INVALID"],
  ] as const) {
    await assert.rejects(
      openWal({ dir: where, identity: testIdentity, log: silentLog }),
      oneLine(code, /is not a folder/),
    );
  }
});

test("a folder that this user may not write", async () => {
  const dir = fresh();
  await chmod(root, 0o755);
  await mkdir(dir, { mode: 0o555 });
  // Modes do not stop root, so the test is nobody for a moment.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await assert.rejects(
      openWal({ dir: path.join(dir, "wal"), identity: testIdentity, log: silentLog }),
      oneLine("DIR_NOT_WRITABLE", /cannot be read or written by this user/),
    );
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

/** A small file system in memory; undefined if this user may not mount one. */
async function smallDisk(megabytes: number): Promise<string | undefined> {
  const dir = fresh();
  await mkdir(dir, { recursive: true });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", dir]);
  if (mounted.status !== 0) return undefined;
  after(() => {
    spawnSync("umount", ["-l", dir]);
  });
  return dir;
}

test("a full disk: the save rejects, so does everything later, and nothing acknowledged is lost", async (t) => {
  const disk = await smallDisk(8);
  if (disk === undefined) {
    t.skip("needs the right to mount a small tmpfs");
    return;
  }
  const dir = path.join(disk, "wal");
  const { wal } = await openWal({ dir, identity: testIdentity, log: silentLog });
  const data = Buffer.alloc(64 * 1024, 1);
  let acknowledged = 0;
  await assert.rejects(
    async () => {
      for (let index = 1; index < 1000; index++) {
        await wal.save(hardState(1, 0), [{ type: 0, term: 1, index, data }], true);
        acknowledged = index;
      }
    },
    oneLine("DISK_FULL", /no space left on the disk of/),
  );
  assert(acknowledged > 50);
  const next = acknowledged + 2;
  await assert.rejects(wal.save(undefined, testEntries(next, next, 1), true), {
    code: "DISK_FULL",
  });
  await assert.rejects(wal.saveSnapshot(mark(1, 1)), { code: "DISK_FULL" });
  await wal.close();
  // A copy, since this process keeps the lock; and with space for what opening writes.
  const copy = path.join(fresh(), "wal");
  await mkdir(path.dirname(copy), { recursive: true });
  spawnSync("cp", ["-a", dir, copy]);
  const again = await openWal({ dir: copy, identity: testIdentity, log: silentLog });
  const found = again.contents?.entries.length ?? 0;
  assert(found === acknowledged || found === acknowledged + 1, `${found} of ${acknowledged}`);
  await again.wal.close();
});

test("a disk that is full from the start", async (t) => {
  const disk = await smallDisk(1);
  if (disk === undefined) {
    t.skip("needs the right to mount a small tmpfs");
    return;
  }
  await writeFile(path.join(disk, "filler"), Buffer.alloc(1024 * 1024 - 4096)).catch(
    () => undefined,
  );
  await assert.rejects(
    async () => {
      const opened: { wal: Wal } = await openWal({
        dir: path.join(disk, "wal"),
        identity: testIdentity,
        log: silentLog,
      });
      await opened.wal.close();
    },
    oneLine("DISK_FULL", /no space left on the disk of/),
  );
});
