// `etcd-operator delete`: runs the plan for a local cluster that is to go, until it is gone.
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { LocalPlatform, localTemplate } from "#operator/platform/local/local-platform.ts";
import { requireNoOperator } from "#operator/platform/local/processes.ts";
import { LocalRestores } from "#operator/platform/local/restores.ts";
import { SharedFolder } from "#operator/platform/local/shared-folder.ts";
import { openState } from "#operator/platform/local/state.ts";
import { type Failpoint, reconcile } from "#operator/reconcile.ts";

export interface DeleteOptions {
  readonly cluster: EtcdCluster;
  readonly folder: string;
  readonly program: string;
  readonly etcdutl: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly random: Random;
  readonly failpoint: Failpoint;
  say(line: string): void;
}

/** Stops the members, then deletes their data or keeps it, as spec.deletionPolicy says. */
export async function deleteLocalCluster(options: DeleteOptions): Promise<void> {
  const { cluster, folder, say } = options;
  const { name } = cluster.metadata;
  const state = openState(folder, cluster, localTemplate(cluster));
  requireNoOperator(state, name);
  const restores = new LocalRestores({ ...options, shared: new SharedFolder(folder) });
  const onEvent = () => {};
  const platform = new LocalPlatform({ ...options, state, restores, deleting: true, onEvent });
  platform.takeOver();
  for (;;) {
    const turn = await reconcile(platform, options.failpoint, ({ decision }) => {
      say(`  ${decision.reason.message}`);
    });
    if (turn.decision.step.kind === "release") break;
  }
  const isKept = cluster.spec.deletionPolicy === "Retain";
  say(isKept ? `${name} is deleted; the data stays in ${folder}` : `${name} is deleted`);
}
