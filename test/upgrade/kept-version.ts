// Versions of ours that were released, kept as archives: their servers, and data folders that they
// made (pack.sh). Both need the machine's tar.
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import type { Held } from "./held.ts";

const here = import.meta.dirname;
export const ownEtcd = join(here, "..", "..", "bin", "etcd");

/** Oldest first. */
export const keptVersions: readonly string[] = globSync("server-*.tgz", { cwd: here })
  .map((file) => file.slice("server-".length, -".tgz".length))
  .sort((a, b) => a.localeCompare(b, "en", { numeric: true }));

function unpack(archive: string, folder: string): void {
  execFileSync("tar", ["-xzf", join(here, archive), "-C", folder]);
}

/** Puts a kept version into an empty folder; the file that starts its server. */
export function unpackServer(version: string, folder: string): string {
  unpack(`server-${version}.tgz`, folder);
  symlinkSync(join(here, "..", "..", "node_modules"), join(folder, "node_modules"));
  return join(folder, "bin", "etcd");
}

/** Puts a data folder that the version made into `folder`; what it holds. */
export function unpackData(version: string, folder: string): Held {
  unpack(`data-${version}.tgz`, folder);
  return JSON.parse(readFileSync(join(here, `data-${version}.json`), "utf8"));
}

/** Starts a cluster of one on a data folder, new or old. */
export async function startMember(
  file: string,
  dataDir: string,
): Promise<{ readonly endpoint: string; stop(): Promise<void> }> {
  const ports = await reservePorts(2);
  const [client, peer] = ports.map((port) => `http://127.0.0.1:${port}`);
  const args = [
    "--name=m1",
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=m1=${peer}`,
  ];
  const started = new MemberProcess("m1", { file, args });
  await started.waitForLine(/ready to serve client requests/);
  return {
    endpoint: client!,
    stop: async () => {
      started.signal("SIGTERM");
      await started.exited;
      releasePorts(ports);
    },
  };
}
