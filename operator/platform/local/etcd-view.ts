// Asks members how they are and a quorum who the members are, and carries out what the plan wants of etcd:
// one client for each member, so that each answers for itself, and one for all.
import type { Clock } from "#base/clock.ts";
import { formatId, parseId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import type { AuthClient } from "#client/auth.ts";
import { EtcdClient } from "#client/client.ts";
import type { TlsOptions } from "#client/options.ts";
import type { Answer, Membership } from "#operator/plan/types.ts";
import { isEtcdError } from "#proto/errors.ts";
import { AlarmType, type StatusResponse } from "#proto/gen/maintenance.ts";

/** On one machine; over a network the caller says how long. */
const localAskTimeoutMs = 900;
const listTimeoutMs = 2000;
/** One that answers later is not waited for alone: it may be a member that was removed just now. */
const listPatienceMs = 500;
/** Who is there takes a connection sooner; nothing listens yet at one that is being started. */
const connectMs = 1000;
const actTimeoutMs = 10_000;
/** Compaction and defragmentation of a large database take long. */
const longTimeoutMs = 10 * 60_000;

export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  /** How long a member may take to answer for itself. */
  readonly askTimeoutMs?: number;
}

/** How members are connected to and who asks; another `id` means other connections. */
export interface Access {
  readonly id: string;
  readonly tls?: TlsOptions;
  /** Logs in where authentication is on; without it a certificate says who asks. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Over TLS the certificate says who asks, as soon as there is this user: then nobody logs in. */
  readonly certificateUser?: string;
}

/** The clients of members by client URL; `close` when done. */
export class EtcdView {
  readonly #clients = new Map<string, EtcdClient>();
  readonly #logIns = new WeakMap<EtcdClient, Promise<void>>();
  readonly #ports: Ports;
  #access: Access | undefined;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Connects with this from now on; what stands under another `id` is closed. */
  use(access: Access | undefined): void {
    if (this.#access?.id === access?.id) return;
    this.#access = access;
    this.close();
  }

  #client(urls: readonly string[]): EtcdClient {
    const key = urls.join(",");
    let client = this.#clients.get(key);
    if (client === undefined) {
      const { askTimeoutMs: callTimeoutMs = localAskTimeoutMs, ...ports } = this.#ports;
      const { tls } = this.#access ?? {};
      const secrets = tls === undefined ? {} : { tls };
      client = new EtcdClient({ endpoints: urls, callTimeoutMs, ...secrets, ...ports });
      this.#clients.set(key, client);
    }
    return client;
  }

  /** A client of these URLs, logged in if there is somebody to log in as. */
  async asUser(urls: readonly string[]): Promise<EtcdClient> {
    const client = this.#client(urls);
    const access = this.#access;
    if (access?.user === undefined) return client;
    let logIn = this.#logIns.get(client);
    if (logIn === undefined) {
      logIn = identify(client, urls, access);
      this.#logIns.set(client, logIn);
      logIn.catch(() => this.#logIns.delete(client));
    }
    await logIn;
    return client;
  }

  /** Whether this password is the user's. */
  async knows(urls: readonly string[], name: string, password: string): Promise<boolean> {
    const { askTimeoutMs: _, ...ports } = this.#ports;
    const { tls } = this.#access ?? {};
    const client = new EtcdClient({
      endpoints: urls,
      ...(tls === undefined ? {} : { tls }),
      ...ports,
    });
    try {
      await client.authenticate(name, password, { timeoutMs: actTimeoutMs });
      return true;
    } catch (error) {
      if (isEtcdError(error, "authFailed")) return false;
      throw error;
    } finally {
      client.close();
    }
  }

  /** Closes the clients of URLs that are no longer used. */
  keep(urls: readonly string[]): void {
    const kept = new Set([...urls, urls.join(",")]);
    for (const [key, client] of this.#clients) {
      if (kept.has(key)) continue;
      client.close();
      this.#clients.delete(key);
    }
  }

  close(): void {
    this.keep([]);
  }

  /** What the member at this URL says of itself within a second. */
  async answer(url: string): Promise<Answer | undefined> {
    try {
      const status = await this.#status(url);
      return {
        memberId: formatId(status.header?.memberId ?? 0n),
        clusterId: formatId(status.header?.clusterId ?? 0n),
        leaderId: status.leader === 0n ? "" : formatId(status.leader),
        isLearner: status.isLearner,
        term: status.raftTerm,
        index: status.raftIndex,
        appliedIndex: status.raftAppliedIndex,
        sizeBytes: status.dbSize,
        usedBytes: status.dbSizeInUse,
      };
    } catch {
      return undefined;
    }
  }

  /** While authentication is on only users are told. Who has logged in goes on without a quorum; nobody can log in then. */
  async #status(url: string): Promise<StatusResponse> {
    try {
      return await this.#client([url]).maintenance.status({ connectMs });
    } catch (error) {
      if (this.#access?.user === undefined || !isUnnamed(error)) throw error;
      const client = await this.asUser([url]);
      return await client.maintenance.status({ connectMs });
    }
  }

  /**
   * The list as a quorum has it now; undefined if none answers. Any one of them is asked, and all if that one is
   * slow or fails: the answer is a quorum's, whoever gives it.
   */
  async membership(urls: readonly string[]): Promise<Membership | undefined> {
    if (urls.length === 0) return undefined;
    const first = this.#list(urls);
    const { promise: isLate, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#ports.clock.after(listPatienceMs, () => resolve(true));
    first.then(
      () => resolve(false),
      () => resolve(true),
    );
    const others = (await isLate) && urls.length > 1 ? urls.map((one) => this.#list([one])) : [];
    timer.cancel();
    return await Promise.any([first, ...others]).catch(() => undefined);
  }

  async #list(urls: readonly string[]): Promise<Membership> {
    const limits = { timeoutMs: listTimeoutMs, connectMs };
    const client = await this.asUser(urls);
    const [{ header, members }, { alarms }] = await Promise.all([
      client.cluster.list({}, limits),
      client.maintenance.alarms(limits),
    ]);
    return {
      clusterId: formatId(header?.clusterId ?? 0n),
      members: members.map((one) => ({
        memberId: formatId(one.ID),
        peerUrls: one.peerURLs,
        isLearner: one.isLearner,
      })),
      alarms: alarms
        .filter(({ alarm }) => alarm === AlarmType.CORRUPT || alarm === AlarmType.NOSPACE)
        .map(({ memberID, alarm }) => ({
          memberId: formatId(memberID),
          kind: alarm === AlarmType.CORRUPT ? "corrupt" : "nospace",
        })),
    };
  }

  async addLearner(urls: readonly string[], peerUrl: string): Promise<void> {
    const timeout = { timeoutMs: actTimeoutMs };
    await (await this.asUser(urls)).cluster.add([peerUrl], { learner: true }, timeout);
  }

  async promote(urls: readonly string[], memberId: string): Promise<void> {
    await (await this.asUser(urls)).cluster.promote(idOf(memberId), { timeoutMs: actTimeoutMs });
  }

  async remove(urls: readonly string[], memberId: string): Promise<void> {
    await (await this.asUser(urls)).cluster.remove(idOf(memberId), { timeoutMs: actTimeoutMs });
  }

  async updatePeerUrl(urls: readonly string[], memberId: string, peerUrl: string): Promise<void> {
    const timeout = { timeoutMs: actTimeoutMs };
    await (await this.asUser(urls)).cluster.update(idOf(memberId), [peerUrl], timeout);
  }

  /** Asks the leader, at `url`, to hand over. */
  async moveLeader(url: string, toMemberId: string): Promise<void> {
    const timeout = { timeoutMs: actTimeoutMs };
    await (await this.asUser([url])).maintenance.moveLeader(idOf(toMemberId), timeout);
  }

  async compact(urls: readonly string[]): Promise<void> {
    const client = await this.asUser(urls);
    const { header } = await client.kv.range(
      "\0",
      { countOnly: true },
      { timeoutMs: actTimeoutMs },
    );
    const revision = header?.revision ?? 0;
    await client.kv.compact(revision, { physical: true }, { timeoutMs: longTimeoutMs });
  }

  async defragment(url: string): Promise<void> {
    await (await this.asUser([url])).maintenance.defragment({ timeoutMs: longTimeoutMs });
  }

  async disarm(
    urls: readonly string[],
    memberId: string,
    alarm: "corrupt" | "nospace",
  ): Promise<void> {
    const kind = alarm === "corrupt" ? AlarmType.CORRUPT : AlarmType.NOSPACE;
    const request = { memberId: idOf(memberId), alarm: kind };
    await (await this.asUser(urls)).maintenance.disarm(request, { timeoutMs: actTimeoutMs });
  }
}

/** How the server answers somebody whose certificate names no user. */
const unnamed = ["userNotFound", "userEmpty", "permissionDenied"] as const;
const isUnnamed = (error: unknown): boolean => unnamed.some((name) => isEtcdError(error, name));

/** Makes it known who asks: over plain text nobody shows a certificate. */
export async function identify(
  client: Pick<EtcdClient, "authenticate"> & { readonly auth: Pick<AuthClient, "userGet"> },
  urls: readonly string[],
  { user, certificateUser }: Access,
): Promise<void> {
  const limits = { timeoutMs: listTimeoutMs };
  if (certificateUser !== undefined && urls.every(isSecure)) {
    try {
      await client.auth.userGet(certificateUser, limits);
      return;
    } catch (error) {
      // It may be about to be made, by whoever logs in.
      if (!isUnnamed(error)) throw error;
    }
  }
  if (user !== undefined) await client.authenticate(user.name, user.password, limits);
}

export const isSecure = (url: string): boolean => url.startsWith("https:");

function idOf(text: string): bigint {
  return parseId(text) ?? 0n;
}
