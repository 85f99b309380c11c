// The plan's platform on one machine: volumes are folders, pods are processes under a supervisor, the state
// is cluster.json. A folder without its mark is a lost volume, whatever else is in it.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { ServerOptions } from "#operator/api/server-options.ts";
import type {
  Addresses,
  MemberRecord,
  Observed,
  ObservedMember,
  PlanState,
  Step,
  Template,
  Wanted,
} from "#operator/plan/types.ts";
import { EtcdView } from "#operator/platform/local/etcd-view.ts";
import {
  dataFolderOf,
  localAddresses,
  localMember,
  volumeMark,
} from "#operator/platform/local/layout.ts";
import { runsWith } from "#operator/platform/local/processes.ts";
import type { LocalRestores } from "#operator/platform/local/restores.ts";
import {
  type LocalState,
  localUid,
  stateFile,
  writeState,
} from "#operator/platform/local/state.ts";
import { Supervisor, type SupervisorEvent } from "#operator/platform/local/supervisor.ts";
import { type Platform, wantedBySpec } from "#operator/reconcile.ts";
import { tidyRestore } from "#operator/snapshot/restore.ts";

export interface LocalPlatformOptions {
  readonly cluster: EtcdCluster;
  /** Absolute. */
  readonly folder: string;
  readonly state: LocalState;
  /** The server's launcher. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly restores: LocalRestores;
  /** The cluster is to go. */
  readonly deleting?: boolean;
  onEvent(name: string, event: SupervisorEvent): void;
}

/** What a member is run with, from the manifest. */
export function localTemplate(cluster: EtcdCluster): Template {
  const { options } = cluster.spec;
  const sorted = Object.fromEntries(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)));
  const id = createHash("sha256").update(JSON.stringify(sorted)).digest("hex").slice(0, 12);
  return { id, version: "", content: { options: sorted } };
}

/** What the plan is told of a local cluster. */
export function localWanted(cluster: EtcdCluster, deleting: boolean): Wanted {
  return {
    ...wantedBySpec(cluster),
    name: cluster.metadata.name,
    uid: localUid,
    template: localTemplate(cluster),
    deleting,
  };
}

interface Running {
  readonly supervisor: Supervisor;
  readonly template: string;
  readonly forced: boolean;
}

export class LocalPlatform implements Platform {
  readonly addresses: Addresses;
  readonly #options: LocalPlatformOptions;
  readonly #etcd: EtcdView;
  readonly #running = new Map<string, Running>();
  #cluster: EtcdCluster;
  #state: LocalState;

  constructor(options: LocalPlatformOptions) {
    this.#options = options;
    this.#cluster = options.cluster;
    this.#state = options.state;
    this.addresses = localAddresses(options.cluster.spec.local);
    this.#etcd = new EtcdView(options);
  }

  /** From now on this is wanted. */
  want(cluster: EtcdCluster): void {
    this.#cluster = cluster;
  }

  get cluster(): EtcdCluster {
    return this.#cluster;
  }

  get records(): readonly MemberRecord[] {
    return this.#state.plan?.members ?? [];
  }

  supervisor(name: string): Supervisor | undefined {
    return this.#running.get(name)?.supervisor;
  }

  wanted(): Wanted {
    return localWanted(this.#cluster, this.#options.deleting === true);
  }

  nowMs(): number {
    return this.#options.clock.wallMs();
  }

  state(): PlanState | undefined {
    return this.#state.plan;
  }

  write(plan: PlanState): void {
    this.#save({ plan });
  }

  #save(change: Partial<LocalState>): void {
    this.#state = { ...this.#state, ...change };
    writeState(this.#options.folder, this.#state);
  }

  /** Takes the cluster for this process, and processes that an earlier one has left behind. */
  takeOver(): readonly string[] {
    const taken: string[] = [];
    const { folder } = this.#options;
    for (const record of this.records) {
      const old = this.#state.processes[record.name];
      if (old === undefined) continue;
      const { pid, template, forced } = old;
      if (!runsWith(pid, `--data-dir=${dataFolderOf(folder, record.name)}`)) continue;
      const supervisor = this.#supervise(record, { template, forced });
      supervisor.adopt(pid);
      taken.push(record.name);
    }
    this.#save({ operator: process.pid });
    return taken;
  }

  /** Stops all members, at once if they were killed, and lets the cluster go. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one.supervisor.stop()));
    this.#running.clear();
    this.#etcd.close();
    const { operator: _, ...rest } = this.#state;
    this.#state = { ...rest, processes: {} };
    writeState(this.#options.folder, this.#state);
  }

  killAll(): void {
    for (const { supervisor } of this.#running.values()) supervisor.kill();
  }

  #urls(): readonly string[] {
    return this.records.map((one) => one.clientUrl);
  }

  async observe(state: PlanState | undefined): Promise<Observed> {
    const records = state?.members ?? [];
    const urls = records.map((one) => one.clientUrl);
    this.#etcd.keep(urls);
    const someRun = records.some((one) => this.#running.has(one.name));
    const [membership, ...members] = await Promise.all([
      someRun ? this.#etcd.membership(urls) : undefined,
      ...records.map((record) => this.#observeOne(record)),
    ]);
    const remnants = state === undefined ? this.#remnants() : [];
    return { members, remnants, ...(membership === undefined ? {} : { membership }) };
  }

  async #observeOne({ name, clientUrl }: MemberRecord): Promise<ObservedMember> {
    const running = this.#running.get(name);
    const answer = running === undefined ? undefined : await this.#etcd.answer(clientUrl);
    const restored = this.#options.restores.of(name);
    const hasMark = existsSync(volumeMark(this.#options.folder, name));
    return {
      name,
      volume: hasMark ? "present" : "absent",
      runs:
        running === undefined
          ? { kind: "absent" }
          : { kind: "running", template: running.template, forced: running.forced },
      ...(answer === undefined ? {} : { answer }),
      ...(restored === undefined ? {} : { restored }),
    };
  }

  /** Folders with data of a cluster of this name. */
  #remnants(): readonly string[] {
    const { folder, cluster } = this.#options;
    const own = new RegExp(`^${cluster.metadata.name}-[0-9]+$`);
    return readdirSync(folder, { withFileTypes: true })
      .filter((one) => one.isDirectory() && own.test(one.name))
      .filter((one) => readdirSync(join(folder, one.name)).length > 0)
      .map((one) => join(folder, one.name));
  }

  async act(step: Step): Promise<void> {
    const { folder } = this.#options;
    const urls = this.#urls();
    switch (step.kind) {
      case "note":
      case "wait":
        return;
      case "release":
        this.#release();
        return;
      case "create-volume":
        mkdirSync(dataFolderOf(folder, step.member), { recursive: true, mode: 0o700 });
        writeFileSync(volumeMark(folder, step.member), `${step.member}\n`, { flush: true });
        return;
      case "start":
        this.#start(step);
        return;
      case "stop":
        await this.#running.get(step.member)?.supervisor.stop();
        this.#running.delete(step.member);
        this.#forget(step.member);
        return;
      case "delete-volume":
        // The mark goes last, so that what is half deleted is still a volume to be deleted.
        for (const name of readdirSync(dataFolderOf(folder, step.member))) {
          if (name === "volume") continue;
          rmSync(join(dataFolderOf(folder, step.member), name), { recursive: true, force: true });
        }
        rmSync(dataFolderOf(folder, step.member), { recursive: true, force: true });
        return;
      case "add-learner":
        return this.#etcd.addLearner(urls, step.peerUrl);
      case "promote":
        return this.#etcd.promote(urls, step.memberId);
      case "remove":
        return this.#etcd.remove(urls, step.memberId);
      case "move-leader":
        return this.#etcd.moveLeader(this.#record(step.member).clientUrl, step.toMemberId);
      case "compact":
        return this.#etcd.compact(urls);
      case "defragment":
        return this.#etcd.defragment(this.#record(step.member).clientUrl);
      case "disarm":
        return this.#etcd.disarm(urls, step.memberId, step.alarm);
      case "restore":
        return this.#options.restores.begin(step, this.#record(step.member).peerUrl);
      case "open-registry":
      case "update-peer-url":
      case "grow-volume":
      case "add-ca":
      case "issue":
      case "drop-cas":
        // What leads to these is refused by name (fit.ts).
        throw new Error(`${step.kind} cannot be done on this machine`);
    }
  }

  /** Forgets the cluster; volumes that are still there stay. */
  #release(): void {
    const { folder, cluster } = this.#options;
    this.#etcd.close();
    rmSync(stateFile(folder), { force: true });
    if (cluster.spec.deletionPolicy === "Retain") return;
    // Logs outlive the members that wrote them.
    const log = new RegExp(`^${cluster.metadata.name}-[0-9]+\\.log(\\.1)?$`);
    for (const name of readdirSync(folder)) {
      if (log.test(name)) rmSync(join(folder, name), { force: true });
    }
  }

  #record(name: string): MemberRecord {
    const record = this.records.find((one) => one.name === name);
    if (record === undefined) throw new Error(`there is no record of ${name}`);
    return record;
  }

  #start(step: Extract<Step, { kind: "start" }>): void {
    if (this.#running.has(step.member)) return;
    tidyRestore(dataFolderOf(this.#options.folder, step.member));
    const { template, force, join: joinInfo } = step;
    const options = (template.content["options"] ?? {}) as ServerOptions;
    const supervisor = this.#supervise(
      this.#record(step.member),
      { template: template.id, forced: force },
      { join: joinInfo, options, force },
    );
    supervisor.start();
  }

  #supervise(
    record: MemberRecord,
    what: { readonly template: string; readonly forced: boolean },
    start?: Parameters<typeof localMember>[2],
  ): Supervisor {
    const { folder, program, env, clock, onEvent } = this.#options;
    const { name } = record;
    const template = this.#state.plan?.templates[what.template];
    const member = localMember(
      folder,
      record,
      start ?? {
        // What is in its data counts; this is for the flags' sake.
        join: {
          state: "existing",
          initialCluster: `${name}=${record.peerUrl}`,
          token: this.#state.plan?.token ?? "",
        },
        options: (template?.content["options"] ?? {}) as ServerOptions,
        force: what.forced,
      },
    );
    const supervisor = new Supervisor({
      member,
      program,
      env,
      clock,
      onEvent: (event) => {
        if (event.kind === "started") {
          const process = { pid: event.pid, ...what };
          this.#save({ processes: { ...this.#state.processes, [name]: process } });
        }
        onEvent(name, event);
      },
    });
    this.#running.set(name, { supervisor, ...what });
    return supervisor;
  }

  #forget(name: string): void {
    const { [name]: _, ...processes } = this.#state.processes;
    this.#save({ processes });
  }
}
