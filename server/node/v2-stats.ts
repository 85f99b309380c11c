// The numbers of /v2/stats: what this member is, what it sends and gets of the log, and how its
// followers answer (facts: v2 API §5). Counted since it started, and only with --enable-v2.
import type { Clock } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";

/** Requests that rates are made of; etcd's number. */
const queueLength = 200;

/** The last requests in one direction, for their rate by number and by bytes. */
class Rate {
  count = 0;
  private readonly times: number[] = [];
  private readonly sizes: number[] = [];

  add(nowMs: number, bytes: number): void {
    this.count++;
    this.times.push(nowMs);
    this.sizes.push(bytes);
    if (this.times.length > queueLength) {
      this.times.shift();
      this.sizes.shift();
    }
  }

  /** A second each; undefined if nothing came within the last. */
  perSecond(nowMs: number): { readonly requests: number; readonly bytes: number } | undefined {
    const first = this.times[0];
    const last = this.times.at(-1);
    if (first === undefined || last === undefined || nowMs - last > 1000) return undefined;
    const seconds = (last - first) / 1000;
    if (seconds === 0) return undefined;
    const bytes = this.sizes.reduce((sum, size) => sum + size, 0);
    return { requests: this.times.length / seconds, bytes: bytes / seconds };
  }
}

/** Milliseconds that a follower's answers took. */
class Latency {
  success = 0;
  private current = 0;
  private sum = 0;
  private sumOfSquares = 0;
  private minimum = 2 ** 63;
  private maximum = 0;

  add(ms: number): void {
    this.success++;
    this.current = ms;
    this.sum += ms;
    this.sumOfSquares += ms * ms;
    this.minimum = Math.min(this.minimum, ms);
    this.maximum = Math.max(this.maximum, ms);
  }

  json(fail: number): string {
    const n = Math.max(1, this.success);
    const average = this.sum / n;
    const spread = Math.sqrt(Math.max(0, this.sumOfSquares / n - average * average));
    return JSON.stringify({
      latency: {
        current: this.current,
        average,
        standardDeviation: spread,
        minimum: this.minimum,
        maximum: this.maximum,
      },
      counts: { fail, success: this.success },
    });
  }
}

export interface V2StatsPorts {
  readonly clock: Clock;
  readonly memberId: MemberId;
  readonly name: string;
  /** 0n if unknown. */
  leader(): bigint;
  isLeader(): boolean;
  /** The other members. */
  peers(): readonly MemberId[];
  /** How often sending to a peer failed. */
  failures(id: MemberId): number;
}

export class V2Stats {
  private ports: V2StatsPorts | undefined;
  private readonly received = new Rate();
  private readonly sent = new Rate();
  private readonly latencies = new Map<MemberId, Latency>();
  private readonly clock: Clock;
  private readonly startedMs: number;
  private leader = 0n;
  private ledSinceMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedMs = clock.wallMs();
    this.ledSinceMs = this.startedMs;
  }

  /** The member is there: from now on there is something to tell. */
  begin(ports: V2StatsPorts): void {
    this.ports = ports;
  }

  onReceived(message: Message): void {
    if (message.type !== MessageType.MsgApp) return;
    this.received.add(this.clock.monotonicMs(), bytesOf(message));
    this.follow(message.from);
  }

  onSent(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.type !== MessageType.MsgApp) continue;
      this.sent.add(this.clock.monotonicMs(), bytesOf(message));
    }
  }

  /** A peer answered. */
  onRoundTrip(id: MemberId, seconds: number): void {
    const latency = this.latencies.get(id) ?? new Latency();
    this.latencies.set(id, latency);
    latency.add(seconds * 1000);
  }

  self(): string | undefined {
    const { ports } = this;
    if (ports === undefined) return undefined;
    this.follow(ports.leader());
    const nowMs = this.clock.monotonicMs();
    const received = this.received.perSecond(nowMs);
    const sent = this.sent.perSecond(nowMs);
    const uptimeMs = Math.max(0, this.clock.wallMs() - this.ledSinceMs);
    return JSON.stringify({
      name: ports.name,
      id: formatId(ports.memberId),
      state: ports.isLeader() ? "StateLeader" : "StateFollower",
      startTime: timeText(this.startedMs),
      leaderInfo: {
        leader: this.leader === 0n ? "" : formatId(this.leader),
        uptime: uptimeText(uptimeMs),
        startTime: timeText(this.ledSinceMs),
      },
      recvAppendRequestCnt: this.received.count,
      ...(received === undefined
        ? {}
        : { recvPkgRate: received.requests, recvBandwidthRate: received.bytes }),
      sendAppendRequestCnt: this.sent.count,
      ...(sent === undefined ? {} : { sendPkgRate: sent.requests, sendBandwidthRate: sent.bytes }),
    });
  }

  /** Undefined unless this member leads. */
  leaderJson(): string | undefined {
    const { ports } = this;
    if (ports?.isLeader() !== true) return undefined;
    const followers = ports
      .peers()
      .map((id) => [
        formatId(id),
        (this.latencies.get(id) ?? new Latency()).json(ports.failures(id)),
      ])
      .sort(([a], [b]) => (a! < b! ? -1 : 1))
      .map(([id, json]) => `"${id}":${json}`);
    return `{"leader":"${formatId(ports.memberId)}","followers":{${followers.join(",")}}}`;
  }

  private follow(leader: bigint): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.ledSinceMs = this.clock.wallMs();
  }
}

function bytesOf(message: Message): number {
  let bytes = 64;
  for (const { data } of message.entries) bytes += 16 + (data?.length ?? 0);
  return bytes;
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.?0*Z$/, "Z");

/** As Go writes a duration. */
function uptimeText(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = Number(((ms % 60_000) / 1000).toFixed(3));
  if (ms > 0 && ms < 1000) return `${ms}ms`;
  return `${hours > 0 ? `${hours}h` : ""}${ms >= 60_000 ? `${minutes}m` : ""}${seconds}s`;
}
