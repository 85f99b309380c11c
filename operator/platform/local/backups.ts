// Backups on one machine: the EtcdBackups and EtcdBackupSchedules of a manifest, turn by turn, as their plans
// say. Snapshots are taken beside the turns; what an earlier operator has begun is begun again.
import { errorText } from "#base/errors.ts";
import type {
  EtcdBackup,
  EtcdBackupSchedule,
  EtcdBackupScheduleStatus,
  EtcdBackupSpec,
  EtcdBackupStatus,
} from "#operator/api/etcd-backup.ts";
import type { BackupStep, SnapshotRemoval, SnapshotRun } from "#operator/plan/backup.ts";
import type { LocalSchedule, SharedFolder } from "#operator/platform/local/shared-folder.ts";
import type { Failpoint } from "#operator/reconcile.ts";
import {
  type BackedUp,
  type BackupPlatform,
  type KeptBackup,
  type KeptSchedule,
  reconcileBackup,
  reconcileSchedule,
} from "#operator/reconcile-backups.ts";
import { deleteFile, filePlace } from "#operator/snapshot/folder.ts";
import { type SnapshotPlace, type TakePorts, takeSnapshot } from "#operator/snapshot/take.ts";

/** Objects of a manifest besides its cluster. */
export interface BackupObjects {
  readonly backups: readonly EtcdBackup[];
  readonly schedules: readonly EtcdBackupSchedule[];
}

export interface LocalBackupsOptions extends TakePorts {
  readonly shared: SharedFolder;
  readonly failpoint: Failpoint;
  say(line: string): void;
}

/** The file of a backup's snapshot. A backup of the same name made later has another one. */
export function placeOf(shared: SharedFolder, backup: KeptBackup): SnapshotPlace {
  const { volume } = backup.spec.target;
  // What leads to S3 is refused by name (backup-fit.ts).
  if (volume === undefined) throw new Error("this machine has no S3");
  const name = `${backup.name}-${Math.floor(backup.createdMs / 1000).toString(16)}.db`;
  const file = shared.onClaim(volume.claimName, `${volume.path}/${name}`.replace(/^\/+/, ""));
  return filePlace(file, file);
}

export class LocalBackups implements BackupPlatform {
  readonly #options: LocalBackupsOptions;
  readonly #shared: SharedFolder;
  readonly #runs = new Map<string, SnapshotRun>();
  /** Backups whose snapshots this process has deleted. */
  readonly #removed = new Set<string>();

  constructor(options: LocalBackupsOptions) {
    this.#options = options;
    this.#shared = options.shared;
  }

  nowMs(): number {
    return this.#options.clock.wallMs();
  }

  /** One turn: makes what is due, takes snapshots, prunes. */
  async turn(clusterName: string, objects: BackupObjects, of: BackedUp): Promise<void> {
    for (const { metadata, spec } of objects.backups) this.#make(metadata.name, spec);
    for (const { metadata, spec } of objects.schedules) {
      const { name } = metadata;
      const kept = this.#begun(name);
      const own = this.#own(clusterName).filter((one) => one.schedule === name);
      await reconcileSchedule(this, { name, spec, ...kept }, own, of, this.#options.failpoint);
    }
    for (const backup of this.#own(clusterName)) {
      await reconcileBackup(this, backup, of, this.#options.failpoint);
    }
  }

  /** Its age is kept before anything is made by it: the name of its first backup follows from that. */
  #begun(name: string): LocalSchedule {
    const is = this.#shared.schedule(name);
    if (is !== undefined) return is;
    const made = { createdMs: this.nowMs(), status: {} };
    this.#shared.writeSchedule(name, made);
    return made;
  }

  #own(clusterName: string): readonly KeptBackup[] {
    return this.#shared.backups().filter((one) => one.spec.clusterName === clusterName);
  }

  #make(name: string, spec: EtcdBackupSpec, schedule?: string): void {
    if (this.#shared.backup(name) !== undefined) return;
    this.#shared.writeBackup({
      name,
      ...(schedule === undefined ? {} : { schedule }),
      createdMs: this.nowMs(),
      deleting: false,
      spec,
      status: {},
    });
  }

  run({ name }: KeptBackup): SnapshotRun {
    return this.#runs.get(name) ?? { kind: "none" };
  }

  removal({ name }: KeptBackup): SnapshotRemoval {
    return { kind: this.#removed.has(name) ? "done" : "none" };
  }

  writeBackup(backup: KeptBackup, status: EtcdBackupStatus): void {
    this.#shared.writeBackup({ ...backup, status });
    const { phase, location, revision, conditions } = status;
    const { name } = backup;
    const why = conditions?.[0]?.message ?? "";
    if (phase === backup.status.phase) {
      const isNew = why !== backup.status.conditions?.[0]?.message;
      if (phase === "Running" && isNew)
        this.#options.say(`  backup ${name} is tried again: ${why}`);
      return;
    }
    if (phase === "Complete") {
      this.#options.say(`  backup ${name}: revision ${revision} in ${location}`);
    }
    if (phase === "Failed") this.#options.say(`  backup ${name} failed: ${why}`);
  }

  async act(backup: KeptBackup, step: BackupStep): Promise<void> {
    const { name } = backup;
    switch (step.kind) {
      case "take":
        this.#take(backup, step.from);
        return;
      case "delete-snapshot":
        await deleteFile(placeOf(this.#shared, backup).location);
        this.#removed.add(name);
        return;
      case "release":
        this.#shared.removeBackup(name);
        this.#runs.delete(name);
        this.#removed.delete(name);
        return;
      case "stop":
        // Its stream ends with its own deadline; what it leaves is deleted or written anew.
        this.#runs.delete(name);
        return;
      case "none":
      case "wait":
        return;
    }
  }

  #take(backup: KeptBackup, from: string): void {
    const { name, spec } = backup;
    const running: SnapshotRun = { kind: "running" };
    this.#runs.set(name, running);
    const end = (run: SnapshotRun) => {
      // One that was stopped is not asked any more.
      if (this.#runs.get(name) === running) this.#runs.set(name, run);
    };
    const place = placeOf(this.#shared, backup);
    takeSnapshot(place, from, spec.deadlineSeconds * 1000, this.#options).then(end, (error) =>
      end({ kind: "failed", message: errorText(error), atMs: this.nowMs() }),
    );
  }

  makeBackup({ name: schedule, spec }: KeptSchedule, name: string): void {
    const { clusterName, target, deletionPolicy, deadlineSeconds } = spec;
    this.#make(name, { clusterName, target, deletionPolicy, deadlineSeconds }, schedule);
  }

  deleteBackup(backup: KeptBackup): void {
    this.#shared.writeBackup({ ...backup, deleting: true });
  }

  writeSchedule({ name, createdMs }: KeptSchedule, status: EtcdBackupScheduleStatus): void {
    this.#shared.writeSchedule(name, { createdMs, status });
  }
}
