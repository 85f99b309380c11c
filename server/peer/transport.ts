// The peer transport: to every other member two streams in each direction (the reader dials), and a
// pipeline of POSTs for what has no stream; to a sender that is no member yet, a pipeline alone.
// Nothing here knows raft but the types of messages, which decide the way they take.
import { Agent, type ServerResponse } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { assert, InvariantError } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import { type PeerCounters, PeerStatus } from "#server/peer/peer-status.ts";
import { PeerUrls } from "#server/peer/peer-urls.ts";
import { Pipeline } from "#server/peer/pipeline.ts";
import type { PeerHandler, PeerIdentity, PeerTls, StateForm } from "#server/peer/ports.ts";
import { Prober } from "#server/peer/prober.ts";
import { StreamReader } from "#server/peer/stream-reader.ts";
import { type StreamKind, StreamWriter } from "#server/peer/stream-writer.ts";

/** Idle connections of the pipeline close before the peer's 5 s do it. */
const idleConnectionMs = 4000;

const etcdTimeoutMs = 5000;

/** Peers and remotes; senders that are no members are not remembered beyond it. */
const peerLimit = 256;

export interface PeerTransportPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: PeerIdentity;
  readonly handler: PeerHandler;
  /** 1 s and one election timeout. */
  readonly dialTimeoutMs: number;
  /** `--raft-read-timeout`: a stream that is silent for so long is given up. 5 s if left out. */
  readonly readTimeoutMs?: number;
  /** `--raft-write-timeout`: a stream that takes nothing for so long is given up. 5 s if left out. */
  readonly writeTimeoutMs?: number;
  /** For https URLs; without it such peers are verified by the machine's CAs. */
  readonly tls?: PeerTls;
  /** Where connections come from; as the system has it if left out. */
  readonly localAddress?: string | undefined;
  /** Called with each answered probe of a peer; for metrics. */
  readonly onRoundTrip?: (id: MemberId, seconds: number) => void;
  /** Called when a snapshot begins to leave, and what it returns when it has ended; for metrics. */
  readonly onSnapshot?: (to: MemberId) => (ok: boolean) => void;
}

interface Peer {
  readonly id: MemberId;
  readonly urls: PeerUrls;
  readonly status: PeerStatus;
  readonly pipeline: Pipeline;
  /** Absent for a remote. */
  readonly streams: PeerStreams | undefined;
}

interface PeerStreams {
  readonly message: StreamWriter;
  readonly msgapp: StreamWriter;
  readonly readers: readonly StreamReader[];
  readonly prober: Prober;
}

/** What raft says to itself; from the wire it is ignored. MsgSnap comes on a path of its own. */
const notFromWire: ReadonlySet<MessageType> = new Set([
  MessageType.MsgHup,
  MessageType.MsgBeat,
  MessageType.MsgSnap,
  MessageType.MsgUnreachable,
  MessageType.MsgSnapStatus,
  MessageType.MsgCheckQuorum,
  MessageType.MsgStorageAppend,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApply,
  MessageType.MsgStorageApplyResp,
]);

export class PeerTransport {
  private readonly ports: PeerTransportPorts;
  private readonly peers = new Map<MemberId, Peer>();
  private readonly agent: Agent;
  private readonly tlsAgent: TlsAgent;
  private state: "new" | "started" | "stopped" = "new";

  constructor(ports: PeerTransportPorts) {
    this.ports = ports;
    const options = { keepAlive: true, timeout: idleConnectionMs };
    this.agent = new Agent(options);
    // A session that is resumed would go on with the certificate that it began with.
    this.tlsAgent = new TlsAgent({ ...options, maxCachedSessions: 0 });
  }

  /** Begins to dial the peers added so far and those added later. */
  start(): void {
    if (this.state !== "new") return;
    this.state = "started";
    for (const peer of this.peers.values()) startReaders(peer);
  }

  /** Closes every connection; nothing is sent or stepped afterwards. */
  stop(): void {
    this.state = "stopped";
    for (const peer of this.peers.values()) stopPeer(peer);
    this.peers.clear();
    this.agent.destroy();
    this.tlsAgent.destroy();
  }

  /**
   * Sends in order per peer and stream: all of one call leaves in one write a connection. What
   * finds no room is dropped and reported unreachable. Never MsgSnap; `to` 0 is dropped.
   */
  send(messages: readonly Message[]): void {
    if (this.state === "stopped") return;
    const { handler } = this.ports;
    let written: StreamWriter[] | undefined;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      const peer = this.peers.get(message.to);
      if (peer === undefined || supersededAck(messages, i)) continue;
      if (handler.admission?.admits(peer.id) === false) {
        handler.reportUnreachable(peer.id);
        continue;
      }
      assert(message.type !== MessageType.MsgSnap, "a snapshot must go through sendSnapshot");
      const writer = streamFor(peer, message.type);
      if (writer === undefined) {
        if (!peer.pipeline.push(message)) this.ports.handler.reportUnreachable(peer.id);
      } else if (writer.push(message)) {
        if (written === undefined) written = [writer];
        else if (!written.includes(writer)) written.push(writer);
      } else {
        this.ports.handler.reportUnreachable(peer.id);
      }
    }
    if (written !== undefined) for (const writer of written) writer.flush();
  }

  /**
   * Sends a MsgSnap and the database behind it, and resolves when the peer has answered or the
   * connection failed; the outcome goes to `reportSnapshot`, once. Resolves with it, never rejects.
   */
  async sendSnapshot(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm = "file",
  ): Promise<boolean> {
    const { handler, log, onSnapshot } = this.ports;
    let ok = false;
    try {
      const peer = this.peers.get(message.to);
      const admitted = handler.admission?.admits(message.to as MemberId) !== false;
      const ended = onSnapshot?.(message.to as MemberId);
      ok = admitted && peer !== undefined && (await peer.pipeline.snapshot(message, body, form));
      ended?.(ok);
    } catch (error) {
      const fields = { "remote-peer-id": formatId(message.to), error: errorText(error) };
      log.warn(fields, "a state could not be sent");
    }
    handler.reportSnapshot(message.to, ok);
    return ok;
  }

  /** A member of the cluster: streams both ways and a pipeline. Does nothing for a known one. */
  addPeer(id: MemberId, urls: readonly string[]): void {
    if (this.state === "stopped" || id === this.ports.identity.memberId) return;
    const known = this.peers.get(id);
    if (known?.streams !== undefined) return;
    if (known !== undefined) stopPeer(known);
    const dialled = usable(urls);
    if (dialled.length === 0) {
      const fields = { "remote-peer-id": formatId(id), urls };
      this.ports.log.error(fields, "a peer has no URL that can be used: update the member");
      return;
    }
    const peer = this.makePeer(id, dialled, true);
    this.peers.set(id, peer);
    if (this.state === "started") startReaders(peer);
  }

  /** A sender that is not known as a member yet: a pipeline only. Nothing for a known one. */
  addRemote(id: MemberId, urls: readonly string[]): void {
    if (this.state === "stopped" || id === this.ports.identity.memberId) return;
    if (this.peers.has(id) || usable(urls).length === 0 || this.peers.size >= peerLimit) return;
    this.peers.set(id, this.makePeer(id, usable(urls), false));
  }

  /** The peer listens elsewhere now; used by the next connection. */
  updatePeer(id: MemberId, urls: readonly string[]): void {
    const peer = this.peers.get(id);
    if (peer === undefined) this.addPeer(id, urls);
    else if (usable(urls).length > 0) peer.urls.update(usable(urls));
  }

  removePeer(id: MemberId): void {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    this.peers.delete(id);
    stopPeer(peer);
  }

  /** Since when (monotonic ms) the peer answers without a failure; undefined if it does not. */
  activeSince(id: MemberId): number | undefined {
    return this.peers.get(id)?.status.activeSince;
  }

  /** What went over the wire to and from a peer since it was added. */
  counters(id: MemberId): Readonly<PeerCounters> | undefined {
    return this.peers.get(id)?.status.counters;
  }

  /** True for a member, false for a remote or an unknown ID. */
  hasPeer(id: MemberId): boolean {
    return this.peers.get(id)?.streams !== undefined;
  }

  /** Gives a peer's stream, headers already sent, to its writer. Only if `hasPeer`. */
  attach(kind: StreamKind, id: MemberId, response: ServerResponse): void {
    const streams = this.peers.get(id)?.streams;
    assert(streams !== undefined, "a stream of an unknown peer cannot be attached");
    const { readTimeoutMs = etcdTimeoutMs, writeTimeoutMs = etcdTimeoutMs } = this.ports;
    // Of inactivity: a stream that only waits for its next heartbeat must not count as stuck.
    response.socket?.setTimeout(Math.max(writeTimeoutMs, readTimeoutMs / 2));
    streams[kind].attach(response);
  }

  /** Hands a message that a peer streamed to raft, unless it must not get there. */
  private receive(message: Message): void {
    const { handler, identity, log } = this.ports;
    if (
      this.state === "stopped" ||
      notFromWire.has(message.type) ||
      message.to !== identity.memberId ||
      handler.isRemoved(message.from)
    ) {
      return;
    }
    try {
      handler.step(message);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      log.warn(
        { "remote-peer-id": formatId(message.from), type: message.type, error: errorText(error) },
        "a raft message could not be processed",
      );
    }
  }

  private makePeer(id: MemberId, urls: readonly string[], member: boolean): Peer {
    const { clock, log, identity, handler, dialTimeoutMs, tls, localAddress } = this.ports;
    const { readTimeoutMs = etcdTimeoutMs } = this.ports;
    const picker = new PeerUrls(urls);
    const status = new PeerStatus(id, clock, log);
    const link = {
      clock,
      log,
      identity,
      status,
      urls: picker,
      tls,
      localAddress,
      dialTimeoutMs,
      removedFromCluster: () => {
        if (this.state !== "stopped") handler.removedFromCluster();
      },
    };
    const agent = (url: string): Agent =>
      /^(https|unixs):/.test(url) ? this.tlsAgent : this.agent;
    const pipeline = new Pipeline(id, {
      ...link,
      agent,
      unreachable: () => handler.reportUnreachable(id),
    });
    if (!member) return { id, urls: picker, status, pipeline, streams: undefined };
    const receive = (message: Message): void => this.receive(message);
    const writer = (kind: StreamKind): StreamWriter =>
      new StreamWriter(kind, {
        clock,
        counters: status.counters,
        heartbeatPeriodMs: readTimeoutMs / 3,
        opened: () => status.activate(),
        closed: (dropped) => {
          if (dropped.length > 0) status.counters.sentFailures++;
          status.deactivate(`write ${kind} stream`, "the connection was closed");
          if (dropped.length > 0) handler.reportUnreachable(id);
        },
      });
    const reader = (kind: StreamKind): StreamReader =>
      new StreamReader(kind, id, { ...link, readTimeoutMs, receive });
    const streams: PeerStreams = {
      message: writer("message"),
      msgapp: writer("msgapp"),
      readers: [reader("msgapp"), reader("message")],
      prober: new Prober(id, {
        ...link,
        roundTrip: (seconds) => this.ports.onRoundTrip?.(id, seconds),
      }),
    };
    return { id, urls: picker, status, pipeline, streams };
  }
}

/** The URLs that can be dialled. */
function usable(urls: readonly string[]): readonly string[] {
  return urls.filter((url) => URL.canParse(url) && /^(https?|unixs?):/.test(url));
}

function startReaders(peer: Peer): void {
  for (const reader of peer.streams?.readers ?? []) reader.start();
  peer.streams?.prober.start();
}

function stopPeer(peer: Peer): void {
  for (const reader of peer.streams?.readers ?? []) reader.stop();
  peer.streams?.prober.stop();
  peer.streams?.message.drop();
  peer.streams?.msgapp.drop();
  peer.pipeline.stop();
}

/** The stream a message takes, or undefined for the pipeline (facts: peer protocol §4). */
function streamFor(peer: Peer, type: MessageType): StreamWriter | undefined {
  const { streams } = peer;
  if (streams === undefined) return undefined;
  if (type === MessageType.MsgApp && streams.msgapp.attached) return streams.msgapp;
  return streams.message.attached ? streams.message : undefined;
}

/** True for an acknowledgement that a later one of the same batch to the same peer covers. */
function supersededAck(messages: readonly Message[], at: number): boolean {
  const ack = messages[at]!;
  if (ack.type !== MessageType.MsgAppResp || ack.reject) return false;
  for (let i = at + 1; i < messages.length; i++) {
    const later = messages[i]!;
    if (
      later.type === MessageType.MsgAppResp &&
      !later.reject &&
      later.to === ack.to &&
      later.term === ack.term &&
      later.index >= ack.index
    ) {
      return true;
    }
  }
  return false;
}
