// What a member is started with, typed and checked. Times are milliseconds.

import type { TokenSettings } from "./auth-token.ts";
import type { AutoCompaction } from "./auto-compaction.ts";
import type { Discovery } from "./discovery.ts";
import type { LogRotation } from "./log-rotation.ts";
import type { TlsConfig } from "./tls.ts";
import type { Endpoint } from "./urls.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** Where traces go, and which. */
export interface TracingSettings {
  /** `host:port` of a collector that takes OTLP over gRPC in plain text. */
  readonly address: string;
  readonly serviceName: string;
  /** Left out of the traces if empty. */
  readonly instanceId: string;
  /** Of a million traces that no client began, so many are sent. */
  readonly samplesPerMillion: number;
}

/** The configuration of one member. */
export interface ServerConfig {
  readonly name: string;
  /** Never empty. */
  readonly dataDir: string;
  /** undefined: inside dataDir. */
  readonly walDir: string | undefined;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  readonly snapshotLogHoldMs: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** electionTimeoutMs in whole heartbeats; at least 5. */
  readonly electionTicks: number;
  readonly initialElectionTickAdvance: boolean;

  /** Never empty; hosts are addresses or "localhost". */
  readonly listenPeerUrls: readonly Endpoint[];
  readonly listenClientUrls: readonly Endpoint[];
  /** If there are any, HTTP is served here and not on the client URLs. */
  readonly listenClientHttpUrls: readonly Endpoint[];
  /** Where /metrics and health alone are served, besides. */
  readonly listenMetricsUrls: readonly Endpoint[];
  /** Origins that browsers may call from; empty or with `*`: all. */
  readonly allowedOrigins: readonly string[];
  /** Host names that requests over plain HTTP may carry; empty or with `*`: all. */
  readonly allowedHosts: readonly string[];
  readonly enablePprof: boolean;
  /** Undefined: no traces. */
  readonly tracing: TracingSettings | undefined;
  /** Histograms of every gRPC method. */
  readonly extensiveMetrics: boolean;
  /** Sorted, never empty. */
  readonly advertisePeerUrls: readonly string[];
  /** Sorted. */
  readonly advertiseClientUrls: readonly string[];

  readonly tls: TlsConfig;

  /** As given; only read when the data folder is new: see bootstrap.ts. */
  readonly initialCluster: string;
  /** How to find the first members instead; undefined: initialCluster names them. */
  readonly discovery: Discovery | undefined;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  /** Go on as a cluster of this member alone, with its data. */
  readonly forceNewCluster: boolean;
  /** Wait for no disk. */
  readonly unsafeNoFsync: boolean;
  /** Listen with SO_REUSEPORT. */
  readonly socketReusePort: boolean;
  /** Where connections to peers come from; undefined: as the system has it. */
  readonly peerLocalAddress: string | undefined;
  readonly strictReconfigCheck: boolean;
  readonly preVote: boolean;
  /** Serve the v2 API on client URLs. */
  readonly enableV2: boolean;
  /** Serve the JSON gateway on client URLs. */
  readonly enableGrpcGateway: boolean;
  readonly maxLearners: number;

  /** Bytes; undefined: no limit. */
  readonly quotaBytes: number | undefined;
  /** NOSPACE alarms are taken back once there is room. */
  readonly autoDisarm: boolean;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  /** Threads for client connections; 0: they are served where all else is. */
  readonly ioThreads: number;
  readonly grpcKeepaliveMinTimeMs: number;
  /** At most what a timer can wait, which stands for "never". */
  readonly grpcKeepaliveIntervalMs: number;
  readonly grpcKeepaliveTimeoutMs: number;
  readonly raftReadTimeoutMs: number;
  readonly raftWriteTimeoutMs: number;
  /** Time after which a request is given up: 5 s and two elections, as in etcd. */
  readonly requestTimeoutMs: number;

  /** undefined: history is kept until somebody compacts it. */
  readonly autoCompaction: AutoCompaction | undefined;
  readonly authToken: TokenSettings;
  readonly simpleTokenTtlMs: number;
  /** Between 4 and 31. */
  readonly bcryptCost: number;

  readonly compactionBatchLimit: number;
  readonly compactionSleepMs: number;
  /** Between comparisons of all members' data; 0: never. */
  readonly corruptCheckMs: number;
  /** Between comparisons of compaction hashes, if gate CompactHashCheck. */
  readonly compactHashCheckMs: number;
  /** 0: never. */
  readonly downgradeCheckMs: number;
  readonly watchProgressNotifyMs: number;
  readonly warningApplyMs: number;
  readonly warningUnaryRequestMs: number;

  readonly log: {
    readonly level: LogLevel;
    /** "stderr", "stdout", "systemd/journal" or file paths; never empty. */
    readonly outputs: readonly string[];
    readonly format: "json" | "console";
    /** How the one file is rotated, if it is. */
    readonly rotation?: LogRotation;
  };
  /** Every gate with its value. */
  readonly featureGates: ReadonlyMap<string, boolean>;
}
