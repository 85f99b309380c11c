// A cluster of this machine for the commands: its manifest says where it is, cluster.json who its members are,
// and the members themselves how they are. Nothing is started or written, but for a backup.
import { existsSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import type { BackupReport, ClusterReport, MemberReport } from "#operator/commands/report.ts";
import { conditionsOf } from "#operator/plan/conditions.ts";
import { plan } from "#operator/plan/plan.ts";
import type { MemberRecord, ObservedMember } from "#operator/plan/types.ts";
import { placeOf } from "#operator/platform/local/backups.ts";
import { EtcdView } from "#operator/platform/local/etcd-view.ts";
import { dataFolderOf, localAddresses, volumeMark } from "#operator/platform/local/layout.ts";
import type { LocalWanted } from "#operator/platform/local/local-cluster.ts";
import { localTemplate, localWanted } from "#operator/platform/local/local-platform.ts";
import { runsWith } from "#operator/platform/local/processes.ts";
import { SharedFolder } from "#operator/platform/local/shared-folder.ts";
import { type LocalState, openState, stateFile } from "#operator/platform/local/state.ts";
import type { Turn } from "#operator/reconcile.ts";
import { backedUp, type KeptBackup } from "#operator/reconcile-backups.ts";
import { takeSnapshot } from "#operator/snapshot/take.ts";

export interface LocalClusterPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The launcher of etcdutl. */
  readonly etcdutl: string;
}

const backupSeconds = 3600;
/** Nobody waits for a loop that must go on, as an operator does. */
const askTimeoutMs = 10_000;
/** A list that takes too long is asked for again. */
const listTries = 3;

export class LocalClusterReader {
  readonly #wanted: LocalWanted;
  readonly #folder: string;
  readonly #shared: SharedFolder;
  readonly #state: LocalState;
  readonly #etcd: EtcdView;
  readonly #ports: LocalClusterPorts;

  /** Throws OperatingError NO_CLUSTER if it was never begun. */
  constructor(wanted: LocalWanted, folder: string, ports: LocalClusterPorts) {
    const { cluster } = wanted;
    if (!existsSync(stateFile(folder))) {
      const text = `${cluster.metadata.name} was not begun yet: there is nothing in ${folder}`;
      throw new OperatingError("NO_CLUSTER", text);
    }
    this.#wanted = wanted;
    this.#folder = folder;
    this.#ports = ports;
    this.#shared = new SharedFolder(folder);
    this.#state = openState(folder, cluster, localTemplate(cluster));
    this.#etcd = new EtcdView({ ...ports, askTimeoutMs });
  }

  get name(): string {
    return this.#wanted.cluster.metadata.name;
  }

  close(): void {
    this.#etcd.close();
  }

  get #records(): readonly MemberRecord[] {
    return this.#state.plan?.members ?? [];
  }

  /** What the plan would say now. */
  async #look(): Promise<Turn> {
    const { cluster } = this.#wanted;
    const { plan: state, processes } = this.#state;
    const urls = this.#records.map((one) => one.clientUrl);
    const observeOne = async ({ name, clientUrl }: MemberRecord): Promise<ObservedMember> => {
      const { pid = 0, template = "", forced = false } = processes[name] ?? {};
      const runs = pid > 0 && runsWith(pid, `--data-dir=${dataFolderOf(this.#folder, name)}`);
      const answer = await this.#etcd.answer(clientUrl);
      return {
        name,
        volume: existsSync(volumeMark(this.#folder, name)) ? "present" : "absent",
        runs: runs ? { kind: "running", template, forced } : { kind: "absent" },
        ...(answer === undefined ? {} : { answer }),
      };
    };
    const members = await Promise.all(this.#records.map(observeOne));
    const mayAnswer = members.some((one) => one.answer !== undefined);
    let membership = await this.#etcd.membership(urls);
    for (let tries = 1; mayAnswer && membership === undefined && tries < listTries; tries++) {
      membership = await this.#etcd.membership(urls);
    }
    const observed = {
      members,
      remnants: [],
      ...(membership === undefined ? {} : { membership }),
    };
    const wanted = localWanted(cluster, false);
    const addresses = localAddresses(cluster.spec.local);
    const input = { wanted, state, observed, addresses, nowMs: this.#ports.clock.wallMs() };
    const decision = plan(input);
    return { decision, observed, conditions: conditionsOf(input, decision), isMoving: false };
  }

  async report(): Promise<ClusterReport> {
    const { cluster, schedules } = this.#wanted;
    const turn = await this.#look();
    const state = this.#state.plan;
    const members = this.#records.map((record): MemberReport => {
      const { answer } = turn.observed.members.find((one) => one.name === record.name) ?? {};
      const leads = answer?.leaderId === answer?.memberId;
      const role = answer?.isLearner ? "learner" : leads ? "leader" : "follower";
      return {
        name: record.name,
        id: answer?.memberId ?? record.memberId,
        role: answer === undefined || answer.leaderId === "" ? "unknown" : role,
        isReady: answer !== undefined && answer.leaderId !== "" && !answer.isLearner,
        version: undefined,
        sizeBytes: answer?.sizeBytes,
        clientUrl: record.clientUrl,
      };
    });
    const { step } = state ?? {};
    return {
      namespace: undefined,
      name: cluster.metadata.name,
      wanted: cluster.spec.replicas,
      clusterId: state?.clusterId,
      version: undefined,
      conditions: turn.conditions,
      step: step === undefined ? undefined : `${step.kind} ${step.member ?? ""}`.trim(),
      members,
      schedules: schedules.map(({ metadata, spec }) => {
        const status = this.#shared.schedule(metadata.name)?.status;
        return {
          name: metadata.name,
          schedule: spec.schedule,
          isSuspended: spec.suspend,
          lastSuccessAt: status?.lastSuccessAt,
          nextAt: status?.nextScheduledAt,
        };
      }),
      backups: this.#shared
        .backups()
        .filter((one) => one.spec.clusterName === cluster.metadata.name)
        .map(backupReport),
    };
  }

  /** The target of the schedule `named`, or of the only one. Throws OperatingError NO_TARGET. */
  targetOf(named: string | undefined): EtcdBackupSpec["target"] {
    const { schedules } = this.#wanted;
    const fitting = schedules.filter((one) => named === undefined || one.metadata.name === named);
    const [only, second] = fitting;
    if (only !== undefined && second === undefined) return only.spec.target;
    const text = "name one schedule of the manifest with --like, or a folder with --claim";
    throw new OperatingError("NO_TARGET", text);
  }

  /** Takes one here and now, and notes it once it is complete. */
  async backUp(name: string, target: EtcdBackupSpec["target"]): Promise<BackupReport> {
    const { clock } = this.#ports;
    if (this.#shared.backup(name) !== undefined) {
      throw new OperatingError("EXISTS", `there is an EtcdBackup ${name} already`);
    }
    const { cluster } = this.#wanted;
    const clusterName = cluster.metadata.name;
    const deletionPolicy = "Retain";
    const createdMs = clock.wallMs();
    const spec = { clusterName, target, deletionPolicy, deadlineSeconds: backupSeconds } as const;
    const backup: KeptBackup = { name, createdMs, deleting: false, spec, status: {} };
    const { from } = backedUp(cluster, await this.#look());
    if (from === undefined) {
      throw new OperatingError("NO_MEMBER", `no member of ${clusterName} answers`);
    }
    const place = placeOf(this.#shared, backup);
    const failpoint = () => {};
    const ports = { ...this.#ports, failpoint };
    const { kind: _, ...taken } = await takeSnapshot(place, from, backupSeconds * 1000, ports);
    const startedAt = new Date(createdMs).toISOString();
    const completedAt = new Date(clock.wallMs()).toISOString();
    const condition = {
      type: "Complete",
      status: "True",
      reason: "Complete",
      message: `revision ${taken.revision}`,
      lastTransitionTime: completedAt,
    } as const;
    const done = { ...taken, phase: "Complete", startedAt, completedAt } as const;
    const kept = { ...backup, status: { ...done, conditions: [condition] } };
    this.#shared.writeBackup(kept);
    return backupReport(kept);
  }

  /** Asks the leader, by its name, to hand over. */
  async moveLeader(leader: string, toMemberId: string): Promise<void> {
    const url = this.#records.find((one) => one.name === leader)?.clientUrl ?? "";
    await this.#etcd.moveLeader(url, toMemberId);
  }
}

function backupReport({ name, status }: KeptBackup): BackupReport {
  const { phase = "Pending", revision, sizeBytes, completedAt, location } = status;
  return { name, phase, revision, sizeBytes, completedAt, location };
}
