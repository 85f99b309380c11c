// The reading end of a stream: dials the peer, decodes until the connection ends, dials again, at
// most once in 100 ms, for ever (facts: peer protocol §4).
import type { Buffer } from "node:buffer";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Message } from "#proto/gen/raft.ts";
import { WireError } from "#proto/wire.ts";
import { AppendDecoder, FrameError, MessageDecoder } from "#server/peer/framing.ts";
import { openRequest, raftHeaders, readBody, shownBody } from "#server/peer/peer-http.ts";
import type { PeerStatus } from "#server/peer/peer-status.ts";
import type { PeerUrls } from "#server/peer/peer-urls.ts";
import type { PeerIdentity, PeerTls } from "#server/peer/ports.ts";
import type { StreamKind } from "#server/peer/stream-writer.ts";

const redialMs = 100;
const errorBodyLimit = 64 * 1024;

export interface StreamReaderPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: PeerIdentity;
  readonly status: PeerStatus;
  readonly urls: PeerUrls;
  readonly tls: PeerTls | undefined;
  readonly localAddress: string | undefined;
  readonly dialTimeoutMs: number;
  /** A stream that carries nothing, not even a heartbeat, for so long is given up. */
  readonly readTimeoutMs: number;
  receive(message: Message): void;
  removedFromCluster(): void;
}

const answered = "the peer answered";
/** Another cluster, another version, or another member than was meant: nothing mends itself. */
const refusal = `${answered} 412`;

export class StreamReader {
  private readonly kind: StreamKind;
  private readonly peer: MemberId;
  private readonly ports: StreamReaderPorts;
  private request: ClientRequest | undefined;
  private redial: Timer | undefined;
  private dialledMs = Number.NEGATIVE_INFINITY;
  private stopped = false;
  /** The last failure that was logged, so that one that goes on is logged once. */
  private logged = "";

  constructor(kind: StreamKind, peer: MemberId, ports: StreamReaderPorts) {
    this.kind = kind;
    this.peer = peer;
    this.ports = ports;
  }

  start(): void {
    if (!this.stopped && this.request === undefined && this.redial === undefined) this.dial();
  }

  stop(): void {
    this.stopped = true;
    this.redial?.cancel();
    this.request?.destroy();
  }

  private dial(): void {
    const { identity, urls, tls, localAddress, dialTimeoutMs, readTimeoutMs, clock, status } =
      this.ports;
    this.redial = undefined;
    this.dialledMs = clock.monotonicMs();
    const url = urls.pick();
    const request = openRequest(url, {
      method: "GET",
      path: `/raft/stream/${this.kind}/${formatId(identity.memberId)}`,
      headers: { ...raftHeaders(identity), "X-Raft-To": formatId(this.peer) },
      agent: false,
      dialTimeoutMs,
      idleTimeoutMs: readTimeoutMs,
      tls,
      localAddress,
    });
    this.request = request;
    let failure = "closed by the peer";
    let open = false;
    request.on("error", (error) => {
      failure = error.message;
    });
    request.on("response", (response) => {
      response.on("error", (error) => {
        failure = error.message;
      });
      if (response.statusCode === 200) {
        open = true;
        this.logged = "";
        status.activate();
        this.decode(request, response);
      } else {
        this.refused(response).then(
          (text) => request.destroy(new Error(text)),
          (error: unknown) => request.destroy(new Error(errorText(error))),
        );
      }
    });
    request.once("close", () => {
      if (this.request !== request) return;
      this.request = undefined;
      if (this.stopped) return;
      if (!open) urls.failed(url);
      status.deactivate(open ? `read ${this.kind} stream` : `dial ${this.kind} stream`, failure);
      this.logOnce(url, failure);
      const waitMs = Math.max(0, this.dialledMs + redialMs - clock.monotonicMs());
      this.redial = clock.after(waitMs, () => this.dial());
    });
    request.end();
  }

  private decode(request: ClientRequest, response: IncomingMessage): void {
    const receive = (message: Message): void => this.ports.receive(message);
    const { counters } = this.ports.status;
    const decoder =
      this.kind === "msgapp"
        ? new AppendDecoder(this.ports.identity.memberId, this.peer, receive)
        : new MessageDecoder(receive);
    response.on("data", (chunk: Buffer) => {
      if (this.request !== request || this.stopped) return;
      counters.receivedBytes += chunk.length;
      try {
        decoder.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError || error instanceof WireError)) throw error;
        counters.receivedFailures++;
        request.destroy(error);
      }
    });
  }

  /** Why the peer did not give a stream. */
  private async refused(response: IncomingMessage): Promise<string> {
    const body = shownBody(await readBody(response, errorBodyLimit));
    if (response.statusCode === 410) {
      this.ports.log.error(
        { "remote-peer-id": formatId(this.peer) },
        "this member was removed from the cluster; its data folder must be removed before it can join again",
      );
      this.ports.removedFromCluster();
    }
    return `${answered} ${response.statusCode} ${body}`;
  }

  private logOnce(url: string, failure: string): void {
    if (this.logged === failure) return;
    this.logged = failure;
    if (failure.startsWith(refusal)) {
      this.ports.log.warn(
        { "remote-peer-id": formatId(this.peer), stream: this.kind, url, error: failure },
        "a peer refuses this member: it belongs to another cluster, or to another version",
      );
      return;
    }
    this.ports.log.debug(
      { "remote-peer-id": formatId(this.peer), stream: this.kind, url, error: failure },
      "lost or could not open a stream from the peer",
    );
  }
}
