// A member made of our transport and peer server, for tests: whoever steps messages is passed in.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { etcdError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/raft.ts";
import { type Member, membersJson } from "#server/membership/member-json.ts";
import { peerRequestHandler, peerServerOptions } from "#server/peer/peer-server.ts";
import type { PeerApi, PeerHandler, PeerIdentity } from "#server/peer/ports.ts";
import { PeerTransport } from "#server/peer/transport.ts";
import type { ReferencePair } from "#test/peer/reference-pair.ts";

export interface OwnMember {
  readonly transport: PeerTransport;
  readonly received: readonly Message[];
  readonly unreachable: readonly MemberId[];
  /** Resolves once `condition` holds; looked at after every message. */
  until(condition: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface OwnMemberPorts {
  step(message: Message, transport: PeerTransport): void;
  /** Takes a snapshot's database; without it, databases are dropped. */
  database?(message: Message, bytes: Buffer): void;
  reportSnapshot?(id: MemberId, ok: boolean): void;
  removedFromCluster?(): void;
}

/** Listens and dials as the third member of the pair's cluster. */
export async function startOwnMember(
  pair: ReferencePair,
  ports: OwnMemberPorts,
  self: Member = pair.own,
): Promise<OwnMember> {
  const received: Message[] = [];
  const unreachable: MemberId[] = [];
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const all = waiting;
    waiting = [];
    for (const run of all) run();
  };
  const identity: PeerIdentity = {
    memberId: self.id,
    clusterId: pair.cluster.clusterId,
    serverVersion: "3.7.3",
    peerUrls: self.peerUrls,
  };
  const handler: PeerHandler = {
    step(message) {
      received.push(message);
      ports.step(message, transport);
      wake();
    },
    reportUnreachable(id) {
      unreachable.push(id);
      wake();
    },
    reportSnapshot(id, ok) {
      ports.reportSnapshot?.(id, ok);
      wake();
    },
    isRemoved: () => false,
    removedFromCluster() {
      ports.removedFromCluster?.();
      wake();
    },
    async receiveSnapshot(message, body) {
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      ports.database?.(message, Buffer.concat(parts));
    },
  };
  const unused = async (): Promise<never> => {
    throw etcdError("notCapable");
  };
  const api: PeerApi = {
    membersJson: () => membersJson(pair.cluster.members),
    promote: unused,
    hashKv: unused,
    leaseRenew: unused,
    leaseTimeToLive: unused,
    downgradeEnabled: async () => false,
    versionJson: () => '{"etcdserver":"3.7.3","etcdcluster":"not_decided","storage":"3.7.0"}',
  };
  const log = silentLog;
  const clock = systemClock;
  const transport = new PeerTransport({ clock, log, identity, handler, dialTimeoutMs: 1500 });
  const server = createServer(
    peerServerOptions,
    peerRequestHandler({ identity, handler, api, transport, clock, log }),
  );
  server.listen(pair.port, "127.0.0.1");
  await once(server, "listening");
  for (const other of pair.others) transport.addPeer(other.id, other.peerUrls);
  transport.start();
  return {
    transport,
    received,
    unreachable,
    until: async (condition) => {
      while (!condition()) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    stop: async () => {
      transport.stop();
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
