// `npm run bench:curves`: throughput against latency, and how puts and memory do as the keys grow, on the
// reference etcd and on ours in turn, drawn into docs/pictures. `-- --help` tells the options.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { locateReference } from "#test/reference/reference.ts";
import { type Axis, drawChart, type Series } from "./chart.ts";
import { benchmarkTool, callOf, h2load, type Operation, ratesOf } from "./load.ts";
import { median } from "./median.ts";
import { pssMib } from "./million-keys.ts";

const folder = join(import.meta.dirname, "..", "docs", "pictures");
const names = ["etcd", "etcd-ts"] as const;

interface Given {
  readonly only: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly concurrency: readonly number[];
  readonly keys: readonly number[];
  readonly connections: readonly number[];
}

function draw(file: string, title: string, x: Axis, y: Axis, series: readonly Series[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), drawChart({ title, x, y, series }));
  process.stdout.write(`${file}\n`);
  for (const { name, points } of series)
    for (const point of points)
      process.stdout.write(
        `  ${name} ${point.label ?? ""}\t${point.x.toFixed(0)}\t${point.y.toFixed(2)}\n`,
      );
}

/** Requests a second and what each waited, median of the rounds, for each number of them under way. */
async function latency(
  operation: Operation,
  clusters: readonly Cluster[],
  given: Given,
): Promise<Series[]> {
  const series = names.map((name) => ({ name, points: [] as Series["points"][number][] }));
  for (const concurrency of given.concurrency) {
    const rates = names.map((): number[] => []);
    for (let round = 0; round < given.rounds; round++)
      for (const [at, cluster] of clusters.entries()) {
        const { endpoint } = cluster.members[0]!;
        rates[at]!.push(await h2load(endpoint, callOf(operation), concurrency, given.seconds));
      }
    for (const [at, one] of series.entries()) {
      const rate = median(rates[at]!);
      // With so many always under way that is what each waits (Little's law).
      one.points.push({ x: rate, y: (concurrency / rate) * 1000, label: String(concurrency) });
    }
  }
  return series;
}

/**
 * Ranges of one key a second over ever more connections, one at a time over each. Not by h2load, which hangs with
 * thousands of them; not puts, which both refuse with more than 5,000 at once.
 */
async function connections(
  benchmark: string,
  clusters: readonly Cluster[],
  given: Given,
): Promise<Series[]> {
  const series = names.map((name) => ({ name, points: [] as Series["points"][number][] }));
  for (const count of given.connections) {
    const seen = names.map((): number[] => []);
    const clients = ["--conns", String(count), "--clients", String(count)];
    const work = [...clients, "range", "bench-01", "--total", String(Math.max(20_000, 5 * count))];
    for (let round = 0; round < given.rounds; round++)
      for (const [at, cluster] of clusters.entries()) {
        const printed = await benchmarkTool(benchmark, [cluster.members[0]!.endpoint], work);
        seen[at]!.push(ratesOf(printed)[0]!);
      }
    for (const [at, one] of series.entries()) one.points.push({ x: count, y: median(seen[at]!) });
  }
  return series;
}

/** With ever more keys: puts a second at 100 at once, and memory. */
async function growth(
  benchmark: string,
  clusters: readonly Cluster[],
  given: Given,
): Promise<{ readonly rates: Series[]; readonly memory: Series[] }> {
  const rates = names.map((name) => ({ name, points: [] as Series["points"][number][] }));
  const memory = names.map((name) => ({ name, points: [] as Series["points"][number][] }));
  for (const keys of given.keys) {
    for (const [at, cluster] of clusters.entries()) {
      const member = cluster.members[0]!;
      const space = ["--sequential-keys", "--key-space-size", String(keys), "--key-size", "8"];
      const total = ["--total", String(keys), "--val-size", "256"];
      const clients = ["--conns", "100", "--clients", "1000"];
      await benchmarkTool(benchmark, [member.endpoint], [...clients, "put", ...total, ...space]);
      memory[at]!.points.push({ x: keys, y: pssMib(member.pid) });
    }
    const seen = names.map((): number[] => []);
    for (let round = 0; round < given.rounds; round++)
      for (const [at, cluster] of clusters.entries()) {
        const { endpoint } = cluster.members[0]!;
        seen[at]!.push(await h2load(endpoint, callOf("put"), 100, given.seconds));
      }
    for (const [at, one] of rates.entries()) one.points.push({ x: keys, y: median(seen[at]!) });
  }
  return { rates, memory };
}

async function main(): Promise<void> {
  const numbers = (text: string): number[] => text.split(",").map(Number);
  const given = new Command("bench:curves")
    .description("Draws curves beside the reference into docs/pictures.")
    .option("--only <name>", "put, range, connections or growth", "")
    .option("--rounds <n>", "rounds of each point, in turn", Number, 3)
    .option("--seconds <n>", "length of one run", Number, 2)
    .option("--concurrency <list>", "requests under way", numbers, [1, 3, 10, 30, 100, 300, 1000])
    .option("--keys <list>", "keys that growth goes through", numbers, [1e4, 1e5, 1e6, 3e6])
    .option(
      "--connections <list>",
      "connections that ranges come over",
      numbers,
      [1, 10, 100, 1e3, 1e4],
    )
    .parse()
    .opts<Given>();
  const located = await locateReference();
  if (typeof located === "string") throw new Error(located);
  await using reference = await startCluster({ runner: "reference", size: 1 });
  await using ours = await startCluster({ runner: "ours", size: 1 });
  const clusters = [reference, ours];
  const waits: Axis = { title: "milliseconds a request", scale: "log" };
  for (const operation of ["put", "range"] as const) {
    if (!operation.includes(given.only)) continue;
    const title = `One member, ${operation}s of one key of 256 bytes; at the points: requests under way`;
    const x: Axis = { title: `${operation}s a second`, scale: "linear" };
    draw(`${operation}-latency.svg`, title, x, waits, await latency(operation, clusters, given));
  }
  const linear = (title: string): Axis => ({ title, scale: "linear" });
  if ("connections".includes(given.only)) {
    const x: Axis = { title: "connections, one range each at a time", scale: "log" };
    const series = await connections(located.benchmark, clusters, given);
    draw(
      "connections-ranges.svg",
      "One member, ranges of one key",
      x,
      linear("ranges a second"),
      series,
    );
  }
  if (!"growth".includes(given.only)) return;
  const { rates, memory } = await growth(located.benchmark, clusters, given);
  const x: Axis = { title: "keys of 256 bytes", scale: "log" };
  draw("growth-puts.svg", "One member, 100 puts at once", x, linear("puts a second"), rates);
  draw("growth-memory.svg", "One member's memory", x, linear("MiB (PSS)"), memory);
}

await main();
