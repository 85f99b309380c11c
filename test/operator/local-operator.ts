// A local cluster of real processes under an operator that is killed between the write and the act, and
// behind the act, of every step that it takes until nothing is left to do.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PlanState } from "#operator/plan/types.ts";
import { failpoints } from "#operator/reconcile.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";

const operator = join(import.meta.dirname, "..", "..", "bin", "etcd-operator");
/** An operator that is not killed in so long hangs: the machine may be slow, steps are not many. */
const hangMs = 120_000;

/** Of cluster.json. */
interface Processes {
  readonly processes: Readonly<Record<string, { readonly pid: number }>>;
}

/** Starts an operator; `at` are the failpoints at the first of which it is to end. */
export class Operator {
  readonly child: ChildProcess;
  /** The signal or code that it ended with. */
  readonly exited: Promise<string>;
  text = "";

  constructor(args: readonly string[], at: readonly string[]) {
    const { ETCD_OPERATOR_FAILPOINTS: _, ...env } = process.env;
    this.child = spawn(operator, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: at.length === 0 ? env : { ...env, ETCD_OPERATOR_FAILPOINTS: at.join(",") },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (data: string) => {
        this.text += data;
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve(signal ?? `code ${code}`));
    });
  }

  /** Resolves once it has said so. */
  async says(what: RegExp): Promise<void> {
    while (!what.test(this.text)) {
      const more = new Promise((resolve) => {
        this.child.stdout?.once("data", resolve);
        this.child.stderr?.once("data", resolve);
      });
      const how = await Promise.race([more.then(() => ""), this.exited]);
      if (how !== "" && !what.test(this.text)) assert.fail(`ended by ${how}:\n${this.text}`);
    }
  }
}

/** Those who take ports at once would each get every other one. */
let lastTaken: Promise<unknown> = Promise.resolve();

/** Takes a run of free ports, `count` of them side by side. */
export function portRun(count: number): Promise<{ all: readonly number[]; first: number }> {
  const taken = lastTaken.then(() => takeRun(count));
  lastTaken = taken.catch(() => {});
  return taken;
}

async function takeRun(count: number): Promise<{ all: readonly number[]; first: number }> {
  const some = (await reservePorts(count * 4)).sort((a, b) => a - b);
  const at = some.findIndex((port, index) => some[index + count - 1] === port + count - 1);
  const all = at < 0 ? [] : some.slice(at, at + count);
  releasePorts(some.filter((port) => !all.includes(port)));
  return { all, first: all[0] ?? assert.fail("no ports side by side are free") };
}

export class LocalRun {
  readonly folder: string;
  readonly manifest: string;
  /** Every failpoint at which an operator was killed so far. */
  readonly killedAt = new Set<string>();
  kills = 0;
  readonly #ports: readonly number[];
  readonly #first: number;
  readonly #slots: number;
  #last: Operator | undefined;

  private constructor(slots: number, ports: { all: readonly number[]; first: number }) {
    this.folder = mkdtempSync(join(tmpdir(), "operator-"));
    this.manifest = join(this.folder, "cluster.yaml");
    this.#ports = ports.all;
    this.#first = ports.first;
    this.#slots = slots;
  }

  /** A folder and ports for that many members. */
  static async open(slots: number): Promise<LocalRun> {
    return new LocalRun(slots, await portRun(slots * 2));
  }

  get endpoints(): readonly string[] {
    return Array.from(
      { length: this.#slots },
      (_, at) => `http://127.0.0.1:${this.#first + at * 2}`,
    );
  }

  /** Writes the manifest: `spec` besides the ports, and other objects behind the cluster's. */
  want(spec: Readonly<Record<string, unknown>>, ...others: readonly object[]): void {
    const cluster = {
      apiVersion: "etcd-ts.dev/v1alpha1",
      kind: "EtcdCluster",
      metadata: { name: "t" },
      spec: {
        ...spec,
        local: {
          dataFolder: "data",
          clientPort: this.#first,
          peerPort: this.#first + 1,
          portStep: 2,
        },
      },
    };
    // JSON is YAML.
    const text = [cluster, ...others].map((one) => JSON.stringify(one)).join("\n---\n");
    writeFileSync(this.manifest, text);
  }

  data(...names: readonly string[]): string {
    return join(this.folder, "data", ...names);
  }

  /** What the plan has latched. */
  plan(): PlanState {
    const { plan } = JSON.parse(readFileSync(this.data("cluster.json"), "utf8")) as {
      plan: PlanState;
    };
    return plan;
  }

  start(args: readonly string[], at: readonly string[] = []): Operator {
    const one = new Operator(args, at);
    this.#last = one;
    return one;
  }

  /**
   * Runs one operator after the other until there is nothing left to do: behind the act of each step one is
   * killed, and the first time that a kind of step comes another one before, between the write and the act.
   * Of waits only the first ones of all operations count, for a wait is nothing but looking again. Returns
   * what the last said.
   */
  async throughEveryStep(
    args: readonly string[] = ["local", this.manifest],
    isDone: (point: string, text: string) => boolean = (point) => point === "rest",
  ): Promise<string> {
    const seen = new Set<string>();
    for (;;) {
      const at = failpoints.filter((name) => {
        const [moment, kind] = name.split(":");
        if (kind === undefined) return true;
        const isFirst = !seen.has(`latched:${kind}`);
        if (kind === "wait") {
          return moment === "latched" || this.killedAt.has("latched:wait")
            ? !this.killedAt.has(name)
            : false;
        }
        // Nothing lies between the two moments of a note.
        return moment === "latched" ? isFirst || kind === "note" : !isFirst;
      });
      const one = this.start(args, at);
      const hang = setTimeout(() => one.child.kill("SIGABRT"), hangMs);
      const how = await one.exited;
      clearTimeout(hang);
      assert.equal(how, "SIGKILL", `${how}\n${one.text}`);
      const point = /killed at (\S+)/.exec(one.text)?.[1] ?? assert.fail(one.text);
      this.kills++;
      seen.add(point);
      this.killedAt.add(point);
      if (point === "latched:note") this.killedAt.add("acted:note");
      if (process.env["SHOW_STEPS"] !== undefined) process.stdout.write(`${point}\n`);
      if (isDone(point, one.text)) return one.text;
    }
  }

  /** Runs one operator for each of the points, which is killed there. */
  async through(points: readonly string[]): Promise<void> {
    for (const point of points) {
      const one = this.start(["local", this.manifest], [point]);
      const hang = setTimeout(() => one.child.kill("SIGABRT"), hangMs);
      const how = await one.exited;
      clearTimeout(hang);
      assert.equal(how, "SIGKILL", `${how} before ${point}\n${one.text}`);
      this.kills++;
      this.killedAt.add(point);
    }
  }

  /** Runs one operator until there is nothing left to do, and kills it there. */
  async toRest(): Promise<string> {
    const one = this.start(["local", this.manifest], ["rest"]);
    assert.equal(await one.exited, "SIGKILL", one.text);
    return one.text;
  }

  /** A machine that is gone for good: the member's process, and its data. */
  ruin(name: string): void {
    const { processes } = JSON.parse(readFileSync(this.data("cluster.json"), "utf8")) as Processes;
    process.kill(processes[name]?.pid ?? assert.fail(`${name} does not run`), "SIGKILL");
    rmSync(this.data(name), { recursive: true, maxRetries: 5 });
  }

  /** Ends everything that this run has started. */
  async close(): Promise<void> {
    this.#last?.child.kill("SIGKILL");
    await this.#last?.exited;
    this.stopMembers();
    releasePorts(this.#ports);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends all members at once. */
  stopMembers(): void {
    const file = this.data("cluster.json");
    const state = existsSync(file) ? readFileSync(file, "utf8") : '{"processes":{}}';
    const { processes } = JSON.parse(state) as Processes;
    for (const { pid } of Object.values(processes)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
}
