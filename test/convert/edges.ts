// npm run test:convert: folders of etcd 3.5, 3.6 and 3.7 as they are found in the field (users, leases,
// alarms, learners, logs with snapshots in them), one member of a cluster after the other converted while
// the rest stays etcd; and what must be refused, with nothing changed: v2 keys, foreign and damaged folders.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { untold } from "#base/progress.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { convertEtcdFolder } from "#server/convert.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { Wire } from "#test/contract/wire.ts";
import { freePorts, referenceV2OrSkip, startReferenceCluster } from "#test/reference/reference.ts";
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

/** What lies in a folder: every file with its content. */
async function contentOf(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const hash = entry.isFile() ? createHash("sha1").update(await readFile(path)) : undefined;
    found.push(`${path} ${hash?.digest("hex") ?? "folder"}`);
  }
  return found.sort();
}

/** Takes away what etcd keeps free for its log: 64 MB of zeros a segment. */
async function slim(wal: string): Promise<void> {
  for (const name of await readdir(wal)) {
    const file = join(wal, name);
    if (!name.endsWith(".wal")) {
      await rm(file);
      continue;
    }
    const bytes = await readFile(file);
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
    await truncate(file, Math.min(bytes.length, 4096 * Math.ceil(used / 4096 + 1)));
  }
}

/** Converts; what was not converted leaves nothing and changes nothing. */
async function convert(from: string, dataDir: string, ...more: string[]): Promise<Output> {
  const before = await contentOf(from).catch(() => []);
  const done = await run(etcdutl, ["convert", `--from=${from}`, `--data-dir=${dataDir}`, ...more]);
  assert.deepEqual(await contentOf(from).catch(() => []), before, "the folder is only read");
  if (done.code !== 0) {
    assert.deepEqual(await readdir(dataDir).catch(() => []), [], "nothing is left");
    assert.match(done.stderr, /(^|\n)Error: [^\n]+\n$/, "one line that says why");
  }
  return done;
}

for (const release of ["v3.5.35", "v3.6.16", "v3.7.3"] as const) {
  test(`${release}: a voter and a learner with users, leases and an alarm`, async (t) => {
    const reference = await referenceOf(t, release);
    if (reference === undefined) return;
    const ctl = reference.etcdctl;
    const folder = await temporary(t);
    const flags = ["--snapshot-count=20"];
    const cluster = await startReferenceCluster(reference, { size: 2, flags });
    t.after(() => cluster.stop());
    const [first, second] = cluster.members;
    const kind = ({ "v3.5.35": "reference-3.5", "v3.6.16": "reference-3.6" } as const)[
      release as "v3.5.35"
    ];
    const [clientPort, peerPort] = await freePorts(2);
    const peer = `http://127.0.0.1:${peerPort}`;
    const added = await eventually("both are connected", () =>
      go(ctl, first!.clientUrl, "member", "add", "learner", "--learner", `--peer-urls=${peer}`),
    );
    const learnerUrl = `http://127.0.0.1:${clientPort}`;
    const learnerArgs = [
      "--name=learner",
      `--data-dir=${join(folder, "learner")}`,
      `--listen-client-urls=${learnerUrl}`,
      `--advertise-client-urls=${learnerUrl}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${/ETCD_INITIAL_CLUSTER="(.*)"/.exec(added)?.[1]}`,
      "--initial-cluster-state=existing",
      ...flags,
    ];
    const learner = await startOn(t, kind ?? "reference", learnerArgs, join(folder, "learner"));
    await writeKeys(ctl, first!.clientUrl);
    const granted = await go(ctl, first!.clientUrl, "lease", "grant", "5000");
    const lease = /[0-9a-f]{16}/.exec(granted)?.[0] ?? "";
    await go(ctl, first!.clientUrl, "put", "leased", "1", "--lease", lease);
    await go(ctl, first!.clientUrl, "user", "add", "root:secret");
    await go(ctl, first!.clientUrl, "user", "grant-role", "root", "root");
    await go(ctl, first!.clientUrl, "user", "add", "alice:wonder");
    await go(ctl, first!.clientUrl, "role", "add", "reader");
    await go(ctl, first!.clientUrl, "role", "grant-permission", "reader", "read", "k", "l");
    await go(ctl, first!.clientUrl, "user", "grant-role", "alice", "reader");
    const wire = new Wire(first!.clientUrl.replace("http://", ""));
    const status = await wire.maintenance.status({});
    await wire.maintenance.alarm({ action: 1, memberID: status.header!.memberId, alarm: 1 });
    wire.close();
    await go(ctl, first!.clientUrl, "auth", "enable");
    const root = ["--user", "root:secret"];
    const before = await view(ctl, first!.clientUrl, root);
    assert.match(String(before["members"]), /"isLearner":true/);
    assert.match(String(before["alarms"]), /"alarm":1/);

    learner.signal("SIGKILL");
    await learner.exited;
    await first!.stop("SIGKILL");
    const learnerDir = join(folder, "learner-converted");
    const firstDir = join(folder, "first-converted");
    for (const [from, to] of [
      [join(folder, "learner"), learnerDir],
      [first!.dataDir, firstDir],
    ] as const) {
      const done = await convert(from, to);
      assert.equal(done.code, 0, done.stderr);
    }
    const walSnapshots = await readdir(join(first!.dataDir, "member", "snap"));
    assert.ok(
      walSnapshots.some((name) => name.endsWith(".snap")),
      "the log holds snapshots",
    );
    // The same member again, and it is a cluster of two kinds.
    await startOn(t, "ours", first!.args, firstDir);
    await startOn(t, "ours", learnerArgs, learnerDir);
    for (const at of [first!.clientUrl, second!.clientUrl]) {
      await eventually("it answers as before", async () => {
        assert.deepEqual(await view(ctl, at, root), before);
      });
    }
    const alice = ["--user", "alice:wonder"];
    const read = await go(ctl, first!.clientUrl, ...alice, "get", "k1");
    assert.equal(read, "k1\n11\n");
    const denied = await run(ctl, ["--endpoints", first!.clientUrl, ...alice, "get", "leased"]);
    assert.match(denied.stderr, /permission denied/);
    const full = ["--endpoints", first!.clientUrl, ...root, "put", "k1", "x"];
    assert.match((await run(ctl, full)).stderr, /database space exceeded/);
    await go(ctl, first!.clientUrl, ...root, "alarm", "disarm");
    await go(ctl, first!.clientUrl, ...root, "put", "k1", "after");
    const id = /([0-9a-f]+), started, learner/.exec(
      await go(ctl, second!.clientUrl, ...root, "member", "list"),
    )?.[1];
    await eventually("the learner may vote", () =>
      go(ctl, second!.clientUrl, ...root, "member", "promote", id ?? ""),
    );
    await eventually("it has what was written", async () => {
      assert.equal(await go(ctl, learnerUrl, ...root, "get", "k1"), "k1\nafter\n");
    });
    await go(ctl, learnerUrl, ...root, "lease", "revoke", lease);
    assert.equal(await go(ctl, second!.clientUrl, ...root, "get", "leased"), "");
  });
}

test("keys of the v2 API, in the log and in a snapshot of it, are not lost silently", async (t) => {
  const reference = await referenceOf(t, "v3.5.35");
  if (reference === undefined) return;
  const folder = await temporary(t);
  const flags = ["--enable-v2", "--snapshot-count=5"];
  for (const [name, count, isKept, message] of [
    ["log", 1, true, /v2|entry \d+ of the log/i],
    ["snapshot", 12, true, /holds keys of the v2 API|entry \d+ of the log/],
    ["taken away", 12, false, undefined],
  ] as const) {
    await t.test(name, async (t) => {
      const cluster = await startReferenceCluster(reference, { flags });
      t.after(() => cluster.stop());
      const [member] = cluster.members;
      const url = `${member!.clientUrl}/v2/keys/old`;
      for (let i = 0; i < count; i++) {
        const body = new URLSearchParams({ value: String(i) });
        assert.ok((await fetch(url, { method: "PUT", body })).ok);
      }
      if (!isKept) {
        assert.ok((await fetch(url, { method: "DELETE" })).ok);
        // The state and a snapshot behind the last of them.
        for (let i = 0; i < 12; i++)
          await go(reference.etcdctl, member!.clientUrl, "put", "k", "1");
      }
      await member!.stop();
      const done = await convert(member!.dataDir, join(folder, name));
      if (message === undefined) assert.equal(done.code, 0, done.stderr);
      else assert.match(done.stderr, message);
    });
  }
});

test("what is no folder of a member of etcd 3.5 to 3.7 is refused", async (t) => {
  const reference = await referenceOf(t, "");
  const older = await referenceV2OrSkip(t);
  if (reference === undefined || older === undefined) return;
  const folder = await temporary(t);
  const at = (name: string): string => join(folder, name);
  const made: string[] = [];
  for (const { etcd, etcdctl } of [reference, reference, older]) {
    const cluster = await startReferenceCluster({ etcd });
    const [member] = cluster.members;
    await writeKeys(etcdctl, member!.clientUrl);
    await member!.stop();
    const kept = at(`member-${made.length}`);
    await cp(member!.dataDir, kept, { recursive: true });
    await slim(join(kept, "member", "wal"));
    made.push(kept);
    await cluster.stop();
  }
  const [one, another, oldOne] = made as [string, string, string];
  await mkdir(at("empty"));
  await writeFile(at("file"), "x");
  assert.equal((await convert(one, at("ours"))).code, 0);
  const mixed = async (name: string, part: "snap" | "wal"): Promise<string> => {
    await cp(one, at(name), { recursive: true });
    await rm(join(at(name), "member", part), { recursive: true });
    await cp(join(another, "member", part), join(at(name), "member", part), { recursive: true });
    return at(name);
  };
  await mkdir(at("looping"));
  await symlink(at("looping"), join(at("looping"), "member"));
  for (const [name, from, message] of [
    ["an empty folder", at("empty"), /db is missing: name etcd's data folder/],
    ["a folder that is not there", at("nothing"), /db is missing: name etcd's data folder/],
    ["a file", at("file"), /is not a folder/],
    ["a member of ours", at("ours"), /etcd-ts|db is missing: name etcd's data folder/],
    ["etcd 3.4", oldOne, /is of etcd 3\.4 or older/],
    ["the state of another member", await mixed("mixed", "snap"), /belong to two members/],
    ["a link that leads to itself", at("looping"), /Error: /],
  ] as const) {
    await t.test(name, async () => {
      const done = await convert(from, at("made"));
      assert.match(done.stderr, message);
      assert.equal(done.code, 1);
    });
  }
  await t.test("the log of another member", async () => {
    const wal = `--from-wal-dir=${join(another, "member", "wal")}`;
    assert.match((await convert(one, at("made"), wal)).stderr, /belong to two members/);
  });
  await t.test("into itself, or into what is there", async () => {
    for (const to of [one, another]) {
      const before = await contentOf(to);
      const done = await run(etcdutl, ["convert", `--from=${one}`, `--data-dir=${to}`]);
      assert.match(done.stderr, /not empty/);
      assert.deepEqual(await contentOf(to), before);
    }
  });
  await damage(t, one, at("damaged"));
});

/** Bends bytes of the folder at random: each is refused in words of our own, or does no harm to be told. */
async function damage(t: TestContext, from: string, copy: string): Promise<void> {
  const seed = Number(process.env["CONVERT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  await t.test(`damaged files, CONVERT_SEED=${seed}`, async () => {
    const random = seededRandom(seed);
    let refused = 0;
    for (let round = 0; round < 25; round++) {
      await rm(copy, { recursive: true, force: true });
      await cp(from, copy, { recursive: true });
      const what = await bend(copy, random);
      const dataDir = `${copy}-made`;
      await rm(dataDir, { recursive: true, force: true });
      const before = await contentOf(copy);
      try {
        await convertEtcdFolder({
          ...{ from: copy, fromWalDir: undefined, dataDir, walDir: undefined },
          ...{ log: silentLog, progress: untold, processName: "the test" },
        });
      } catch (error) {
        refused++;
        assert.ok(error instanceof OperatingError, `${what}: ${error}`);
        assert.deepEqual(await readdir(dataDir).catch(() => []), [], what);
      }
      assert.deepEqual(await contentOf(copy), before, what);
    }
    // A byte of a value is no damage that a bbolt file shows; the log has checksums.
    assert.ok(refused > 5, `only ${refused} of 25 were refused`);
  });
}

/** Changes, cuts or empties one file below; says which. */
async function bend(folder: string, random: Random): Promise<string> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile());
  const { name, parentPath } = files[random.below(files.length)]!;
  const path = join(parentPath, name);
  const bytes = await readFile(path);
  const used = Math.max(1, bytes.findLastIndex((byte) => byte !== 0) + 1);
  const at = random.below(used);
  if (random.chance(0.2)) {
    await writeFile(path, bytes.subarray(0, at));
    return `${name} cut at ${at}`;
  }
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  await writeFile(path, bytes);
  return `${name} bent at ${at}`;
}
