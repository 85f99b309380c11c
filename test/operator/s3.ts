// `npm run test:s3`: snapshots in a bucket, on a real server of the protocol: one that is taken of a real member by
// the program that Jobs run, restored from and deleted; one of many parts; and what a refused request says.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { bucketUrl, deleteObject, fetchNewest, putObject } from "#operator/snapshot/s3.ts";
import { parseResult, type SnapshotTask, taskVariable } from "#operator/snapshot/task.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { accessKeyId, S3Server, secretAccessKey } from "#test/operator/versitygw.ts";

const exec = promisify(execFile);
const bin = join(import.meta.dirname, "..", "..", "bin");
const folder = mkdtempSync(join(tmpdir(), "s3-"));
const credentials = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
let server: S3Server;

const bucket = () => ({ bucket: "backups", endpoint: server.endpoint, forcePathStyle: true });

/** Runs a task as a Job does; its last words. */
async function run(task: SnapshotTask, more: NodeJS.ProcessEnv = {}): Promise<string> {
  const env = { ...process.env, ...credentials, [taskVariable]: JSON.stringify(task), ...more };
  return (await exec(join(bin, "etcd-snapshot"), [], { env })).stdout.trim();
}

before(async () => {
  Object.assign(process.env, credentials);
  server = await S3Server.start(folder, "backups");
});

after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test("where the keys of a bucket are", () => {
  const rows = [
    [{ bucket: "b", forcePathStyle: false }, "https://b.s3.us-east-1.amazonaws.com"],
    [
      { bucket: "b", forcePathStyle: false, region: "eu-central-1" },
      "https://b.s3.eu-central-1.amazonaws.com",
    ],
    [
      { bucket: "b", forcePathStyle: true, endpoint: "http://s3.example:9000/base/" },
      "http://s3.example:9000/base/b",
    ],
    [
      { bucket: "b", forcePathStyle: false, endpoint: "https://s3.example" },
      "https://b.s3.example",
    ],
  ] as const;
  for (const [one, url] of rows) assert.equal(bucketUrl(one), url);
});

test("a file of many parts comes back as it was, the newest of a prefix, and goes", async () => {
  const file = join(folder, "large");
  writeFileSync(file, randomBytes(40 << 20));
  const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
  const small = join(folder, "small");
  writeFileSync(small, "old");
  await putObject(bucket(), "p/old.db", small);
  await putObject(bucket(), "p/large.db", file);
  await putObject(bucket(), "p/other.txt", small);
  const back = join(folder, "back");
  await fetchNewest(bucket(), "p/", back);
  assert.equal(digest(back), digest(file));
  await deleteObject(bucket(), "p/large.db");
  await deleteObject(bucket(), "p/large.db");
  await fetchNewest(bucket(), "p/", back);
  assert.equal(readFileSync(back, "utf8"), "old");
  await assert.rejects(
    fetchNewest(bucket(), "p/large.db", back),
    /there is no s3:\/\/backups\/p\/la/,
  );
  await assert.rejects(fetchNewest(bucket(), "q/", back), /no \.db object is under/);
});

test("what is refused is said, with the bucket", async () => {
  const file = join(folder, "small");
  writeFileSync(file, "x");
  const nowhere = { ...bucket(), bucket: "nowhere" };
  await assert.rejects(putObject(nowhere, "a.db", file), /s3:\/\/nowhere: putting a\.db: /);
  const [closed = 0] = await reservePorts(1);
  const away = { ...bucket(), endpoint: `http://127.0.0.1:${closed}` };
  await assert.rejects(putObject(away, "a.db", file), /putting a\.db: .*ECONNREFUSED/s);
  releasePorts([closed]);
  const task: SnapshotTask = { kind: "delete", at: { kind: "s3", key: "a.db", ...bucket() } };
  await assert.rejects(run(task, { AWS_SECRET_ACCESS_KEY: "" }), /lacks accessKeyId or secret/);
  await assert.rejects(run(task, { AWS_SECRET_ACCESS_KEY: "wrong" }), /s3:\/\/backups: deleting/);
});

test("a snapshot of a member goes to the bucket and a member begins with it", async () => {
  const ports = await reservePorts(2);
  const [client = 0, peer = 0] = ports;
  const urls = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`] as const;
  const start = (data: string): ChildProcess =>
    spawn(
      join(bin, "etcd"),
      [
        ...[`--data-dir=${data}`, "--name=a", `--initial-cluster=a=${urls[1]}`],
        ...[`--listen-client-urls=${urls[0]}`, `--advertise-client-urls=${urls[0]}`],
        ...[`--listen-peer-urls=${urls[1]}`, `--initial-advertise-peer-urls=${urls[1]}`],
      ],
      { stdio: "ignore" },
    );
  const stop = async (child: ChildProcess) => {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  const etcd = new EtcdClient({
    endpoints: [urls[0]],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 60_000,
  });
  let member = start(join(folder, "first"));
  try {
    const { header } = await etcd.kv.put("key", "value");
    const to = { kind: "s3", key: "m/a.db", ...bucket() } as const;
    const location = "s3://backups/m/a.db";
    const from = urls[0];
    const said = await run({ kind: "take", from, timeoutMs: 60_000, to, location });
    const result = parseResult(said);
    assert.equal(result?.revision, header?.revision, said);
    const stored = join(folder, "data", "backups", "m", "a.db");
    const sum = execFileSync("sha256sum", [stored]).toString().slice(0, 64);
    assert.equal(result?.sha256, sum);
    await etcd.kv.put("key", "later");
    await stop(member);

    const data = join(folder, "second", "data");
    const restore: SnapshotTask = {
      kind: "restore",
      from: { ...to, key: "m/" },
      dataFolder: data,
      name: "a",
      peerUrl: urls[1],
      initialCluster: `a=${urls[1]}`,
      token: "t",
    };
    await run(restore);
    // Once more: what is there is left alone.
    await run(restore);
    member = start(data);
    const { kvs } = await etcd.kv.range("key");
    assert.equal(String(Buffer.from(kvs[0]?.value ?? "")), "value");
    await run({ kind: "delete", at: to });
    assert(!existsSync(stored));
  } finally {
    etcd.close();
    member.kill("SIGKILL");
    releasePorts(ports);
  }
});
