// Restores of seeds on one machine: begun by a step of the plan, done beside the turns, and seen by what is in
// the member's folder, so that an operator that comes later knows how far one is.
import { errorText, OperatingError } from "#base/errors.ts";
import type { ObservedMember, Step } from "#operator/plan/types.ts";
import { dataFolderOf } from "#operator/platform/local/layout.ts";
import type { SharedFolder } from "#operator/platform/local/shared-folder.ts";
import type { Failpoint } from "#operator/reconcile.ts";
import { newestSnapshot } from "#operator/snapshot/folder.ts";
import { hasData, restoreSnapshot } from "#operator/snapshot/restore.ts";

export interface LocalRestoresOptions {
  /** The cluster's. */
  readonly folder: string;
  readonly shared: SharedFolder;
  /** The launcher of etcdutl. */
  readonly etcdutl: string;
  readonly failpoint: Failpoint;
}

type Restored = NonNullable<ObservedMember["restored"]>;

export class LocalRestores {
  readonly #options: LocalRestoresOptions;
  readonly #runs = new Map<string, Restored>();

  constructor(options: LocalRestoresOptions) {
    this.#options = options;
  }

  /** How far the restore into this member's folder is; undefined: none was begun, or it can be begun again. */
  of(member: string): Restored | undefined {
    const run = this.#runs.get(member);
    if (run?.kind !== "running" && hasData(dataFolderOf(this.#options.folder, member))) {
      return { kind: "done" };
    }
    return run;
  }

  begin({ member, join, source }: Extract<Step, { kind: "restore" }>, peerUrl: string): void {
    if (this.#runs.get(member)?.kind === "running") return;
    const { folder, etcdutl, failpoint } = this.#options;
    this.#runs.set(member, { kind: "running" });
    const restored = async () => {
      await restoreSnapshot({
        etcdutl,
        file: this.#file(source),
        dataFolder: dataFolderOf(folder, member),
        name: member,
        peerUrl,
        initialCluster: join.initialCluster,
        token: join.token,
        failpoint,
      });
    };
    restored().then(
      () => this.#runs.set(member, { kind: "done" }),
      (error) => this.#runs.set(member, { kind: "failed", message: errorText(error) }),
    );
  }

  /** The snapshot that a restore names. Throws OperatingError if there is none, or none that is complete. */
  #file(source: Readonly<Record<string, unknown>>): string {
    const { shared } = this.#options;
    const { backup, volume } = source as {
      readonly backup?: { readonly name: string };
      readonly volume?: { readonly claimName: string; readonly path: string };
    };
    if (volume !== undefined) return newestSnapshot(shared.onClaim(volume.claimName, volume.path));
    const { name = "" } = backup ?? {};
    const found = shared.backup(name);
    const { phase = "Pending", location } = found?.status ?? {};
    if (phase === "Complete" && location !== undefined) return location;
    const why = found === undefined ? `there is none in ${shared.folder}` : `it is ${phase}`;
    throw new OperatingError("NO_BACKUP", `the EtcdBackup ${name} is not complete: ${why}`);
  }
}
