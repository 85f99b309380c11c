// `npm run e2e`: the cases of cases.ts on a real Kubernetes, with images and chart of this checkout, two cases at a
// time; or those of local-cases.ts on processes of this machine. `options.ts` says which options there are.
import { type BodyName, bodyNames, machineProblem, NoKubernetes, prepareEndToEnd } from "./body.ts";
import type { CaseInfo } from "./case.ts";
import { cases } from "./cases.ts";
import { startKubernetes } from "./kube-stage.ts";
import { localCases } from "./local-cases.ts";
import { LocalStage } from "./local-stage.ts";
import { type Options, optionsOf, usage } from "./options.ts";
import { currentCommit, keepResult, keyOf, readResults, recordResults } from "./results.ts";
import type { Stage } from "./stage.ts";

const together = 2;

type Wanted = Options<BodyName>;

const began = Date.now();
const say = (text: string) =>
  console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${text}`);

function casesOf(body: BodyName): readonly CaseInfo[] {
  const all = body === "local" ? localCases : cases;
  return all.filter(({ bodies }) => bodies === undefined || bodies.includes(body));
}

function wantedCases(
  { body, cases: named, isCore, shard, resume }: Wanted,
  commit: string,
): readonly CaseInfo[] {
  const results = readResults();
  const passed = (one: CaseInfo) => {
    const { commit: then, isGood } = results[keyOf(body, one)] ?? {};
    return isGood === true && then === commit && !commit.endsWith("+");
  };
  return casesOf(body)
    .filter((one) => named.length === 0 || named.includes(one.name))
    .filter((one) => !isCore || one.isCore === true)
    .filter((_, index) => index % shard.count === shard.at)
    .filter((one) => !resume || !passed(one));
}

async function runCase(
  body: BodyName,
  one: CaseInfo,
  stage: Stage,
  commit: string,
): Promise<boolean> {
  const start = Date.now();
  const took = () => Math.round((Date.now() - start) / 1000);
  const keep = (isGood: boolean) =>
    keepResult(keyOf(body, one), { commit, isGood, seconds: took() });
  try {
    await stage.run(one.name);
    say(`ok     ${one.name} (${took()} s)`);
    keep(true);
    return true;
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    say(`FAILED ${one.name} (${took()} s): ${text}`);
    keep(false);
    console.log(await stage.describe(one.name));
    return false;
  }
}

/** Those that can be had here; of each other one a line says why not. Who asks for one by name gets its failure. */
async function availableOf(
  wanted: readonly CaseInfo[],
  named: readonly string[],
): Promise<readonly CaseInfo[]> {
  const able: CaseInfo[] = [];
  for (const one of wanted) {
    const why = named.includes(one.name) ? undefined : await one.unavailable?.();
    if (why === undefined) able.push(one);
    else console.log(`LEFT OUT ${one.name}: ${why.replace(/\s*\n\s*/g, "; ")}`);
  }
  return able;
}

async function runAll(
  { body, nodes, keep }: Wanted,
  wanted: readonly CaseInfo[],
  commit: string,
): Promise<number> {
  const stage =
    body === "local" ? new LocalStage() : await startKubernetes(body, { nodes, keep, say });
  let failed = 0;
  try {
    const runTogether = async (some: readonly CaseInfo[]): Promise<void> => {
      const waiting = [
        ...some.filter((one) => one.isLong === true),
        ...some.filter((one) => one.isLong !== true),
      ];
      const lane = async () => {
        for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
          if (!(await runCase(body, one, stage, commit))) failed++;
        }
      };
      await Promise.all(Array.from({ length: together }, lane));
    };
    await runTogether(wanted.filter((one) => !one.isAlone && !one.hasOwnOperator));
    const own = wanted.filter((one) => one.hasOwnOperator);
    if (own.length > 0) await stage.withoutOperator(() => runTogether(own));
    for (const one of wanted.filter((each) => each.isAlone)) {
      if (!(await runCase(body, one, stage, commit))) failed++;
    }
  } finally {
    await stage.down();
  }
  return failed;
}

function notRun(why: string): number {
  console.log(`NOT RUN: ${why.replace(/\s*\n\s*/g, "; ")}\n\n0 passed, 0 failed`);
  return 0;
}

async function main(): Promise<number> {
  const named = (body: BodyName) => casesOf(body).map((one) => one.name);
  const options = optionsOf(process.argv.slice(2), bodyNames, named);
  if (options === "help") {
    process.stdout.write(usage.replace("BODIES", bodyNames.join(", ")));
    return 0;
  }
  if ("problem" in options) {
    process.stderr.write(`npm run e2e: ${options.problem} (--help says what there is)\n`);
    return 2;
  }
  if (options.list) {
    for (const { name, what } of casesOf(options.body)) console.log(`${name.padEnd(30)}${what}`);
    return 0;
  }
  const commit = await currentCommit();
  const wanted = wantedCases(options, commit);
  // A docker of the user's own has its own needs, and processes have none.
  const isOfThisMachine = options.body === "plain" || options.body === "kind-local";
  const problem = isOfThisMachine ? machineProblem() : undefined;
  if (problem !== undefined) {
    return notRun(problem);
  }
  const isPrepared = options.body === "local" || !options.wherePossible;
  const missing = isPrepared ? undefined : await prepareEndToEnd(true);
  if (missing !== undefined) return notRun(missing);
  const able = await availableOf(wanted, options.cases);
  let failed = 0;
  try {
    if (able.length > 0) failed = await runAll(options, able, commit);
  } catch (error) {
    if (!(error instanceof NoKubernetes && options.wherePossible)) throw error;
    return notRun(error.message);
  }
  if (options.record) recordResults(casesOf);
  console.log(`\n${able.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
