// `npm run bench:io-threads`: one member with --io-threads=1 beside one with 0, in turn: puts a second, who had
// how much of the processors meanwhile, and what a put costs the core's thread, which is what bounds it on a
// machine with processors to spare.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { callOf, h2load } from "./load.ts";
import { median } from "./median.ts";

const { rounds, seconds, threads } = new Command("bench:io-threads")
  .description(
    "Puts of 256 bytes to a lone member whose connections are on threads, beside one without.",
  )
  .option("--rounds <n>", "rounds that count, after one that warms up", Number, 5)
  .option("--seconds <n>", "length of one run", Number, 4)
  .option("--threads <n>", "threads of the one that has some", Number, 1)
  .parse()
  .opts<{ rounds: number; seconds: number; threads: number }>();

/** Microseconds of CPU time so far. */
interface Cpu {
  readonly core: number;
  readonly server: number;
  readonly load: number;
  readonly idle: number;
  readonly wallMs: number;
}

/** The kernel counts in hundredths of a second. */
const tickMicros = 10_000;

function cpuOf({ members }: Cluster): Cpu {
  const { pid } = members[0]!;
  const onThread = (thread: string): number =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1000;
  let server = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) server += onThread(thread);
  // Of the children that have ended: the load.
  const own = readFileSync("/proc/self/stat", "utf8").split(") ")[1]!.split(" ").map(Number);
  const machine = readFileSync("/proc/stat", "utf8").split("\n")[0]!.split(/\s+/).map(Number);
  return {
    core: onThread(String(pid)),
    server,
    load: (own[13]! + own[14]!) * tickMicros,
    idle: (machine[4]! + machine[5]!) * tickMicros,
    wallMs: performance.now(),
  };
}

interface Run {
  readonly rate: number;
  readonly coreMicros: number;
  /** Shares of one processor. */
  readonly core: number;
  readonly server: number;
  readonly load: number;
  readonly idle: number;
}

async function runOn(cluster: Cluster, concurrency: number): Promise<Run> {
  const before = cpuOf(cluster);
  const rate = await h2load(cluster.members[0]!.endpoint, callOf("put"), concurrency, seconds);
  const after = cpuOf(cluster);
  const micros = (after.wallMs - before.wallMs) * 1000;
  const share = (of: "core" | "server" | "load" | "idle"): number =>
    (after[of] - before[of]) / micros;
  const core = share("core");
  return {
    rate,
    core,
    coreMicros: (core * 1e6) / rate,
    server: share("server"),
    load: share("load"),
    idle: share("idle"),
  };
}

const plain = await startCluster({ runner: "ours", size: 1, flags: ["--io-threads=0"] });
const threaded = await startCluster({
  runner: "ours",
  size: 1,
  flags: [`--io-threads=${threads}`],
});
try {
  const heads = [
    "puts at once",
    "threads",
    "puts/s",
    "core us a put",
    "core",
    "server",
    "load",
    "idle",
  ];
  process.stdout.write(
    `Medians of ${rounds} rounds of ${seconds} s on ${availableParallelism()} processors; shares of one of them.\n\n` +
      `| ${heads.join(" | ")} |\n|${" ---: |".repeat(heads.length)}\n`,
  );
  for (const concurrency of [100, 1000]) {
    const sides = [
      { cluster: plain, threads: 0, runs: [] as Run[] },
      { cluster: threaded, threads, runs: [] as Run[] },
    ];
    for (let round = 0; round <= rounds; round++)
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const run = await runOn(side.cluster, concurrency);
        if (round > 0) side.runs.push(run);
      }
    for (const { threads: count, runs } of sides) {
      const middle = (of: keyof Run): number => median(runs.map((run) => run[of]));
      const shares = (["core", "server", "load", "idle"] as const).map((of) =>
        middle(of).toFixed(2),
      );
      const cells = [
        concurrency,
        count,
        Math.round(middle("rate")),
        middle("coreMicros").toFixed(1),
        ...shares,
      ];
      process.stdout.write(`| ${cells.join(" | ")} |\n`);
    }
    const ratios = sides[1]!.runs.map(({ rate }, at) => rate / sides[0]!.runs[at]!.rate);
    process.stdout.write(
      `\n${concurrency} at once: ${threads} ÷ 0: ${median(ratios).toFixed(2)}\n\n`,
    );
  }
} finally {
  await plain[Symbol.asyncDispose]();
  await threaded[Symbol.asyncDispose]();
}
