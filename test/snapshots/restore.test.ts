// What etcdutl snapshot refuses: in the reference's words, with its exit code, and nothing changed on
// the disk; and a restore that is killed leaves no folder that a member starts from.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { appendFile, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import { writeSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { openStateFolder } from "#server/backend/state-folder.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { type CrashName, crashEnvironment, crashPoints } from "./crash-points.ts";
import { type Output, ourTools, run } from "./restored.ts";

const root = mkdtempSync(join(tmpdir(), "etcd-ts-restore-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** What every case finds in its folder. */
const given = join(root, "given");
await makeGiven();

async function makeGiven(): Promise<void> {
  mkdirSync(given);
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  for (let i = 2; i < 300; i++) {
    const fields = { key: utf8(`key-${i}`), createRevision: i, modRevision: i, version: 1 };
    const record = { ...fields, value: Buffer.alloc(40, i), lease: 0n };
    batch.put("key", revisionKey(i, 0, false), KeyValue.encode(record).finish());
  }
  batch.put("meta", utf8("consistent_index"), uint64Bytes(400));
  batch.put("meta", utf8("term"), uint64Bytes(3));
  batch.put("meta", utf8("storageVersion"), utf8("3.7.0"));
  batch.put("cluster", utf8("clusterVersion"), utf8("3.7.0"));
  await backend.write(batch, { sync: false });
  const good = join(given, "good.db");
  await writeSnapshotFile(backend.scanAll(), good);
  const pages = await readFile(good);
  await appendFile(good, createHash("sha256").update(pages).digest());
  const whole = await readFile(good);
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(join(given, name), bytes);
  const altered = (at: number, byte: number): Buffer => Buffer.from(whole).fill(byte, at, at + 1);
  put("bare.db", pages);
  put("empty.db", Buffer.alloc(0));
  put("text.db", Buffer.from("this is no snapshot\n"));
  put("digest.db", altered(whole.length - 1, whole.at(-1)! ^ 1));
  put("page.db", altered(3 * 4096 + 2000, 0xee));
  put("cut.db", whole.subarray(0, 10_000));
  put("cut-by-pages.db", whole.subarray(0, 3 * 4096 + 32));
  put("end-lost.db", whole.subarray(0, -32));
  put("bare-cut.db", pages.subarray(0, 4 * 4096));
  put("bare-zeros.db", Buffer.from(pages).fill(0, 3 * 4096, 4 * 4096));
  put("bare-metas.db", Buffer.from(pages).fill(0, 0, 8192));
  mkdirSync(join(given, "folder"));
  mkdirSync(join(given, "full"));
  put("full/file", Buffer.from("kept"));
}

/** Every file below a folder, with its size. */
function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${name} ${statSync(join(folder, name)).size}`)
    .sort();
}

let cases = 0;

/** Runs a command in a folder of its own; what it printed, and how it left the folder. */
async function inFolder(
  etcdutl: string,
  args: readonly string[],
): Promise<Output & { readonly changed: boolean }> {
  const folder = join(root, `case-${cases++}`);
  cpSync(given, folder, { recursive: true });
  const before = tree(folder);
  const output = await run(etcdutl, args, folder);
  const left = tree(folder);
  rmSync(folder, { recursive: true });
  return { ...output, changed: before.join() !== left.join() };
}

const restore = (...args: string[]): readonly string[] => ["snapshot", "restore", ...args];
const cluster = (own: string, all: string): readonly string[] => [
  ...["--name", "a", "--initial-advertise-peer-urls", own, "--initial-cluster", all],
];
const one = "http://127.0.0.1:1";

/** What both refuse with the same words and the same exit code. */
const refusedAlike: Readonly<Record<string, readonly string[]>> = {
  "no file named": restore(),
  "two files": restore("good.db", "bare.db"),
  "no such file": restore("none.db"),
  "a folder": restore("folder"),
  "an empty file": restore("empty.db"),
  "a text": restore("text.db"),
  "an altered digest": restore("digest.db"),
  "an altered page": restore("page.db"),
  "cut anywhere": restore("cut.db"),
  "cut where a digest could end": restore("cut-by-pages.db"),
  "its digest lost": restore("end-lost.db"),
  "no digest": restore("bare.db"),
  "a folder with something in it": restore("good.db", "--data-dir", "full"),
  "a file for a folder": restore("good.db", "--data-dir", "bare.db"),
  "a log folder that is there": restore("good.db", "--wal-dir", "folder"),
  "a bump and no mark": restore("good.db", "--bump-revision", "5"),
  "a mark and no bump": restore("good.db", "--mark-compacted"),
  "a mark and a bump of nothing": restore("good.db", "--mark-compacted", "--bump-revision", "0"),
  "a name that is no member": restore("good.db", "--name", "b"),
  "no members": restore("good.db", "--initial-cluster", ""),
  "other peer URLs": restore("good.db", ...cluster(one, "a=http://127.0.0.1:2")),
  "a URL twice": restore("good.db", ...cluster(one, `a=${one},b=${one}`)),
  "no URL": restore("good.db", ...cluster(one, "a=frob")),
  "a URL with a path": restore("good.db", ...cluster(`${one}/x`, `a=${one}`)),
  "an advertised URL that is none": restore("good.db", ...cluster("frob", `a=${one}`)),
  "status of two": ["snapshot", "status", "good.db", "bare.db"],
  "status of none": ["snapshot", "status"],
  "status of what is not there": ["snapshot", "status", "none.db"],
  "status of a folder": ["snapshot", "status", "folder"],
  "status of a text": ["snapshot", "status", "text.db"],
  "status without meta pages": ["snapshot", "status", "bare-metas.db"],
  "status in protobuf": ["snapshot", "status", "good.db", "-w", "protobuf"],
  "status in no format": ["snapshot", "status", "good.db", "-w", "frob"],
  "hash of what is not there": ["hashkv", "none.db"],
  "hash of the future": ["hashkv", "good.db", "--rev", "5000"],
  "hash in no format": ["hashkv", "good.db", "-w", "frob"],
};

describe("refused", { concurrency: 3 }, () => {
  for (const [name, args] of Object.entries(refusedAlike)) {
    test(name, async (t) => {
      const reference = await referenceOrSkip(t);
      if (reference === undefined) return;
      const ours = await inFolder(ourTools.etcdutl, args);
      const theirs = await inFolder(reference.etcdutl, args);
      const told = ({ stderr }: Output): string =>
        stderr.split("\n").find((line) => line.startsWith("Error: ")) ?? stderr;
      assert.equal(told(ours), told(theirs));
      assert.equal(ours.code, theirs.code);
      assert.equal(ours.stdout, theirs.stdout);
      assert.notEqual(ours.code, 0);
      assert.equal(ours.changed, false, "it left something behind");
    });
  }

  // Where the reference crashes, or fails later: ours says what is wrong.
  const ourOwn: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      "a damaged page",
      restore("bare-zeros.db", "--skip-hash-check"),
      /integrity check failed\. 1 err/,
    ],
    ["cut without a digest", restore("bare-cut.db", "--skip-hash-check"), /should have \d+ pages/],
    [
      "a text without a digest",
      restore("text.db", "--skip-hash-check"),
      /^Error: seek text.db: invalid/,
    ],
    [
      "too large a bump",
      restore("good.db", "--mark-compacted", "--bump-revision", `${2 ** 60}`),
      /too large/,
    ],
    ["a bump that is no number", restore("good.db", "--bump-revision", "-4"), /no whole number/],
    ["an unknown flag", restore("good.db", "--frob"), /unknown option '--frob'/],
    [
      "a status of a damaged page",
      ["snapshot", "status", "bare-zeros.db"],
      /integrity check failed/,
    ],
    ["a hash of a damaged page", ["hashkv", "bare-zeros.db"], /identifies as 0/],
    ["a hash of an empty file", ["hashkv", "empty.db"], /invalid database/],
  ];
  for (const [name, args, message] of ourOwn) {
    test(name, async () => {
      const { changed, code, stderr, stdout } = await inFolder(ourTools.etcdutl, args);
      assert.match(
        stderr.split("\n").find((line) => line.startsWith("Error: ")) ?? stderr,
        message,
      );
      assert.deepEqual({ changed, code, stdout }, { changed: false, code: 1, stdout: "" });
    });
  }
});

describe("killed at any step, a restore leaves nothing that starts", { concurrency: 3 }, () => {
  const args = restore("good.db", "--data-dir", "data");
  for (const name of Object.keys(crashPoints) as CrashName[]) {
    if (crashPoints[name].side !== "restore") continue;
    test(name, async () => {
      const folder = join(root, `killed-${cases++}`);
      cpSync(given, folder, { recursive: true });
      const order = join(folder, "order");
      writeFileSync(order, name);
      const env = { ...process.env, ...crashEnvironment(order, "tables") };
      const killed = await run(ourTools.etcdutl, args, folder, env);
      assert.equal(killed.code, -1, killed.stderr);
      const dataDir = join(folder, "data");
      const started = openStateFolder({ dataDir, log: silentLog, holder: "process 1" });
      await assert.rejects(started, { code: "RESTORE_CUT_SHORT" });
      const again = await run(ourTools.etcdutl, args, folder);
      assert.match(again.stderr, /data-dir "data" not empty/);
      rmSync(folder, { recursive: true });
    });
  }

  test("but one that was not killed does", async () => {
    const folder = join(root, `whole-${cases++}`);
    cpSync(given, folder, { recursive: true });
    mkdirSync(join(folder, "data"));
    const { code, stderr } = await run(ourTools.etcdutl, args, folder);
    assert.equal(code, 0, stderr);
    const dataDir = join(folder, "data");
    const state = await openStateFolder({ dataDir, log: silentLog, holder: "process 1" });
    assert.deepEqual(await readApplied(state.backend), { index: 1, term: 1 });
    await state.close();
    rmSync(folder, { recursive: true });
  });
});
