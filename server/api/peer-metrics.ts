// What /metrics shows of the connections to other members. Label values are IDs in hexadecimal.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { formatId, type MemberId } from "#base/ids.ts";

/** What a member counts of one peer; asked for at each scrape. */
export interface PeerSample {
  readonly id: MemberId;
  readonly isActive: boolean;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly sentFailures: number;
  readonly receivedFailures: number;
  readonly disconnects: number;
}

type CountName = Exclude<keyof PeerSample, "id" | "isActive">;

/** Counter → the metric's name, help and label. */
const counted: Readonly<Record<CountName, readonly [string, string, "To" | "From" | "Remote"]>> = {
  sentBytes: ["etcd_network_peer_sent_bytes_total", "Bytes sent to peers.", "To"],
  receivedBytes: ["etcd_network_peer_received_bytes_total", "Bytes received from peers.", "From"],
  sentFailures: ["etcd_network_peer_sent_failures_total", "Sends to peers that failed.", "To"],
  receivedFailures: [
    "etcd_network_peer_received_failures_total",
    "Receipts from peers that failed.",
    "From",
  ],
  disconnects: [
    "etcd_network_disconnected_peers_total",
    "Connections to peers that were lost.",
    "Remote",
  ],
};

export type SnapshotDirection = "send" | "receive";

/** Labels of peers that are no members are not kept beyond it. */
const maxSnapshotPeers = 256;

/** Whole states to or from peers. */
class SnapshotMetrics {
  private readonly label: "To" | "From";
  private readonly peers = new Set<string>();
  private readonly success: Counter;
  private readonly failures: Counter;
  private readonly inflights: Gauge;
  private readonly seconds: Histogram;

  constructor(registry: Registry, direction: SnapshotDirection) {
    this.label = direction === "send" ? "To" : "From";
    const about = {
      help: `Databases ${direction === "send" ? "sent to" : "received from"} peers.`,
      labelNames: [this.label],
      registers: [registry],
    };
    const name = (of: string): string => `etcd_network_snapshot_${direction}_${of}`;
    this.success = new Counter({ ...about, name: name("success") });
    this.failures = new Counter({ ...about, name: name("failures") });
    this.inflights = new Gauge({ ...about, name: name("inflights_total") });
    this.seconds = new Histogram({
      ...about,
      name: name("total_duration_seconds"),
      buckets: Array.from({ length: 10 }, (_, i) => 0.1 * 2 ** i),
    });
  }

  begin(peer: MemberId): (ok: boolean, seconds: number) => void {
    const id = formatId(peer);
    if (!this.peers.has(id) && this.peers.size >= maxSnapshotPeers) return () => {};
    this.peers.add(id);
    const labels = { [this.label]: id };
    this.inflights.inc(labels);
    return (ok, seconds) => {
      this.inflights.dec(labels);
      (ok ? this.success : this.failures).inc(labels);
      if (ok) this.seconds.observe(labels, seconds);
    };
  }
}

export class PeerMetrics {
  private readonly local: string;
  private readonly counters: readonly {
    readonly name: CountName;
    readonly label: string;
    readonly counter: Counter;
  }[];
  private readonly known: Gauge;
  private readonly active: Gauge;
  private readonly roundTrips: Histogram;
  private readonly snapshots: Readonly<Record<SnapshotDirection, SnapshotMetrics>>;

  constructor(registry: Registry, local: MemberId) {
    this.local = formatId(local);
    const registers = [registry];
    this.snapshots = {
      send: new SnapshotMetrics(registry, "send"),
      receive: new SnapshotMetrics(registry, "receive"),
    };
    this.counters = (Object.keys(counted) as CountName[]).map((name) => {
      const [metric, help, label] = counted[name];
      const labelNames = label === "Remote" ? ["Local", "Remote"] : [label];
      return { name, label, counter: new Counter({ name: metric, help, labelNames, registers }) };
    });
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, labelNames: ["Local", "Remote"], registers });
    this.known = gauge("etcd_network_known_peers", "Peers that are known.");
    this.active = gauge("etcd_network_active_peers", "Peers that answer.");
    this.roundTrips = new Histogram({
      name: "etcd_network_peer_round_trip_time_seconds",
      help: "Round trips to peers.",
      labelNames: ["To"],
      buckets: Array.from({ length: 16 }, (_, i) => 0.0001 * 2 ** i),
      registers,
    });
  }

  /** A database begins to come or go; what this returns is called when it has ended. */
  snapshot(direction: SnapshotDirection, peer: MemberId): (ok: boolean, seconds: number) => void {
    return this.snapshots[direction].begin(peer);
  }

  /** Shows these peers and no others. */
  refresh(samples: readonly PeerSample[]): void {
    const { local, known, active } = this;
    for (const metric of [known, active]) metric.reset();
    for (const { counter } of this.counters) counter.reset();
    for (const sample of samples) {
      const remote = formatId(sample.id);
      known.set({ Local: local, Remote: remote }, 1);
      active.set({ Local: local, Remote: remote }, sample.isActive ? 1 : 0);
      for (const { name, label, counter } of this.counters) {
        const labels = label === "Remote" ? { Local: local, Remote: remote } : { [label]: remote };
        counter.inc(labels, sample[name]);
      }
    }
  }

  roundTrip(to: MemberId, seconds: number): void {
    this.roundTrips.observe({ To: formatId(to) }, seconds);
  }
}
