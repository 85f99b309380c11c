// The network between members of one process: nothing is lost, all takes one turn of the event loop.
// Messages are encoded and decoded on the way, so that no two members share an object.
import { OperatingError } from "#base/errors.ts";
import type { MemberId } from "#base/ids.ts";
import { Message } from "#proto/gen/raft.ts";
import type { CountedPeers } from "#server/member-metrics.ts";
import { parseMembers } from "#server/membership/member-json.ts";
import type { LeasePeers } from "#server/node/lease-forwarding.ts";
import type { PeerServices } from "#server/node/peer-services.ts";
import type { PromotionPeers } from "#server/node/reconfiguration.ts";
import type { ReplicaPeers } from "#server/node/replica.ts";
import type { StateForm } from "#server/peer/ports.ts";
import type { Inlet } from "./inlet.ts";

/** One life of a member, as others reach it. */
export interface NetworkNode {
  readonly id: MemberId;
  readonly peerUrl: string;
  readonly inlet: Inlet;
  readonly sinceMs: number;
  /** Undefined before it has opened what it keeps. */
  readonly services: PeerServices | undefined;
}

/** What went one way between two members. */
interface Traffic {
  bytes: number;
  failures: number;
}

export class Network {
  private readonly nodes = new Map<MemberId, NetworkNode>();
  private readonly traffic = new Map<string, Traffic>();

  join(node: NetworkNode): void {
    this.nodes.set(node.id, node);
  }

  leave(node: NetworkNode): void {
    if (this.nodes.get(node.id) === node) this.nodes.delete(node.id);
  }

  has(id: MemberId): boolean {
    return this.nodes.get(id)?.services !== undefined;
  }

  /** What `node` has in the place of connections to its peers. */
  peersOf(node: NetworkNode): ReplicaPeers & CountedPeers {
    return {
      send: (messages) => {
        for (const message of messages) this.send(node, message);
      },
      sendSnapshot: (message, body, form) => this.sendSnapshot(node, message, body, form),
      addPeer: () => {},
      updatePeer: () => {},
      removePeer: () => {},
      activeSince: (id) => (this.has(id) ? this.nodes.get(id)?.sinceMs : undefined),
      counters: (id) => {
        const [sent, received] = [this.between(node.id, id), this.between(id, node.id)];
        return {
          sentBytes: sent.bytes,
          receivedBytes: received.bytes,
          sentFailures: sent.failures,
          receivedFailures: 0,
          disconnects: 0,
        };
      },
    };
  }

  /** What `node` asks its peers beside raft. */
  peersAskedBy(node: NetworkNode): LeasePeers & PromotionPeers {
    return {
      promote: async (url, id, token) =>
        parseMembers(await this.ask(node, url, (services) => services.promote(id, token))),
      renewLease: (url, lease) => this.ask(node, url, (services) => services.leaseRenew(lease)),
      leaseTimeToLive: (url, request) =>
        this.ask(node, url, (services) => services.leaseTimeToLive(request)),
    };
  }

  private between(from: MemberId, to: MemberId): Traffic {
    const key = `${from} ${to}`;
    const traffic = this.traffic.get(key) ?? { bytes: 0, failures: 0 };
    this.traffic.set(key, traffic);
    return traffic;
  }

  private carry(message: Message): Message {
    const bytes = Message.encode(message).finish();
    this.between(message.from as MemberId, message.to as MemberId).bytes += bytes.length;
    return Message.decode(bytes);
  }

  private send(from: NetworkNode, message: Message): void {
    const id = message.to as MemberId;
    const to = this.nodes.get(id);
    const sent = this.carry(message);
    setImmediate(() => {
      if (to?.services !== undefined) {
        to.inlet.enter(() => to.services?.step(sent));
        return;
      }
      this.between(from.id, id).failures++;
      from.inlet.enter(() => from.services?.reportUnreachable(id));
    });
  }

  private async sendSnapshot(
    from: NetworkNode,
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<boolean> {
    const id = message.to as MemberId;
    const to = this.nodes.get(id);
    const sent = this.carry(message);
    const received = await new Promise<boolean>((resolve) => {
      if (to?.services === undefined) resolve(false);
      else {
        const { services } = to;
        to.inlet.enter(() => {
          services.receiveSnapshot(sent, body, form).then(
            () => {
              services.step(sent);
              resolve(true);
            },
            () => resolve(false),
          );
        });
      }
    });
    from.inlet.enter(() => from.services?.reportSnapshot(id, received));
    return received;
  }

  private ask<T>(
    from: NetworkNode,
    url: string,
    question: (services: PeerServices) => Promise<T>,
  ): Promise<T> {
    const to = [...this.nodes.values()].find((one) => one.peerUrl === url);
    return new Promise((resolve, reject) => {
      const services = to?.services;
      if (to === undefined || services === undefined) {
        const error = new OperatingError("NO_CONNECTION", `nobody listens on ${url}`);
        setImmediate(() => from.inlet.enter(() => reject(error)));
        return;
      }
      const back = (run: () => void): void => {
        setImmediate(() => from.inlet.enter(run));
      };
      setImmediate(() =>
        to.inlet.enter(() => {
          question(services).then(
            (answer) => back(() => resolve(answer)),
            (error: unknown) => back(() => reject(error)),
          );
        }),
      );
    });
  }
}
