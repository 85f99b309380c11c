// One member with many keys: what it holds in memory, and how long it takes to be healthy again.
import { readFileSync } from "node:fs";
import { startCluster } from "#test/cluster/cluster.ts";
import { benchmarkTool } from "./load.ts";

export interface ManyKeys {
  /** Proportional set sizes: right after the start, after the load, after a restart. */
  readonly idleMib: number;
  readonly loadedMib: number;
  readonly restartedMib: number;
  /** From the start of the process until /health says that it is. */
  readonly restartSeconds: number;
}

/** The proportional set size of a process. */
export function pssMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? Number.NaN) / 1024;
}

/** Writes `keys` keys of 256 bytes with the reference's benchmark tool, then restarts the member. */
export async function millionKeys(
  runner: "reference" | "ours",
  benchmark: string,
  keys: number,
): Promise<ManyKeys> {
  await using cluster = await startCluster({ runner, size: 1 });
  const member = cluster.members[0]!;
  const idleMib = pssMib(member.pid);
  await benchmarkTool(
    benchmark,
    [member.endpoint],
    [
      ...["--conns", "100", "--clients", "1000", "put", "--total", String(keys)],
      ...["--val-size", "256", "--key-size", "8", "--sequential-keys"],
      ...["--key-space-size", String(keys)],
    ],
  );
  const loadedMib = pssMib(member.pid);
  await member.kill("SIGTERM");
  const startedMs = performance.now();
  await member.start();
  return {
    idleMib,
    loadedMib,
    restartSeconds: (performance.now() - startedMs) / 1000,
    restartedMib: pssMib(member.pid),
  };
}
