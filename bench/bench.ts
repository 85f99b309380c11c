// `npm run bench`: the table of targets (targets.ts), or with --vs this tree beside another (versus.ts).
import { Command } from "commander";
import type { Operation } from "./load.ts";
import { measureTargets, type TargetOptions } from "./targets.ts";
import { versus } from "./versus.ts";

interface Given extends TargetOptions {
  readonly vs?: string;
  readonly members: readonly number[];
  readonly concurrency: readonly number[];
  readonly operations: readonly Operation[];
  readonly etcd: boolean;
}

const numbers = (text: string): readonly number[] => text.split(",").map(Number);

const given = new Command("bench")
  .description(
    "Measures each target of docs/targets.md on this store and the reference etcd in turn; with --vs, this tree and another one.",
  )
  .option("--only <text>", "works whose name or topology ('3 members') contains it", "")
  .option("--rounds <n>", "rounds that count, after one that warms up", Number, 5)
  .option("--seconds <n>", "length of one run", Number, 2)
  .option("--keys <n>", "keys of the memory and restart rows, 0 for none", Number, 1_000_000)
  .option("--no-once", "without what takes minutes and is measured once")
  .option("--write", "put the table into docs/targets.md", false)
  .option("--vs <ref>", "measure this tree and a commit, or another checkout, in turn")
  .option("--members <list>", "with --vs: cluster sizes", numbers, [1, 3])
  .option("--concurrency <list>", "with --vs: requests under way", numbers, [1, 10, 100, 1000])
  .option("--operations <list>", "with --vs: put, range", (text) => text.split(","), [
    "put",
    "range",
  ])
  .option("--etcd", "with --vs: measure the reference as well", false)
  .parse()
  .opts<Given>();

if (given.vs === undefined) await measureTargets(given);
else await versus({ ...given, vs: given.vs, withReference: given.etcd });
