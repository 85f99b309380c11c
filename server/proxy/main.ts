// The process of a proxy: `etcd gateway start` and `etcd grpc-proxy start`. Flags in, log out, signals.
import { randomBytes } from "node:crypto";
import { lookup, resolveSrv } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { errorText } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import type { ParsedFlags } from "#ctl/flags.ts";
import { openLog } from "#server/log.ts";
import { notifyReady } from "#server/sd-notify.ts";
import { type ProxyKind, readCommandLine } from "./command-line.ts";
import { startGateway } from "./gateway-command.ts";

/** What a running proxy can be told. */
interface Running {
  close(): Promise<void>;
}

const random = seededRandom(randomBytes(4).readInt32LE());

async function start(proxy: ProxyKind, flags: ParsedFlags): Promise<Running> {
  const isDebug = proxy === "grpc-proxy" && flags.bool("debug");
  const log = openLog({ level: isDebug ? "debug" : "info", outputs: ["stderr"] });
  log.info({ args: ["etcd", ...process.argv.slice(2)] }, "Running: ");
  const ports = {
    clock: systemClock,
    log,
    random,
    resolveSrv,
    addresses: async (host: string) =>
      (await lookup(host, { all: true })).map(({ address }) => address),
  };
  const ca = flags.string("trusted-ca-file");
  return startGateway(
    {
      endpoints: flags.list("endpoints"),
      listenAddr: flags.string("listen-addr"),
      retryDelayMs: flags.number("retry-delay"),
      srv: {
        domain: flags.string("discovery-srv"),
        serviceName: flags.string("discovery-srv-name"),
        insecure: flags.bool("insecure-discovery"),
        ca: ca === "" ? undefined : readFileSync(ca),
      },
    },
    ports,
  );
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
