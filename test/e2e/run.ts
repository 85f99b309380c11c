// `npm run e2e -- [--core] [--shard I/N] [--resume] [--record] [--body plain|kind-local|kind] [--nodes N] [--case NAME]... [--keep]`:
// the cases of cases.ts on a real Kubernetes, with images and chart of this checkout, two cases at a time.
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
import { locatePrograms } from "#test/kubernetes/binaries.ts";
import {
  type BodyName,
  bodyNames,
  buildImages,
  keptBody,
  machineProblem,
  NoKubernetes,
  prepareEndToEnd,
  startBody,
} from "./body.ts";
import type { Case } from "./case.ts";
import { cases } from "./cases.ts";
import { Kube } from "./kube.ts";
import { OperatorRelease, operatorNamespace } from "./operator-release.ts";
import { currentCommit, keepResult, keyOf, readResults, recordResults } from "./results.ts";

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

function wantedCases(commit: string): readonly Case[] {
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
  const passed = (one: Case) => {
    const { commit: then, isGood } = results[keyOf(values.body, one)] ?? {};
    return isGood === true && then === commit && !commit.endsWith("+");
  };
  return cases
    .filter((one) => values.case.length === 0 || values.case.includes(one.name))
    .filter((one) => !values.core || one.isCore === true)
    .filter((_, index) => index % Number(count) === Number(at) - 1)
    .filter((one) => !values.resume || !passed(one));
}

async function runCase(
  one: Case,
  kube: Kube,
  operator: OperatorRelease,
  commit: string,
): Promise<boolean> {
  const namespace = `e2e-${one.name}`;
  const start = Date.now();
  const took = () => Math.round((Date.now() - start) / 1000);
  const keep = (isGood: boolean) =>
    keepResult(keyOf(values.body, one), { commit, isGood, seconds: took() });
  try {
    await kube.freshNamespace(namespace);
    await one.run({ kube, operator, namespace });
    say(`ok     ${one.name} (${took()} s)`);
    keep(true);
    await kube.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    return true;
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    say(`FAILED ${one.name} (${took()} s): ${text}`);
    keep(false);
    const there = [["-n", namespace, "get", "ec,em,pods,pvc,events", "-o", "wide"]];
    for (const args of there) console.log(await kube.kubectl(args).catch(String));
    console.log(await operator.logs().catch(String));
    return false;
  }
}

async function runAll(wanted: readonly Case[], commit: string): Promise<number> {
  const programs = await locatePrograms(["helm"]);
  if (typeof programs === "string") throw new Error(programs);
  const [helm = ""] = programs;
  const building = buildImages();
  const both = building.then(({ store, operator }) => {
    say(`images ${store.reference} and ${operator.reference}`);
    return [store, operator];
  });
  const nodes = Number(values.nodes);
  const kept = values.keep ? await keptBody(bodyName, nodes, both) : undefined;
  const body = kept ?? (await startBody(bodyName, nodes, both));
  const images = await building;
  let failed = 0;
  try {
    const kube = new Kube(body, images.store.reference);
    const operator = new OperatorRelease(kube, helm, images);
    say(`body ${body.name} is up, KUBECONFIG=${body.kubeconfig}`);
    await operator.install();
    say(`the operator is installed in ${operatorNamespace}`);
    const beside = wanted.filter((one) => one.isAlone !== true);
    const waiting = [
      ...beside.filter((one) => one.isLong === true),
      ...beside.filter((one) => one.isLong !== true),
    ];
    const lane = async () => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        if (!(await runCase(one, kube, operator, commit))) failed++;
      }
    };
    await Promise.all(Array.from({ length: together }, lane));
    for (const one of wanted.filter((each) => each.isAlone)) {
      if (!(await runCase(one, kube, operator, commit))) failed++;
    }
  } finally {
    if (!values.keep) await body.down();
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
  // A docker of the user's own has its own needs.
  const problem = bodyName === "kind" ? undefined : machineProblem();
  if (problem !== undefined) {
    return notRun(problem);
  }
  const missing = values["where-possible"] ? await prepareEndToEnd(true) : undefined;
  if (missing !== undefined) return notRun(missing);
  let failed = 0;
  try {
    if (wanted.length > 0) failed = await runAll(wanted, commit);
  } catch (error) {
    if (!(error instanceof NoKubernetes && values["where-possible"])) throw error;
    return notRun(error.message);
  }
  if (values.record) recordResults(cases);
  console.log(`\n${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
