// What keeps a member from starting: a folder or a port that is not its own. Each is one line that
// names it, exit code 1, and nothing of it is changed.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startCluster } from "#test/cluster/cluster.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";

const launcher = join(import.meta.dirname, "..", "..", "bin", "etcd");

interface Start {
  readonly name?: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly more: readonly string[];
}

/** The `error` of the last line of a start that fails. */
function failure(start: Start): Promise<string> {
  const { name = "m1", clientUrl, peerUrl, more } = start;
  const args = [
    `--name=${name}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=${name}=${peerUrl}`,
    ...more,
  ];
  return new Promise((resolve, reject) => {
    execFile(launcher, args, { timeout: 30_000 }, (error, out, err) => {
      if (error?.code !== 1) return reject(new Error(`ended with ${error?.code}: ${out}${err}`));
      const last = err.trimEnd().split("\n").at(-1) ?? "";
      resolve((JSON.parse(last) as { readonly error: string }).error);
    });
  });
}

test("folders and ports that are not this member's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-start-"));
  const ports = await reservePorts(2);
  const [clientUrl, peerUrl] = ports.map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const at = (name: string): string => join(folder, name);
  const own = { clientUrl, peerUrl };
  const fails = async (pattern: RegExp, start: Partial<Start>): Promise<void> => {
    assert.match(await failure({ ...own, more: [], ...start }), pattern);
  };
  try {
    await using cluster = await startCluster({ runner: "ours", size: 1, keepData: true });
    const [member] = cluster.members;
    const { dataDir } = member!;
    await fails(/is in use by process \d+ on .*: stop it, or name another folder$/, {
      more: [`--data-dir=${dataDir}`],
    });
    await fails(/^cannot listen on http:.*address already in use; stop what listens there/, {
      clientUrl: member!.clientUrl,
      more: [`--data-dir=${at("one")}`],
    });
    await fails(/^cannot listen for peers on http:.*already in use; change --listen-peer-urls/, {
      peerUrl: member!.peerUrl,
      more: [`--data-dir=${at("two")}`],
    });
    await member!.kill("SIGTERM");

    cpSync(dataDir, at("newer"), { recursive: true });
    writeFileSync(join(at("newer"), "member", "format"), "99\n");
    await fails(/has format 99, this version knows up to \d+: run the version that wrote it$/, {
      more: [`--data-dir=${at("newer")}`],
    });
    cpSync(dataDir, at("logless"), { recursive: true });
    rmSync(join(at("logless"), "member", "wal"), { recursive: true });
    await fails(/its log ends at 0: the log lost its end; remove this member and add it again/, {
      more: [`--data-dir=${at("logless")}`],
    });
    await using other = await startCluster({ runner: "ours", size: 1, keepData: true });
    const stranger = other.members[0]!;
    await stranger.kill("SIGTERM");
    cpSync(dataDir, at("mixed"), { recursive: true });
    const strangeLog = join(stranger.dataDir, "member", "wal");
    await fails(/belongs to member and cluster .*: check --data-dir and --wal-dir$/, {
      more: [`--data-dir=${at("mixed")}`, `--wal-dir=${strangeLog}`],
    });
    rmSync(join(stranger.dataDir, ".."), { recursive: true, force: true });

    writeFileSync(at("file"), "");
    await fails(/is not a folder: name another one$/, { more: [`--data-dir=${at("file")}`] });
    mkdirSync(join(at("etcd"), "member", "snap"), { recursive: true });
    writeFileSync(join(at("etcd"), "member", "snap", "db"), "bbolt");
    await fails(/was written by etcd, whose files this store does not open: join as a new/, {
      more: [`--data-dir=${at("etcd")}`],
    });
    if (process.platform === "linux") {
      // Nothing can be made there, not even by root.
      await fails(/^\/proc\/etcd.* does not exist$/, { more: ["--data-dir=/proc/etcd"] });
    }

    // The stranger's log, the lock and the ports have left this member's data as it was.
    await member!.start();
    rmSync(join(dataDir, ".."), { recursive: true, force: true, maxRetries: 3 });
  } finally {
    releasePorts(ports);
    rmSync(folder, { recursive: true, force: true });
  }
});
