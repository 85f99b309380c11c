// A disk that is full: the member on it stops with one clear line and a code, the others go on,
// nothing that was acknowledged is lost, and once there is room again it comes back.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startCluster } from "#test/cluster/cluster.ts";
import { b, interval, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import { stoppedForRoom } from "./machine-faults.ts";
import { leaderOf, put, until } from "./wires.ts";

const valueBytes = 256 * 1024;
const maxPuts = 600;
const smallMb = 64;

/** Why no file system can be mounted here, or undefined. */
function cannotMount(): string | undefined {
  if (process.platform !== "linux") return "mount -t tmpfs needs Linux";
  if (process.getuid?.() !== 0) return "mount -t tmpfs needs root";
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", folder], { stdio: "pipe" });
    execFileSync("umount", [folder], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `mount -t tmpfs does not work here: ${(error as Error).message.split("\n")[1] ?? error}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes a file until there is no room, so that a start cannot make any by tidying up. */
function fill(path: string): void {
  const file = openSync(path, "w");
  const block = Buffer.alloc(1 << 12);
  try {
    for (;;) writeSync(file, block);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

for (const role of ["follower", "leader"] as const) {
  test(`the disk of a ${role} is full`, { skip: cannotMount() ?? false }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-full-"));
    // All three are mounts, so that whoever leads can be given the small one.
    const mounts = ["m1", "m2", "m3"].map((name) => join(folder, name));
    for (const mount of mounts) {
      mkdirSync(mount, { mode: 0o700 });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1g,mode=0700", "tmpfs", mount]);
    }
    const cluster = await startCluster({ runner: "ours", size: 3, folder, keepData: true });
    const wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
    try {
      const leader = await leaderOf(wires, [0, 1, 2]);
      const victim = role === "leader" ? leader : (leader + 1) % 3;
      const member = cluster.members[victim]!;
      const resize = (mb: number): void => {
        execFileSync("mount", ["-o", `remount,size=${mb}m`, mounts[victim]!]);
      };
      resize(smallMb);
      let ended = false;
      const exit = until("the member on the full disk ends", () => !member.isRunning || undefined);
      exit.then(
        () => {
          ended = true;
        },
        () => {},
      );
      const others = wires.filter((_, i) => i !== victim);
      const acknowledged = new Map<string, string>();
      for (let i = 0; i < maxPuts && !ended; i++) {
        const value = `${i} `.padEnd(valueBytes, "x");
        await put(others, `full/${i}`, value);
        acknowledged.set(`full/${i}`, `${i} `);
      }
      await exit;
      await stoppedForRoom(member);
      const ballast = join(mounts[victim]!, "ballast");
      fill(ballast);
      await assert.rejects(member.start(), { code: "MEMBER_FAILED" });
      await stoppedForRoom(member);
      rmSync(ballast);

      // The others go on; with room it comes back and has all.
      await put(others, "full/after", "after");
      acknowledged.set("full/after", "after");
      resize(1024);
      await member.start();
      const { kvs } = await wires[victim]!.kv.range(interval("full/"));
      const got = new Map(kvs.map((kv) => [s(kv.key), s(kv.value).slice(0, 5).replace(/x+$/, "")]));
      for (const [key, value] of acknowledged) assert.equal(got.get(key), value, key);
      assert.equal(got.size, acknowledged.size);
      const { header } = await wires[victim]!.kv.range({ key: b("full/") });
      const revision = header?.revision ?? 0;
      const hashes = await Promise.all(
        wires.map((wire) => until("hash", () => wire.maintenance.hashKV({ revision }))),
      );
      assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 1);
    } finally {
      for (const wire of wires) wire.close();
      await cluster.stop();
      for (const mount of mounts) execFileSync("umount", ["-l", mount]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
