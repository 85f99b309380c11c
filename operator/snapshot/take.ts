// Takes a snapshot of a member: streamed to a file beside its place, checked against its own digest and by
// etcdutl, and only then kept under its name. Whoever dies in between has kept nothing, and it is begun again.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { formatId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import { EtcdClient } from "#client/client.ts";
import type { TlsOptions } from "#client/options.ts";
import type { SnapshotRun } from "#operator/plan/backup.ts";

const exec = promisify(execFile);
/** A snapshot ends in the SHA-256 of all before it. */
const digestBytes = 32;
const askTimeoutMs = 10_000;

/** Where one snapshot goes. */
export interface SnapshotPlace {
  /** The file that it is written to before it is checked. */
  readonly part: string;
  /** How it is named in status. */
  readonly location: string;
  /** Moves the checked file to its place; durable when it resolves. */
  keep(): Promise<void>;
}

export interface TakePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** The launcher of etcdutl. */
  readonly etcdutl: string;
  /** Called at `snapshot:checked` and `snapshot:kept`, for tests that end the process there. */
  readonly failpoint: (name: string) => void;
  /** Where the members speak TLS. */
  readonly tls?: TlsOptions;
  /** Where authentication is on, and a certificate does not say who asks. */
  readonly login?: { readonly name: string; readonly password: string };
}

export type TakenSnapshot = Extract<SnapshotRun, { kind: "done" }>;

/** Takes a snapshot of the member at `from`. Rejects with why it is none; then nothing is kept. */
export async function takeSnapshot(
  place: SnapshotPlace,
  from: string,
  timeoutMs: number,
  ports: TakePorts,
): Promise<TakenSnapshot> {
  const { clock, random, failpoint, tls, login } = ports;
  const { part, location } = place;
  await mkdir(dirname(part), { recursive: true });
  const client = new EtcdClient({
    endpoints: [from],
    callTimeoutMs: askTimeoutMs,
    clock,
    random,
    ...(tls === undefined ? {} : { tls }),
  });
  try {
    if (login !== undefined) await client.authenticate(login.name, login.password);
    const { header } = await client.maintenance.status();
    const sha256 = await stream(client, part, timeoutMs);
    const revision = await revisionOf(part, ports.etcdutl);
    const sizeBytes = (await stat(part)).size;
    failpoint("snapshot:checked");
    await place.keep();
    failpoint("snapshot:kept");
    const clusterId = formatId(header?.clusterId ?? 0n);
    return { kind: "done", location, clusterId, revision, sizeBytes, sha256 };
  } finally {
    client.close();
    await rm(part, { force: true });
  }
}

/** Writes the stream, synced; resolves to its SHA-256. Rejects if its own digest does not fit. */
async function stream(client: EtcdClient, part: string, timeoutMs: number): Promise<string> {
  const whole = createHash("sha256");
  const content = createHash("sha256");
  let tail: Uint8Array = new Uint8Array(0);
  const handle = await open(part, "w", 0o600);
  try {
    for await (const { blob } of client.maintenance.snapshot({ timeoutMs })) {
      await handle.writeFile(blob);
      whole.update(blob);
      const seen = Buffer.concat([tail, blob]);
      const end = Math.max(0, seen.length - digestBytes);
      content.update(seen.subarray(0, end));
      tail = seen.subarray(end);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (!content.digest().equals(tail)) {
    throw new OperatingError("BAD_SNAPSHOT", "the snapshot does not fit its digest");
  }
  return whole.digest("hex");
}

/** The newest revision in a snapshot, by whoever can open it. */
async function revisionOf(file: string, etcdutl: string): Promise<number> {
  try {
    const { stdout } = await exec(etcdutl, ["snapshot", "status", file, "-w", "json"]);
    const { revision } = JSON.parse(stdout) as { readonly revision: unknown };
    if (Number.isSafeInteger(revision)) return revision as number;
    throw new Error(`etcdutl says revision ${revision}`);
  } catch (cause) {
    const { stderr = "" } = cause as { readonly stderr?: string };
    const why = stderr.trimEnd().split("\n").at(-1) || String(cause);
    throw new OperatingError("BAD_SNAPSHOT", `the snapshot cannot be opened: ${why}`, { cause });
  }
}
