// A start that must fail, of ours in this process and of the reference as one: why, and that no data
// folder was made.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { parseServerConfig } from "#server/config/config.ts";
import { systemResolver } from "#server/discovery/resolver.ts";
import { firstStart } from "#server/first-start.ts";
import { PeerClient } from "#server/peer/peer-client.ts";
import { launcherOf, type MemberKind } from "#test/cluster/launchers.ts";
import type { ProcessCommand } from "#test/cluster/member-process.ts";

const limitMs = 20_000;

export interface RefusedStart {
  /** Besides name, folder and addresses. */
  readonly flags: readonly string[];
  readonly peerUrl: string;
  readonly wrap?: (command: ProcessCommand) => ProcessCommand;
}

async function inFolder<T>(
  start: RefusedStart,
  run: (flags: readonly string[], dataDir: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-refused-"));
  const dataDir = join(folder, "data");
  try {
    return await run(
      [
        "--name=m1",
        `--data-dir=${dataDir}`,
        // Never listened on: a start that is refused does not get so far.
        "--listen-client-urls=http://127.0.0.1:2",
        "--advertise-client-urls=http://127.0.0.1:2",
        "--listen-peer-urls=http://127.0.0.1:3",
        `--initial-advertise-peer-urls=${start.peerUrl}`,
        ...start.flags,
      ],
      dataDir,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why ours does not start. Fails if it would, or if it left something. */
export function refusalOfOurs(start: RefusedStart): Promise<string> {
  return inFolder(start, async (argv, dataDir) => {
    const readFile = (path: string) => readFileSync(path, "utf8");
    const parsed = parseServerConfig({ argv, env: {}, readFile });
    if (parsed.kind !== "run") {
      assert(parsed.kind === "error");
      return parsed.message;
    }
    const ports = {
      clock: systemClock,
      log: silentLog,
      random: seededRandom(1),
      resolver: systemResolver,
      peerClient: new PeerClient({ clock: systemClock }),
    };
    const reason = await firstStart(parsed.config, ports).then(
      () => assert.fail(`${start.flags.join(" ")} was accepted`),
      errorText,
    );
    assert.ok(!existsSync(dataDir), `${start.flags.join(" ")} made a folder`);
    return reason;
  });
}

/** What a process prints that does not start. */
export function refusalOfProcess(start: RefusedStart, kind: MemberKind): Promise<string> {
  return inFolder(start, async (flags) => {
    const bare = (await launcherOf(kind)).command(flags, process.env);
    const { args, file } = start.wrap?.(bare) ?? bare;
    return await new Promise((resolve, reject) => {
      execFile(file, args, { timeout: limitMs, killSignal: "SIGKILL" }, (error, stdout, stderr) => {
        // Quotes within JSON.
        const output = (stdout + stderr).replaceAll('\\"', '"');
        if (error?.code === 1) resolve(output);
        else reject(new Error(`${flags.join(" ")} ended with ${error?.code}: ${output}`));
      });
    });
  });
}
