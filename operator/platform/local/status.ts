// Asks members how they are, one client for each, so that each answers for itself.
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { EtcdClient } from "#client/client.ts";
import type { MemberStatus } from "#operator/platform/local/table.ts";

const askTimeoutMs = 900;

/** The clients of all members by client URL; `close` when done. */
export class StatusClients {
  readonly #clients: readonly EtcdClient[];

  constructor(urls: readonly string[], ports: { readonly clock: Clock; readonly random: Random }) {
    this.#clients = urls.map(
      (url) => new EtcdClient({ endpoints: [url], callTimeoutMs: askTimeoutMs, ...ports }),
    );
  }

  /** What each answers within a second, in the order of the URLs. */
  ask(): Promise<readonly MemberStatus[]> {
    return Promise.all(this.#clients.map(askOne));
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

async function askOne(client: EtcdClient): Promise<MemberStatus> {
  try {
    const status = await client.maintenance.status();
    return {
      kind: "answers",
      memberId: status.header?.memberId ?? 0n,
      leaderId: status.leader,
      isLearner: status.isLearner,
      term: status.raftTerm,
      index: status.raftIndex,
      sizeBytes: status.dbSize,
    };
  } catch {
    return { kind: "silent" };
  }
}
