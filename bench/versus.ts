// This tree beside an earlier one, and etcd if wanted: the same fixed number of requests to each in turn,
// round by round. Prints rates and CPU time a request, which hardly depends on what else the machine does.
// `npm run bench -- --vs REF`; nothing here judges.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { callOf, h2loadCount, type Operation } from "./load.ts";
import { median } from "./median.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

export interface VersusOptions {
  /** A commit, or the folder of another checkout that is installed. */
  readonly vs: string;
  readonly members: readonly number[];
  readonly concurrency: readonly number[];
  readonly operations: readonly Operation[];
  readonly rounds: number;
  readonly seconds: number;
  readonly withReference: boolean;
}

interface Side {
  readonly name: string;
  readonly cluster: Cluster;
  readonly endpoint: string;
  /** Requests a second and CPU microseconds of all members a request, by round. */
  rates: number[];
  costs: number[];
}

/** A folder with the tree of `ref`, ready to run. */
async function checkout(ref: string): Promise<{ readonly dir: string; remove(): Promise<void> }> {
  if (existsSync(join(ref, "bin", "etcd"))) return { dir: ref, remove: async () => {} };
  const parent = mkdtempSync(join(tmpdir(), "etcd-ts-versus-"));
  const dir = join(parent, "tree");
  const git = (...args: string[]): Promise<unknown> => run("git", ["-C", root, ...args]);
  await git("worktree", "add", "--detach", dir, ref);
  const lock = (of: string): string => readFileSync(join(of, "package-lock.json"), "utf8");
  if (lock(dir) === lock(root)) symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  else await run("npm", ["ci"], { cwd: dir });
  return {
    dir,
    async remove() {
      await git("worktree", "remove", "--force", dir);
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

/** CPU time that the processes have had on all their threads, in microseconds. */
function cpuMicros(cluster: Cluster): number {
  let nanos = 0;
  for (const { pid } of cluster.members)
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
      nanos += Number(stat.split(" ")[0]);
    }
  return nanos / 1000;
}

async function leaderOf(cluster: Cluster): Promise<string> {
  for (const member of cluster.members) {
    const metrics = await (await fetch(`${member.clientUrl}/metrics`)).text();
    if (/^etcd_server_is_leader 1$/m.test(metrics)) return member.endpoint;
  }
  throw new Error("no member says that it leads");
}

async function oneRound(
  side: Side,
  operation: Operation,
  concurrency: number,
  requests: number,
): Promise<void> {
  const before = cpuMicros(side.cluster);
  const rate = await h2loadCount(side.endpoint, callOf(operation), concurrency, requests);
  side.rates.push(rate);
  side.costs.push((cpuMicros(side.cluster) - before) / requests);
}

/** Runs it and prints a table. */
export async function versus(options: VersusOptions): Promise<void> {
  const other = await checkout(options.vs);
  const heads = ["members", "operation", "concurrent"];
  const names = ["before", "after", ...(options.withReference ? ["etcd"] : [])];
  heads.push(...names.flatMap((name) => [`${name}/s`, "CPU us"]), "after ÷ before", "CPU");
  if (options.withReference) heads.push("after ÷ etcd");
  process.stdout.write(`| ${heads.join(" | ")} |\n|${" ---: |".repeat(heads.length)}\n`);
  try {
    for (const size of options.members) {
      await using before = await startCluster({
        runner: "ours",
        size,
        wrap: (command) => ({ ...command, file: join(other.dir, "bin", "etcd") }),
      });
      await using after = await startCluster({ runner: "ours", size });
      await using reference = options.withReference
        ? await startCluster({ runner: "reference", size })
        : undefined;
      const sides: Side[] = [];
      for (const [at, cluster] of [before, after, reference].entries()) {
        if (cluster === undefined) continue;
        const endpoint = await leaderOf(cluster);
        sides.push({ name: names[at]!, cluster, endpoint, rates: [], costs: [] });
      }
      for (const operation of options.operations)
        for (const concurrency of options.concurrency)
          await compare(sides, size, operation, concurrency, options);
    }
  } finally {
    await other.remove();
  }
}

async function compare(
  sides: readonly Side[],
  size: number,
  operation: Operation,
  concurrency: number,
  { rounds, seconds }: VersusOptions,
): Promise<void> {
  for (const side of sides) {
    // Tells how many requests fill the time, and warms up.
    await oneRound(side, operation, concurrency, concurrency * 10);
    await oneRound(side, operation, concurrency, Math.ceil(side.rates[0]! / 2));
  }
  const requests = sides.map(({ rates }) =>
    Math.max(concurrency * 10, Math.ceil(rates[1]! * seconds)),
  );
  for (const side of sides) {
    side.rates = [];
    side.costs = [];
  }
  for (let round = 0; round < rounds; round++) {
    const order = [...sides.keys()];
    if (round % 2 === 1) order.reverse();
    for (const at of order) await oneRound(sides[at]!, operation, concurrency, requests[at]!);
  }
  const [before, after, reference] = sides;
  const ratio = (of: readonly number[], by: readonly number[]): string =>
    median(of.map((value, round) => value / by[round]!)).toFixed(2);
  const cells = [String(size), operation, String(concurrency)];
  for (const { rates, costs } of sides)
    cells.push(Math.round(median(rates)).toLocaleString("en-US"), median(costs).toFixed(1));
  cells.push(ratio(after!.rates, before!.rates), ratio(after!.costs, before!.costs));
  if (reference !== undefined) cells.push(ratio(after!.rates, reference.rates));
  process.stdout.write(`| ${cells.join(" | ")} |\n`);
}
