// What a member asks its peers beside raft: who is in the cluster, which versions they run, and
// what only the leader can answer (leases, promotions, hashes). One request, one connection; whom to
// ask next and until when is the caller's affair (facts: peer protocol §9 to §12).
import { Buffer } from "node:buffer";
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { type ClusterId, formatId, type LeaseId, type MemberId, parseId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import { LeaseInternalRequest, LeaseInternalResponse } from "#proto/gen/leasestate.ts";
import { type Member, parseMembers } from "#server/membership/member-json.ts";
import { openRequest, readBody, shownBody } from "#server/peer/peer-http.ts";
import type { PeerTls } from "#server/peer/ports.ts";

/** The largest answer that is read. */
const answerLimit = 100 * 1024 * 1024;
const dialTimeoutMs = 5000;

export interface PeerClientPorts {
  readonly clock: Clock;
  readonly tls?: PeerTls;
  /** Where questions come from; as the system has it if left out. */
  readonly localAddress?: string | undefined;
}

export interface RemoteCluster {
  readonly clusterId: ClusterId;
  readonly members: readonly Member[];
}

export interface PeerVersions {
  /** Such as `3.7.3`. */
  readonly server: string;
  /** Such as `3.7.0`; undefined before it was decided. */
  readonly cluster: string | undefined;
  /** Such as `3.7.0`; undefined if unknown. */
  readonly storage: string | undefined;
}

export interface PeerHash {
  readonly revision: number;
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** An answer other than 200; `code` is PEER_ANSWER. */
export class PeerAnswerError extends OperatingError {
  readonly status: number;
  readonly body: string;

  constructor(url: string, status: number, body: string) {
    super("PEER_ANSWER", `${url} answered ${status} ${body}`);
    this.status = status;
    this.body = body;
  }
}

interface Answer {
  readonly response: IncomingMessage;
  readonly body: Buffer;
}

export class PeerClient {
  private readonly ports: PeerClientPorts;

  constructor(ports: PeerClientPorts) {
    this.ports = ports;
  }

  /** The members that the peer knows. Rejects unless it names its cluster and at least one member. */
  async members(url: string, timeoutMs: number): Promise<RemoteCluster> {
    const { response, body } = await this.get(url, "/members", timeoutMs);
    const header = response.headers["x-etcd-cluster-id"];
    const clusterId = parseId(typeof header === "string" ? header : "");
    const members = parseMembers(body.toString());
    if (clusterId === undefined || members.length === 0) {
      throw new OperatingError("PEER_ANSWER", `${url}/members names no cluster or no members`);
    }
    return { clusterId, members };
  }

  async versions(url: string, timeoutMs: number): Promise<PeerVersions> {
    const { body } = await this.get(url, "/version", timeoutMs);
    const parsed: unknown = JSON.parse(body.toString());
    const fields = fieldsOf(parsed);
    const known = (name: string): string | undefined => {
      const value = fields[name];
      return typeof value === "string" && /^\d/.test(value) ? value : undefined;
    };
    const server = known("etcdserver");
    if (server === undefined) {
      throw new OperatingError("PEER_ANSWER", `${url}/version names no version`);
    }
    return { server, cluster: known("etcdcluster"), storage: known("storage") };
  }

  async downgradeEnabled(url: string, timeoutMs: number): Promise<boolean> {
    const { body } = await this.get(url, "/downgrade/enabled", timeoutMs);
    const text = body.toString().trim();
    if (text === "true" || text === "false") return text === "true";
    throw new OperatingError("PEER_ANSWER", `${url}/downgrade/enabled is neither true nor false`);
  }

  /** Renews a lease on the leader; the TTL in seconds. Rejects with leaseNotFound: that is final. */
  async renewLease(url: string, lease: LeaseId, timeoutMs: number): Promise<number> {
    const asked = LeaseKeepAliveRequest.encode({ ID: lease }).finish();
    const { body } = await this.lease(url, "/leases", asked, timeoutMs);
    return LeaseKeepAliveResponse.decode(body).TTL;
  }

  /** The remaining time of a lease, from the leader. Rejects as `renewLease` does. */
  async leaseTimeToLive(
    url: string,
    request: LeaseTimeToLiveRequest,
    timeoutMs: number,
  ): Promise<LeaseTimeToLiveResponse> {
    const asked = LeaseInternalRequest.encode({ LeaseTimeToLiveRequest: request }).finish();
    const { body } = await this.lease(url, "/leases/internal", asked, timeoutMs);
    const answer = LeaseInternalResponse.decode(body).LeaseTimeToLiveResponse;
    if (answer === undefined || answer.ID !== request.ID) {
      throw new OperatingError("PEER_ANSWER", `${url}/leases/internal answered for another lease`);
    }
    return answer;
  }

  /**
   * Promotes a learner on the leader; the members afterwards. Rejects with the EtcdError rows
   * memberNotFound, memberNotLearner and learnerNotReady: those are final.
   */
  async promote(
    url: string,
    id: MemberId,
    authorization: string | undefined,
    timeoutMs: number,
  ): Promise<readonly Member[]> {
    const headers = authorization === undefined ? {} : { Authorization: authorization };
    try {
      const path = `/members/promote/${id}`;
      const { body } = await this.ask(url, "POST", path, headers, Buffer.alloc(0), timeoutMs);
      return parseMembers(body.toString());
    } catch (error) {
      if (!(error instanceof PeerAnswerError)) throw error;
      // Peers tell these apart by the text alone.
      if (error.status === 404) throw etcdError("memberNotFound");
      if (error.status === 412) {
        const behind = error.body.includes("in sync with leader");
        throw etcdError(behind ? "learnerNotReady" : "memberNotLearner");
      }
      throw error;
    }
  }

  /** The hash of the peer's keys at `revision` (0: the latest). PeerAnswerError 400 if it has none. */
  async hashKv(
    url: string,
    cluster: ClusterId,
    revision: number,
    timeoutMs: number,
  ): Promise<PeerHash> {
    const headers = {
      "Content-Type": "application/json",
      "X-Etcd-Cluster-Id": formatId(cluster),
    };
    const asked = Buffer.from(JSON.stringify({ revision }));
    const { body } = await this.ask(url, "GET", "/members/hashkv", headers, asked, timeoutMs);
    const parsed: unknown = JSON.parse(body.toString());
    const fields = fieldsOf(parsed);
    const number = (from: Record<string, unknown>, name: string): number => {
      const value = from[name];
      return typeof value === "number" ? value : 0;
    };
    return {
      revision: number(fieldsOf(fields["header"]), "revision"),
      hash: number(fields, "hash"),
      compactRevision: number(fields, "compact_revision"),
      hashRevision: number(fields, "hash_revision"),
    };
  }

  private async lease(url: string, path: string, body: Buffer, timeoutMs: number): Promise<Answer> {
    try {
      const headers = { "Content-Type": "application/protobuf" };
      return await this.ask(url, "POST", path, headers, body, timeoutMs);
    } catch (error) {
      if (error instanceof PeerAnswerError && error.status === 404) {
        throw etcdError("leaseNotFound");
      }
      throw error;
    }
  }

  private get(url: string, path: string, timeoutMs: number): Promise<Answer> {
    return this.ask(url, "GET", path, {}, undefined, timeoutMs);
  }

  /** Resolves with an answer of status 200; rejects with PeerAnswerError for any other. */
  private async ask(
    url: string,
    method: "GET" | "POST",
    path: string,
    headers: OutgoingHttpHeaders,
    body: Buffer | undefined,
    timeoutMs: number,
  ): Promise<Answer> {
    const length = body === undefined ? {} : { "Content-Length": body.length };
    const request = openRequest(url, {
      method,
      path,
      headers: { ...headers, ...length },
      agent: false,
      dialTimeoutMs: Math.min(dialTimeoutMs, timeoutMs),
      idleTimeoutMs: timeoutMs,
      tls: this.ports.tls,
      localAddress: this.ports.localAddress,
    });
    const late = this.ports.clock.after(timeoutMs, () =>
      request.destroy(
        new OperatingError("PEER_TIMEOUT", `${url}${path} did not answer within ${timeoutMs} ms`),
      ),
    );
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.once("response", resolve);
        request.on("error", reject);
        request.end(body);
      });
      const answer = await readBody(response, answerLimit);
      if (response.statusCode !== 200) {
        throw new PeerAnswerError(url + path, response.statusCode ?? 0, shownBody(answer));
      }
      return { response, body: answer };
    } finally {
      late.cancel();
      request.destroy();
    }
  }
}

/** The fields of a JSON object; none of anything else, null among it. */
function fieldsOf(parsed: unknown): Record<string, unknown> {
  return typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
}
