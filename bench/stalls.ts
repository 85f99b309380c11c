// `npm run bench:stalls`: the longest wait of a lone client, a put each 5 ms, while a member under load does
// something big, on the reference etcd and on ours in turn. `-- --help` tells the options.
import { Command } from "commander";
import type { EtcdClient } from "#client/client.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { locateReference } from "#test/reference/reference.ts";
import { benchmarkTool } from "./load.ts";
import { median } from "./median.ts";
import { clientOf } from "./once.ts";

const probeEveryMs = 5;
/** Watched for so long at least, also if the work is done before. */
const leastMs = 3000;

interface Given {
  readonly keys: number;
  readonly rate: number;
  readonly rounds: number;
}

interface Work {
  readonly name: string;
  run(client: EtcdClient): Promise<void>;
}

const works: readonly Work[] = [
  { name: "nothing but the load", run: async () => {} },
  {
    name: "compaction, until it is gone from the disk",
    run: async ({ kv }) => {
      const { header } = await kv.range("a", { countOnly: true });
      await kv.compact(header!.revision, { physical: true });
    },
  },
  {
    name: "defragmentation",
    run: async ({ maintenance }) => {
      await maintenance.defragment();
    },
  },
  {
    name: "a snapshot to a client",
    run: async ({ maintenance }) => {
      for await (const _ of maintenance.snapshot());
    },
  },
];

interface Waits {
  readonly workMs: number;
  readonly longestMs: number;
  readonly p99Ms: number;
}

/** What a lone client waited for while `work` ran. */
async function waitsDuring(client: EtcdClient, prober: EtcdClient, work: Work): Promise<Waits> {
  const startMs = performance.now();
  let workMs: number | undefined;
  const working = work.run(client).then(() => {
    workMs = performance.now() - startMs;
  });
  const waits: number[] = [];
  while (workMs === undefined || performance.now() - startMs < leastMs) {
    const sentMs = performance.now();
    await prober.kv.put("probe", "x");
    const waitedMs = performance.now() - sentMs;
    waits.push(waitedMs);
    const pauseMs = Math.max(0, probeEveryMs - waitedMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  await working;
  waits.sort((a, b) => a - b);
  return {
    workMs: workMs ?? 0,
    longestMs: waits.at(-1)!,
    p99Ms: waits[Math.floor(waits.length * 0.99)]!,
  };
}

/** Puts of 256 bytes all over the keys. */
function load(
  benchmark: string,
  cluster: Cluster,
  keys: number,
  total: number,
  rate: number,
): Promise<string> {
  return benchmarkTool(
    benchmark,
    [cluster.members[0]!.endpoint],
    [
      ...["--conns", "100", "--clients", "100", "put", "--total", String(total)],
      ...["--val-size", "256", "--sequential-keys", "--key-space-size", String(keys)],
      ...["--rate", String(rate)],
    ],
  );
}

async function main(): Promise<void> {
  const given = new Command("bench:stalls")
    .description("Measures the longest waits under load beside the reference.")
    .option("--keys <n>", "keys of 256 bytes, each written twice", Number, 500_000)
    .option("--rate <n>", "puts a second that the member is under", Number, 2000)
    .option("--rounds <n>", "rounds of each work, in turn", Number, 3)
    .parse()
    .opts<Given>();
  const located = await locateReference();
  if (typeof located === "string") throw new Error(located);
  const { benchmark } = located;
  await using reference = await startCluster({ runner: "reference", size: 1 });
  await using ours = await startCluster({ runner: "ours", size: 1 });
  const sides = [reference, ours].map((cluster) => {
    const { endpoint } = cluster.members[0]!;
    return { cluster, client: clientOf(endpoint), prober: clientOf(endpoint) };
  });
  const seen = works.map(() => sides.map((): Waits[] => []));
  for (let round = 0; round < given.rounds; round++) {
    for (const { cluster } of sides) await load(benchmark, cluster, given.keys, 2 * given.keys, 0);
    for (const [at, work] of works.entries()) {
      for (const [side, { cluster, client, prober }] of sides.entries()) {
        // As long as the work may take; what is left of it afterwards is waited for.
        const seconds = leastMs / 1000 + 2;
        const loading = load(benchmark, cluster, given.keys, seconds * given.rate, given.rate);
        await prober.kv.put("probe", "x");
        seen[at]![side]!.push(await waitsDuring(client, prober, work));
        await loading;
      }
    }
  }
  for (const { client, prober } of sides) {
    client.close();
    prober.close();
  }
  const ms = (values: readonly number[]): string => `${median(values).toFixed(0)} ms`;
  const sideOf = (waits: readonly Waits[]): string =>
    [
      ms(waits.map((one) => one.longestMs)),
      ms(waits.map((one) => one.p99Ms)),
      ms(waits.map((one) => one.workMs)),
    ].join(" | ");
  const lines = [
    "| meanwhile | etcd: longest wait | p99 | took | etcd-ts: longest wait | p99 | took |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...works.map(({ name }, at) => `| ${name} | ${seen[at]!.map(sideOf).join(" | ")} |`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

await main();
