// What local clusters share, as objects of a namespace do: volume claims, which are folders by name, and
// EtcdBackups and EtcdBackupSchedules, each a file that is written whole or not at all.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import type { EtcdBackupScheduleStatus } from "#operator/api/etcd-backup.ts";
import type { KeptBackup } from "#operator/reconcile-backups.ts";
import { pathOnVolume } from "#operator/snapshot/folder.ts";

/** What is kept of an EtcdBackupSchedule; its spec is the manifest's. */
export interface LocalSchedule {
  readonly createdMs: number;
  readonly status: EtcdBackupScheduleStatus;
}

export class SharedFolder {
  readonly folder: string;

  /** Beside the data folder of a cluster; its name is none that a cluster can have. */
  constructor(dataFolder: string) {
    this.folder = join(dirname(dataFolder), "etcd-ts.backups");
  }

  backups(): readonly KeptBackup[] {
    return this.#names("backups").flatMap((name) => this.backup(name) ?? []);
  }

  backup(name: string): KeptBackup | undefined {
    return this.#read<KeptBackup>("backups", name);
  }

  writeBackup(backup: KeptBackup): void {
    this.#write("backups", backup.name, backup);
  }

  removeBackup(name: string): void {
    rmSync(join(this.folder, "backups", `${name}.json`), { force: true });
  }

  schedule(name: string): LocalSchedule | undefined {
    return this.#read<LocalSchedule>("schedules", name);
  }

  writeSchedule(name: string, schedule: LocalSchedule): void {
    this.#write("schedules", name, schedule);
  }

  /** A path on a claim's volume. Throws OperatingError BAD_PATH if it leads out of it. */
  onClaim(claimName: string, path: string): string {
    return pathOnVolume(join(this.folder, "volumes", claimName), path);
  }

  #names(kind: string): readonly string[] {
    try {
      const files = readdirSync(join(this.folder, kind));
      return files.flatMap((one) => /^(.+)\.json$/.exec(one)?.[1] ?? []).sort();
    } catch {
      return [];
    }
  }

  #read<T>(kind: string, name: string): T | undefined {
    const file = join(this.folder, kind, `${name}.json`);
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch {
      return undefined;
    }
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const message = `${file} cannot be read: ${errorText(cause)}`;
      throw new OperatingError("BAD_STATE", message, { cause });
    }
  }

  #write(kind: string, name: string, value: unknown): void {
    const file = join(this.folder, kind, `${name}.json`);
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const next = `${file}.next`;
    writeFileSync(next, `${JSON.stringify(value, undefined, 2)}\n`, { flush: true, mode: 0o600 });
    renameSync(next, file);
  }
}
