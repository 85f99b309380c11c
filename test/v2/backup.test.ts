// etcdctl backup: a stopped member's folder, copied; a new cluster begins from the copy with its v2 keys.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startCluster } from "#test/cluster/cluster.ts";
import { freePorts } from "#test/reference/reference.ts";
import { Shell } from "#test/tutorial/shell.ts";
import { ask } from "./http.ts";

const etcdctl = fileURLToPath(new URL("../../bin/etcdctl", import.meta.url));

test("a backup holds the v2 keys, and is of a stopped member", async (t) => {
  const flags = ["--enable-v2"];
  const cluster = await startCluster({ runner: "ours", size: 1, flags });
  const folder = mkdtempSync(join(tmpdir(), "backup-"));
  const shell = new Shell(folder);
  t.after(async () => {
    shell.stopAll();
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const [member] = cluster.members;
  const key = "/v2/keys/kept";
  await ask(member!.clientUrl, { method: "PUT", target: key, form: "value=1" });
  const to = join(folder, "copy");
  const backup = (...more: string[]) =>
    spawnSync(etcdctl, ["backup", "--data-dir", member!.dataDir, "--backup-dir", to, ...more], {
      env: { ...process.env, ETCDCTL_API: "2" },
      encoding: "utf8",
    });
  const running = backup();
  assert.match(running.stderr, /is in use by process \d+/);
  assert.equal(running.status, 1);
  assert.equal(existsSync(to), false);
  await member!.kill("SIGTERM");
  const wal = join(folder, "wal");
  assert.deepEqual({ ...pick(backup("--backup-wal-dir", wal)) }, { status: 0, stderr: "" });
  assert.match(backup().stderr, /copy is not empty/);

  const [client, peer] = await freePorts(2);
  const url = `http://127.0.0.1:${client}`;
  await shell.start(
    `etcd --name new --data-dir ${to} --wal-dir ${wal} --force-new-cluster --enable-v2 --listen-client-urls ${url} --advertise-client-urls ${url} --listen-peer-urls http://127.0.0.1:${peer}`,
    /ready to serve client requests/,
  );
  const { body } = await ask(url, { method: "GET", target: key });
  assert.match(body, /"value":"1"/);
});

function pick({ status, stderr }: { status: number | null; stderr: string }) {
  return { status, stderr };
}
