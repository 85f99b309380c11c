// npm start's cluster, from outside: three processes form, a write survives the kill of the leader,
// Ctrl-C stops everything, and the next start finds the data. Needs no tool, so it never skips.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { freePorts } from "#test/reference/reference.ts";

const root = join(import.meta.dirname, "..", "..");
const operator = join(root, "bin", "etcd-operator");

class Operator {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  #text = "";
  #waiting: { readonly pattern: RegExp; readonly resolve: (text: string) => void } | undefined;

  constructor(manifest: string) {
    this.child = spawn(operator, ["local", manifest], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (data: string) => {
        this.#text += data;
        this.#look();
      });
    }
    this.exited = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
  }

  get text(): string {
    return this.#text;
  }

  /** Resolves with what was printed once it matches; fails when the process ends first. */
  prints(pattern: RegExp): Promise<string> {
    const found = new Promise<string>((resolve) => {
      this.#waiting = { pattern, resolve };
      this.#look();
    });
    const ended = this.exited.then((code) => {
      throw new Error(`the operator ended with ${code} before ${pattern}:\n${this.#text}`);
    });
    ended.catch(() => {});
    return Promise.race([found, ended]);
  }

  #look(): void {
    if (this.#waiting?.pattern.test(this.#text)) this.#waiting.resolve(this.#text);
  }
}

async function manifestIn(
  folder: string,
  replicas = 3,
): Promise<{ file: string; endpoints: string[] }> {
  // A step of 1 and two runs of free ports would collide easily: take what the kernel gives and a
  // step that keeps the three members apart.
  for (;;) {
    const [client = 0, peer = 0] = await freePorts(2);
    if (client + 20 > 65535 || peer + 20 > 65535 || Math.abs(client - peer) % 10 === 0) continue;
    const file = join(folder, "cluster.yaml");
    writeFileSync(
      file,
      `apiVersion: etcd-ts.dev/v1alpha1
kind: EtcdCluster
metadata: { name: e2e }
spec:
  replicas: ${replicas}
  local: { dataFolder: data, clientPort: ${client}, peerPort: ${peer}, portStep: 10 }
`,
    );
    return { file, endpoints: [0, 10, 20].map((more) => `http://127.0.0.1:${client + more}`) };
  }
}

function run(file: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(file, args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
  });
}

/** A write that was on its way to a leader when it died may time out; asked again, it must succeed. */
async function putAtLast(client: EtcdClient, key: string, value: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.kv.put(key, value);
      return;
    } catch (thrown) {
      if (tries === 5) throw thrown;
    }
  }
}

test("three processes: put, kill, read, stop, start again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "e2e-"));
  const { file, endpoints } = await manifestIn(folder);
  const client = new EtcdClient({
    endpoints,
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 15_000,
  });
  const first = new Operator(file);
  let second: Operator | undefined;
  try {
    const formed = await first.prints(/Ctrl-C stops/);
    await client.kv.put("key", "before");
    const leader = /(e2e-\d) leads in term \d+/.exec(formed)?.[1] ?? "";
    const state = readFileSync(join(folder, "data", "cluster.json"), "utf8");
    const { processes } = JSON.parse(state) as { processes: Record<string, { pid: number }> };
    const pid = processes[leader]?.pid;
    assert(pid !== undefined, state);
    process.kill(pid, "SIGKILL");
    await first.prints(new RegExp(`${leader} ended \\(SIGKILL\\)`));
    await putAtLast(client, "key", "after");
    assert.equal(String(Buffer.from((await client.kv.range("key")).kvs[0]?.value ?? "")), "after");
    await first.prints(new RegExp(`ended[^]*${leader} runs as process`));

    const busy = await run(operator, ["local", file]);
    assert.equal(busy.code, 1);
    assert.match(
      busy.output,
      /^etcd-operator: e2e is run by process \d+ already: stop that one with Ctrl-C or kill \d+/,
    );

    first.child.kill("SIGINT");
    assert.equal(await first.exited, 0, first.text);
    assert.match(first.text, /stopped; the data stays in/);

    second = new Operator(file);
    await second.prints(/Ctrl-C stops/);
    assert.equal(String(Buffer.from((await client.kv.range("key")).kvs[0]?.value ?? "")), "after");
    second.child.kill("SIGTERM");
    assert.equal(await second.exited, 0, second.text);
  } finally {
    client.close();
    first.child.kill("SIGINT");
    second?.child.kill("SIGINT");
    await Promise.all([first.exited, second?.exited]);
    rmSync(folder, { recursive: true, force: true });
  }
});

test("when nobody reads its output any more it stops, and leaves no member behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "e2e-"));
  const { file } = await manifestIn(folder, 1);
  const local = new Operator(file);
  try {
    const text = await local.prints(/Ctrl-C stops/);
    const pid = Number(/runs as process (\d+)/.exec(text)?.[1]);
    local.child.stdout?.destroy();
    assert.equal(await local.exited, 0);
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  } finally {
    local.child.kill("SIGTERM");
    await local.exited;
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a manifest that is wrong ends with one line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "e2e-"));
  try {
    const file = join(folder, "cluster.yaml");
    const gone = await run(operator, ["local", file]);
    assert.equal(gone.code, 1);
    assert.match(gone.output, /^etcd-operator: cannot read .*cluster\.yaml: ENOENT.*\n$/);
    writeFileSync(file, "kind: Pod\n");
    const wrong = await run(operator, ["local", file]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.output, /^etcd-operator: .*cluster\.yaml:1: apiVersion: must be .*\n$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
