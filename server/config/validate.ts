// The checks that etcd makes over all options together, in its order and words. Pure.

import { formatGoDuration } from "#base/go-duration.ts";
import { parseAuthToken } from "./auth-token.ts";
import { parseAutoCompaction } from "./auto-compaction.ts";
import { discoveryFault } from "./discovery.ts";
import { rotationFault } from "./log-rotation.ts";
import type { ConfigNote } from "./note.ts";
import type { Settings } from "./settings.ts";
import { tlsFault } from "./tls.ts";
import { advertiseFault, bindFault, type Endpoint } from "./urls.ts";

const logLevels = ["debug", "info", "warn", "error", "panic", "fatal"];
const maxElectionMs = 50_000;
const maxSamplingRate = 1_000_000;
/** Not etcd's: keeps tick arithmetic and queues in sane bounds. */
const maxRequestBytesLimit = 1 << 30;
const maxIoThreads = 16;

/** Why the options do not fit together, or undefined. Appends what etcd warns about. */
export function validate(
  settings: Settings,
  source: "flags" | "file",
  warnings: ConfigNote[],
): string | undefined {
  if (settings.get("discovery-fallback") === "proxy") {
    return `v2 proxy is deprecated, and --discovery-fallback can't be configured as "proxy"`;
  }
  return (
    logFault(settings) ??
    urlFault(settings, warnings) ??
    discoveryFault(settings) ??
    timingFault(settings) ??
    authFault(settings) ??
    laterFault(settings, source, warnings)
  );
}

function logFault(settings: Settings): string | undefined {
  const logger = settings.get("logger");
  if (logger === "capnslog") return "--logger=capnslog is removed in v3.5";
  if (logger !== "zap") return `unknown logger option ${JSON.stringify(logger)}`;
  const outputs = settings.get("log-outputs");
  if (outputs.length === 0) return "log-outputs is empty";
  if (outputs.length > 1 && outputs.includes("default")) {
    return `multi logoutput for "default" is not supported yet`;
  }
  if (settings.get("enable-log-rotation")) {
    const fault = rotationFault(outputs, settings.get("log-rotation-config-json"));
    if (fault !== undefined) return fault;
  }
  if (settings.get("enable-distributed-tracing")) {
    const rate = settings.get("distributed-tracing-sampling-rate");
    if (rate < 0)
      return "distributed tracing configuration is not valid: (tracing sampling rate must be positive)";
    if (rate > maxSamplingRate)
      return `distributed tracing configuration is not valid: (tracing sampling rate must be less than ${maxSamplingRate})`;
  }
  const format = settings.get("log-format");
  if (format !== "json" && format !== "console")
    return `unknown log format: ${format}, supported values json, console`;
  const level = settings.get("log-level");
  return logLevels.includes(level) ? undefined : `unrecognized level: ${JSON.stringify(level)}`;
}

function urlFault(settings: Settings, warnings: ConfigNote[]): string | undefined {
  const fault =
    bindFault(settings.get("listen-peer-urls")) ??
    bindFault(settings.get("listen-client-urls")) ??
    bindFault(settings.get("listen-client-http-urls"));
  if (fault !== undefined) return fault;
  if (settings.get("listen-client-http-urls").length === 0) {
    warnings.push({
      level: "warn",
      message:
        "Running http and grpc server on single port. This is not recommended for production.",
      fields: {},
    });
  }
  const metrics = bindFault(settings.get("listen-metrics-urls"));
  if (metrics !== undefined) return metrics;
  const texts = (urls: readonly Endpoint[]) => JSON.stringify(urls.map((u) => u.text).join(","));
  const peer = settings.get("initial-advertise-peer-urls");
  const peerFault = advertiseFault(peer);
  if (peerFault !== undefined) {
    return `--initial-advertise-peer-urls ${texts(peer)} must be "host:port" (${peerFault})`;
  }
  const client = settings.get("advertise-client-urls");
  const clientFault = advertiseFault(client);
  if (clientFault !== undefined) {
    return `--advertise-client-urls ${texts(client)} must be in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket" (${clientFault})`;
  }
  return undefined;
}

function timingFault(settings: Settings): string | undefined {
  const heartbeat = settings.get("heartbeat-interval");
  const election = settings.get("election-timeout");
  if (heartbeat === 0) return `--heartbeat-interval must be >0 (set to ${heartbeat}ms)`;
  if (election === 0) return `--election-timeout must be >0 (set to ${election}ms)`;
  if (5 * heartbeat > election) {
    return `--election-timeout[${election}ms] should be at least as 5 times as --heartbeat-interval[${heartbeat}ms]`;
  }
  if (election > maxElectionMs) {
    return `--election-timeout[${election}ms] is too long, and should be set less than ${maxElectionMs}ms`;
  }
  return undefined;
}

function authFault(settings: Settings): string | undefined {
  const parsed = parseAuthToken(settings.get("auth-token"), []);
  return typeof parsed === "string" ? `--auth-token: ${parsed}` : undefined;
}

function laterFault(
  settings: Settings,
  source: "flags" | "file",
  warnings: ConfigNote[],
): string | undefined {
  // A file keeps the default of what it leaves out; flags must name both.
  const half = settings.given("listen-client-urls") && !settings.given("advertise-client-urls");
  if (source === "flags" && half) {
    return "--advertise-client-urls is required when --listen-client-urls is set explicitly";
  }
  const compaction = parseAutoCompaction(
    settings.get("auto-compaction-mode"),
    settings.get("auto-compaction-retention"),
  );
  if (typeof compaction === "string") return compaction;
  const gates = settings.get("feature-gates");
  if (gates.get("LeaseCheckpointPersist") === true && gates.get("LeaseCheckpoint") !== true) {
    return "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint";
  }
  const hashCheckMs = settings.get("compact-hash-check-time");
  if (hashCheckMs <= 0) {
    return `--compact-hash-check-time must be >0 (set to ${formatGoDuration(hashCheckMs)})`;
  }
  const corruptCheckMs = settings.get("corrupt-check-time");
  if (corruptCheckMs < 0) {
    return `--corrupt-check-time must be >=0 (set to ${formatGoDuration(corruptCheckMs)})`;
  }
  if (settings.get("max-request-bytes") > maxRequestBytesLimit) {
    return `--max-request-bytes must be at most ${maxRequestBytesLimit} (set to ${settings.get("max-request-bytes")})`;
  }
  if (settings.get("io-threads") > maxIoThreads) {
    return `--io-threads must be at most ${maxIoThreads} (set to ${settings.get("io-threads")})`;
  }
  const name = settings.get("name");
  if (name === "default") {
    warnings.push({
      level: "warn",
      message:
        "it isn't recommended to use default name, please set a value for --name. Note that etcd might run into issue when multiple members have the same default name",
      fields: { name },
    });
  }
  if (settings.given("max-snapshots")) {
    warnings.push({
      level: "warn",
      message: "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
      fields: {},
    });
  }
  if (settings.given("v2-deprecation")) {
    warnings.push({
      level: "warn",
      message:
        "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.",
      fields: {},
    });
  }
  return tlsFault(settings, warnings);
}
