// POSTs to a peer: single messages while no stream is attached, and snapshots with their database.
import type { Buffer } from "node:buffer";
import type { Agent, ClientRequest, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Readable } from "node:stream";
import { pipeline as pipeStreams } from "node:stream/promises";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { Message } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { takesTables } from "#server/membership/capabilities.ts";
import { writeMessageFrame } from "#server/peer/framing.ts";
import {
  openRequest,
  raftHeaders,
  readBody,
  shownBody,
  stateFormHeader,
} from "#server/peer/peer-http.ts";
import type { PeerStatus } from "#server/peer/peer-status.ts";
import type { PeerUrls } from "#server/peer/peer-urls.ts";
import type { PeerIdentity, PeerTls, StateForm } from "#server/peer/ports.ts";

/** Messages that may wait for a free connection. */
export const pipelineQueueLimit = 64;
const concurrentPosts = 4;
const postIdleMs = 10_000;
/** The peer syncs a database before it answers, and takes none of it meanwhile. */
const snapshotIdleMs = 60_000;
const answerBodyLimit = 64 * 1024;

export interface PipelinePorts {
  readonly log: Log;
  readonly identity: PeerIdentity;
  readonly status: PeerStatus;
  readonly urls: PeerUrls;
  readonly agent: (url: string) => Agent;
  readonly tls: PeerTls | undefined;
  readonly localAddress: string | undefined;
  readonly dialTimeoutMs: number;
  removedFromCluster(): void;
  unreachable(): void;
}

interface Post {
  readonly action: string;
  readonly path: string;
  readonly contentType: string;
  readonly headers: OutgoingHttpHeaders;
  readonly idleTimeoutMs: number;
  /** Not one that other POSTs use. */
  readonly ownConnection: boolean;
  /** Writes the body and ends the request. */
  send(request: ClientRequest): Promise<void>;
}

export class Pipeline {
  private readonly peer: MemberId;
  private readonly ports: PipelinePorts;
  private queue: Message[] = [];
  private running = 0;
  private stopped = false;
  private readonly open = new Set<ClientRequest>();

  constructor(peer: MemberId, ports: PipelinePorts) {
    this.peer = peer;
    this.ports = ports;
  }

  /** Posts a message as soon as a connection is free; false if too many wait already. */
  push(message: Message): boolean {
    if (this.stopped || this.queue.length >= pipelineQueueLimit) return false;
    this.queue.push(message);
    this.next();
    return true;
  }

  stop(): void {
    this.stopped = true;
    this.queue = [];
    for (const request of this.open) request.destroy();
  }

  /** Posts a MsgSnap and the database behind it; resolves with whether the peer took it. */
  snapshot(message: Message, body: AsyncIterable<Uint8Array>, form: StateForm): Promise<boolean> {
    const writer = new BinaryWriter();
    writeMessageFrame(writer, message);
    const head = writer.finish();
    return this.attempt({
      action: "send snapshot",
      path: "/raft/snapshot",
      contentType: "application/octet-stream",
      headers: form === "tables" ? { [stateFormHeader]: takesTables } : {},
      idleTimeoutMs: snapshotIdleMs,
      ownConnection: true,
      send: (request) =>
        pipeStreams(Readable.from(concat(head, body), { objectMode: false }), request),
    });
  }

  private next(): void {
    while (this.running < concurrentPosts && !this.stopped) {
      const message = this.queue.shift();
      if (message === undefined) return;
      this.running++;
      const bytes = Message.encode(message).finish();
      this.ports.status.counters.sentBytes += bytes.length;
      this.attempt({
        action: "post",
        path: "/raft",
        contentType: "application/protobuf",
        headers: {},
        idleTimeoutMs: postIdleMs,
        ownConnection: false,
        send: async (request) => {
          request.end(bytes);
        },
      }).finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  /** One POST, with all that follows from how it went. Never rejects. */
  private async attempt(post: Post): Promise<boolean> {
    const { urls, status, log } = this.ports;
    const url = urls.pick();
    try {
      await this.post(url, post);
      status.activate();
      return true;
    } catch (error) {
      if (this.stopped) return false;
      urls.failed(url);
      status.counters.sentFailures++;
      status.deactivate(post.action, errorText(error));
      log.debug(
        {
          "remote-peer-id": formatId(this.peer),
          action: post.action,
          url,
          error: errorText(error),
        },
        "a POST to the peer failed",
      );
      this.ports.unreachable();
      return false;
    }
  }

  private async post(url: string, post: Post): Promise<void> {
    if (this.stopped) throw new Error("stopped");
    const { identity, tls, localAddress, dialTimeoutMs, agent } = this.ports;
    const request = openRequest(url, {
      method: "POST",
      path: post.path,
      headers: { ...raftHeaders(identity), ...post.headers, "Content-Type": post.contentType },
      agent: post.ownConnection ? false : agent(url),
      dialTimeoutMs,
      idleTimeoutMs: post.idleTimeoutMs,
      tls,
      localAddress,
    });
    this.open.add(request);
    try {
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        request.once("response", resolve);
        request.on("error", reject);
      });
      // An answer may come before all is sent, a refusal for one; the answer counts.
      const sent = post.send(request);
      sent.catch(() => {});
      const response = await answered;
      const body = shownBody(await readBody(response, answerBodyLimit));
      if (response.statusCode === 403) this.ports.removedFromCluster();
      if (response.statusCode !== 204) {
        throw new Error(`the peer answered ${response.statusCode} ${body}`);
      }
    } finally {
      this.open.delete(request);
      if (!request.writableFinished) request.destroy();
    }
  }
}

async function* concat(head: Buffer, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* body;
}
