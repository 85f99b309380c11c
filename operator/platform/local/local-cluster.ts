// `etcd-operator local`: runs the plan for the cluster of a manifest, shows it, follows edits of the file,
// and stops the members when asked to.
import { readFileSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { parseId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { quorumOf } from "#operator/plan/view.ts";
import { type BackupObjects, LocalBackups } from "#operator/platform/local/backups.ts";
import { LocalPlatform, localTemplate } from "#operator/platform/local/local-platform.ts";
import { requireFreePorts } from "#operator/platform/local/ports.ts";
import { requireNoOperator } from "#operator/platform/local/processes.ts";
import { LocalRestores } from "#operator/platform/local/restores.ts";
import { type Output, Screen } from "#operator/platform/local/screen.ts";
import { SharedFolder } from "#operator/platform/local/shared-folder.ts";
import { openState } from "#operator/platform/local/state.ts";
import type { SupervisorEvent } from "#operator/platform/local/supervisor.ts";
import {
  leaderOf,
  type MemberRow,
  renderTable,
  tableEssence,
} from "#operator/platform/local/table.ts";
import { type Failpoint, reconcile, type Turn } from "#operator/reconcile.ts";
import { backedUp } from "#operator/reconcile-backups.ts";

/** While a cluster forms, a member that ends so often will not come up by itself. */
const maxFailuresWhileForming = 3;
const refreshMs = 1000;
const formingRefreshMs = 200;
/** After an act that failed. */
const retryMs = 2000;

/** What is wanted, by the manifest. */
export interface LocalWanted extends BackupObjects {
  readonly cluster: EtcdCluster;
}

export interface LocalClusterOptions extends LocalWanted {
  /** Reads the manifest anew, as what replaces `old`; throws OperatingError. */
  readonly readManifest: (text: string, old: EtcdCluster) => LocalWanted;
  readonly manifestFile: string;
  readonly folder: string;
  /** The launchers of the server and of etcdutl. */
  readonly program: string;
  readonly etcdutl: string;
  /** How the reader calls etcdctl from where he is. */
  readonly etcdctl: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: Output;
  readonly failpoint: Failpoint;
  /** Aborted once: stop cleanly. */
  readonly stop: AbortSignal;
  /** Aborted: end at once. */
  readonly kill: AbortSignal;
}

/** Runs until it is told to stop. Throws OperatingError if the cluster cannot be formed. */
export async function runLocalCluster(options: LocalClusterOptions): Promise<void> {
  await new LocalCluster(options).run();
}

class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #screen: Screen;
  readonly #platform: LocalPlatform;
  readonly #backups: LocalBackups;
  #objects: BackupObjects;
  #backupTrouble = "";
  readonly #ready = new Set<string>();
  #manifest: string;
  #rows: readonly MemberRow[] = [];
  #said = "";
  #greeted = false;
  #broken: OperatingError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: LocalClusterOptions) {
    const { folder, cluster } = options;
    this.#options = options;
    this.#screen = new Screen(options.output);
    this.#manifest = readFileSync(options.manifestFile, "utf8");
    const state = openState(folder, cluster, localTemplate(cluster));
    requireNoOperator(state, cluster.metadata.name);
    const shared = new SharedFolder(folder);
    this.#objects = options;
    this.#backups = new LocalBackups({
      ...options,
      shared,
      say: (line) => this.#screen.line(line),
    });
    this.#platform = new LocalPlatform({
      ...options,
      state,
      restores: new LocalRestores({ ...options, shared }),
      onEvent: (name, event) => this.#onEvent(name, event),
    });
  }

  async run(): Promise<void> {
    const { stop, kill, clock } = this.#options;
    const taken = this.#platform.takeOver();
    const wake = () => this.#wake?.();
    const killAll = () => this.#platform.killAll();
    stop.addEventListener("abort", wake);
    kill.addEventListener("abort", killAll);
    try {
      this.#begin(taken);
      await this.#requirePorts(taken);
      while (!this.#isOver()) {
        this.#followManifest();
        const turn = await this.#turn();
        if (this.#isOver()) break;
        if (turn !== undefined) await this.#backUp(turn);
        if (turn?.isMoving) continue;
        const ms = turn === undefined ? retryMs : this.#greeted ? refreshMs : formingRefreshMs;
        await this.#pause(ms, clock);
      }
    } finally {
      this.#screen.clear();
      if (stop.aborted) this.#screen.line("stopping the members");
      await this.#platform.stopAll();
      stop.removeEventListener("abort", wake);
      kill.removeEventListener("abort", killAll);
    }
    if (this.#broken !== undefined) throw this.#broken;
    this.#screen.line(`stopped; the data stays in ${this.#options.folder}`);
  }

  #isOver(): boolean {
    return this.#options.stop.aborted || this.#broken !== undefined;
  }

  #begin(taken: readonly string[]): void {
    const { folder, cluster } = this.#options;
    const { records } = this.#platform;
    const count = records.length || cluster.spec.replicas;
    const isFormed = this.#platform.state()?.clusterId !== undefined;
    const verb = isFormed ? "starting" : "forming";
    this.#screen.line(`${verb} ${cluster.metadata.name}, ${count} members, data in ${folder}`);
    for (const name of taken) this.#screen.line(`  ${name} still runs and is taken over`);
  }

  /** Ports that others use are named before anything is started. */
  async #requirePorts(taken: readonly string[]): Promise<void> {
    const { cluster } = this.#options;
    const { records, addresses } = this.#platform;
    const urls = new Set<string>();
    const first = Array.from({ length: cluster.spec.replicas }, (_, at) => {
      const place = addresses(at + 1, urls);
      urls.add(place.peerUrl);
      return { name: `${cluster.metadata.name}-${at + 1}`, ...place };
    });
    const places = records.length > 0 ? records : first;
    const ours = new Set(taken);
    await requireFreePorts(
      cluster.spec.local.host,
      places.filter((one) => !ours.has(one.name)),
    );
  }

  /** One turn of the plan; undefined if its act failed, which is told and tried again. */
  async #turn(): Promise<Turn | undefined> {
    try {
      return await reconcile(this.#platform, this.#options.failpoint, (turn) => this.#show(turn));
    } catch (thrown) {
      this.#say(`  ${errorText(thrown)}; trying again`);
      return undefined;
    }
  }

  /** One turn of the backups, none of which keeps the cluster from its own. */
  async #backUp(turn: Turn): Promise<void> {
    const { metadata } = this.#platform.cluster;
    try {
      await this.#backups.turn(
        metadata.name,
        this.#objects,
        backedUp(this.#platform.cluster, turn),
      );
      this.#backupTrouble = "";
    } catch (thrown) {
      const trouble = `  backups: ${errorText(thrown)}; trying again`;
      if (trouble !== this.#backupTrouble) this.#screen.line(trouble);
      this.#backupTrouble = trouble;
    }
  }

  /** Each new reason is told once. */
  #say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#screen.line(text);
  }

  #show(turn: Turn): void {
    const { decision } = turn;
    const { reason } = decision;
    this.#rows = this.#rowsOf(turn);
    // The table comes a turn after the greeting: whoever stopped reading is noticed by it.
    const wasGreeted = this.#greeted;
    if (!wasGreeted) this.#form(turn);
    else if (reason.kind === "steady") this.#said = "";
    else if (decision.step.kind !== "note") this.#say(`  ${reason.message}`);
    if (!wasGreeted) return;
    const even = turn.conditions.find((one) => one.type === "EvenSize" && one.status === "True");
    const warning = even === undefined ? [] : [`  ${even.message}`];
    this.#screen.block(["", ...renderTable(this.#rows), ...warning], tableEssence(this.#rows));
  }

  /** Tells of each member as it becomes ready, and of the cluster once it serves. */
  #form({ decision, observed }: Turn): void {
    for (const { name, status } of this.#rows) {
      if (status.kind === "silent" || status.leaderId === 0n || this.#ready.has(name)) continue;
      this.#ready.add(name);
      this.#screen.line(`  ${name} is ready`);
    }
    const { kind, message } = decision.reason;
    if (kind === "blocked") this.#say(`  ${message}`);
    const all = this.#ready.size >= this.#rows.length;
    const isDone = kind === "steady" || kind === "blocked";
    const serves =
      observed.membership !== undefined && this.#ready.size >= quorumOf(this.#rows.length);
    if (isDone || (serves && all)) this.#greet();
  }

  #greet(): void {
    this.#greeted = true;
    const { etcdctl } = this.#options;
    const { records } = this.#platform;
    const leader = leaderOf(this.#rows);
    const endpoints = records.map((member) => member.clientUrl).join(",");
    // Without --endpoints etcdctl asks 127.0.0.1:2379, which often is the first member.
    const asDefault = records.some((one) => one.clientUrl === "http://127.0.0.1:2379");
    const ctl = asDefault ? etcdctl : `${etcdctl} --endpoints=${endpoints}`;
    for (const line of [
      `  ${leader?.name ?? "nobody"} leads in term ${leader?.term ?? 0}`,
      "",
      `endpoints: ${endpoints}`,
      "",
      "in another terminal:",
      `  ${ctl} put hello world`,
      `  ${ctl} get hello`,
      `  ${ctl} watch --prefix ""`,
      "",
      "Edits of the manifest are followed: spec.replicas scales.",
      "Ctrl-C stops the members; the next start finds their data.",
    ]) {
      this.#screen.line(line);
    }
  }

  /** Takes an edited manifest; one that is wrong is named, and what was wanted before goes on. */
  #followManifest(): void {
    const { manifestFile, readManifest } = this.#options;
    let text: string;
    try {
      text = readFileSync(manifestFile, "utf8");
    } catch {
      // Editors replace files; while it is gone nothing has changed.
      return;
    }
    if (text === this.#manifest) return;
    this.#manifest = text;
    try {
      const wanted = readManifest(text, this.#platform.cluster);
      const next = wanted.cluster;
      if (next.metadata.name !== this.#platform.cluster.metadata.name) {
        throw new OperatingError("BAD_MANIFEST", "metadata.name cannot be changed");
      }
      this.#platform.want(next);
      this.#objects = wanted;
      this.#said = "";
      this.#screen.line(`${manifestFile} has changed: ${next.spec.replicas} members are wanted`);
    } catch (thrown) {
      this.#screen.line(`the change is not taken: ${errorText(thrown)}`);
    }
  }

  #onEvent(name: string, event: SupervisorEvent): void {
    if (event.kind === "started") {
      this.#screen.line(`  ${name} runs as process ${event.pid}`);
      return;
    }
    const why = event.fault === undefined ? "" : `: ${event.fault}`;
    const pause = `starting it again in ${event.restartInMs / 1000} s`;
    this.#screen.line(`  ${name} ended (${event.how})${why}; ${pause}`);
    const supervisor = this.#platform.supervisor(name);
    if (this.#platform.state()?.clusterId !== undefined || supervisor === undefined) return;
    if (supervisor.failures < maxFailuresWhileForming) return;
    this.#broken = new OperatingError(
      "MEMBER_FAILS",
      `${name} ended ${supervisor.failures} times while the cluster was forming${why}; its log is ${supervisor.member.logFile}`,
    );
    this.#wake?.();
  }

  #rowsOf({ observed }: Turn): readonly MemberRow[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#platform.records.map(({ name, clientUrl }): MemberRow => {
      const phase = this.#platform.supervisor(name)?.phase ?? { kind: "stopped" };
      const process =
        phase.kind === "waiting"
          ? `starts in ${Math.max(0, Math.ceil((phase.atMs - nowMs) / 1000))} s`
          : phase.kind;
      const answer = observed.members.find((one) => one.name === name)?.answer;
      if (answer === undefined) return { name, clientUrl, process, status: { kind: "silent" } };
      const { isLearner, term, index, sizeBytes } = answer;
      const memberId = parseId(answer.memberId) ?? 0n;
      const leaderId = parseId(answer.leaderId) ?? 0n;
      const status = {
        kind: "answers",
        memberId,
        leaderId,
        isLearner,
        term,
        index,
        sizeBytes,
      } as const;
      return { name, clientUrl, process, status };
    });
  }

  /** Waits, but not when something is over. */
  #pause(ms: number, clock: Clock): Promise<void> {
    if (this.#isOver()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = clock.after(ms, done);
      this.#wake = done;
    });
  }
}
