// The sessions of v2-cases.ts three times at once: etcdctl 3.4 with etcd 3.4, our etcdctl with etcd
// 3.4, and our etcdctl with our server; V2_ETCDCTL=reference takes etcdctl 3.4 for the last, which takes
// longer. What is printed and the exit codes must agree line by line. To run some only (they may need
// what the ones before wrote): SESSIONS="^rm" node --test FILE
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { referenceV2OrSkip } from "#test/reference/reference.ts";
import { type Outcome, spawned } from "./spawned.ts";
import { type V2Step, v2Sessions } from "./v2-cases.ts";
import { runV2InProcess } from "./v2-process.ts";

const ourEntry = fileURLToPath(new URL("../../ctl/etcdctl.ts", import.meta.url));
const stepLimitMs = 60_000;
/** The default of two seconds is short on a busy machine. */
const patient = ["--timeout", "20s", "--total-timeout", "50s"];

type Run = (step: V2Step, words: readonly string[], env: NodeJS.ProcessEnv) => Promise<Outcome>;

const asProcess = (
  { stdin, stopAfterLines }: V2Step,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome> =>
  spawned(command, { env, stdin, stopAfterLines, limitMs: stepLimitMs, encoding: "utf8" });

/** Without what differs by nature: addresses, member IDs, the end of a life by the clock. */
function normalise(step: V2Step, cluster: Cluster, outcome: Outcome): Outcome {
  const [member] = cluster.members;
  const plain = (text: string): string =>
    text
      .replaceAll(member!.clientUrl, "URL")
      .replaceAll(member!.peerUrl, "PEER")
      .replaceAll(/\b[0-9a-f]{14,16}\b(?=[:" ])/g, "ID")
      .replaceAll(/"expiration":"[^"]*"/g, '"expiration":"soon"')
      .replaceAll(/"ttl":(\d+)/g, (_all, ttl: string) => `"ttl":~${Math.round(Number(ttl) / 100)}`)
      .replaceAll(/^TTL: (\d+)/gm, (_all, ttl: string) => `TTL: ~${Math.round(Number(ttl) / 100)}`);
  let stdout = plain(outcome.stdout);
  if (step.loose === "order") stdout = stdout.split("\n").sort().join("\n");
  if (step.loose === "help") {
    const [first = ""] = stdout.split("\n");
    stdout = /^(Incorrect|Cannot)/.test(first) ? first : "some help";
  }
  return { stdout, stderr: plain(outcome.stderr), code: outcome.code };
}

/** All outcomes of one side. */
async function transcript(
  kind: "ours" | "reference-3.4",
  run: Run,
  steps: readonly V2Step[],
): Promise<Outcome[]> {
  const flags = ["--enable-v2"];
  const cluster = await startCluster({ runner: "ours", runners: [kind], size: 1, flags });
  const outcomes: Outcome[] = [];
  try {
    const url = cluster.members[0]!.clientUrl;
    const fill = (text: string): string => text.replaceAll("$URL", url);
    const around = Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD"));
    for (const step of steps) {
      const words = step.line.map(fill);
      const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, fill(value)]);
      const env = Object.fromEntries([...around, ["ETCDCTL_API", "2"], ...own]) as Record<
        string,
        string
      >;
      const [first, ...rest] = words;
      const outcome = await (first === "curl"
        ? asProcess(step, ["curl", "-sS", "-w", "[%{http_code}]", ...rest], env)
        : run(step, step.bare === true ? words : ["--endpoints", url, ...patient, ...words], env));
      outcomes.push(normalise(step, cluster, outcome));
    }
  } finally {
    await cluster.stop();
  }
  return outcomes;
}

test("the v2 API and its etcdctl answer as etcd 3.4's", async (t) => {
  const reference = await referenceV2OrSkip(t);
  if (reference === undefined) return;
  const pattern = new RegExp(process.env["SESSIONS"] ?? "");
  const sessions = Object.entries(v2Sessions).filter(([name]) => pattern.test(name));
  const steps = sessions.flatMap(([, list]) => list);
  const theirs: Run = (step, words, env) => asProcess(step, [reference.etcdctl, ...words], env);
  let index = 0;
  // Every ninetieth as a process, to cover the entry point.
  const ours: Run = (step, words, env) =>
    index++ % 90 === 0
      ? asProcess(step, [process.execPath, ourEntry, ...words], env)
      : runV2InProcess(step, words, env);
  const last = process.env["V2_ETCDCTL"] === "reference" ? theirs : ours;
  const [expected, answers, served] = await Promise.all([
    transcript("reference-3.4", theirs, steps),
    transcript("reference-3.4", ours, steps),
    transcript("ours", last, steps),
  ]);
  let at = -1;
  for (const [name, list] of sessions) {
    const problems: string[] = [];
    for (const step of list) {
      at++;
      const env = step.env === undefined ? "" : `${JSON.stringify(step.env)} `;
      const check = (actual: Outcome | undefined, differs: string | undefined, who: string) => {
        const equal = isDeepStrictEqual(actual, expected[at]);
        if (equal === (differs === undefined)) return;
        const why = equal ? "they agree now: remove the exception" : "they differ";
        const shown = [actual, expected[at]].map((one) => JSON.stringify(one)).join("\n");
        problems.push(`${env}${step.line.join(" ")}\n${who}, then etcd 3.4; ${why}\n${shown}`);
      };
      check(answers[at], step.differs, "our etcdctl");
      const lastDiffers = step.serverDiffers ?? (last === ours ? step.differs : undefined);
      check(served[at], lastDiffers, "our server");
    }
    await t.test(name, () => assert.equal(problems.join("\n\n"), ""));
  }
});
