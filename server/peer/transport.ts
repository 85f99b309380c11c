// The peer transport: streams and pipelines to every other member of the cluster.
import type { Clock } from "#base/clock.ts";
import type { MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Message } from "#proto/gen/raft.ts";
import type { PeerHandler, PeerIdentity } from "#server/peer/ports.ts";

export interface PeerTransportPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: PeerIdentity;
  readonly handler: PeerHandler;
  /** 1 s and one election timeout. */
  readonly dialTimeoutMs: number;
}

export class PeerTransport {
  readonly ports: PeerTransportPorts;

  constructor(ports: PeerTransportPorts) {
    this.ports = ports;
  }

  /** Begins to dial the peers added so far and those added later. */
  start(): void {}

  /** Closes every connection; nothing is sent or stepped afterwards. */
  async stop(): Promise<void> {}

  /** Sends in order per peer; what finds no room is dropped and reported unreachable. Never MsgSnap. */
  send(_messages: readonly Message[]): void {}

  /** Sends a MsgSnap and the database behind it; the outcome goes to `reportSnapshot`. */
  async sendSnapshot(_message: Message, _body: AsyncIterable<Uint8Array>): Promise<void> {}

  /** A member of the cluster: streams both ways and a pipeline. Does nothing for a known one. */
  addPeer(_id: MemberId, _urls: readonly string[]): void {}

  /** A sender that is not known as a member yet: a pipeline only. */
  addRemote(_id: MemberId, _urls: readonly string[]): void {}

  updatePeer(_id: MemberId, _urls: readonly string[]): void {}

  removePeer(_id: MemberId): void {}

  /** Since when (monotonic ms) the peer answers without a failure; undefined if it does not. */
  activeSince(_id: MemberId): number | undefined {
    return undefined;
  }
}
