// The peer listener's HTTP/1.1 requests: every path of etcd's peer URLs, with its exact answers
// (facts: peer protocol §1, §3, §10, §11). Bodies are read within bounds; nothing here keeps state.
import type { Buffer } from "node:buffer";
import type { IncomingMessage, ServerOptions, ServerResponse } from "node:http";
import { InvariantError } from "#base/assert.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { formatId, type MemberId, parseId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { TooManyUnfinished, UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { isEtcdError } from "#proto/errors.ts";
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "#proto/gen/lease.ts";
import { LeaseInternalRequest, LeaseInternalResponse } from "#proto/gen/leasestate.ts";
import { Message, MessageType } from "#proto/gen/raft.ts";
import { takesTables } from "#server/membership/capabilities.ts";
import { isLinkHeartbeat, readSnapshotEnvelope, streamFrameLimit } from "#server/peer/framing.ts";
import {
  allow,
  decoded,
  hashKvJson,
  header,
  json,
  leaseFailure,
  parseDecimalId,
  parseRevision,
  parseVersion,
  plain,
  protobuf,
} from "#server/peer/peer-answers.ts";
import {
  capabilitiesHeader,
  minClusterVersion,
  readBody,
  stateFormHeader,
} from "#server/peer/peer-http.ts";
import type { PeerApi, PeerHandler, PeerIdentity } from "#server/peer/ports.ts";
import type { StreamKind } from "#server/peer/stream-writer.ts";
import type { PeerTransport } from "#server/peer/transport.ts";

export interface PeerServerPorts {
  readonly identity: PeerIdentity;
  readonly handler: PeerHandler;
  readonly api: PeerApi;
  readonly transport: PeerTransport;
  readonly clock: { wallMs(): number };
  readonly log: Log;
}

/**
 * How an http or https server of peer URLs is to be made. A request may take as long as it likes, a
 * database of many gigabytes for one, but not stand still: see `stalledMs`.
 */
export const peerServerOptions: ServerOptions = {
  keepAliveTimeout: 5000,
  requestTimeout: 0,
  headersTimeout: 10_000,
  noDelay: true,
};

const streamKinds: ReadonlyMap<string, StreamKind> = new Map([
  ["/raft/stream/message", "message"],
  ["/raft/stream/msgapp", "msgapp"],
]);

/** A header names no more of them. */
const maxCapabilities = 16;
/** Any other request on whose connection nothing moves for so long. */
const stalledMs = 60_000;
const leaseBodyLimit = 64 * 1024;
/** Twice the largest message; that of one member is not refused because of strangers' small ones. */
const unfinishedLimitBytes = 2 * streamFrameLimit;

/** A request handler for node:http servers, over listeners that the caller makes. */
export function peerRequestHandler(
  ports: PeerServerPorts,
): (request: IncomingMessage, response: ServerResponse) => void {
  const server = new PeerServer(ports);
  return (request, response) => {
    // A connection that ends early is the peer's affair.
    request.on("error", () => {});
    response.on("error", () => {});
    request.socket.setTimeout(stalledMs);
    server.handle(request, response).catch((error: unknown) => {
      if (error instanceof InvariantError) throw error;
      ports.log.warn({ path: request.url, error: errorText(error) }, "a peer request failed");
      if (response.headersSent) response.destroy();
      else plain(response, 500, errorText(error));
    });
  };
}

/** The rest of the body is not read. */
function overfull(response: ServerResponse, error: TooManyUnfinished): void {
  response.setHeader("Connection", "close");
  plain(response, 503, error.message);
}

class PeerServer {
  private readonly ports: PeerServerPorts;
  private readonly unfinished = new UnfinishedBytes(unfinishedLimitBytes);

  constructor(ports: PeerServerPorts) {
    this.ports = ports;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0]!;
    const { api } = this.ports;
    switch (path) {
      case "/raft":
        return this.raftMessage(request, response);
      case "/raft/snapshot":
        return this.snapshot(request, response);
      case "/raft/probing":
        return this.probe(response);
      case "/members":
        if (!allow(request, response, "GET")) return;
        this.nameCluster(response);
        return json(response, 200, `${api.membersJson()}\n`);
      case "/members/hashkv":
        return this.hashKv(request, response);
      case "/leases":
        return this.leaseRenew(request, response);
      case "/leases/internal":
        return this.leaseTimeToLive(request, response);
      case "/downgrade/enabled":
        if (!allow(request, response, "GET")) return;
        this.nameCluster(response);
        return this.downgrade(response);
      case "/version":
        if (!allow(request, response, "GET")) return;
        return json(response, 200, api.versionJson());
    }
    if (path.startsWith("/raft/stream/")) return this.stream(path, request, response);
    if (path.startsWith("/members/promote/")) return this.promote(path, request, response);
    plain(response, 404, "404 page not found");
  }

  private nameCluster(response: ServerResponse): void {
    response.setHeader("X-Etcd-Cluster-Id", formatId(this.ports.identity.clusterId));
  }

  /** Version and cluster of a raft request; answers and returns false if they do not fit. */
  private compatible(request: IncomingMessage, response: ServerResponse): boolean {
    const { identity } = this.ports;
    const remote = parseVersion(header(request, "x-server-version") ?? "2.0.0");
    const remoteMin = parseVersion(header(request, "x-min-cluster-version") ?? "2.0.0");
    if (remote === undefined || remoteMin === undefined) {
      response.setHeader("Connection", "close");
      plain(response, 400, "the version headers are no semantic versions");
      return false;
    }
    const own = parseVersion(identity.serverVersion)!;
    if (remote < parseVersion(minClusterVersion)! || remoteMin > own) {
      plain(response, 412, "incompatible version");
      return false;
    }
    if (header(request, "x-etcd-cluster-id") !== formatId(identity.clusterId)) {
      plain(response, 412, "cluster ID mismatch");
      return false;
    }
    return this.admitted(request, response);
  }

  /** Notes what the peer knows; answers and returns false if that is not enough any more. */
  private admitted(request: IncomingMessage, response: ServerResponse): boolean {
    const { admission } = this.ports.handler;
    if (admission === undefined) return true;
    const known = (header(request, capabilitiesHeader.toLowerCase()) ?? "").split(",");
    const from = parseId(header(request, "x-server-from") ?? "");
    if (from !== undefined) admission.announced(from, known.slice(0, maxCapabilities));
    const missing = admission.missing(known);
    if (missing === undefined) return true;
    plain(response, 412, `incompatible: this cluster needs members that know ${missing}`);
    return false;
  }

  /** Remembers a sender, so that it can be answered before it is known as a member. */
  private rememberSender(request: IncomingMessage): void {
    const from = parseId(header(request, "x-server-from") ?? "");
    if (from !== undefined) this.addRemote(from, request);
  }

  private addRemote(from: MemberId, request: IncomingMessage): void {
    const { transport, handler } = this.ports;
    const urls = (header(request, "x-peerurls") ?? "")
      .split(",")
      .filter((url) => URL.canParse(url));
    if (urls.length > 0 && !handler.isRemoved(from)) transport.addRemote(from, urls);
  }

  private async raftMessage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!allow(request, response, "POST")) return;
    this.nameCluster(response);
    if (!this.compatible(request, response)) return;
    this.rememberSender(request);
    let body: Buffer;
    try {
      body = await readBody(request, streamFrameLimit, this.unfinished);
    } catch (error) {
      if (error instanceof TooManyUnfinished) return overfull(response, error);
      return plain(response, 400, "error reading raft message");
    }
    let message: Message;
    try {
      message = Message.decode(body);
    } catch {
      return plain(response, 400, "error unmarshalling raft message");
    }
    try {
      this.admit(message);
      if (message.type !== MessageType.MsgSnap && !isLinkHeartbeat(message)) {
        this.ports.handler.step(message);
      }
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      response.setHeader("Connection", "close");
      return plain(response, 500, "error processing raft message");
    }
    response.writeHead(204).end();
  }

  /** Throws unless the message is for this member and from one that was not removed. */
  private admit(message: Message): void {
    const { identity, handler } = this.ports;
    if (handler.isRemoved(message.from)) {
      throw new OperatingError("PEER_REMOVED", "cannot process message from removed member");
    }
    if (message.to !== identity.memberId) {
      throw new OperatingError("PEER_MISMATCH", "cannot process message to mismatch member");
    }
  }

  private async snapshot(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!allow(request, response, "POST")) return;
    this.nameCluster(response);
    if (!this.compatible(request, response)) return;
    this.rememberSender(request);
    const { handler, log } = this.ports;
    let envelope: Awaited<ReturnType<typeof readSnapshotEnvelope>>;
    try {
      envelope = await readSnapshotEnvelope(request as AsyncIterable<Buffer>, this.unfinished);
    } catch (error) {
      if (error instanceof TooManyUnfinished) return overfull(response, error);
      return plain(response, 400, `failed to decode raft message (${errorText(error)})`);
    }
    const { message, body } = envelope;
    const named = header(request, stateFormHeader.toLowerCase());
    if (named !== undefined && named !== takesTables) {
      return plain(response, 400, `a state in form ${named} is not known here`);
    }
    if (message.type !== MessageType.MsgSnap) {
      return plain(response, 400, "wrong raft message type");
    }
    const from = formatId(message.from);
    log.info({ from, index: message.snapshot?.metadata?.index }, "receiving a database snapshot");
    try {
      // Not first the whole database and then the refusal.
      this.admit(message);
    } catch (error) {
      return plain(response, 500, `failed to process raft message (${errorText(error)})`);
    }
    try {
      await handler.receiveSnapshot(message, body, named === undefined ? "file" : "tables");
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      log.warn({ from, error: errorText(error) }, "could not save a received snapshot");
      return plain(response, 500, `failed to save KV snapshot (${errorText(error)})`);
    }
    try {
      handler.step(message);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      return plain(response, 500, `failed to process raft message (${errorText(error)})`);
    }
    response.writeHead(204).end();
  }

  private async stream(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (!allow(request, response, "GET")) return;
    const { identity, handler, transport } = this.ports;
    response.setHeader("X-Server-Version", identity.serverVersion);
    this.nameCluster(response);
    if (!this.compatible(request, response)) return;
    const cut = path.lastIndexOf("/");
    const kind = streamKinds.get(path.slice(0, cut));
    if (kind === undefined) return plain(response, 404, "invalid path");
    const from = parseId(path.slice(cut + 1));
    if (from === undefined) return plain(response, 404, "invalid from");
    if (handler.isRemoved(from)) return plain(response, 410, "removed member");
    if (!transport.hasPeer(from)) {
      this.addRemote(from, request);
      return plain(response, 404, "error sender not found");
    }
    if (header(request, "x-raft-to") !== formatId(identity.memberId)) {
      return plain(response, 412, "to field mismatch");
    }
    response.writeHead(200);
    response.flushHeaders();
    transport.attach(kind, from, response);
  }

  private probe(response: ServerResponse): void {
    // Go's default marshalling of a time: RFC 3339, here with a fraction of milliseconds.
    const now = new Date(this.ports.clock.wallMs()).toISOString();
    response.setHeader("Content-Type", "text/plain; charset=utf-8");
    response.end(`{"OK":true,"Now":"${now}"}\n`);
  }

  private async promote(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (!allow(request, response, "POST")) return;
    this.nameCluster(response);
    const text = path.slice("/members/promote/".length);
    const id = parseDecimalId(text);
    if (id === undefined) return plain(response, 404, `member ${text} not found in cluster`);
    let members: string;
    try {
      members = await this.ports.api.promote(id, header(request, "authorization"));
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      if (isEtcdError(error, "memberNotFound")) {
        return plain(response, 404, "membership: ID not found");
      }
      if (isEtcdError(error, "memberNotLearner")) {
        return plain(response, 412, "membership: can only promote a learner member");
      }
      if (isEtcdError(error, "learnerNotReady")) return plain(response, 412, error.message);
      this.ports.log.warn({ error: errorText(error) }, "could not promote a learner for a peer");
      return json(response, 500, '{"message":"Internal Server Error"}');
    }
    json(response, 200, `${members}\n`);
  }

  private async hashKv(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { identity, api } = this.ports;
    if (!allow(request, response, "GET")) return;
    const cluster = header(request, "x-etcd-cluster-id");
    if (cluster !== undefined && cluster !== "" && cluster !== formatId(identity.clusterId)) {
      return plain(response, 412, "cluster ID mismatch");
    }
    let body: Buffer;
    try {
      body = await readBody(request, leaseBodyLimit, this.unfinished);
    } catch {
      return plain(response, 400, "error reading body");
    }
    const revision = parseRevision(body);
    if (revision === undefined) return plain(response, 400, "error unmarshalling request");
    try {
      const answer = await api.hashKv(revision);
      this.nameCluster(response);
      json(response, 200, hashKvJson(answer));
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      plain(response, 400, errorText(error).replace(/^etcdserver: /, ""));
    }
  }

  /** The body of a lease request, or undefined after an answer. */
  private async leaseBody(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<Buffer | undefined> {
    if (request.method !== "POST") {
      plain(response, 405, "Method Not Allowed");
      return undefined;
    }
    try {
      return await readBody(request, leaseBodyLimit, this.unfinished);
    } catch (error) {
      const tooLarge = error instanceof OperatingError && error.code === "PEER_BODY_TOO_LARGE";
      if (tooLarge) plain(response, 413, "request body too large");
      else plain(response, 400, "error reading body");
      return undefined;
    }
  }

  private async leaseRenew(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.leaseBody(request, response);
    if (body === undefined) return;
    const asked = decoded(() => LeaseKeepAliveRequest.decode(body));
    if (asked === undefined) return plain(response, 400, "error unmarshalling request");
    try {
      const ttl = await this.ports.api.leaseRenew(asked.ID);
      const answer = LeaseKeepAliveResponse.create({ ID: asked.ID, TTL: ttl });
      protobuf(response, LeaseKeepAliveResponse.encode(answer).finish());
    } catch (error) {
      leaseFailure(response, error, 400);
    }
  }

  private async leaseTimeToLive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await this.leaseBody(request, response);
    if (body === undefined) return;
    const asked = decoded(() => LeaseInternalRequest.decode(body))?.LeaseTimeToLiveRequest;
    if (asked === undefined) return plain(response, 400, "error unmarshalling request");
    try {
      const answer = await this.ports.api.leaseTimeToLive(asked);
      const header = answer.header ?? { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
      protobuf(
        response,
        LeaseInternalResponse.encode({ LeaseTimeToLiveResponse: { ...answer, header } }).finish(),
      );
    } catch (error) {
      leaseFailure(response, error, 500);
    }
  }

  private async downgrade(response: ServerResponse): Promise<void> {
    const enabled = await this.ports.api.downgradeEnabled();
    response.setHeader("Content-Type", "text/plain");
    response.end(String(enabled));
  }
}
