// The transport alone: an echo of 256 bytes through ours, grpc-js and node:http2, in turn, each in a
// process of its own under h2load. Prints medians and ratios. `node bench/echo.ts [rounds] [seconds]`.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const kinds = ["ours", "grpc-js", "node:http2"] as const;
type Kind = (typeof kinds)[number];
/** Connections and streams on each. */
const loads = [
  [1, 1],
  [10, 1],
  [100, 1],
  [100, 10],
] as const;

const run = promisify(execFile);
const [rounds = 5, seconds = 2] = process.argv.slice(2).map(Number);
const body = join(mkdtempSync(join(tmpdir(), "etcd-ts-echo-")), "body");
const message = Buffer.alloc(5 + 256, "v");
message[0] = 0;
message.writeUInt32BE(256, 1);
writeFileSync(body, message);

async function serve(kind: Kind, port: number): Promise<ChildProcess> {
  const file = join(import.meta.dirname, "echo-servers.ts");
  const child = spawn(process.execPath, [file, kind, String(port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

async function rate(port: number, connections: number, streams: number): Promise<number> {
  const { stdout } = await run("h2load", [
    `--duration=${seconds}`,
    "--warm-up-time=1",
    `--clients=${connections}`,
    `--max-concurrent-streams=${streams}`,
    `--data=${body}`,
    "--header=content-type: application/grpc",
    "--header=te: trailers",
    `http://127.0.0.1:${port}/bench.Echo/Unary`,
  ]);
  const failed = /(\d+) failed, (\d+) errored/.exec(stdout);
  if (failed?.[1] !== "0" || failed[2] !== "0") throw new Error(`h2load had failures:\n${stdout}`);
  return Number(/, ([\d.]+) req\/s/.exec(stdout)?.[1]);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const firstPort = 29_880;
const children = await Promise.all(kinds.map((kind, at) => serve(kind, firstPort + at)));
try {
  const count = (n: number): string => Math.round(n).toLocaleString("en-US");
  process.stdout.write(
    "| connections × streams | ours/s | grpc-js/s | node:http2/s | ratio to grpc-js |\n",
  );
  process.stdout.write("| ---: | ---: | ---: | ---: | ---: |\n");
  for (const [connections, streams] of loads) {
    const seen = kinds.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const at of kinds.keys()) {
        // Each begins in turn, so that none always follows the same other.
        const turn = (at + round) % kinds.length;
        seen[turn]!.push(await rate(firstPort + turn, connections, streams));
      }
    }
    const [ours, grpcJs, http2] = seen.map(median) as [number, number, number];
    process.stdout.write(
      `| ${connections} × ${streams} | ${count(ours)} | ${count(grpcJs)} | ${count(http2)} | ${(ours / grpcJs).toFixed(2)} |\n`,
    );
  }
} finally {
  for (const child of children) child.kill("SIGKILL");
}
