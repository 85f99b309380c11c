// The network between members, as TCP proxies in this process: each member advertises the address of
// its proxy, so that everything another member sends it goes through here. No root, no name spaces,
// no kernel modules: it runs wherever the members run (docs/adr/0018).
//
// Who dials is told by the X-Server-From header that a member's requests carry, so the two ends of
// each connection are known and every ordered pair of members has a condition of its own. A link
// that is blocked swallows nothing: bytes wait, as they do for TCP's retransmissions, and when it is
// mended they arrive late or the connection is reset; both happen in real networks.
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";

/** How bytes travel from one member to another. */
export interface Condition {
  readonly blocked?: boolean;
  readonly delayMs?: number;
  /** Added to the delay, anew for each piece; order is kept, as TCP keeps it. */
  readonly jitterMs?: number;
  /** Share of pieces, in percent, that wait for a retransmission. */
  readonly lossPercent?: number;
  readonly bytesPerSecond?: number;
}

/** Positions of the members at both ends. */
export type Link = readonly [from: number, to: number];

const open: Condition = {};
/** Bytes that one direction of one connection may hold; beyond, the sender is held back. */
const laneLimitBytes = 1 << 20;
/** The first retransmission of Linux comes after at least this. */
const retransmitMs = 200;
/** Pieces that are searched for the header of who dials. */
const headPieces = 16;
const fromHeader = /^x-server-from: *([0-9a-f]{1,16})\r$/im;

interface Piece {
  /** Undefined for the end of the stream. */
  readonly bytes: Buffer | undefined;
  readonly dueMs: number;
}

/** What the lanes and connections need of all links. */
interface Network {
  readonly random: Random;
  condition(from: number | undefined, to: number | undefined): Condition;
  positionOf(memberId: string): number | undefined;
}

/** One direction of one connection. */
class Lane {
  readonly source: Socket;
  readonly target: Socket;
  private readonly condition: () => Condition;
  private readonly random: Random;
  private queue: Piece[] = [];
  private queuedBytes = 0;
  private lastDueMs = 0;
  private timer: NodeJS.Timeout | undefined;
  private held = false;
  private ended = false;
  /** True if something waits that a blocked link holds. */
  get holding(): boolean {
    return this.queue.length > 0 && this.condition().blocked === true;
  }

  constructor(source: Socket, target: Socket, condition: () => Condition, random: Random) {
    this.source = source;
    this.target = target;
    this.condition = condition;
    this.random = random;
    source.on("data", (bytes: Buffer) => this.take(bytes));
    source.on("end", () => this.take(undefined));
    source.on("close", () => this.take(undefined));
    source.on("error", () => {});
    target.on("drain", () => this.pump());
    target.on("close", () => this.drop());
  }

  private take(bytes: Buffer | undefined): void {
    if (this.ended) return;
    this.ended = bytes === undefined;
    const { delayMs = 0, jitterMs = 0, lossPercent = 0, bytesPerSecond } = this.condition();
    const now = performance.now();
    let dueMs = now + delayMs + (jitterMs > 0 ? this.random.below(jitterMs) : 0);
    if (lossPercent > 0 && this.random.below(1000) < lossPercent * 10) {
      dueMs += retransmitMs + this.random.below(retransmitMs);
    }
    dueMs = Math.max(dueMs, this.lastDueMs);
    if (bytesPerSecond !== undefined) {
      dueMs = Math.max(dueMs, now) + ((bytes?.length ?? 0) / bytesPerSecond) * 1000;
    }
    this.lastDueMs = dueMs;
    this.queue.push({ bytes, dueMs });
    this.queuedBytes += bytes?.length ?? 0;
    if (this.queuedBytes > laneLimitBytes && !this.held) {
      this.held = true;
      this.source.pause();
    }
    this.pump();
  }

  /** Sends what is due; called again whenever the link's condition changes. */
  pump(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.condition().blocked === true) return;
    const { queue, target } = this;
    let sent = 0;
    const now = performance.now();
    while (sent < queue.length && !target.writableNeedDrain) {
      const piece = queue[sent]!;
      if (piece.dueMs > now) {
        this.timer = setTimeout(() => this.pump(), piece.dueMs - now);
        break;
      }
      sent++;
      this.queuedBytes -= piece.bytes?.length ?? 0;
      if (piece.bytes === undefined) target.end();
      else if (!target.destroyed) target.write(piece.bytes);
    }
    queue.splice(0, sent);
    if (this.held && this.queuedBytes <= laneLimitBytes / 2) {
      this.held = false;
      this.source.resume();
    }
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.queue = [];
    this.queuedBytes = 0;
    if (this.held) this.source.resume();
    this.held = false;
  }
}

/** One connection to the proxy of a member and the one that the proxy makes to the member. */
class Connection {
  readonly lanes: readonly [Lane, Lane];
  private readonly client: Socket;
  private readonly server: Socket;

  constructor(client: Socket, port: number, to: number, network: Network, closed: () => void) {
    this.client = client;
    const server = tcpConnect({ host: "127.0.0.1", port, allowHalfOpen: true });
    this.server = server;
    client.setNoDelay(true);
    server.setNoDelay(true);
    let memberId: string | undefined;
    let searched = 0;
    client.on("data", (bytes: Buffer) => {
      if (memberId !== undefined || searched++ >= headPieces) return;
      memberId = fromHeader.exec(bytes.toString("latin1"))?.[1];
    });
    const from = (): number | undefined =>
      memberId === undefined ? undefined : network.positionOf(memberId);
    this.lanes = [
      new Lane(client, server, () => network.condition(from(), to), network.random),
      new Lane(server, client, () => network.condition(to, from()), network.random),
    ];
    let open = 2;
    for (const socket of [client, server]) {
      socket.on("close", () => {
        open--;
        if (open === 0) closed();
      });
    }
  }

  pump(): void {
    for (const lane of this.lanes) lane.pump();
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

/** All links of a cluster. */
export class Links implements Network {
  readonly random: Random;
  private readonly servers: Server[] = [];
  private readonly connections = new Set<Connection>();
  private readonly conditions = new Map<string, Condition>();
  private readonly positions = new Map<string, number>();
  private memberCount = 0;

  constructor(random: Random) {
    this.random = random;
  }

  /** Opens the proxy before the next member, whose peer port is `port`; answers the proxy's own. */
  async front(port: number): Promise<number> {
    const to = this.memberCount++;
    const server = createServer({ allowHalfOpen: true }, (client) => {
      const connection = new Connection(client, port, to, this, () => {
        this.connections.delete(connection);
      });
      this.connections.add(connection);
    });
    this.servers.push(server);
    return await new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: "127.0.0.1", port: 0 }, () => {
        const address = server.address();
        if (address === null || typeof address === "string") {
          reject(new OperatingError("NO_PROXY", "the proxy of a member has no port"));
        } else resolve(address.port);
      });
    });
  }

  /** A member's ID, by which what it dials is known as its own. */
  know(memberId: bigint, position: number): void {
    this.positions.set(memberId.toString(16), position);
  }

  positionOf(memberId: string): number | undefined {
    return this.positions.get(memberId);
  }

  condition(from: number | undefined, to: number | undefined): Condition {
    if (from !== undefined && to !== undefined) {
      return this.conditions.get(`${from} ${to}`) ?? open;
    }
    // A probe without a name: cut off only with everything else of that member.
    const known = from ?? to;
    for (let other = 0; other < this.memberCount; other++) {
      if (other === known) continue;
      const pair = from === undefined ? `${other} ${to}` : `${from} ${other}`;
      if (this.conditions.get(pair)?.blocked !== true) return open;
    }
    return { blocked: true };
  }

  set(links: readonly Link[], condition: Condition): void {
    for (const [from, to] of links) this.conditions.set(`${from} ${to}`, condition);
    this.pump();
  }

  /** Takes conditions back; with `reset`, connections with bytes that were held are reset. */
  mend(links: readonly Link[], reset: boolean): void {
    const stuck = [...this.connections].filter((one) => one.lanes.some((lane) => lane.holding));
    for (const [from, to] of links) this.conditions.delete(`${from} ${to}`);
    if (reset) for (const connection of stuck) connection.reset();
    this.pump();
  }

  close(): void {
    for (const server of this.servers) server.close();
    for (const connection of this.connections) connection.reset();
  }

  private pump(): void {
    for (const connection of this.connections) connection.pump();
  }
}
