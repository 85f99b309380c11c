// A member for tests of the peer wire: our transport and server, and an API that answers from constants.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/raft.ts";
import { peerRequestHandler, peerServerOptions } from "#server/peer/peer-server.ts";
import type { PeerApi, PeerHandler, PeerIdentity } from "#server/peer/ports.ts";
import { PeerTransport, type PeerTransportPorts } from "#server/peer/transport.ts";

export const clusterId = 0xcdf818194e3a8c32n;

export class FakeMember {
  readonly id: MemberId;
  readonly server: Server;
  readonly transport: PeerTransport;
  readonly received: Message[] = [];
  readonly unreachable: MemberId[] = [];
  readonly snapshots: (readonly [MemberId, boolean])[] = [];
  readonly saved: Buffer[] = [];
  readonly removed = new Set<MemberId>();
  /** Paths of the stream requests that have been handled. */
  readonly dialled: string[] = [];
  wasRemoved = false;
  /** Texts of warnings, in order. */
  readonly warnings: string[] = [];
  failSave = false;
  url = "";
  private waiting: (() => void)[] = [];

  constructor(
    id: MemberId,
    cluster = clusterId,
    options: Pick<PeerTransportPorts, "readTimeoutMs" | "writeTimeoutMs" | "onSnapshot"> = {},
  ) {
    this.id = id;
    const member = this;
    const identity: PeerIdentity = {
      memberId: id,
      clusterId: cluster,
      serverVersion: "3.7.3",
      get peerUrls() {
        return [member.url];
      },
    };
    const handler: PeerHandler = {
      step: (message) => this.note(() => this.received.push(message)),
      reportUnreachable: (peer) => this.note(() => this.unreachable.push(peer)),
      reportSnapshot: (peer, ok) => this.note(() => this.snapshots.push([peer, ok])),
      isRemoved: (peer) => this.removed.has(peer),
      removedFromCluster: () =>
        this.note(() => {
          this.wasRemoved = true;
        }),
      receiveSnapshot: async (_message, body) => {
        const parts: Uint8Array[] = [];
        for await (const part of body) parts.push(part);
        if (this.failSave) throw new Error("disk full");
        this.saved.push(Buffer.concat(parts));
      },
    };
    const log = {
      ...silentLog,
      warn: (_fields: object, text: string) => this.note(() => this.warnings.push(text)),
    };
    const api: PeerApi = {
      membersJson: () => '[{"id":1}]',
      promote: async (learner) => {
        if (learner === 7n) return "[]";
        throw etcdError("memberNotFound");
      },
      hashKv: async (revision) => {
        if (revision > 9) throw etcdError("futureRevision");
        return {
          header: { clusterId: 0n, memberId: 0n, revision: 9, raftTerm: 0 },
          hash: 17,
          compactRevision: -1,
          hashRevision: 9,
        };
      },
      leaseRenew: async (lease) => {
        if (lease === 5n) return 60;
        throw etcdError("leaseNotFound");
      },
      leaseTimeToLive: async () => {
        throw new EtcdError(2, "unused");
      },
      downgradeEnabled: async () => false,
      versionJson: () => '{"etcdserver":"3.7.3"}',
    };
    this.transport = new PeerTransport({
      clock: systemClock,
      log,
      identity,
      handler,
      dialTimeoutMs: 2000,
      ...options,
    });
    this.server = createServer(
      peerServerOptions,
      peerRequestHandler({
        identity,
        handler,
        api,
        transport: this.transport,
        clock: systemClock,
        log,
      }),
    );
    this.server.on("request", (request) => {
      const path = request.url ?? "";
      if (path.startsWith("/raft/stream/")) this.note(() => this.dialled.push(path));
    });
  }

  private note(change: () => void): void {
    change();
    const { waiting } = this;
    this.waiting = [];
    for (const run of waiting) run();
  }

  /** Resolves once `condition` holds; looked at after everything that happens to this member. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async listen(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.transport.stop();
    this.server.close();
    this.server.closeAllConnections();
    if (this.server.listening) await once(this.server, "close");
  }
}
