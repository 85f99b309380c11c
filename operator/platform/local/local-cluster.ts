// `etcd-operator local`: forms a cluster of processes from a manifest, shows it, keeps its members
// running, and stops them when asked to.
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { LocalLayout } from "#operator/platform/local/layout.ts";
import { requireFreePorts } from "#operator/platform/local/ports.ts";
import { type Output, Screen } from "#operator/platform/local/screen.ts";
import { type LocalState, openState, writeState } from "#operator/platform/local/state.ts";
import { StatusClients } from "#operator/platform/local/status.ts";
import { Supervisor, type SupervisorEvent } from "#operator/platform/local/supervisor.ts";
import {
  leaderOf,
  type MemberRow,
  type MemberStatus,
  renderTable,
  tableEssence,
} from "#operator/platform/local/table.ts";

/** While a cluster forms, a member that ends so often will not come up by itself. */
const maxFailuresWhileForming = 3;
const refreshMs = 1000;
const formingRefreshMs = 200;

export interface LocalClusterOptions {
  readonly layout: LocalLayout;
  /** The server's launcher. */
  readonly program: string;
  /** How the reader calls etcdctl from where he is. */
  readonly etcdctl: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly output: Output;
  /** Aborted once: stop cleanly. */
  readonly stop: AbortSignal;
  /** Aborted: end at once. */
  readonly kill: AbortSignal;
}

/** Runs until it is told to stop. Throws OperatingError if the cluster cannot be formed. */
export async function runLocalCluster(options: LocalClusterOptions): Promise<void> {
  const state = openState(options.layout);
  await requireFreePorts(options.layout, state.pids);
  await new LocalCluster(options, state).run();
}

class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #screen: Screen;
  readonly #supervisors: readonly Supervisor[];
  readonly #clients: StatusClients;
  #state: LocalState;
  #statuses: readonly MemberStatus[];
  #pids: Record<string, number> = {};
  #broken: OperatingError | undefined;
  #wake: (() => void) | undefined;

  constructor(options: LocalClusterOptions, state: LocalState) {
    const { layout, clock, random } = options;
    this.#options = options;
    this.#state = state;
    this.#screen = new Screen(options.output);
    this.#statuses = layout.members.map(() => ({ kind: "silent" }));
    const urls = layout.members.map((member) => member.clientUrl);
    this.#clients = new StatusClients(urls, { clock, random });
    this.#supervisors = layout.members.map(
      (member) =>
        new Supervisor({
          member,
          program: options.program,
          env: options.env,
          clock,
          onEvent: (event) => this.#onEvent(member.name, event),
        }),
    );
  }

  async run(): Promise<void> {
    const { layout, stop, kill } = this.#options;
    const again = this.#state.formed ? "starting" : "forming";
    const count = layout.members.length;
    this.#screen.line(`${again} ${layout.clusterName}, ${count} members, data in ${layout.folder}`);
    const wake = () => this.#wake?.();
    const killAll = () => {
      for (const supervisor of this.#supervisors) supervisor.kill();
    };
    stop.addEventListener("abort", wake);
    kill.addEventListener("abort", killAll);
    try {
      for (const supervisor of this.#supervisors) supervisor.start();
      await this.#form();
      if (!this.#isOver()) this.#greet();
      while (!this.#isOver()) {
        await this.#refresh();
        const rows = this.#rows();
        this.#screen.block(["", ...renderTable(rows)], tableEssence(rows));
        await this.#pause(refreshMs);
      }
    } finally {
      this.#screen.clear();
      if (stop.aborted) this.#screen.line("stopping the members");
      await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
      this.#clients.close();
      stop.removeEventListener("abort", wake);
      kill.removeEventListener("abort", killAll);
      this.#save({ pids: {} });
    }
    if (this.#broken !== undefined) throw this.#broken;
    this.#screen.line(`stopped; the data stays in ${layout.folder}`);
  }

  #isOver(): boolean {
    return this.#options.stop.aborted || this.#broken !== undefined;
  }

  /** Waits until every member answers and knows a leader; tells of each as it comes. */
  async #form(): Promise<void> {
    const ready = new Set<string>();
    while (!this.#isOver()) {
      await this.#refresh();
      for (const row of this.#rows()) {
        if (row.status.kind === "silent" || row.status.leaderId === 0n) continue;
        if (ready.has(row.name)) continue;
        ready.add(row.name);
        this.#screen.line(`  ${row.name} is ready`);
      }
      if (ready.size === this.#supervisors.length) {
        if (!this.#state.formed) this.#save({ formed: true });
        return;
      }
      await this.#pause(formingRefreshMs);
    }
  }

  #greet(): void {
    const { layout, etcdctl } = this.#options;
    const leader = leaderOf(this.#rows());
    const endpoints = layout.members.map((member) => member.clientUrl).join(",");
    // Without --endpoints etcdctl asks 127.0.0.1:2379, which often is the first member.
    const asDefault = layout.members.some((one) => one.clientUrl === "http://127.0.0.1:2379");
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
      "Ctrl-C stops the members; the next start finds their data.",
    ]) {
      this.#screen.line(line);
    }
  }

  #onEvent(name: string, event: SupervisorEvent): void {
    if (event.kind === "started") {
      this.#pids = { ...this.#pids, [name]: event.pid };
      this.#save({ pids: this.#pids });
      this.#screen.line(`  ${name} runs as process ${event.pid}`);
      return;
    }
    const why = event.fault === undefined ? "" : `: ${event.fault}`;
    const pause = `starting it again in ${event.restartInMs / 1000} s`;
    this.#screen.line(`  ${name} ended (${event.how})${why}; ${pause}`);
    const supervisor = this.#supervisors.find((one) => one.member.name === name);
    if (this.#state.formed || supervisor === undefined) return;
    if (supervisor.failures < maxFailuresWhileForming) return;
    this.#broken = new OperatingError(
      "MEMBER_FAILS",
      `${name} ended ${supervisor.failures} times while the cluster was forming${why}; its log is ${supervisor.member.logFile}`,
    );
    this.#wake?.();
  }

  #save(change: Partial<LocalState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#options.layout, this.#state);
  }

  async #refresh(): Promise<void> {
    this.#statuses = await this.#clients.ask();
  }

  #rows(): readonly MemberRow[] {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#supervisors.map(({ member, phase }, at) => ({
      name: member.name,
      clientUrl: member.clientUrl,
      process:
        phase.kind === "waiting"
          ? `starts in ${Math.max(0, Math.ceil((phase.atMs - nowMs) / 1000))} s`
          : phase.kind,
      status: this.#statuses[at] ?? { kind: "silent" },
    }));
  }

  /** Waits, but not when something is over. */
  #pause(ms: number): Promise<void> {
    if (this.#isOver()) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#options.clock.after(ms, done);
      this.#wake = done;
    });
  }
}
