// etcdutl convert on folders that etcd 3.5, 3.6 and 3.7 made: a member of ours goes on with them, as the
// same member, with the same keys, history, leases and hash. Killed members leave a log behind the
// state; damage, foreign and busy folders are refused, and then nothing is left.
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { consoleLog } from "#ctl/etcdutl/log.ts";
import { migrateFolder, targetVersion } from "#ctl/etcdutl/migrate.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { startReferenceCluster } from "#test/reference/reference.ts";
import {
  etcdutl,
  go,
  type Output,
  referenceOf,
  run,
  startOn,
  temporary,
  view,
  writeKeys,
} from "./setting.ts";

async function write(ctl: string, endpoint: string): Promise<void> {
  await writeKeys(ctl, endpoint);
  await go(ctl, endpoint, "compaction", "6");
  // What concerns users goes into the state at once.
  await go(ctl, endpoint, "user", "add", "root:secret");
  await go(ctl, endpoint, "role", "add", "reader");
  await go(ctl, endpoint, "role", "grant-permission", "reader", "read", "k", "l");
}

/** What stays in the log of a member that writes its state lazily. */
async function writeMore(ctl: string, endpoint: string): Promise<void> {
  await go(ctl, endpoint, "role", "add", "writer");
  for (let i = 0; i < 12; i++) await go(ctl, endpoint, "put", "k1", String(i));
  await go(ctl, endpoint, "del", "k3");
  const [lease] = /[0-9a-f]{16}/.exec(await go(ctl, endpoint, "lease", "grant", "5000")) ?? [];
  await go(ctl, endpoint, "put", "leased", "1", "--lease", lease ?? "");
  await go(ctl, endpoint, "put", "last", "1");
}

/** What either etcdutl says of a migration: lines without times and places, and the exit code. */
async function migration(
  side: { readonly etcdutl: string } | "ours",
  dataDir: string,
  target: string,
  force: boolean,
): Promise<unknown> {
  let text = "";
  let code = 0;
  if (side === "ours") {
    const log = consoleLog(
      (line) => {
        text += line;
      },
      () => new Date(),
    );
    const holder = "the test";
    try {
      const to = targetVersion(target);
      await migrateFolder({ dataDir, walDir: undefined, target: to, force, log, holder });
    } catch (error) {
      text += `Error: ${(error as Error).message}\n`;
      code = (error as { code: unknown }).code === 128 ? 128 : 1;
    }
  } else {
    const args = ["migrate", `--data-dir=${dataDir}`, `--target-version=${target}`];
    const done = await run(side.etcdutl, force ? [...args, "--force"] : args);
    text = done.stdout + done.stderr;
    code = done.code;
  }
  const lines = text
    .split("\n")
    // The reference also logs errors on their way, with Go's stack, and what its database does.
    .filter((line) => line.startsWith("Error:") || /^\S+\t(info|warn)\t(?!bbolt)/.test(line))
    .map((line) => line.replace(/^\S+\t/, "").replace(/\t[\w/]+\.go:\d+\t/, "\t"))
    .map((line) => line.replace(/^(Error: failed to parse target version: ).*/, "$1"));
  return { lines, code };
}

// Nothing reaches the state by itself then, so that a killed member leaves it to its log.
const lazily = ["--backend-batch-interval=10m"];

for (const [release, signal, flags, storage] of [
  ["v3.5.35", "SIGTERM", [], /^3\.5\.0$/],
  // A fresh one settles on its storage version only after some seconds.
  ["v3.6.16", "SIGKILL", lazily, /^3\.[56]\.0$/],
  ["v3.7.3", "SIGKILL", lazily, /^3\.7\.0$/],
] as const) {
  test(`a folder of etcd ${release} goes on, after ${signal}`, { timeout: 120_000 }, async (t) => {
    const reference = await referenceOf(t, release);
    if (reference === undefined) return;
    const folder = await temporary(t);
    const cluster = await startReferenceCluster(reference, { flags });
    t.after(() => cluster.stop());
    const member = cluster.members[0]!;
    await write(reference.etcdctl, member.clientUrl);
    if (release === "v3.7.3") {
      const status = ["--endpoints", member.clientUrl, "endpoint", "status", "-w", "json"];
      await eventually("the storage version settles", async () => {
        assert.match((await run(reference.etcdctl, status)).stdout, /"storageVersion":"3.7.0"/);
      });
    }
    await writeMore(reference.etcdctl, member.clientUrl);
    const before = await view(reference.etcdctl, member.clientUrl);
    const dataDir = join(folder, "converted");
    const convert = [
      ...["-w", "json", "convert"],
      `--from=${member.dataDir}`,
      `--data-dir=${dataDir}`,
    ];
    const busy = await run(etcdutl, convert);
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /db is in use: stop the etcd that runs on it/);
    await member.stop(signal);
    const source = await readFile(join(member.dataDir, "member", "snap", "db"));
    const done = await run(etcdutl, convert);
    assert.equal(done.code, 0, done.stderr);
    const told = JSON.parse(done.stdout) as Record<string, string | number>;
    assert.match(String(told["storageVersion"]), storage);
    if (signal === "SIGKILL") assert.ok(Number(told["entriesToApply"]) > 10, done.stdout);
    else assert.equal(told["entriesToApply"], 0);
    assert.ok(source.equals(await readFile(join(member.dataDir, "member", "snap", "db"))));
    if (release === "v3.7.3") {
      const theirs = join(folder, "theirs");
      await cp(member.dataDir, theirs, { recursive: true });
      for (const word of [
        "3.6",
        "3.6",
        "3.5",
        "3.7",
        "3.8",
        "4.0",
        "3",
        "3.x",
        "3.4",
        "3.9!",
        "3.7",
      ]) {
        const [target, isForced] = [word.replace("!", ""), word.endsWith("!")];
        assert.deepEqual(
          await migration("ours", dataDir, target, isForced),
          await migration(reference, theirs, target, isForced),
          word,
        );
      }
    }
    const ours = await startOn(t, "ours", member.args, dataDir);
    assert.deepEqual(await view(reference.etcdctl, member.clientUrl), before);
    const again = ["--endpoints", member.clientUrl, "put", "last", "2"];
    assert.equal((await run(reference.etcdctl, again)).code, 0);
    const defrag = ["defrag", `--data-dir=${dataDir}`];
    assert.match((await run(etcdutl, defrag)).stderr, /is in use by/);
    ours.signal("SIGKILL");
    await ours.exited;
    const freed = await run(etcdutl, defrag);
    assert.equal(freed.code, 0, freed.stderr);
    const taken = await run(etcdutl, convert);
    assert.match(taken.stderr, /not empty or could not be read/);
  });
}

test("what does not fit is refused, and leaves nothing", { timeout: 120_000 }, async (t) => {
  const reference = await referenceOf(t, "");
  if (reference === undefined) return;
  const folder = await temporary(t);
  const cluster = await startReferenceCluster(reference);
  t.after(() => cluster.stop());
  const member = cluster.members[0]!;
  await write(reference.etcdctl, member.clientUrl);
  await member.stop();
  const wal = join(member.dataDir, "member", "wal");
  const [segment = ""] = (await readdir(wal)).filter((name) => name.endsWith(".wal"));
  const bytes = await readFile(join(wal, segment));
  /** Where records begin. */
  const starts: number[] = [];
  for (let at = 0; bytes.readBigUInt64LE(at) !== 0n; ) {
    starts.push(at);
    const size = bytes.readBigUInt64LE(at);
    at +=
      8 + Number(size & 0xffffffffffffffn) + (size >> 63n === 1n ? Number((size >> 56n) & 7n) : 0);
  }
  const middle = starts[Math.floor(starts.length / 2)]!;
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const free = end + ((8 - (end % 8)) % 8);
  const attempt = async (
    name: string,
    change: (copy: string) => Promise<void>,
  ): Promise<Output & { readonly made: readonly string[] }> => {
    const copy = join(folder, name);
    await cp(member.dataDir, copy, { recursive: true });
    await change(copy);
    const dataDir = join(folder, `${name}-converted`);
    const done = await run(etcdutl, ["convert", `--from=${copy}`, `--data-dir=${dataDir}`]);
    return { ...done, made: await readdir(dataDir).catch(() => []) };
  };
  const patch = (copy: string, file: string, at: number, with_: Buffer): Promise<void> => {
    const changed = Buffer.from(bytes);
    with_.copy(changed, at);
    return writeFile(join(copy, "member", "wal", file), changed);
  };
  const db = (copy: string): string => join(copy, "member", "snap", "db");
  const refusals: readonly (readonly [string, (copy: string) => Promise<void>, RegExp])[] = [
    [
      "a record in the middle that was never written",
      (copy) => patch(copy, segment, middle + 8, Buffer.alloc(starts.at(-2)! - middle - 8)),
      /is damaged at byte \d+/,
    ],
    [
      "a byte that was altered",
      (copy) => patch(copy, segment, middle + 24, Buffer.from([bytes[middle + 24]! ^ 1])),
      /is damaged at byte \d+: .*(checksum|cannot be read)/,
    ],
    [
      "a log that ends too early",
      (copy) => patch(copy, segment, middle, Buffer.alloc(bytes.length - middle)),
      /a part of the log is missing|lacks entries/,
    ],
    ["no log", (copy) => rm(join(copy, "member", "wal"), { recursive: true }), /holds no etcd log/],
    ["no state", (copy) => rm(db(copy)), /db is missing: name etcd's data folder/],
    [
      "a state of an unknown version",
      async (copy) => {
        const state = await readFile(db(copy));
        const changed = Buffer.from(
          state.toString("latin1").replaceAll("storageVersion3.7.0", "storageVersion3.9.0"),
          "latin1",
        );
        assert.ok(!changed.equals(state));
        await writeFile(db(copy), changed);
      },
      /has storage version 3\.9\.0; known are 3\.5, 3\.6 and 3\.7/,
    ],
    [
      "a state with a torn page",
      async (copy) => {
        const state = await readFile(db(copy));
        state.fill(0xff, 4096 * 3, 4096 * 8);
        await writeFile(db(copy), state);
      },
      /Error: /,
    ],
  ];
  for (const [name, change, message] of refusals) {
    await t.test(name, async () => {
      const { code, made, stderr } = await attempt(name.replaceAll(" ", "-"), change);
      assert.match(stderr, message);
      assert.equal(code, 1);
      assert.deepEqual(made, []);
    });
  }
  await t.test("the end that a crash tore is left out", async () => {
    // A record longer than what was written of it.
    const torn = await attempt("torn", (copy) =>
      patch(copy, segment, free, Buffer.from([0xff, 7, 0, 0, 0, 0, 0, 0, 8, 2])),
    );
    assert.equal(torn.code, 0, torn.stderr);
    assert.match(torn.stderr, /left out the end of the log, which a crash had torn/);
  });
});
