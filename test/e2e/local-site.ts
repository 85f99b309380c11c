// A cluster as processes of this machine, for cases that run anywhere: `etcd-operator local` with a manifest in a
// folder of its own, and the prober beside it.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { readManifest } from "#operator/api/manifest.ts";
import { LocalClusterReader } from "#operator/commands/local-clusters.ts";
import type { ClusterReport } from "#operator/commands/report.ts";
import { volumeMark } from "#operator/platform/local/layout.ts";
import { commandLine, isAlive, runsWith } from "#operator/platform/local/processes.ts";
import type { LocalState } from "#operator/platform/local/state.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { Operator, portRun } from "#test/operator/local-operator.ts";
import { output } from "./body.ts";
import {
  type AskProbe,
  type ProbeReport,
  probeWrites,
  requestDeadlineMs,
  requireEqual,
  requireWritten,
} from "./probe-report.ts";
import type { Look, Site, SiteStatus } from "./site.ts";
import { until } from "./until.ts";

const root = join(import.meta.dirname, "..", "..");
const bin = join(root, "bin");
/** As many members as a case has at once, and one that comes before another goes. */
const slots = 6;

type Spec = Readonly<Record<string, unknown>>;

/** As a merge patch: null takes a field away, maps are merged. */
function merged(old: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> = { ...(old as Spec | undefined) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merged(out[key], value);
  }
  return out;
}

interface PortRun {
  readonly all: readonly number[];
  readonly first: number;
}

export class LocalSite implements Site {
  readonly kubernetes = undefined;
  readonly folder: string;
  readonly name: string;
  readonly manifest: string;
  readonly #ports: PortRun;
  #spec: Spec = {};
  /** Objects in the manifest besides the cluster. */
  #others: readonly object[] = [];
  readonly #beside: LocalSite[] = [];
  #operator: Operator | undefined;
  #probe: { readonly child: ChildProcess; readonly port: number } | undefined;
  /** What operators before the last one have said. */
  #before = "";

  private constructor(folder: string, name: string, ports: PortRun) {
    this.folder = folder;
    this.name = name;
    this.manifest = join(folder, `${name}.yaml`);
    this.#ports = ports;
  }

  /** A site in a folder, which it may share with others; `close` when done. */
  static async open(folder: string, name = "db"): Promise<LocalSite> {
    return new LocalSite(folder, name, await portRun(slots * 2));
  }

  get endpoints(): readonly string[] {
    const ports = Array.from({ length: slots }, (_, at) => this.#ports.first + at * 2);
    return ports.map((port) => `http://127.0.0.1:${port}`);
  }

  /** All that its operators have said. */
  get said(): string {
    return this.#before + (this.#operator?.text ?? "");
  }

  get operator(): Operator {
    return this.#operator ?? assert.fail("no operator was started");
  }

  data(...names: readonly string[]): string {
    return join(this.folder, this.name, ...names);
  }

  /** The manifest as it is wanted, written whole or not at all. */
  #write(): void {
    const local = {
      dataFolder: this.name,
      clientPort: this.#ports.first,
      peerPort: this.#ports.first + 1,
      portStep: 2,
    };
    const cluster = {
      apiVersion: "etcd-ts.dev/v1alpha1",
      kind: "EtcdCluster",
      metadata: { name: this.name },
      spec: { ...this.#spec, local },
    };
    // JSON is YAML.
    const text = [cluster, ...this.#others].map((one) => JSON.stringify(one)).join("\n---\n");
    writeFileSync(`${this.manifest}.next`, text);
    renameSync(`${this.manifest}.next`, this.manifest);
  }

  async create(spec: object): Promise<void> {
    this.#spec = spec as Spec;
    this.#write();
    this.startOperator();
  }

  async change(spec: object): Promise<void> {
    const old = this.#spec;
    this.#spec = merged(old, spec) as Spec;
    try {
      await this.#follow();
    } catch (error) {
      this.#spec = old;
      await this.#follow();
      throw error;
    }
  }

  /** Puts these beside the cluster, and nothing else. */
  want(...others: readonly object[]): Promise<void> {
    this.#others = others;
    return this.#follow();
  }

  /** Writes the manifest and waits until the operator has taken it; rejects with what it says if it does not. */
  async #follow(): Promise<void> {
    const at = this.said.length;
    this.#write();
    let line = "";
    await this.until("the change is seen", async () => {
      const text = this.said.slice(at);
      line = /^(.* has changed: |the change is not taken: ).*\n/m.exec(text)?.[0] ?? "";
      return line !== "" || text;
    });
    if (line.startsWith("the change is not taken: ")) throw new Error(line);
  }

  /** Another cluster in the same folder, with the same backups; it is closed with this one. */
  async beside(name: string): Promise<LocalSite> {
    const one = await LocalSite.open(this.folder, name);
    this.#beside.push(one);
    return one;
  }

  scale(replicas: number): Promise<void> {
    return this.change({ replicas });
  }

  startOperator(): void {
    this.#before = this.said;
    this.#operator = new Operator(["local", this.manifest], []);
  }

  async killOperator(): Promise<void> {
    await this.#endOperator("SIGKILL");
    this.startOperator();
  }

  async #endOperator(signal: "SIGKILL" | "SIGTERM"): Promise<string> {
    this.operator.child.kill(signal);
    return this.operator.exited;
  }

  /** As on Ctrl-C: the operator stops its members and ends. */
  async stop(): Promise<void> {
    assert.equal(await this.#endOperator("SIGTERM"), "code 0", this.said);
  }

  /** What the commands tell of it. */
  async report(): Promise<ClusterReport> {
    const { cluster, backups, schedules } = readManifest(
      this.manifest,
      readFileSync(this.manifest, "utf8"),
    );
    const wanted = {
      cluster: cluster.object,
      backups: backups.map((one) => one.object),
      schedules: schedules.map((one) => one.object),
    };
    const ports = {
      clock: systemClock,
      random: seededRandom(process.pid),
      etcdutl: join(bin, "etcdutl"),
    };
    const reader = new LocalClusterReader(wanted, this.data(), ports);
    try {
      return await reader.report();
    } finally {
      reader.close();
    }
  }

  async settled(replicas: number): Promise<SiteStatus> {
    await this.until(`${this.name} has ${replicas} members that serve`, async () => {
      const report = await this.report();
      const of = (type: string) => report.conditions.find((one) => one.type === type)?.status;
      const isSo =
        report.members.length === replicas &&
        report.members.every((one) => one.isReady) &&
        of("Available") === "True" &&
        of("Progressing") === "False" &&
        of("Degraded") === "False";
      return isSo || JSON.stringify([report.members, report.conditions]);
    });
    return this.status();
  }

  /** What is under way for the sake of the manifest is Progressing. */
  updated(replicas: number): Promise<SiteStatus> {
    return this.settled(replicas);
  }

  async status(): Promise<SiteStatus> {
    const { clusterId, members, conditions } = await this.report();
    return { clusterId, names: members.map((one) => one.name), conditions };
  }

  until(what: string, look: Look): Promise<void> {
    return until(what, look);
  }

  #state(): LocalState {
    return JSON.parse(readFileSync(this.data("cluster.json"), "utf8")) as LocalState;
  }

  async memberNames(): Promise<readonly string[]> {
    return (this.#state().plan?.members ?? []).map((one) => one.name);
  }

  #pids(): Readonly<Record<string, number>> {
    if (!existsSync(this.data("cluster.json"))) return {};
    const all = Object.entries(this.#state().processes).map(
      ([member, { pid }]) => [member, pid] as const,
    );
    const isOurs = ([member, pid]: readonly [string, number]) =>
      runsWith(pid, `--data-dir=${this.data(member)}`);
    return Object.fromEntries(all.filter(isOurs));
  }

  #pidOf(member: string): number {
    return this.#pids()[member] ?? assert.fail(`${member} does not run`);
  }

  async running(): Promise<Readonly<Record<string, string>>> {
    const pids = Object.entries(this.#pids());
    return Object.fromEntries(pids.map(([member, pid]) => [member, String(pid)]));
  }

  async argumentsOf(member: string): Promise<readonly string[]> {
    return commandLine(this.#pidOf(member)).trim().split(/\s+/);
  }

  async volumeNames(): Promise<readonly string[]> {
    const names = readdirSync(this.data());
    return names.filter((one) => existsSync(volumeMark(this.data(), one))).sort();
  }

  async killMember(member: string): Promise<void> {
    const old = this.#pidOf(member);
    process.kill(old, "SIGKILL");
    await this.until(`${member} runs again`, async () => {
      const { [member]: now } = this.#pids();
      return (now !== undefined && now !== old) || `process ${now}`;
    });
  }

  async loseVolumes(...members: readonly string[]): Promise<void> {
    for (const member of members) {
      process.kill(this.#pidOf(member), "SIGKILL");
      rmSync(this.data(member), { recursive: true, maxRetries: 5 });
    }
  }

  async whileStopped(member: string, work: (folder: string) => Promise<void>): Promise<void> {
    // Nobody starts it again meanwhile.
    await this.#endOperator("SIGKILL");
    const pid = this.#pidOf(member);
    process.kill(pid, "SIGTERM");
    await this.until(`${member} has ended`, async () => !isAlive(pid) || `process ${pid} runs`);
    await work(this.data(member));
    this.startOperator();
  }

  /** The environment of who asks this cluster. */
  get #asking(): NodeJS.ProcessEnv {
    return {
      ETCDCTL_ENDPOINTS: this.endpoints.join(","),
      PATH: `${bin}${delimiter}${process.env["PATH"]}`,
    };
  }

  shell(script: string): Promise<string> {
    return output("sh", ["-c", script], this.#asking);
  }

  async etcdctl(...args: readonly string[]): Promise<string> {
    return (await output(join(bin, "etcdctl"), args, this.#asking)).trim();
  }

  async startProbe(): Promise<void> {
    const [port = 0] = await reservePorts(1);
    const args = [join(import.meta.dirname, "probe.mts"), this.endpoints.join(",")];
    const env = { ...process.env, PROBE_HOME: root, PROBE_LISTEN: String(port) };
    const child = spawn(process.execPath, [...args, String(requestDeadlineMs)], {
      stdio: ["ignore", "inherit", "inherit"],
      env,
    });
    this.#probe = { child, port };
    await this.until("the prober writes", () => probeWrites(this.#ask));
  }

  readonly #ask: AskProbe = async (path) => {
    const { port } = this.#probe ?? assert.fail("no prober was started");
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the prober says ${answer.status}: ${text}`);
    return JSON.parse(text);
  };

  async requireSound(plannedWork: boolean): Promise<ProbeReport> {
    const report = await requireWritten(this.#ask, plannedWork);
    await this.requireEqual();
    assert.equal(report.clusterId, (await this.status()).clusterId);
    return report;
  }

  async requireEqual(): Promise<void> {
    const { members } = await this.report();
    const urls = members.map((one) => one.clientUrl ?? "");
    await requireEqual(this.#ask, urls, until);
  }

  /** Ends all that it has started, whatever became of it. */
  async close(): Promise<void> {
    for (const one of this.#beside) await one.close();
    this.#probe?.child.kill("SIGKILL");
    if (this.#operator !== undefined) await this.#endOperator("SIGKILL");
    for (const pid of Object.values(this.#pids())) process.kill(pid, "SIGKILL");
    releasePorts(this.#ports.all);
    if (this.#probe !== undefined) releasePorts([this.#probe.port]);
  }
}
