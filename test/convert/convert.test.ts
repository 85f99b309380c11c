// etcdutl convert on folders that etcd 3.5, 3.6 and 3.7 made: a member of ours goes on with them, as the
// same member, with the same keys, history, leases and hash. Killed members leave a log behind the
// state; damage, foreign and busy folders are refused, and then nothing is left.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "#test/cluster/eventually.ts";
import { launcherOf } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import {
  locateReference,
  type Reference,
  type ReferenceCluster,
  startReferenceCluster,
} from "#test/reference/reference.ts";

const etcdutl = join(import.meta.dirname, "..", "..", "bin", "etcdutl");

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[], stdin = ""): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on("error", () => {}).end(stdin);
  });
}

async function referenceOf(t: TestContext, release: string): Promise<Reference | undefined> {
  const found = await locateReference(release);
  if (typeof found !== "string") return found;
  if (process.env["CI"] === "true") throw new Error(found);
  t.skip(found);
  return undefined;
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "etcd-ts-convert-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What clients see of a member, but for what every start changes. */
async function view(ctl: string, endpoint: string): Promise<unknown> {
  const json = async (...args: string[]): Promise<string> => {
    const { code, stderr, stdout } = await run(ctl, [
      "--endpoints",
      endpoint,
      "-w",
      "json",
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    return stdout.replace(/"(raft_term|raftTerm|raftIndex|member_id)":\d+,?/g, "");
  };
  return {
    keys: await json("get", "", "--prefix"),
    old: await json("get", "k1", "--rev", "20"),
    leases: (await json("lease", "list")).split(/[,[\]]/).sort(),
    members: await json("member", "list"),
    hash: (await json("endpoint", "hashkv")).replace(/"Endpoint":"[^"]*"/, ""),
    alarms: await json("alarm", "list"),
  };
}

async function go(ctl: string, endpoint: string, ...args: string[]): Promise<string> {
  const done = await run(ctl, ["--endpoints", endpoint, ...args]);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

async function write(ctl: string, endpoint: string): Promise<void> {
  const puts = Array.from({ length: 60 }, (_, i) => `put k${i % 20} "${"v".repeat(i * 9)}"`);
  // One transaction holds a key once; each of them is a revision.
  for (let at = 0; at < 3; at++) {
    const stdin = `\n${puts.slice(20 * at, 20 * at + 20).join("\n")}\n\n\n`;
    assert.equal((await run(ctl, ["--endpoints", endpoint, "txn"], stdin)).code, 0);
  }
  for (let i = 0; i < 12; i++) await go(ctl, endpoint, "put", "k1", String(i));
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

/** Starts a member of ours on a converted folder, under the addresses of the one before. */
async function startOurs(
  t: TestContext,
  cluster: ReferenceCluster,
  dataDir: string,
): Promise<MemberProcess> {
  const launcher = await launcherOf("ours");
  const args = cluster.members[0]!.args.map((arg) =>
    arg.startsWith("--data-dir=") ? `--data-dir=${dataDir}` : arg,
  );
  const ours = new MemberProcess("converted", launcher.command(args, process.env));
  t.after(async () => {
    ours.signal("SIGKILL");
    await ours.exited;
  });
  await ours.waitForLine(/ready to serve client requests/);
  return ours;
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
    const ours = await startOurs(t, cluster, dataDir);
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
