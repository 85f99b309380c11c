// From command line, environment and file to a ServerConfig, in etcd's order and words. Pure: the
// arguments, the variables and the way to read a file are passed in.

import { assert } from "#base/assert.ts";
import { errorText } from "#base/errors.ts";
import { formatGoDuration } from "#base/go-duration.ts";
import { parseAuthToken, type TokenSettings } from "./auth-token.ts";
import { type AutoCompaction, parseAutoCompaction } from "./auto-compaction.ts";
import { discoveryOf } from "./discovery.ts";
import { maxConfigFileBytes, parseConfigFile } from "./file.ts";
import { parseFlags } from "./flags.ts";
import { helpText, usage } from "./help.ts";
import { translateLegacy } from "./legacy-flags.ts";
import { type LogRotation, parseLogRotation } from "./log-rotation.ts";
import type { ConfigNote } from "./note.ts";
import { findOption, oldNames, optionEntries, variableOf } from "./options.ts";
import type { LogLevel, ServerConfig } from "./server-config.ts";
import { Settings } from "./settings.ts";
import { tlsConfigOf } from "./tls.ts";
import { type Endpoint, isOwnAddress } from "./urls.ts";
import { validate } from "./validate.ts";

export type ConfigResult =
  | {
      readonly kind: "run";
      readonly config: ServerConfig;
      readonly warnings: readonly ConfigNote[];
    }
  /** Print `text` on stdout, exit 0. */
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  | {
      readonly kind: "error";
      readonly exitCode: 1 | 2;
      /** One line that says what is wrong. */
      readonly message: string;
      /** With exit code 2: print message and usage on stderr as they are. */
      readonly usage?: string;
      /** With exit code 1: what etcd logs instead of printing. */
      readonly log?: ConfigNote;
      readonly warnings: readonly ConfigNote[];
    };

export interface ConfigSources {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Returns the text of a file or throws an error with Node's `code`. */
  readFile(path: string): string;
  /** Address to advertise instead of 0.0.0.0, if the machine has one. */
  readonly defaultHost?: string;
}

const quotaDefaultBytes = 2 * 1024 * 1024 * 1024;
const minRaftTimeoutMs = 5000;
const minProgressNotifyMs = 100;
const minBcryptCost = 4;
const maxBcryptCost = 31;
const defaultBcryptCost = 10;
const defaultTokenTtlSeconds = 300;
/** The longest that Node's timers wait, 24.8 days; more would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** Reads everything and checks it. Never throws for bad input. */
export function parseServerConfig(given: ConfigSources): ConfigResult {
  const warnings: ConfigNote[] = [];
  const settings = new Settings();
  const invalid = (reason: string): ConfigResult => ({
    kind: "error",
    exitCode: 1,
    message: reason,
    log: { level: "warn", message: "failed to verify flags", fields: { error: reason } },
    warnings,
  });

  const translated = translateLegacy(given, warnings);
  if (translated.kind === "fault") return invalid(translated.reason);
  const sources = { ...given, argv: translated.argv, env: translated.env };
  const flags = parseFlags(sources.argv, settings);
  if (flags.kind === "help") return { kind: "help", text: helpText() };
  if (flags.kind === "error") {
    return { kind: "error", exitCode: 2, message: flags.message, usage, warnings };
  }
  const stray = flags.rest[0];
  if (stray !== undefined) return invalid(`${JSON.stringify(stray)} is not a valid flag`);
  if (flags.version) return { kind: "version" };

  const path = flags.configFile || sources.env["ETCD_CONFIG_FILE"];
  let used: Settings;
  if (path) {
    used = new Settings();
    const fault = readConfigFile(path, sources, used, warnings);
    if (fault !== undefined) return invalid(fault);
  } else {
    used = settings;
    for (const name of flags.names) warnOldName(name, warnings);
    const conflict = readEnvironment(sources.env, flags.names, settings, warnings);
    if (conflict?.kind === "shadowed") return shadowed(conflict.variable, warnings);
    if (conflict !== undefined) return invalid(conflict.reason);
  }
  const fault = validate(used, path ? "file" : "flags", warnings);
  if (fault !== undefined) return invalid(fault);
  const refused = used.refused();
  if (refused.length > 0) {
    const which = refused.length === 1 ? "is" : "are";
    return invalid(`${refused.join(", ")} ${which} not supported yet; see docs/flags.md`);
  }
  for (const option of used.ineffective()) {
    warnings.push({ level: "warn", message: "option has no effect here", fields: { option } });
  }
  const config = build(used, sources.defaultHost, warnings);
  return { kind: "run", config, warnings };
}

/**
 * Where a time is 0 or less, etcd leaves gRPC's own: pings of clients 5 minutes apart; and if either
 * of the other two is, a ping after 2 hours with 20 s for its answer.
 */
function keepalive(
  settings: Settings,
): Pick<
  ServerConfig,
  "grpcKeepaliveMinTimeMs" | "grpcKeepaliveIntervalMs" | "grpcKeepaliveTimeoutMs"
> {
  const minTimeMs = settings.get("grpc-keepalive-min-time");
  const intervalMs = settings.get("grpc-keepalive-interval");
  const timeoutMs = settings.get("grpc-keepalive-timeout");
  const given = intervalMs > 0 && timeoutMs > 0;
  return {
    grpcKeepaliveMinTimeMs: minTimeMs > 0 ? minTimeMs : 300_000,
    grpcKeepaliveIntervalMs: given ? Math.max(1000, Math.min(intervalMs, maxTimerMs)) : 7_200_000,
    grpcKeepaliveTimeoutMs: given ? Math.min(timeoutMs, maxTimerMs) : 20_000,
  };
}

function shadowed(variable: string, warnings: readonly ConfigNote[]): ConfigResult {
  const message =
    "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))";
  return {
    kind: "error",
    exitCode: 1,
    message: `${message}: ${variable}`,
    log: { level: "fatal", message, fields: { "environment-variable": variable } },
    warnings,
  };
}

function warnOldName(name: string, warnings: ConfigNote[]): void {
  const old = oldNames.get(name);
  if (old === undefined) return;
  const instead = old.gate === undefined ? `--${old.option}` : `--feature-gates=${old.gate}=true`;
  warnings.push({
    level: "warn",
    message: `--${name} is deprecated and removed in etcd 3.7; use ${instead}`,
    fields: {},
  });
}

function readConfigFile(
  path: string,
  sources: ConfigSources,
  settings: Settings,
  warnings: ConfigNote[],
): string | undefined {
  let text: string;
  try {
    text = sources.readFile(path);
  } catch (thrown) {
    const code = (thrown as { readonly code?: unknown }).code;
    if (code === "ENOENT") return `open ${path}: no such file or directory`;
    if (code === "EACCES") return `open ${path}: permission denied`;
    if (code === "EISDIR") return `read ${path}: is a directory`;
    return `read ${path}: ${errorText(thrown)}`;
  }
  if (text.length > maxConfigFileBytes) {
    return `${path}: larger than ${maxConfigFileBytes} bytes`;
  }
  const read = parseConfigFile(text, settings);
  if ("fault" in read) return `${path}: ${read.fault}`;
  for (const name of read.oldNames) warnOldName(name, warnings);
  warnings.push({
    level: "info",
    message:
      "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
    fields: { path },
  });
  return undefined;
}

type EnvironmentFault =
  | { readonly kind: "shadowed"; readonly variable: string }
  | { readonly kind: "invalid"; readonly reason: string };

function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  flagNames: ReadonlySet<string>,
  settings: Settings,
  warnings: ConfigNote[],
): EnvironmentFault | undefined {
  const byFlag = new Set([...flagNames].map(variableOf));
  const names = [...optionEntries.map(([name]) => name as string), ...oldNames.keys()].sort();
  const known = new Map(names.map((name) => [variableOf(name), name]));
  let fault: EnvironmentFault | undefined;
  for (const variable of Object.keys(env).sort()) {
    if (!variable.startsWith("ETCD_")) continue;
    const value = env[variable] ?? "";
    if (byFlag.has(variable)) return { kind: "shadowed", variable };
    if (variable === "ETCD_VERSION") {
      if (value !== "") {
        const fields = { key: variable, value };
        warnings.push({
          level: "warn",
          message: "cannot set special environment variable",
          fields,
        });
      }
      continue;
    }
    if (variable === "ETCD_CONFIG_FILE" || variable === "ETCD_UNSUPPORTED_ARCH") continue;
    const name = known.get(variable);
    if (name === undefined) {
      const fields = { "environment-variable": variable };
      warnings.push({ level: "warn", message: "unrecognized environment variable", fields });
      continue;
    }
    if (value === "") continue;
    warnOldName(name, warnings);
    const reason = settings.setText(name, value);
    if (reason !== undefined) {
      fault ??= {
        kind: "invalid",
        reason: `invalid value ${JSON.stringify(value)} for ${variable}: ${reason}`,
      };
      continue;
    }
    const shown = findOption(name)?.secret === true ? "***" : value;
    warnings.push({
      level: "info",
      message: "recognized and used environment variable",
      fields: { "variable-name": variable, "variable-value": shown },
    });
  }
  return fault;
}

function atLeast5s(
  settings: Settings,
  name: "raft-read-timeout" | "raft-write-timeout",
  warnings: ConfigNote[],
): number {
  const given = settings.get(name);
  if (given >= minRaftTimeoutMs) return given;
  const minimum = formatGoDuration(minRaftTimeoutMs);
  warnings.push({
    level: "info",
    message: `${name} increased to minimum value: ${minimum}`,
    fields: {},
  });
  return minRaftTimeoutMs;
}

/** The first advertised address that others can reach, as etcd looks for it. */
function localAddress(urls: readonly Endpoint[], warnings: ConfigNote[]): string | undefined {
  const found = urls.find(({ host }) => isOwnAddress(host))?.host;
  warnings.push(
    found !== undefined
      ? { level: "info", message: "setting member local address", fields: { LocalAddr: found } }
      : {
          level: "warn",
          message: "unable to set a member local address due to lack of suitable local addresses",
          fields: { "advertise-peer-urls": urls.map(({ text }) => text) },
        },
  );
  return found;
}

/** Advertised URLs: 0.0.0.0 behind a default means the machine's own address. */
function advertised(
  settings: Settings,
  which: "peer" | "client",
  defaultHost: string | undefined,
  warnings: ConfigNote[],
): readonly string[] {
  const name = which === "peer" ? "initial-advertise-peer-urls" : "advertise-client-urls";
  const listen = settings.get(which === "peer" ? "listen-peer-urls" : "listen-client-urls")[0];
  const urls = settings.get(name).map((url) => url.text);
  if (defaultHost === undefined || listen?.host !== "0.0.0.0") return urls;
  if (urls.join(",") !== findOption(name)?.default) return urls;
  warnings.push({
    level: "info",
    message: "detected default host for advertise",
    fields: { host: defaultHost },
  });
  return [`${listen.scheme}://${defaultHost}:${listen.port}`];
}

/** `validate` has refused what does not parse. */
function autoCompactionOf(settings: Settings): AutoCompaction | undefined {
  const parsed = parseAutoCompaction(
    settings.get("auto-compaction-mode"),
    settings.get("auto-compaction-retention"),
  );
  return typeof parsed === "string" ? undefined : parsed;
}

/** `validate` has refused what does not parse. */
function rotationOf(settings: Settings): { readonly rotation?: LogRotation } {
  if (!settings.get("enable-log-rotation")) return {};
  const rotation = parseLogRotation(settings.get("log-rotation-config-json"));
  return typeof rotation === "string" ? {} : { rotation };
}

function tokensOf(settings: Settings, warnings: ConfigNote[]): TokenSettings {
  const unknown: string[] = [];
  const parsed = parseAuthToken(settings.get("auth-token"), unknown);
  assert(typeof parsed !== "string", "--auth-token was validated");
  if (parsed.kind === "simple") {
    const message = "simple token is not cryptographically signed";
    warnings.push({ level: "warn", message, fields: {} });
  }
  if (unknown.length > 0) {
    const fields = { keys: unknown };
    warnings.push({ level: "warn", message: "unknown JWT options", fields });
  }
  return parsed;
}

function bcryptCostOf(settings: Settings, warnings: ConfigNote[]): number {
  const given = settings.get("bcrypt-cost");
  if (given >= minBcryptCost && given <= maxBcryptCost) return given;
  warnings.push({
    level: "warn",
    message: "use default bcrypt cost instead of the invalid given cost",
    fields: {
      "min-cost": minBcryptCost,
      "max-cost": maxBcryptCost,
      "default-cost": defaultBcryptCost,
      "given-cost": given,
    },
  });
  return defaultBcryptCost;
}

function build(
  settings: Settings,
  defaultHost: string | undefined,
  warnings: ConfigNote[],
): ServerConfig {
  const name = settings.get("name");
  const advertisePeerUrls = advertised(settings, "peer", defaultHost, warnings);
  const advertiseClientUrls = advertised(settings, "client", defaultHost, warnings);
  const discovery = discoveryOf(settings);
  let initialCluster = settings.get("initial-cluster");
  if (discovery !== undefined || settings.get("discovery-srv-name") !== "") {
    if (!settings.given("initial-cluster")) initialCluster = "";
  } else if (name !== "default" && initialCluster === findOption("initial-cluster")?.default) {
    initialCluster = advertisePeerUrls.map((url) => `${name}=${url}`).join(",");
  }
  let dataDir = settings.get("data-dir");
  if (dataDir === "") {
    dataDir = `${name}.etcd`;
    const fields = { "data-dir": dataDir };
    warnings.push({ level: "warn", message: "'data-dir' was empty; using default", fields });
  }
  const heartbeatMs = settings.get("heartbeat-interval");
  const electionTimeoutMs = settings.get("election-timeout");
  const electionTicks = Math.floor(electionTimeoutMs / heartbeatMs);
  const quota = settings.get("quota-backend-bytes");
  return {
    name,
    dataDir,
    walDir: settings.get("wal-dir") || undefined,
    snapshotCount: settings.get("snapshot-count"),
    snapshotCatchupEntries: settings.get("snapshot-catchup-entries"),
    snapshotLogHoldMs: settings.get("snapshot-log-hold"),
    heartbeatMs,
    electionTimeoutMs,
    electionTicks,
    initialElectionTickAdvance: settings.get("initial-election-tick-advance"),
    listenPeerUrls: settings.get("listen-peer-urls"),
    listenClientUrls: settings.get("listen-client-urls"),
    listenClientHttpUrls: settings.get("listen-client-http-urls"),
    listenMetricsUrls: settings.get("listen-metrics-urls"),
    allowedOrigins: settings.get("cors"),
    allowedHosts: settings.get("host-whitelist"),
    enablePprof: settings.get("enable-pprof"),
    tracing: settings.get("enable-distributed-tracing")
      ? {
          address: settings.get("distributed-tracing-address"),
          serviceName: settings.get("distributed-tracing-service-name"),
          instanceId: settings.get("distributed-tracing-instance-id"),
          samplesPerMillion: settings.get("distributed-tracing-sampling-rate"),
        }
      : undefined,
    extensiveMetrics: settings.get("metrics") === "extensive",
    advertisePeerUrls,
    advertiseClientUrls,
    tls: tlsConfigOf(settings),
    initialCluster,
    discovery,
    initialClusterState: settings.get("initial-cluster-state") === "existing" ? "existing" : "new",
    initialClusterToken: settings.get("initial-cluster-token"),
    forceNewCluster: settings.get("force-new-cluster"),
    unsafeNoFsync: settings.get("unsafe-no-fsync"),
    socketReusePort: settings.get("socket-reuse-port"),
    peerLocalAddress:
      settings.get("feature-gates").get("SetMemberLocalAddr") === true
        ? localAddress(settings.get("initial-advertise-peer-urls"), warnings)
        : undefined,
    strictReconfigCheck: settings.get("strict-reconfig-check"),
    preVote: settings.get("pre-vote"),
    enableV2: settings.get("enable-v2"),
    enableGrpcGateway: settings.get("enable-grpc-gateway"),
    maxLearners: settings.get("max-learners"),
    quotaBytes: quota < 0 ? undefined : quota === 0 ? quotaDefaultBytes : quota,
    autoDisarm: settings.get("auto-disarm"),
    maxTxnOps: settings.get("max-txn-ops"),
    maxRequestBytes: settings.get("max-request-bytes"),
    // 0 means no limit, as gRPC's Go server has it.
    maxConcurrentStreams: settings.get("max-concurrent-streams") || 2 ** 32 - 1,
    ioThreads: settings.get("io-threads"),
    ...keepalive(settings),
    raftReadTimeoutMs: atLeast5s(settings, "raft-read-timeout", warnings),
    raftWriteTimeoutMs: atLeast5s(settings, "raft-write-timeout", warnings),
    requestTimeoutMs: 5000 + 2 * electionTicks * heartbeatMs,
    autoCompaction: autoCompactionOf(settings),
    authToken: tokensOf(settings, warnings),
    simpleTokenTtlMs: (settings.get("auth-token-ttl") || defaultTokenTtlSeconds) * 1000,
    bcryptCost: bcryptCostOf(settings, warnings),
    compactionBatchLimit: settings.get("compaction-batch-limit") || 1000,
    corruptCheckMs: Math.min(settings.get("corrupt-check-time"), maxTimerMs),
    compactHashCheckMs: Math.min(settings.get("compact-hash-check-time"), maxTimerMs),
    compactionSleepMs: Math.min(settings.get("compaction-sleep-interval") || 10, maxTimerMs),
    downgradeCheckMs: settings.get("downgrade-check-time"),
    watchProgressNotifyMs: Math.min(
      Math.max(settings.get("watch-progress-notify-interval"), minProgressNotifyMs),
      maxTimerMs,
    ),
    warningApplyMs: settings.get("warning-apply-duration"),
    warningUnaryRequestMs: settings.get("warning-unary-request-duration") || 300,
    log: {
      level: settings.get("log-level") as LogLevel,
      format: settings.get("log-format") === "console" ? "console" : "json",
      ...rotationOf(settings),
      outputs: [
        ...new Set(settings.get("log-outputs").map((one) => (one === "default" ? "stderr" : one))),
      ],
    },
    featureGates: settings.get("feature-gates"),
  };
}
