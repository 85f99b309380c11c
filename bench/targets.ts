// `npm run bench`: every piece of work for which docs/performance.md names a target, on the
// reference etcd and on ours in turn, as one table of ratios with what was asked for beside it. Misses
// are printed like hits.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { utf8 } from "#base/bytes.ts";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { locateReference } from "#test/reference/reference.ts";
import { benchmarkTool, type Call, h2load, ratesOf } from "./load.ts";
import { median } from "./median.ts";
import { millionKeys } from "./million-keys.ts";
import { catchUp, clientOf, grantOf, leasesEnding, memoryWithWatchers } from "./once.ts";

type Side = "reference" | "ours";
const sides: readonly Side[] = ["reference", "ours"];

/** One cluster under load. */
interface Bench {
  /** The leader first. */
  readonly endpoints: readonly string[];
  readonly benchmark: string;
  readonly seconds: number;
}

interface Figure {
  readonly name: string;
  /** Ours divided by the reference's: at least so much of a rate, at most so much of a time. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number };
  readonly unit: string;
}

interface Work extends Figure {
  readonly members: 1 | 3;
  /** What else the same run measures. */
  readonly also?: readonly Figure[];
  /** Before the rounds. */
  prepare?(bench: Bench): Promise<void>;
  /** The figure, or it and those that `also` names. */
  measure(bench: Bench): Promise<number | readonly number[]>;
}

const key = utf8("bench-01");
const value = Buffer.alloc(256, 118);
const put: Call = {
  method: "etcdserverpb.KV/Put",
  message: PutRequest.encode(PutRequest.fromPartial({ key, value })).finish(),
};
const rangeOf = (fields: Partial<RangeRequest>): Call => ({
  method: "etcdserverpb.KV/Range",
  message: RangeRequest.encode(RangeRequest.fromPartial(fields)).finish(),
});
const streamOf = (fields: Partial<RangeRequest>): Call => ({
  ...rangeOf(fields),
  method: "etcdserverpb.KV/RangeStream",
});
/** As Kubernetes writes: only if nobody else has, and what is there if so. */
const txn: Call = {
  method: "etcdserverpb.KV/Txn",
  message: TxnRequest.encode(
    TxnRequest.fromPartial({
      compare: [
        {
          key,
          result: Compare_CompareResult.GREATER,
          target: Compare_CompareTarget.MOD,
          targetUnion: { $case: "modRevision", value: 0 },
        },
      ],
      success: [{ request: { $case: "requestPut", value: { key, value } } }],
      failure: [{ request: { $case: "requestRange", value: { key } } }],
    }),
  ).finish(),
};

const load = (
  name: string,
  members: 1 | 3,
  call: Call,
  concurrency: number,
  atLeast: number,
  spread = false,
): Work => ({
  name: `${name}, ${concurrency} at once`,
  members,
  target: { atLeast },
  unit: "/s",
  async measure({ endpoints, seconds }) {
    if (!spread) return await h2load(endpoints[0]!, call, concurrency, seconds);
    const share = Math.max(1, Math.round(concurrency / endpoints.length));
    const rates = await Promise.all(endpoints.map((one) => h2load(one, call, share, seconds)));
    return rates.reduce((a, b) => a + b, 0);
  },
});

/** With the reference's benchmark tool, 100 connections and 1,000 clients, `total` requests. */
const tool = (
  name: string,
  args: readonly string[],
  atLeast: number,
  rate: (stdout: string) => number = (stdout) => ratesOf(stdout)[0]!,
): Work => ({
  name,
  members: 1,
  target: { atLeast },
  unit: "/s",
  measure: async ({ benchmark, endpoints }) =>
    rate(
      await benchmarkTool(benchmark, endpoints.slice(0, 1), [
        ...["--conns", "100", "--clients", "1000", ...args],
      ]),
    ),
});

const thousandKeys: Work["prepare"] = async ({ benchmark, endpoints }) => {
  const keys = ["--key-size", "8", "--key-space-size", "1000", "--sequential-keys"];
  const args = ["put", "--total", "1000", "--val-size", "256", ...keys];
  await benchmarkTool(benchmark, endpoints.slice(0, 1), args);
};

/** Keys that sort behind all others of the rounds. */
const pageKey = utf8("p");
const hundredThousandKeys: Work["prepare"] = async ({ endpoints }) => {
  const client = clientOf(endpoints[0]!);
  try {
    const page = Buffer.alloc(1024, 118);
    for (let from = 0; from < 100_000; from += 1000)
      await Promise.all(
        Array.from({ length: 1000 }, (_, i) =>
          client.kv.put(`p/${String(from + i).padStart(6, "0")}`, page),
        ),
      );
  } finally {
    client.close();
  }
};
const pageOf = { key: pageKey, rangeEnd: utf8("q"), limit: 500 };

/** What etcd does of puts by the same tool, so that 80 % of it can be asked of both. */
let topRate: number | undefined;
const steady: Work = {
  name: "put 256 B, p99 under 80 % of etcd's top load, 1,000 clients",
  also: [{ name: "the same, p99.9", target: { atMost: 1 }, unit: " ms" }],
  members: 1,
  target: { atMost: 1 },
  unit: " ms",
  async prepare({ benchmark, endpoints }) {
    // The reference comes first.
    topRate ??= ratesOf(
      await benchmarkTool(benchmark, endpoints.slice(0, 1), steadyArgs(60_000)),
    )[0]!;
  },
  async measure({ benchmark, endpoints, seconds }) {
    const rate = Math.round(topRate! * 0.8);
    const args = [...steadyArgs(rate * seconds * 2), "--rate", String(rate)];
    const stdout = await benchmarkTool(benchmark, endpoints.slice(0, 1), args);
    return ["99%", "99.9%"].map((share) => {
      const found = new RegExp(`^\\s+${share} in ([\\d.]+) secs`, "m").exec(stdout);
      if (found === null) throw new Error(`no ${share} in what benchmark said:\n${stdout}`);
      return Number(found[1]) * 1000;
    });
  },
};

function steadyArgs(total: number): readonly string[] {
  return [
    ...["--conns", "100", "--clients", "1000", "--precise"],
    ...["put", "--val-size", "256", "--total", String(total)],
  ];
}

const levels = [1, 10, 100, 1000] as const;
const everything = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0), limit: 1000 };
const works: readonly Work[] = [
  ...levels.map((n, i) => load("put 256 B", 1, put, n, [1.1, 1.5, 2.5, 3][i]!)),
  ...levels.map((n, i) => load("put 256 B, at the leader", 3, put, n, [1, 1.3, 1.8, 2.2][i]!)),
  ...levels
    .slice(1)
    .map((n, i) => load("put 256 B, at all members", 3, put, n, [1.3, 1.8, 2.2][i]!, true)),
  ...[100, 1000].flatMap((n) => [
    load("range of one key", 1, rangeOf({ key }), n, 2),
    load("range of one key, serializable", 1, rangeOf({ key, serializable: true }), n, 2),
  ]),
  { ...load("range of 1,000 keys", 1, rangeOf(everything), 10, 1), prepare: thousandKeys },
  {
    ...load("RangeStream of 1,000 keys", 1, streamOf(everything), 10, 1),
    prepare: thousandKeys,
  },
  load("txn: compare, put, get", 1, txn, 100, 1.5),
  load("txn: compare, put, get", 1, txn, 1000, 1.5),
  tool("benchmark put", ["put", "--total", "40000", "--val-size", "256"], 1.2),
  tool("benchmark range", ["range", "bench-01", "--total", "80000"], 1.2),
  tool("benchmark txn-put", ["txn-put", "--total", "40000", "--val-size", "256"], 1.2),
  tool(
    "benchmark txn-mixed",
    ["txn-mixed", "--total", "40000", "--end-key", "\x01"],
    1.2,
    // Reads and writes are counted apart.
    (stdout) => ratesOf(stdout).reduce((a, b) => a + b, 0),
  ),
  tool("benchmark lease-keepalive", ["lease-keepalive", "--total", "80000"], 1.2),
  tool("benchmark stm", ["stm", "--total", "20000", "--keys", "1000"], 1.2),
  tool(
    "benchmark watch: events of one key to 1,000 watchers",
    ["watch", "--streams", "10", "--watch-per-stream", "100", "--put-total", "400"],
    1.5,
    (stdout) => ratesOf(stdout)[1]!,
  ),
  tool(
    "benchmark watch: events of 1,000 keys, one watcher each",
    [
      ...["watch", "--streams", "10", "--watch-per-stream", "100", "--watched-key-total", "1000"],
      ...["--key-space-size", "1000", "--sequential-keys", "--put-total", "20000"],
    ],
    1.5,
    (stdout) => ratesOf(stdout)[1]!,
  ),
  load("lease grant", 1, grantOf(3600), 100, 1),
  steady,
  {
    ...load("page of 500 of 100,000 keys of 1 KiB", 1, rangeOf(pageOf), 10, 1),
    prepare: hundredThousandKeys,
  },
  {
    name: "put to event, on average (benchmark watch-latency, 100 puts a second)",
    members: 1,
    target: { atMost: 0.8 },
    unit: " ms",
    async measure({ benchmark, endpoints }) {
      const args = ["--conns", "10", "--clients", "10", "watch-latency", "--put-total", "300"];
      const stdout = await benchmarkTool(benchmark, endpoints.slice(0, 1), args);
      const averages = [...stdout.matchAll(/Average:\s+([\d.]+)/g)].map((one) => Number(one[1]));
      // From the put's answer, which the tool counts apart.
      return (averages[0]! + averages[1]!) * 1000;
    },
  },
];

interface Row {
  readonly name: string;
  readonly members: number;
  readonly reference: number;
  readonly ours: number;
  readonly unit: string;
  readonly target: Work["target"];
}

async function endpointsOf(cluster: Cluster): Promise<readonly string[]> {
  const leads = await Promise.all(
    cluster.members.map(async (member) => {
      const metrics = await (await fetch(`${member.clientUrl}/metrics`)).text();
      return /^etcd_server_is_leader 1$/m.test(metrics);
    }),
  );
  const order = cluster.members.toSorted(
    (a, b) => Number(leads[cluster.members.indexOf(b)]) - Number(leads[cluster.members.indexOf(a)]),
  );
  return order.map((member) => member.endpoint);
}

function lineOf(row: Row): string {
  const ratio = row.ours / row.reference;
  const isMet = "atLeast" in row.target ? ratio >= row.target.atLeast : ratio <= row.target.atMost;
  const wanted =
    "atLeast" in row.target ? `at least ${row.target.atLeast}` : `at most ${row.target.atMost}`;
  const figure = (n: number): string =>
    n >= 100 ? Math.round(n).toLocaleString("en-US") : n.toFixed(2);
  return `| ${row.name} | ${row.members} | ${figure(row.reference)}${row.unit} | ${figure(row.ours)}${row.unit} | ${ratio.toFixed(2)} | ${wanted} | ${isMet ? "met" : "missed"} |`;
}

const heading = [
  "| work | members | etcd | etcd-ts | ratio | target | |",
  "| --- | ---: | ---: | ---: | ---: | --- | --- |",
];

export interface TargetOptions {
  /** Works whose name or topology contains it. */
  readonly only: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Of the memory and restart rows; 0 for none. */
  readonly keys: number;
  /** False: without what takes minutes and is measured once. */
  readonly once: boolean;
  /** Puts the table into docs/targets.md. */
  readonly write: boolean;
}

/** Measures, and prints the table row by row. Throws if there is no reference. */
export async function measureTargets(given: TargetOptions): Promise<void> {
  const located = await locateReference();
  if (typeof located === "string") throw new Error(located);
  const { benchmark } = located;
  const rows: Row[] = [];
  const add = (row: Row): void => {
    rows.push(row);
    process.stdout.write(`${lineOf(row)}\n`);
  };
  process.stdout.write(`${heading.join("\n")}\n`);
  for (const members of [1, 3] as const) {
    const wanted = works.filter(
      (work) => work.members === members && `${work.name}, ${members} members`.includes(given.only),
    );
    if (wanted.length === 0) continue;
    await using reference = await startCluster({ runner: "reference", size: members });
    await using ours = await startCluster({ runner: "ours", size: members });
    const clusters = { reference, ours };
    for (const work of wanted) {
      const seen = { reference: [] as (readonly number[])[], ours: [] as (readonly number[])[] };
      for (let round = 0; round <= given.rounds; round++) {
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
          const endpoints = await endpointsOf(clusters[side]);
          const bench = { endpoints, benchmark, seconds: round === 0 ? 1 : given.seconds };
          if (round === 0) await work.prepare?.(bench);
          const measured = await work.measure(bench);
          if (round > 0) seen[side].push([measured].flat());
        }
      }
      for (const [at, { name, unit, target }] of [work, ...(work.also ?? [])].entries()) {
        const of = (side: Side): number => median(seen[side].map((figures) => figures[at]!));
        add({ name, members, unit, target, reference: of("reference"), ours: of("ours") });
      }
    }
  }
  if (given.once) {
    const once = async (
      name: string,
      members: number,
      unit: string,
      measure: (side: Side) => Promise<number>,
    ): Promise<void> => {
      if (!name.includes(given.only)) return;
      const reference = await measure("reference");
      add({ name, members, unit, target: { atMost: 1 }, reference, ours: await measure("ours") });
    };
    await once("memory (PSS) with 10,000 watchers", 1, " MiB", (side) =>
      memoryWithWatchers(side, 10_000),
    );
    await once("100,000 leases that end at once, until all are revoked", 1, " s", (side) =>
      leasesEnding(side, 100_000),
    );
    await once("a member behind by 1,000,000 entries, until it has applied them", 3, " s", (side) =>
      catchUp(side, benchmark, 1_000_000),
    );
  }
  if (given.keys > 0 && "memory, restart".includes(given.only)) {
    const seen = {
      reference: await millionKeys("reference", benchmark, given.keys),
      ours: await millionKeys("ours", benchmark, given.keys),
    };
    const of = `with ${given.keys.toLocaleString("en-US")} keys of 256 B`;
    const target = { atMost: 1 };
    const both = (pick: (one: typeof seen.ours) => number) => ({
      reference: pick(seen.reference),
      ours: pick(seen.ours),
    });
    add({
      name: "memory (PSS), idle",
      members: 1,
      unit: " MiB",
      target: { atMost: 4.27 },
      ...both((one) => one.idleMib),
    });
    add({
      name: `memory (PSS) ${of}`,
      members: 1,
      unit: " MiB",
      target,
      ...both((one) => one.loadedMib),
    });
    add({
      name: `the same after a restart`,
      members: 1,
      unit: " MiB",
      target,
      ...both((one) => one.restartedMib),
    });
    add({
      name: `restart ${of}, until healthy`,
      members: 1,
      unit: " s",
      target,
      ...both((one) => one.restartSeconds),
    });
  }
  if (given.write) writeTable(rows, given);
}

/** What was not measured this time stays as it was. */
function writeTable(rows: readonly Row[], given: TargetOptions): void {
  const file = join(import.meta.dirname, "..", "docs", "targets.md");
  const head = `# Targets

What this store is asked to do beside etcd 3.7.3, and what it did: medians of ${given.rounds} rounds of ${given.seconds} s in which both took turns on one machine, ${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Linux ${release()}, Node ${process.version}, the load on the same cores (memory, restart, leases that end and the member that was away: one run each). Ratios are ours divided by etcd's. Why what is missed is missed: [performance.md](performance.md). Made by \`npm run bench -- --write\`; with \`--only\`, the other rows stay as they are.

`;
  const lines = new Map<string, string>();
  const before = given.only === "" ? [] : readFileSync(file, "utf8").split("\n");
  for (const line of before) if (/^\| [^|]+ \| \d/.test(line)) lines.set(workOf(line), line);
  for (const line of rows.map(lineOf)) lines.set(workOf(line), line);
  writeFileSync(file, `${head}${[...heading, ...lines.values()].join("\n")}\n`);
}

/** Name and members of a line of the table. */
function workOf(line: string): string {
  return line.split(" | ", 2).join(" | ");
}
