// HTTP/1.1 towards a peer's URL: how a request is opened, which headers it carries, and how an
// answer is read within a bound.
import type { Buffer } from "node:buffer";
import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { OperatingError } from "#base/errors.ts";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import { formatId } from "#base/ids.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { announcement } from "#server/membership/capabilities.ts";
import type { PeerIdentity, PeerTls } from "#server/peer/ports.ts";

/** What a member without an `X-Min-Cluster-Version` of its own asks of its peers. */
export const minClusterVersion = "3.0.0";

export interface PeerRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  /** False gives the request a connection of its own. */
  readonly agent: Agent | false;
  /** The connection must stand within this time. */
  readonly dialTimeoutMs: number;
  /** A connection that carries nothing for so long is given up; 0 is never. */
  readonly idleTimeoutMs: number;
  readonly tls: PeerTls | undefined;
  /** Where the connection comes from; undefined: as the system has it. */
  readonly localAddress: string | undefined;
}

/** Names what a member knows beyond etcd's wire; etcd's members neither send nor read it. */
export const capabilitiesHeader = "X-Etcd-Ts-Capabilities";

/** Says that a state comes as the files of a store, and of which format; etcd's bbolt file without it. */
export const stateFormHeader = "X-Etcd-Ts-State-Form";

/** The headers of every raft request (facts: peer protocol §2). */
export function raftHeaders(identity: PeerIdentity): OutgoingHttpHeaders {
  return {
    "X-Server-From": formatId(identity.memberId),
    "X-Server-Version": identity.serverVersion,
    "X-Min-Cluster-Version": minClusterVersion,
    "X-Etcd-Cluster-Id": formatId(identity.clusterId),
    "X-PeerURLs": identity.peerUrls.join(","),
    [capabilitiesHeader]: announcement,
  };
}

/** Opens a request to `base`, a peer URL. Errors, time-outs too, come out as its `error` event. */
export function openRequest(base: string, request: PeerRequest): ClientRequest {
  const url = new URL(base);
  const secure = url.protocol === "https:" || url.protocol === "unixs:";
  const options: RequestOptions = {
    method: request.method,
    path: request.path,
    headers: request.headers,
    agent: request.agent,
  };
  if (url.protocol.startsWith("unix")) {
    options.socketPath = url.host + url.pathname;
  } else {
    // The brackets of an IPv6 address belong to the URL, not to the host.
    options.host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    options.port = url.port === "" ? (secure ? 443 : 80) : url.port;
    if (request.localAddress !== undefined) options.localAddress = request.localAddress;
  }
  const opened = secure ? httpsRequest({ ...options, ...request.tls?.() }) : httpRequest(options);
  opened.once("socket", (socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 15_000);
    if (socket.connecting) {
      socket.setTimeout(request.dialTimeoutMs);
      socket.once("connect", () => socket.setTimeout(request.idleTimeoutMs));
    } else {
      socket.setTimeout(request.idleTimeoutMs);
    }
    // A connection used again may report a silence that began before this request.
    let grace = opened.reusedSocket;
    const late = (): void => {
      if (grace) {
        grace = false;
        socket.setTimeout(request.idleTimeoutMs);
        return;
      }
      opened.destroy(
        new OperatingError("PEER_TIMEOUT", `no answer from the peer URL ${base} in time`),
      );
    };
    socket.on("timeout", late);
    opened.once("close", () => socket.off("timeout", late));
  });
  return opened;
}

/**
 * Reads a whole body of at most `limit` bytes, which counts in `unfinished` until then; rejects if it is
 * longer or cut short, and with TooManyUnfinished.
 */
export async function readBody(
  message: IncomingMessage,
  limit: number,
  unfinished?: UnfinishedBytes,
): Promise<Buffer> {
  const body = new GatheredBytes(unfinished);
  try {
    for await (const part of message as AsyncIterable<Buffer>) {
      if (body.length + part.length > limit) {
        throw new OperatingError("PEER_BODY_TOO_LARGE", `a peer sent more than ${limit} bytes`);
      }
      body.push(part);
    }
    return body.take();
  } finally {
    body.drop();
  }
}

const shownBodyBytes = 200;

/** What a peer answered, fit for one line of a log: short, and without what is no text. */
export function shownBody(body: Buffer): string {
  const text = body.toString("utf8", 0, shownBodyBytes).replace(/\n$/, "");
  const shown = text.replace(/\p{C}+/gu, " ");
  return body.length > shownBodyBytes ? `${shown}… (${body.length} bytes)` : shown;
}
