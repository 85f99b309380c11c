// What /metrics shows. Everything but durations is pulled when scraped, so that serving a request
// only ever increments plain numbers.
import { readdirSync, readFileSync } from "node:fs";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { DurationCounts, growingBounds } from "#base/duration-counts.ts";
import { formatId } from "#base/ids.ts";
import { grpcCode } from "#proto/errors.ts";
import { AlarmType } from "#proto/gen/maintenance.ts";
import type { Method, ServiceRegistry } from "#server/rpc/service-registry.ts";
import type { HandlingTimes } from "./call-observer.ts";
import { type DurationSeries, histogramText } from "./histogram-text.ts";
import type { ApiMember } from "./member.ts";
import type { MethodGate } from "./method-gate.ts";
import {
  type DurationName,
  durationMetrics,
  type MetricSource,
  type ScalarName,
  scalarMetrics,
} from "./metric-table.ts";
import { PeerMetrics, type PeerSample } from "./peer-metrics.ts";
import { TlsMetrics, type TlsSample } from "./tls-metrics.ts";

export interface MetricsOptions {
  readonly member: ApiMember;
  readonly registry: ServiceRegistry;
  readonly gate: MethodGate;
  /** The API level, such as `3.7.3`. */
  readonly serverVersion: string;
  /** Feature gates: name, stage and whether it is on. */
  readonly features?: readonly FeatureSample[];
  /** With --metrics=extensive. */
  readonly handling?: HandlingTimes;
}

export interface FeatureSample {
  readonly name: string;
  readonly stage: string;
  readonly isOn: boolean;
}

/** Something measured now and then. */
export interface DurationObserver {
  observe(value: number): void;
}

type LabelName =
  | "server_id"
  | "server_version"
  | "cluster_version"
  | "alarm_type"
  | "Reason"
  | "reason"
  | "type"
  | "name"
  | "status"
  | "stage"
  | "code"
  | "client_api_version"
  | "grpc_type"
  | "grpc_service"
  | "grpc_method"
  | "grpc_code";

/** The metrics of one member. */
export class Metrics {
  private readonly options: MetricsOptions;
  private readonly prometheus = new Registry();
  private readonly sources: MetricSource[] = [];
  private readonly scalars = new Map<ScalarName, Gauge | Counter>();
  private readonly durations = new Map<DurationName, DurationCounts>();
  private readonly labelled: (() => void)[] = [];
  private readonly lastChecks: Gauge<LabelName>;
  private readonly checks: Counter<LabelName>;
  private readonly ownHistograms: {
    readonly name: string;
    readonly help: string;
    readonly series: () => Iterable<DurationSeries>;
  }[] = [];
  private scrapes = 0;
  private healthy = 0;
  private unhealthy = 0;

  constructor(options: MetricsOptions) {
    this.options = options;
    const registers = [this.prometheus];
    for (const name of Object.keys(scalarMetrics) as ScalarName[]) {
      const [kind, help] = scalarMetrics[name];
      const Metric = kind === "gauge" ? Gauge : Counter;
      this.scalars.set(name, new Metric({ name, help, registers }));
    }
    for (const name of Object.keys(durationMetrics) as DurationName[]) {
      const [help, start, factor, count] = durationMetrics[name];
      const durations = new DurationCounts(growingBounds(start, factor, count));
      this.durations.set(name, durations);
      this.addDurations(name, help, () => [{ labels: {}, durations }]);
    }
    this.lastChecks = this.gauge("etcd_server_healthcheck", "How each check went last.", [
      "type",
      "name",
    ]);
    this.checks = this.counter("etcd_server_healthchecks_total", "Checks made, by outcome.", [
      "type",
      "name",
      "status",
    ]);
    this.addLabelled();
    this.addTransport();
    this.addSource(() => this.ofMember());
    this.addSource(() => fileDescriptors());
    collectDefaultMetrics({ register: this.prometheus });
  }

  get contentType(): string {
    return this.prometheus.contentType;
  }

  /** Adds a component's numbers; a later source wins over an earlier one. */
  addSource(source: MetricSource): void {
    this.sources.push(source);
  }

  /** Shows the connections to peers; returns where their round trips and snapshots are to be told. */
  addPeers(samples: () => readonly PeerSample[]): Pick<PeerMetrics, "roundTrip" | "snapshot"> {
    const peers = new PeerMetrics(this.prometheus, this.options.member.memberId);
    this.labelled.push(() => peers.refresh(samples()));
    return peers;
  }

  /** Shows what is loaded for TLS; only members that have any show these. */
  addTls(samples: () => readonly TlsSample[]): void {
    const tls = new TlsMetrics(this.prometheus);
    this.labelled.push(() => tls.refresh(samples()));
  }

  duration(name: DurationName): DurationObserver {
    return this.durations.get(name)!;
  }

  /** Counts one check of /livez or /readyz, and shows how it went. */
  countCheck(type: string, name: string, ok: boolean): void {
    this.lastChecks.set({ type, name }, ok ? 1 : 0);
    this.checks.inc({ type, name, status: ok ? "success" : "error" });
  }

  /** Open files that the process may have; 0 if the machine does not tell. */
  fileDescriptorLimit(): number {
    return fileDescriptors().os_fd_limit ?? 0;
  }

  /** Counts one answer of /health. */
  countHealth(healthy: boolean): void {
    if (healthy) this.healthy++;
    else this.unhealthy++;
  }

  /** Asks every source and prints all in Prometheus' text format. */
  async text(): Promise<string> {
    this.scrapes++;
    for (const source of this.sources) {
      for (const [name, value] of Object.entries(source()))
        setTo(this.scalars.get(name as ScalarName)!, value);
    }
    for (const refresh of this.labelled) refresh();
    return (await this.prometheus.metrics()) + this.histograms();
  }

  /** Shows durations that are counted elsewhere. */
  addDurations(name: string, help: string, series: () => Iterable<DurationSeries>): void {
    this.ownHistograms.push({ name, help, series });
  }

  private histograms(): string {
    return this.ownHistograms
      .map(({ name, help, series }) => histogramText(name, help, series()))
      .join("");
  }

  private ofMember(): ReturnType<MetricSource> {
    const { member, registry } = this.options;
    const status = member.status();
    return {
      etcd_server_has_leader: member.leader() === 0n ? 0 : 1,
      etcd_server_is_leader: member.isLeader() ? 1 : 0,
      etcd_server_is_learner: member.isLearner() ? 1 : 0,
      etcd_server_proposals_committed_total: status.raftIndex,
      etcd_server_proposals_applied_total: status.raftAppliedIndex,
      etcd_server_quota_backend_bytes: status.dbSizeQuota,
      etcd_server_learner_promote_successes: member.reconfiguration.promotions.succeeded,
      etcd_server_health_success: this.healthy,
      etcd_server_health_failures: this.unhealthy,
      etcd_mvcc_db_total_size_in_bytes: status.dbSize,
      etcd_mvcc_db_total_size_in_use_in_bytes: status.dbSizeInUse,
      etcd_debugging_mvcc_current_revision: member.currentRevision(),
      etcd_debugging_mvcc_events_total: this.options.gate.eventsSent,
      promhttp_metric_handler_requests_in_flight: 1,
      etcd_network_client_grpc_received_bytes_total: registry.receivedBytes,
      etcd_network_client_grpc_sent_bytes_total: registry.sentBytes,
    };
  }

  private gauge(name: string, help: string, labelNames: LabelName[]): Gauge<LabelName> {
    return new Gauge({ name, help, labelNames, registers: [this.prometheus] });
  }

  private counter(name: string, help: string, labelNames: LabelName[]): Counter<LabelName> {
    return new Counter({ name, help, labelNames, registers: [this.prometheus] });
  }

  private addLabelled(): void {
    const { member, gate, serverVersion } = this.options;
    const server_id = formatId(member.memberId);
    this.gauge("etcd_server_id", "ID of this member.", ["server_id"]).set({ server_id }, 1);
    this.gauge("etcd_server_version", "Version of this server.", ["server_version"]).set(
      { server_version: serverVersion },
      1,
    );
    const cluster = this.gauge("etcd_cluster_version", "Version of the cluster.", [
      "cluster_version",
    ]);
    const alarms = this.gauge("etcd_debugging_server_alarms", "Alarms that are active.", [
      "server_id",
      "alarm_type",
    ]);
    const features = this.gauge("etcd_server_feature_enabled", "1 if a feature gate is on.", [
      "name",
      "stage",
    ]);
    for (const { name, stage, isOn } of this.options.features ?? [])
      features.set({ name, stage }, isOn ? 1 : 0);
    const scrapes = this.counter("promhttp_metric_handler_requests_total", "Scrapes, by status.", [
      "code",
    ]);
    const clients = this.counter("etcd_server_client_requests_total", "Requests by version.", [
      "type",
      "client_api_version",
    ]);
    const promotions = this.counter(
      "etcd_server_learner_promote_failures",
      "Promotions that this leader refused, by reason.",
      ["Reason"],
    );
    this.labelled.push(() => {
      scrapes.reset();
      scrapes.inc({ code: "200" }, this.scrapes);
      promotions.reset();
      for (const [Reason, count] of member.reconfiguration.promotions.failed) {
        promotions.inc({ Reason }, count);
      }
      cluster.reset();
      const version = member.clusterVersion();
      if (version !== undefined)
        cluster.set({ cluster_version: version.split(".").slice(0, 2).join(".") }, 1);
      alarms.reset();
      for (const { memberID, alarm } of member.alarms()) {
        const alarm_type = alarm === AlarmType.NOSPACE ? "NOSPACE" : "CORRUPT";
        alarms.set({ server_id: formatId(memberID), alarm_type }, 1);
      }
      clients.reset();
      for (const type of ["unary", "stream"] as const) {
        for (const [client_api_version, count] of gate.clientRequests[type])
          clients.inc({ type, client_api_version }, count);
      }
    });
    this.addGrpc();
    const { gate: asked, handling } = this.options;
    const { slow } = asked;
    if (slow !== undefined) {
      const help = "Requests answered, by type.";
      this.addDurations("etcd_server_request_duration_seconds", help, () => slow.times.series());
    }
    if (handling !== undefined)
      this.addDurations("grpc_server_handling_seconds", "Calls, by method.", () =>
        this.handlingSeries(handling),
      );
  }

  private *handlingSeries({ byPath }: HandlingTimes): Iterable<DurationSeries> {
    for (const [path, durations] of byPath) {
      const { method, service, name } = this.options.registry.find(path)!;
      const labels = { grpc_method: name, grpc_service: service, grpc_type: grpcType(method) };
      yield { labels, durations };
    }
  }

  private addTransport(): void {
    const { registry } = this.options;
    const ended = this.counter(
      "etcd_network_client_http2_connections_ended_total",
      "Connections of clients that broke HTTP/2 or a bound of the server, by reason.",
      ["reason"],
    );
    const refused = this.counter(
      "etcd_network_client_http2_streams_refused_total",
      "Requests that were refused before any service saw them, by reason.",
      ["reason"],
    );
    this.labelled.push(() => {
      ended.reset();
      for (const [reason, count] of registry.endedConnections) ended.inc({ reason }, count);
      refused.reset();
      for (const [reason, count] of registry.refusedStreams) refused.inc({ reason }, count);
    });
  }

  private addGrpc(): void {
    const names: LabelName[] = ["grpc_type", "grpc_service", "grpc_method"];
    const started = this.counter("grpc_server_started_total", "Calls begun.", names);
    const received = this.counter("grpc_server_msg_received_total", "Messages received.", names);
    const sent = this.counter("grpc_server_msg_sent_total", "Messages sent.", names);
    const handled = this.counter("grpc_server_handled_total", "Calls ended, by code.", [
      ...names,
      "grpc_code",
    ]);
    this.labelled.push(() => {
      for (const counter of [started, received, sent, handled]) counter.reset();
      for (const { method, service, name, counters } of this.options.registry.all()) {
        const labels = {
          grpc_type: grpcType(method),
          grpc_service: service,
          grpc_method: name,
        };
        started.inc(labels, counters.started);
        received.inc(labels, counters.received);
        sent.inc(labels, counters.sent);
        for (let code = 0; code < codeNames.length; code++)
          handled.inc({ ...labels, grpc_code: codeNames[code]! }, counters.handled[code]!);
      }
    });
  }
}

function setTo(metric: Gauge | Counter, value: number): void {
  if (metric instanceof Gauge) metric.set(value);
  else {
    metric.reset();
    metric.inc(value);
  }
}

function grpcType(method: Method): string {
  if (method.requestStream) return method.responseStream ? "bidi_stream" : "client_stream";
  return method.responseStream ? "server_stream" : "unary";
}

/** `OK`, `Canceled`, …: the code names as etcd's metrics spell them. */
const codeNames: readonly string[] = Object.keys(grpcCode).map((name) =>
  name === "ok" ? "OK" : name.charAt(0).toUpperCase() + name.slice(1),
);

/** What Linux tells of this process; elsewhere these stay 0. */
function fileDescriptors(): ReturnType<MetricSource> {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    const space = /^Max address space\s+(\d+)/m.exec(limits)?.[1];
    const network = networkBytes(readFileSync("/proc/self/net/netstat", "utf8"));
    return {
      os_fd_used: readdirSync("/proc/self/fd").length,
      os_fd_limit: limit === undefined ? 0 : Number(limit),
      process_virtual_memory_max_bytes: space === undefined ? 2 ** 64 : Number(space),
      process_network_receive_bytes_total: network("InOctets"),
      process_network_transmit_bytes_total: network("OutOctets"),
    };
  } catch {
    return {};
  }
}

function networkBytes(netstat: string): (name: string) => number {
  const [names, values] = netstat
    .split("\n")
    .filter((line) => line.startsWith("IpExt:"))
    .map((line) => line.split(" "));
  return (name) => Number(values?.[names?.indexOf(name) ?? -1] ?? 0);
}
