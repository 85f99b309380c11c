// `npm run e2e -- [--core] [--shard I/N] [--resume] [--record] [--body plain|kind-local|kind|local] [--nodes N] [--case NAME]... [--keep]`:
// the cases of cases.ts on a real Kubernetes, with images and chart of this checkout, two cases at a time; or those of
// local-cases.ts on processes of this machine.
//
//   --core      those that .ci/run runs
//   --shard     every N-th case, from the I-th on
//   --resume    not those that passed at this commit
//   --record    writes docs/e2e.md from what is known of all cases
//   --keep      leaves the cluster up, and the next run with --keep goes on with it
//   --where-possible
//               a Kubernetes that is not built, or does not come up, fails nothing: it may be the machine's doing
//
// Ends with "N passed, N failed". A machine that cannot run a Kubernetes at all fails nothing: a line "NOT RUN: …"
// says why.
import { parseArgs } from "node:util";
import { type BodyName, bodyNames, machineProblem, NoKubernetes, prepareEndToEnd } from "./body.ts";
import type { CaseInfo } from "./case.ts";
import { cases } from "./cases.ts";
import { startKubernetes } from "./kube-stage.ts";
import { localCases } from "./local-cases.ts";
import { LocalStage } from "./local-stage.ts";
import { currentCommit, keepResult, keyOf, readResults, recordResults } from "./results.ts";
import type { Stage } from "./stage.ts";

const together = 2;

const { values } = parseArgs({
  options: {
    body: { type: "string", default: "plain" },
    nodes: { type: "string", default: "3" },
    case: { type: "string", multiple: true, default: [] },
    core: { type: "boolean", default: false },
    shard: { type: "string", default: "1/1" },
    resume: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    "where-possible": { type: "boolean", default: false },
  },
});

const began = Date.now();
const say = (text: string) =>
  console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${text}`);

function wantedBody(): BodyName {
  const found = bodyNames.find((one) => one === values.body);
  if (found === undefined) {
    throw new Error(`there is no body ${values.body}; there are ${bodyNames.join(", ")}`);
  }
  return found;
}

const bodyName = wantedBody();

function casesOf(body: BodyName): readonly CaseInfo[] {
  const all = body === "local" ? localCases : cases;
  return all.filter(({ bodies }) => bodies === undefined || bodies.includes(body));
}

function wantedCases(commit: string): readonly CaseInfo[] {
  const cases = casesOf(bodyName);
  const unknown = values.case.filter((name) => !cases.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = cases.map((one) => one.name).join(", ");
    throw new Error(`there is no case ${unknown.join(", ")}; there are ${known}`);
  }
  const [, at, count] = /^([1-9][0-9]?)\/([1-9][0-9]?)$/.exec(values.shard) ?? [];
  if (at === undefined || Number(at) > Number(count)) {
    throw new Error(`--shard must be I/N with I from 1 to N, not ${values.shard}`);
  }
  const results = readResults();
  const passed = (one: CaseInfo) => {
    const { commit: then, isGood } = results[keyOf(values.body, one)] ?? {};
    return isGood === true && then === commit && !commit.endsWith("+");
  };
  return cases
    .filter((one) => values.case.length === 0 || values.case.includes(one.name))
    .filter((one) => !values.core || one.isCore === true)
    .filter((_, index) => index % Number(count) === Number(at) - 1)
    .filter((one) => !values.resume || !passed(one));
}

async function runCase(one: CaseInfo, stage: Stage, commit: string): Promise<boolean> {
  const start = Date.now();
  const took = () => Math.round((Date.now() - start) / 1000);
  const keep = (isGood: boolean) =>
    keepResult(keyOf(bodyName, one), { commit, isGood, seconds: took() });
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

async function runAll(wanted: readonly CaseInfo[], commit: string): Promise<number> {
  const options = { nodes: Number(values.nodes), keep: values.keep, say };
  const stage = bodyName === "local" ? new LocalStage() : await startKubernetes(bodyName, options);
  let failed = 0;
  try {
    const beside = wanted.filter((one) => one.isAlone !== true);
    const waiting = [
      ...beside.filter((one) => one.isLong === true),
      ...beside.filter((one) => one.isLong !== true),
    ];
    const lane = async () => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        if (!(await runCase(one, stage, commit))) failed++;
      }
    };
    await Promise.all(Array.from({ length: together }, lane));
    for (const one of wanted.filter((each) => each.isAlone)) {
      if (!(await runCase(one, stage, commit))) failed++;
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
  const commit = await currentCommit();
  const wanted = wantedCases(commit);
  // A docker of the user's own has its own needs, and processes have none.
  const isOfThisMachine = bodyName === "plain" || bodyName === "kind-local";
  const problem = isOfThisMachine ? machineProblem() : undefined;
  if (problem !== undefined) {
    return notRun(problem);
  }
  const isPrepared = bodyName === "local" || !values["where-possible"];
  const missing = isPrepared ? undefined : await prepareEndToEnd(true);
  if (missing !== undefined) return notRun(missing);
  let failed = 0;
  try {
    if (wanted.length > 0) failed = await runAll(wanted, commit);
  } catch (error) {
    if (!(error instanceof NoKubernetes && values["where-possible"])) throw error;
    return notRun(error.message);
  }
  if (values.record) recordResults(casesOf);
  console.log(`\n${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
