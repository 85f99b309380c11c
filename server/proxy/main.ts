// The process of a proxy: `etcd gateway start` and `etcd grpc-proxy start`. Flags in, log out, signals.
import { randomBytes } from "node:crypto";
import { lookup, resolveSrv } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import { errorText, OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import type { ParsedFlags } from "#ctl/flags.ts";
import { ProfileEndpoints } from "#server/api/debug-endpoints.ts";
import { parseServerConfig } from "#server/config/config.ts";
import { openLog, type ProcessLog } from "#server/log.ts";
import { notifyReady } from "#server/sd-notify.ts";
import { type OpenTls, openTls, systemHostLookup } from "#server/tls/open.ts";
import { type ProxyKind, readCommandLine } from "./command-line.ts";
import { startGateway } from "./gateway-command.ts";
import { startGrpcProxy } from "./grpc-proxy.ts";
import { checkFlags, grpcProxySettings, serverTlsFlags, servesTls } from "./grpc-proxy-command.ts";
import { srvEndpoints } from "./srv-endpoints.ts";

/** What a running proxy can be told. */
interface Running {
  close(): Promise<void>;
}

const random = seededRandom(randomBytes(4).readInt32LE());

/** What either kind of proxy takes from outside. */
function portsOf(log: ProcessLog) {
  return { clock: systemClock, log, random, resolveSrv };
}

/** --discovery-srv; without a domain nothing is asked. */
function srvOf(flags: ParsedFlags, caFlag: string) {
  const ca = flags.string(caFlag);
  return {
    domain: flags.string("discovery-srv"),
    serviceName: flags.string("discovery-srv-name"),
    insecure: flags.bool("insecure-discovery"),
    ca: ca === "" ? undefined : readFileSync(ca),
  };
}

function gateway(flags: ParsedFlags, log: ProcessLog): Promise<Running> {
  const settings = {
    endpoints: flags.list("endpoints"),
    listenAddr: flags.string("listen-addr"),
    retryDelayMs: flags.number("retry-delay"),
    srv: srvOf(flags, "trusted-ca-file"),
  };
  const addresses = async (host: string): Promise<readonly string[]> =>
    (await lookup(host, { all: true })).map(({ address }) => address);
  return startGateway(settings, { ...portsOf(log), addresses });
}

async function grpcProxy(flags: ParsedFlags, log: ProcessLog): Promise<Running> {
  checkFlags(flags);
  const srv = srvOf(flags, "cacert");
  const found = srv.domain === "" ? [] : await srvEndpoints(srv, portsOf(log));
  const endpoints = found.length > 0 ? found.map(({ url }) => url) : flags.list("endpoints");
  const settings = grpcProxySettings(flags, endpoints);
  const tls = await clientTls(flags, log);
  if (flags.bool("insecure-skip-tls-verify")) {
    const message = "--insecure-skip-tls-verify was given: certificates of members are not checked";
    log.warn({}, message);
  }
  if (flags.string("experimental-leasing-prefix") !== "") {
    log.warn({}, "--experimental-leasing-prefix has no effect");
  }
  const profiles = flags.bool("enable-pprof") ? new ProfileEndpoints() : undefined;
  const proxy = await startGrpcProxy(settings, {
    ...portsOf(log),
    hostName: hostname(),
    security: tls?.client?.security,
    profiles: profiles?.serve.bind(profiles),
  });
  return {
    async close() {
      await proxy.close();
      tls?.close();
    },
  };
}

/** The same options as the server's, read, checked and opened as the server does. */
async function clientTls(flags: ParsedFlags, log: ProcessLog): Promise<OpenTls | undefined> {
  if (!servesTls(flags)) return undefined;
  const read = parseServerConfig({
    argv: serverTlsFlags(flags),
    env: {},
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (read.kind === "error") {
    throw new OperatingError("BAD_FLAG", read.message);
  }
  if (read.kind !== "run") return undefined;
  return openTls(read.config, { clock: systemClock, log, lookup: systemHostLookup });
}

async function start(proxy: ProxyKind, flags: ParsedFlags): Promise<Running> {
  const isDebug = proxy === "grpc-proxy" && flags.bool("debug");
  const log = openLog({ level: isDebug ? "debug" : "info", outputs: ["stderr"] });
  log.info({ args: ["etcd", ...process.argv.slice(2)] }, "Running: ");
  return proxy === "gateway" ? gateway(flags, log) : grpcProxy(flags, log);
}

async function main(): Promise<void> {
  const read = readCommandLine(process.argv.slice(2));
  if (read.kind === "help") {
    process.stdout.write(read.text);
    return;
  }
  if (read.kind === "error") {
    process.stderr.write(`Error: ${read.message}\n${read.usage}`);
    process.exitCode = 1;
    return;
  }
  let running: Running;
  try {
    running = await start(read.proxy, read.flags);
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exit(1);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void running.close().finally(() => {
        if (process.pid === 1) process.exit(0);
        process.kill(process.pid, signal);
      });
    });
  }
  await notifyReady(process.env, process.pid).catch((error: unknown) => {
    process.stderr.write(`failed to notify systemd for readiness: ${errorText(error)}\n`);
  });
  flushCompileCache();
}

await main();
