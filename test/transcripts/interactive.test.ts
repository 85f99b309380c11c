// What a person sees who types into `txn -i` and `watch -i` on a terminal: the same keys typed into the
// reference etcdctl and into ours against the reference server, and into the reference etcdctl against our
// server. Screens, what was typed included, and exit codes must be equal. The terminal is script(1)'s.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const ourServer = fileURLToPath(new URL("../../bin/etcd", import.meta.url));
const ourCtl = fileURLToPath(new URL("../../bin/etcdctl", import.meta.url));
const sessionLimitMs = 60_000;
/** Ctrl-C and Ctrl-D, as a terminal sends them. */
const [interrupt, endOfInput] = ["\x03", "\x04"] as const;

/** Wait for the screen to show something new, then type; or write a key meanwhile. */
type Step =
  | { readonly shown: RegExp; readonly type: string }
  | { readonly shown: RegExp; readonly put: readonly [key: string, value: string] };

interface Session {
  readonly line: string;
  readonly steps: readonly Step[];
}

const type = (shown: RegExp, ...lines: readonly string[]): Step => ({
  shown,
  type: lines.map((line) => `${line}\n`).join(""),
});

/** In order, on one server: revisions agree because each side begins with an empty one. */
const sessions: readonly Session[] = [
  {
    line: "txn -i",
    steps: [
      type(/compares:/, 'create("greeting") = "0"', ""),
      type(/success requests \(get, put, del\):/, 'put greeting "good morning"', ""),
      type(/failure requests \(get, put, del\):/, "get greeting", ""),
    ],
  },
  {
    line: "txn -i -w json",
    steps: [
      type(/compares:/, 'create("greeting") = "0"', 'val("greeting") < "z"', ""),
      type(/success requests/, ""),
      type(/failure requests/, "get greeting", "del greeting --prev-kv", ""),
    ],
  },
  { line: "txn -i", steps: [type(/compares:/, "greeting is good")] },
  { line: "txn -i", steps: [type(/compares:/, ""), type(/success/, "push greeting 1")] },
  { line: "txn -i", steps: [{ shown: /compares:/, type: endOfInput }] },
  { line: "txn -i", steps: [{ shown: /compares:/, type: interrupt }] },
  {
    line: "watch -i",
    steps: [
      type(/^/, "watch greeting --rev 2"),
      { shown: /DELETE\ngreeting\n/, put: ["greeting", "again"] },
      type(/PUT\ngreeting\nagain\n/, "fly greeting"),
      type(/Invalid command fly greeting \(only support watch\)\n/, "watch"),
      type(/Invalid command watch .*\n/, 'watch --prefix gree --rev 4 -- echo "it changed"'),
      type(/it changed\n/, "watch greeting --prev-kv --rev 4"),
      { shown: /good morning|again\n/, type: endOfInput },
    ],
  },
  {
    line: "watch -i",
    steps: [
      type(/^/, "watch greeting --rev 4"),
      type(/again\n/, "progress"),
      { shown: /progress notify: 4\n/, type: interrupt },
    ],
  },
];

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Everything that the terminal showed, and the exit code. */
function play(
  ctl: string,
  endpoint: string,
  { line, steps }: Session,
  put: (key: string, value: string) => Promise<unknown>,
): Promise<string> {
  const around = Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD"));
  const command = `${quoted(ctl)} --endpoints ${endpoint} ${line}`;
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    env: { ...Object.fromEntries(around), SHELL: "/bin/sh" },
    stdio: "pipe",
  });
  let screen = "";
  /** What of the screen the steps before have seen. */
  let seen = 0;
  let at = 0;
  const look = async (): Promise<void> => {
    const step = steps[at];
    const text = screen.replaceAll("\r\n", "\n").slice(seen);
    const found = step?.shown.exec(text);
    if (step === undefined || found === null || found === undefined) return;
    at++;
    seen += found.index + found[0].length;
    if ("put" in step) await put(...step.put);
    else child.stdin.write(step.type);
    await look();
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), sessionLimitMs);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      screen += chunk;
      look().catch(reject);
    });
    child.stderr.resume();
    child.stdin.on("error", () => {});
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(`${screen.replaceAll("\r\n", "\n")}\n[${code ?? signal}]`);
    });
    look().catch(reject);
  });
}

async function transcript(etcd: string, ctl: string): Promise<string[]> {
  const server = await startReferenceCluster({ etcd });
  const endpoint = server.members[0]?.clientUrl ?? "";
  const client = new EtcdClient({
    endpoints: [endpoint],
    clock: systemClock,
    random: seededRandom(1),
  });
  try {
    const screens: string[] = [];
    for (const session of sessions) {
      const screen = await play(ctl, endpoint, session, (key, value) => client.kv.put(key, value));
      // Which member and cluster it was.
      screens.push(screen.replaceAll(/"(cluster_id|member_id|raft_term)":\d+/g, '"$1":0'));
      // It waited for what never came, and so would the next one.
      if (screen.endsWith("[SIGKILL]")) break;
    }
    return screens;
  } finally {
    client.close();
    await server.stop();
  }
}

test("txn -i and watch -i look like the reference's on a terminal", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const [expected, ours, served] = await Promise.all([
    transcript(reference.etcd, reference.etcdctl),
    transcript(reference.etcd, ourCtl),
    transcript(ourServer, reference.etcdctl),
  ]);
  for (const [i, { line, steps }] of sessions.entries()) {
    const [first] = steps;
    const typed = first !== undefined && "type" in first ? JSON.stringify(first.type) : "";
    await t.test(`${line}: ${typed}`, () => assert.equal(ours[i], expected[i]));
    await t.test(`our server: ${line}: ${typed}`, () => assert.equal(served[i], expected[i]));
  }
});
