// Every command line of cases.ts through the reference etcdctl and through ours against the reference
// server, and through the reference etcdctl against our server: stdout, stderr and exit code must agree,
// but for what differs by nature (lease IDs, times, sizes) and the rows of docs/compatibility.md. To run
// some only (they may need the writes before them): CASES="^txn" node --test FILE
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { runEtcdctl } from "#ctl/command-line.ts";
import type { Terminal } from "#ctl/terminal.ts";
import {
  freePorts,
  type Reference,
  referenceOrSkip,
  startReferenceCluster,
} from "#test/reference/reference.ts";
import { alarmCases, type Case, cases } from "./cases.ts";
import { type Outcome, spawned } from "./spawned.ts";

const ourServer = fileURLToPath(new URL("../../bin/etcd", import.meta.url));
const ourEntry = fileURLToPath(new URL("../../ctl/etcdctl.ts", import.meta.url));
const commandLimitMs = 20_000;

/** Runs one command line, the `index`-th. */
type Side = (
  each: Case,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  index: number,
) => Promise<Outcome>;

/** As a process. */
const asProcess = (
  command: readonly string[],
  { stdin, stopAfterLines }: Case,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome> =>
  spawned([...command, ...args], {
    env,
    stdin,
    stopAfterLines,
    limitMs: commandLimitMs,
    encoding: "latin1",
  });

/** Ends a command that would go on for ever. */
class Stopped extends Error {}

/** Without a process of its own, which would cost most of the time. */
async function inProcess(
  each: Case,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Outcome> {
  let stdout = "";
  let stderr = "";
  let stopped = false;
  let stdin = each.stdin ?? "";
  const terminal: Terminal = {
    isProcess: false,
    isWatched: false,
    out(data) {
      stdout += Buffer.from(data).toString("latin1");
      const wanted = each.stopAfterLines;
      if (wanted === undefined || stdout.split("\n").length <= wanted) return;
      stopped = true;
      throw new Stopped();
    },
    err(data) {
      stderr += Buffer.from(data).toString("utf8");
    },
    async readAll() {
      const all = Buffer.from(stdin);
      stdin = "";
      return all;
    },
    async readLine() {
      const end = stdin.indexOf("\n");
      if (end < 0) return undefined;
      const line = stdin.slice(0, end + 1);
      stdin = stdin.slice(end + 1);
      return line;
    },
    readSecret: async () => "",
    interrupted: () => new AbortController().signal,
    env,
    clock: systemClock,
    random: seededRandom(1),
  };
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<"too long">((resolve) => {
    timer = setTimeout(resolve, commandLimitMs, "too long");
  });
  const code = await Promise.race([runEtcdctl(args, terminal), tooLong]);
  clearTimeout(timer);
  const lines = stdout.split("\n").slice(0, each.stopAfterLines);
  return stopped
    ? { stdout: lines.join("\n"), stderr: "", code: "stopped" }
    : { stdout, stderr, code };
}

/** Every twelfth as a process, to cover the entry point. */
const processEach = 12;
const ours: Side = (each, args, env, index) =>
  index % processEach === 0
    ? asProcess([process.execPath, ourEntry], each, args, env)
    : inProcess(each, args, env);

/** Log lines: the message and the fields that say something, without time, place and trace. */
function logLine(line: string): string | undefined {
  if (!line.startsWith('{"level":')) return line;
  const {
    ts: _ts,
    caller: _caller,
    stacktrace: _trace,
    logger: _logger,
    took: _took,
    ...rest
  } = JSON.parse(line) as Record<string, unknown>;
  // The reference logs every failed attempt and each step of a snapshot's file.
  if (rest["msg"] === "retrying of unary invoker failed") return undefined;
  if (rest["msg"] === "created temporary db file" || rest["msg"] === "fetching snapshot") {
    return undefined;
  }
  return JSON.stringify(rest);
}

function normalise(each: Case, outcome: Outcome): Outcome {
  let { stdout } = outcome;
  let stderr = outcome.stderr
    .split("\n")
    .map(logLine)
    .filter((line) => line !== undefined)
    .join("\n");
  const errorLines = stderr.split("\n");
  if (each.firstErrorLine) {
    stderr = errorLines.find((line) => line.startsWith("Error:")) ?? errorLines[0] ?? "";
    // Help, in our own words.
    if (stderr === "") stdout = stdout === "" ? "" : "some help";
  }
  stdout = stdout.replace(/^etcd-ts version: .*\n/m, "");
  if (each.loose === "lease") {
    stdout = stdout
      .replace(/"(ID|id|lease)":\d+/g, '"$1":0')
      .replace(/"(ID|Lease)" : [0-9a-f]+/g, '"$1" : 0')
      .replace(/\b[0-9a-f]{13,16}\b/g, "LEASE")
      .replace(/remaining\(\d+s\)/, "remaining(0s)")
      .replace(/"(ttl|TTL)":\d+/g, '"$1":0')
      .replace(/"TTL" : \d+/g, '"TTL" : 0');
    // So is the name of a key that stands for a lease.
    if (/^(lock|elect)/.test(each.args[0] ?? ""))
      stdout = stdout.replace(/"key":"\w+=*"/, '"key":""');
    stderr = stderr.replace(/\b[0-9a-f]{13,16}\b/g, "LEASE");
    // A lease's ID within a key's protobuf is a varint of nine bytes.
    if (each.args.includes("protobuf") && stdout.includes("leased")) stdout = "";
    if (each.args[1] === "list") stdout = stdout.split("\n").sort().join("\n");
  }
  if (each.loose === "status") {
    stdout = stdout
      .replace(/[\d.]+(ms|µs|s)\b/g, "TIME")
      .replace(/[\d.]+\xc2\xb5s\b/g, "TIME")
      .replace(/ *TIME/g, " TIME")
      .replace(/[\d.]+ [kM]B/g, "SIZE")
      .replace(/ +SIZE/g, " SIZE")
      .replace(/(?:\xe2\x94\x80)+/g, "-")
      .replace(/\d+%/g, "N%")
      .replace(/ +N%/g, " N%")
      .replace(/ +(TOOK|IN USE|DB SIZE) +/g, " $1 ")
      .replace(/"(raftIndex|raftAppliedIndex|dbSize|dbSizeInUse)":\d+/g, '"$1":0')
      .replace(/"(RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse)" : \d+/g, '"$1" : 0')
      .replace(/(, \d+), \d+, \d+, , , false/g, "$1, INDEX")
      .replace(/\d+ \xe2\x94\x82 +\d+ \xe2\x94\x82 +\d+ \xe2\x94\x82/g, "INDEX");
  }
  if (each.loose === "hash") {
    stdout = stdout
      .replace(/"hash":\d+/g, '"hash":0')
      .replace(/"Hash" : \d+/g, '"Hash" : 0')
      .replace(/, \d+, /g, ", HASH, ")
      .replace(/(?:\xe2\x94\x80)+/g, "-")
      .replace(/ +HASH +/, " HASH ")
      .replace(/\xe2\x94\x82 +\d{6,} /g, "HASH ");
  }
  if (each.loose === "member") {
    // The ID of a new member holds the time.
    stdout = stdout
      .replace(/Member [0-9a-f ]{16}/, "Member ID")
      .replace(/CLUSTER="(.*)"/, (_all, list: string) => list.split(",").sort().join());
  }
  if (each.loose === "defrag") {
    stdout = stdout.replace(/took .*/, "took");
    stderr = stderr.replace(/took [^(]*/, "took ");
  }
  // Go's protobuf text has one or two spaces between fields, by chance.
  stdout = stdout.replace(/ {2}alarm:/g, " alarm:");
  // Of what a protobuf value cannot be shown, the reference prints pointers.
  stderr = stderr.replace(/(marshal unsupported for type \S+).*/, "$1");
  if (stderr.startsWith("panic: ")) stderr = stderr.replace(/0x[0-9a-f]+/g, "0x");
  return { stdout, stderr, code: outcome.code };
}

/** All outcomes of one side, against a fresh server: the reference's binary or our launcher. */
async function transcript(
  etcd: string,
  side: Side,
  ports: readonly number[],
  chosen: readonly Case[],
  flags: readonly string[],
  isCompared: (each: Case) => boolean = () => true,
): Promise<(Outcome | undefined)[]> {
  const server = await startReferenceCluster({ etcd }, { ports, flags });
  const [member] = server.members;
  const endpoint = member?.clientUrl.replace("http://", "") ?? "";
  const outcomes: (Outcome | undefined)[] = [];
  let lease = "0";
  try {
    for (const each of chosen) {
      if (!isCompared(each)) {
        outcomes.push(undefined);
        continue;
      }
      const fill = (text: string): string =>
        text.replace("$LEASE", lease).replace("$ENDPOINT", endpoint);
      const args = [
        ...(each.bare ? [] : ["--endpoints", endpoint]),
        ...each.args.map(fill).filter((word, i) => word !== "" || i > 0 || each.args.length > 1),
      ];
      const env = Object.fromEntries(
        Object.entries({ ...process.env, ...each.env })
          .filter(([name]) => !name.startsWith("ETCD") || each.env?.[name] !== undefined)
          .map(([name, value]) => [name, fill(value ?? "")]),
      );
      const outcome = await side(each, args, env, outcomes.length);
      const granted = /^lease ([0-9a-f]{16}) granted with/.exec(outcome.stdout);
      if (granted !== null && lease === "0") lease = granted[1] ?? "0";
      outcomes.push(normalise(each, outcome));
    }
  } finally {
    await server.stop();
  }
  return outcomes;
}

/** Our etcdctl against the reference server, and the reference etcdctl against ours. */
async function compare(
  t: TestContext,
  reference: Reference,
  chosen: readonly Case[],
  flags: readonly string[],
): Promise<void> {
  const ports = await freePorts(2);
  const theirs: Side = (each, args, env) => asProcess([reference.etcdctl], each, args, env);
  const expected = await transcript(reference.etcd, theirs, ports, chosen, flags);
  const answers = await transcript(reference.etcd, ours, ports, chosen, flags);
  // What asks no server says nothing of ours; none of it writes, and much of it waits for a limit.
  const asks = (each: Case): boolean => each.bare !== true;
  const served = await transcript(ourServer, theirs, ports, chosen, flags, asks);
  for (const [i, each] of chosen.entries()) {
    const stdin = each.stdin === undefined ? "" : ` < ${JSON.stringify(each.stdin)}`;
    const words = each.args.map((word) => word.slice(0, 100)).join(" ");
    const line = `${JSON.stringify(each.env ?? {})} etcdctl ${words}${stdin}`;
    const check = (outcome: Outcome | undefined, differs: string | undefined): void => {
      if (differs === undefined) assert.deepEqual(outcome, expected[i]);
      else assert.notDeepEqual(outcome, expected[i], "they agree now: remove the exception");
    };
    await t.test(line, () => check(answers[i], each.differs));
    if (asks(each)) {
      await t.test(`our server: ${line}`, () => check(served[i], each.serverDiffers));
    }
  }
}

test("etcdctl answers as the reference does", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const pattern = process.env["CASES"];
  const chosen =
    pattern === undefined
      ? cases
      : cases.filter((each) => new RegExp(pattern).test(each.args.join(" ")));
  assert.ok(pattern !== undefined || chosen.length >= 120, "at least 120 command lines");
  await compare(t, reference, chosen, []);
});

test("etcdctl shows and clears alarms as the reference does", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  await compare(t, reference, alarmCases, ["--quota-backend-bytes=131072"]);
});

test("leadership moves, in a cluster of three", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const cluster = await startReferenceCluster(reference, { size: 3 });
  try {
    const ctl = (...args: string[]): Promise<Outcome> =>
      inProcess({ args }, ["--endpoints", cluster.endpoints, ...args], {});
    const status = (await ctl("endpoint", "status", "-w", "json")).stdout;
    const ids = (name: string): string[] =>
      Array.from(status.matchAll(new RegExp(`"${name}":(\\d+)`, "g")), ([, id]) =>
        BigInt(id ?? "0").toString(16),
      );
    const [from] = ids("leader");
    const to = ids("member_id").find((id) => id !== from) ?? "";
    assert.deepEqual(await ctl("move-leader", to), {
      stdout: `Leadership transferred from ${from} to ${to}\n`,
      stderr: "",
      code: 0,
    });
    const rows = (await ctl("endpoint", "status", "--cluster")).stdout.trim().split("\n");
    assert.equal(rows.length, 3);
    assert.deepEqual(
      rows.filter((row) => row.split(", ")[8] === "true").map((row) => row.split(", ")[1]),
      [to],
    );
  } finally {
    await cluster.stop();
  }
});
