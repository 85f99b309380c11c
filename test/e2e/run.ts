// `npm run e2e -- [--body plain] [--nodes N] [--case NAME]... [--keep]`: the cases of cases.ts on a real Kubernetes,
// with images and chart of this checkout, two cases at a time. --keep leaves the cluster up, and the next run with
// --keep goes on with it. Ends with "N passed, N failed".
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { locatePrograms } from "#test/kubernetes/binaries.ts";
import { type Body, buildImages, type Image, output, plainBody } from "./body.ts";
import { type Case, cases } from "./cases.ts";
import { Kube } from "./kube.ts";
import { OperatorRelease, operatorNamespace } from "./operator-release.ts";

const together = 2;

const { values } = parseArgs({
  options: {
    body: { type: "string", default: "plain" },
    nodes: { type: "string", default: "3" },
    case: { type: "string", multiple: true, default: [] },
    keep: { type: "boolean", default: false },
  },
});

const began = Date.now();
const say = (text: string) =>
  console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${text}`);

function wantedCases(): readonly Case[] {
  const unknown = values.case.filter((name) => !cases.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = cases.map((one) => one.name).join(", ");
    throw new Error(`there is no case ${unknown.join(", ")}; there are ${known}`);
  }
  return cases.filter((one) => values.case.length === 0 || values.case.includes(one.name));
}

/** The cluster that a run with --keep has left, with these images. */
async function keptBody(images: readonly Image[]): Promise<Body | undefined> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "etcd-ts");
  const state = process.env["E2E_STATE"] ?? join(cache, "e2e", "run");
  const kubeconfig = join(state, "kubeconfig", "admin");
  if (!values.keep || !existsSync(join(state, "pid", "apiserver"))) return undefined;
  const archives = images.map((one) => one.archive);
  await output("bash", [join(import.meta.dirname, "plain", "load.sh"), ...archives]);
  return { name: "plain", kubeconfig, kubectl: join(state, "kubectl"), down: async () => {} };
}

async function runCase(one: Case, kube: Kube, operator: OperatorRelease): Promise<boolean> {
  const namespace = `e2e-${one.name}`;
  const start = Date.now();
  const took = () => `${Math.round((Date.now() - start) / 1000)} s`;
  try {
    await kube.createNamespace(namespace);
    await one.run({ kube, operator, namespace });
    say(`ok     ${one.name} (${took()})`);
    await kube.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    return true;
  } catch (error) {
    say(`FAILED ${one.name} (${took()}): ${error instanceof Error ? error.stack : String(error)}`);
    const there = [["-n", namespace, "get", "ec,em,pods,pvc,events", "-o", "wide"]];
    for (const args of there) console.log(await kube.kubectl(args).catch(String));
    console.log(await operator.logs().catch(String));
    return false;
  }
}

async function main(): Promise<number> {
  const wanted = wantedCases();
  if (values.body !== "plain") throw new Error(`there is no body ${values.body}; there is plain`);
  const programs = await locatePrograms(["helm"]);
  if (typeof programs === "string") throw new Error(programs);
  const [helm = ""] = programs;
  const images = await buildImages();
  say(`images ${images.store.reference} and ${images.operator.reference}`);
  const both = [images.store, images.operator];
  const body = (await keptBody(both)) ?? (await plainBody(Number(values.nodes), both));
  let failed = 0;
  try {
    const kube = new Kube(body, images.store.reference);
    const operator = new OperatorRelease(kube, helm, images);
    say(`body ${body.name} is up, KUBECONFIG=${body.kubeconfig}`);
    await operator.install();
    say(`the operator is installed in ${operatorNamespace}`);
    const waiting = wanted.filter((one) => one.isAlone !== true);
    const lane = async () => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        if (!(await runCase(one, kube, operator))) failed++;
      }
    };
    await Promise.all(Array.from({ length: together }, lane));
    for (const one of wanted.filter((each) => each.isAlone)) {
      if (!(await runCase(one, kube, operator))) failed++;
    }
  } finally {
    if (!values.keep) await body.down();
  }
  console.log(`\n${wanted.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exit(await main());
