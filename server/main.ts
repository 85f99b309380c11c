// The process of one member: configuration in, log out, signals, and the only process.exit.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { hostname } from "node:os";
import { errorText, OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { type RunningMember, startMember } from "#server/assemble.ts";
import { parseServerConfig } from "#server/config/config.ts";
import type { ConfigNote } from "#server/config/note.ts";
import { systemResolver } from "#server/discovery/resolver.ts";
import { openLog, type ProcessLog } from "#server/log.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { notifyReady } from "#server/sd-notify.ts";

/**
 * Ends as a kill would, where nothing is torn down, but with a code: after a full disk RocksDB's
 * threads are still at work, and abort or hold a process that runs its exit handlers under them.
 */
function exitAtOnce(code: 0 | 1): never {
  const { execPath } = process;
  try {
    process.execve?.(execPath, [execPath, "--eval", `process.exit(${code})`], {});
  } catch {
    // Not on this platform.
  }
  process.exit(code);
}

function versionText(): string {
  const own = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return [
    `etcd Version: ${serverVersion}`,
    `Git SHA: etcd-ts ${own.version}`,
    `Go Version: none (Node ${process.versions.node})`,
    `Go OS/Arch: ${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
    "",
  ].join("\n");
}

function note(log: ProcessLog, one: ConfigNote): void {
  const level = one.level === "fatal" ? "fatal" : one.level;
  log[level](one.fields, one.message);
}

async function main(): Promise<void> {
  const result = parseServerConfig({
    argv: process.argv.slice(2),
    env: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  switch (result.kind) {
    case "help":
      process.stdout.write(result.text);
      return;
    case "version":
      process.stdout.write(versionText());
      return;
    case "error": {
      if (result.usage !== undefined) {
        process.stderr.write(`${result.message}\n${result.usage}`);
      } else {
        const log = openLog({ level: "info", outputs: ["stderr"] });
        for (const one of result.warnings) note(log, one);
        if (result.log !== undefined) note(log, result.log);
        else log.fatal({ error: result.message }, "failed to start");
      }
      process.exitCode = result.exitCode;
      return;
    }
    case "run":
      break;
  }

  const { config } = result;
  let log: ProcessLog;
  try {
    log = openLog(config.log);
  } catch (error) {
    const other = openLog({ level: "info", outputs: ["stderr"] });
    other.fatal({ error: errorText(error) }, "failed to open the log");
    process.exitCode = 1;
    return;
  }
  for (const one of result.warnings) note(log, one);
  let running: RunningMember | undefined;
  let ending = false;

  const die = (error: unknown, message: string): void => {
    const fields =
      error instanceof OperatingError
        ? { code: error.code, error: error.message }
        : { error: errorText(error), stack: error instanceof Error ? error.stack : undefined };
    log.fatal(fields, message);
    log.flush();
    exitAtOnce(1);
  };
  const end = async (signal: NodeJS.Signals | undefined): Promise<void> => {
    if (ending) return;
    ending = true;
    try {
      await running?.stop();
      log.info({}, "closed etcd server");
      log.flush();
    } catch (error) {
      die(error, "failed to stop");
    }
    // As PID 1 a default action does nothing; elsewhere the parent shall see the signal.
    if (signal === undefined || process.pid === 1) exitAtOnce(0);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // Another one changes nothing, as for etcd: it ends once it has stopped.
      if (ending) return;
      log.info({ signal }, "received signal; shutting down");
      void end(signal);
    });
  }
  process.on("uncaughtException", (error) => die(error, "the server cannot go on"));
  process.on("unhandledRejection", (error) => die(error, "the server cannot go on"));

  try {
    running = await startMember(config, {
      clock: systemClock,
      log,
      random: seededRandom(randomBytes(4).readInt32LE()),
      resolver: systemResolver,
      processName: `process ${process.pid} on ${hostname()}`,
      schedule: setImmediate,
      fatal: (error) => die(error, "the server cannot go on"),
      removed: () => {
        if (ending) return;
        const error = "the member has been permanently removed from the cluster";
        log.warn({ error }, "server error");
        log.warn({ "data-dir": config.dataDir }, "data-dir used by this member must be removed");
        void end(undefined);
      },
    });
    await running.ready;
    notifyReady(process.env, process.pid).catch((error: unknown) => {
      log.warn({ error: errorText(error) }, "failed to notify systemd for readiness");
    });
    // Now, since a member that is killed could not do it at its end.
    flushCompileCache();
  } catch (error) {
    if (!ending) die(error, "failed to start etcd");
  }
}

await main();
