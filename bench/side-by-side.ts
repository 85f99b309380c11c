// Our server beside the reference etcd: the same load on each in turn, round by round, so that a
// machine whose speed drifts drifts for both. Prints a table of medians and ratios, and of memory;
// with --write it goes to docs/benchmarks.md. `npm run bench -- --help` tells the options.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { locateReference } from "#test/reference/reference.ts";
import { type Load, measure, type Operation, valueBytes } from "./load.ts";
import { median } from "./median.ts";
import { versus } from "./versus.ts";

interface Row {
  readonly members: number;
  readonly load: Load;
  readonly reference: number;
  readonly ours: number;
}

interface Memory {
  readonly members: number;
  readonly reference: number;
  readonly ours: number;
}

interface Options {
  readonly members: readonly number[];
  readonly concurrency: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly tools: readonly Load["tool"][];
  readonly benchmark: string;
  /** `reference` measures the reference against itself: every ratio must be near 1. */
  readonly against: "ours" | "reference";
}

/** Resident bytes of a member's process, on average. */
function residentBytes(cluster: Cluster): number {
  const pids = cluster.members.map((member) => member.pid);
  const kilobytes = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
  });
  return (kilobytes.reduce((a, b) => a + b, 0) * 1024) / pids.length;
}

async function leaderEndpoint(cluster: Cluster): Promise<string> {
  for (const member of cluster.members) {
    const metrics = await (await fetch(`${member.clientUrl}/metrics`)).text();
    if (/^etcd_server_is_leader 1$/m.test(metrics)) return member.endpoint;
  }
  throw new Error("no member says that it leads");
}

async function measureBoth(
  load: Load,
  ends: { readonly reference: string; readonly ours: string },
  options: Options,
): Promise<Omit<Row, "members">> {
  const seen = { reference: [] as number[], ours: [] as number[] };
  const expected = { reference: load.concurrency * 20, ours: load.concurrency * 20 };
  for (let round = 0; round <= options.rounds; round++) {
    for (const side of round % 2 === 0
      ? (["reference", "ours"] as const)
      : (["ours", "reference"] as const)) {
      const rate = await measure(load, ends[side], {
        seconds: round === 0 ? 1 : options.seconds,
        benchmark: options.benchmark,
        expected: expected[side],
      });
      // The first round warms up and tells how many requests fill the time.
      expected[side] = rate;
      if (round > 0) seen[side].push(rate);
    }
  }
  return { load, reference: median(seen.reference), ours: median(seen.ours) };
}

function table(rows: readonly Row[], memory: readonly Memory[]): string {
  const count = (n: number): string => Math.round(n).toLocaleString("en-US");
  const lines = [
    "| members | tool | operation | concurrent | etcd/s | etcd-ts/s | ratio |",
    "| ---: | --- | --- | ---: | ---: | ---: | ---: |",
    ...rows.map(
      (r) =>
        `| ${r.members} | ${r.load.tool} | ${r.load.operation} | ${r.load.concurrency} | ${count(r.reference)} | ${count(r.ours)} | ${(r.ours / r.reference).toFixed(2)} |`,
    ),
    "",
    "| members | etcd MiB a member | etcd-ts MiB a member | ratio |",
    "| ---: | ---: | ---: | ---: |",
    ...memory.map(
      (m) =>
        `| ${m.members} | ${(m.reference / 1048576).toFixed(0)} | ${(m.ours / 1048576).toFixed(0)} | ${(m.ours / m.reference).toFixed(2)} |`,
    ),
  ];
  return lines.join("\n");
}

async function benchTopology(members: number, options: Options): Promise<[Row[], Memory]> {
  await using reference = await startCluster({ runner: "reference", size: members });
  await using ours = await startCluster({ runner: options.against, size: members });
  const ends = { reference: await leaderEndpoint(reference), ours: await leaderEndpoint(ours) };
  const rows: Row[] = [];
  for (const tool of options.tools) {
    for (const operation of ["put", "range"] satisfies Operation[]) {
      for (const concurrency of options.concurrency) {
        const load = { tool, operation, concurrency };
        const row = { members, ...(await measureBoth(load, ends, options)) };
        rows.push(row);
        process.stderr.write(
          `${members} ${tool} ${operation} ${concurrency}: ${Math.round(row.reference)} ${Math.round(row.ours)} ${(row.ours / row.reference).toFixed(2)}\n`,
        );
      }
    }
  }
  return [rows, { members, reference: residentBytes(reference), ours: residentBytes(ours) }];
}

async function main(): Promise<void> {
  const numbers = (text: string): number[] => text.split(",").map(Number);
  const given = new Command("bench")
    .description(
      "Measures our server beside the reference etcd, alternating, and prints the ratios.",
    )
    .option("--members <list>", "cluster sizes", numbers, [1, 3])
    .option("--concurrency <list>", "requests under way at once", numbers, [1, 10, 100, 1000])
    .option("--tools <list>", "h2load, benchmark", (t) => t.split(","), ["h2load", "benchmark"])
    .option("--rounds <n>", "rounds that count, after one that warms up", Number, 3)
    .option("--seconds <n>", "length of one run", Number, 2)
    .option("--null", "measure the reference against itself: shows the noise")
    .option(
      "--vs <ref>",
      "measure an earlier commit, or another checkout, in the reference's place",
    )
    .option("--operations <list>", "with --vs: put, range", (t) => t.split(","), ["put", "range"])
    .option("--etcd", "with --vs: measure the reference as well")
    .option("--write", "put the table into docs/benchmarks.md")
    .parse()
    .opts();
  if (given["vs"] !== undefined) {
    await versus({
      vs: given["vs"],
      members: given["members"],
      concurrency: given["concurrency"],
      operations: given["operations"],
      rounds: given["rounds"],
      seconds: given["seconds"],
      withReference: given["etcd"] === true,
    });
    return;
  }
  const reference = await locateReference();
  if (typeof reference === "string") throw new Error(reference);
  const rows: Row[] = [];
  const memory: Memory[] = [];
  for (const members of given["members"] as number[]) {
    const [more, used] = await benchTopology(members, {
      ...(given as unknown as Options),
      benchmark: reference.benchmark,
      against: given["null"] === true ? "reference" : "ours",
    });
    rows.push(...more);
    memory.push(used);
  }
  const text = table(rows, memory);
  process.stdout.write(`${text}\n`);
  if (given["write"] === true) {
    const head = `# Benchmarks

Requests a second against the leader, median of ${given["rounds"]} rounds of ${given["seconds"]} s, alternating between the reference etcd 3.7.3 and this store on one machine: ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Linux ${release()}, Node ${process.version}. Keys have 8 bytes, values ${valueBytes}. The load runs on the same cores. Made by \`npm run bench -- --write\`.

`;
    writeFileSync(join(import.meta.dirname, "..", "docs", "benchmarks.md"), `${head}${text}\n`);
  }
}

await main();
