// What is to be seen of a cluster that forms by a discovery service or by an outside domain: what is registered, and
// which records there are. Once it is formed nobody asks any more.
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { findIn } from "#operator/plan/bootstrap.ts";
import type { Find, Observed, PlanState, Wanted } from "#operator/plan/types.ts";
import {
  openRegistry,
  type RegistryAccess,
  readRegistry,
} from "#operator/platform/discovery-registry.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import { accessOf, accessSecrets, recordName } from "#operator/platform/kubernetes/find.ts";
import { secrets } from "#operator/platform/kubernetes/kinds.ts";
import { lookUpRecords } from "#operator/platform/kubernetes/srv-records.ts";

export interface FormationSetup extends ClusterTurn {
  readonly clock: Clock;
  readonly random: Random;
}

/** Of one cluster and one turn. */
export class Formation {
  readonly #setup: FormationSetup;

  constructor(setup: FormationSetup) {
    this.#setup = setup;
  }

  /** The SRV records of an outside domain, until the cluster is formed. */
  async records(
    { bootstrap }: Wanted,
    state: PlanState | undefined,
  ): Promise<readonly string[] | undefined> {
    if (bootstrap?.kind !== "dns" || bootstrap.isOutside !== true) return undefined;
    if (state === undefined || state.clusterId !== undefined) return undefined;
    const peerUrl = state.members[0]?.peerUrl ?? "";
    return lookUpRecords(recordName(bootstrap.domain, peerUrl));
  }

  /** What the discovery service of a cluster that is not formed yet holds. */
  async registry(
    wanted: Wanted,
    state: PlanState | undefined,
  ): Promise<Pick<Observed, "registry" | "registryTrouble">> {
    if (state?.attempt === undefined || state.clusterId !== undefined) return {};
    const find = findIn(wanted, state);
    if (find === undefined || find.kind === "dns") return {};
    try {
      return { registry: await readRegistry(find, await this.#access(), this.#setup) };
    } catch (error) {
      return { registryTrouble: errorText(error) };
    }
  }

  /** Makes the token of a discovery service, for so many members. */
  async open(find: Find, size: number): Promise<void> {
    if (find.kind === "dns") return;
    await openRegistry(find, size, await this.#access(), this.#setup);
  }

  async #access(): Promise<RegistryAccess> {
    const { api, identity, cluster } = this.#setup;
    const found = accessSecrets(cluster).map(
      async (name) => [name, await api.find(secrets, identity.namespace, name)] as const,
    );
    return accessOf(cluster, new Map(await Promise.all(found)));
  }
}
