// Puts another storage version into a stopped member's folder, by etcd's rules: one step a minor version,
// and down only if every version that is to read the log knows what is in it. A member of ours takes its
// cluster's version again when it starts, as etcd's does; what stays is the check, and the record for
// whoever reads the folder before that.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { text, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { statFile } from "#ctl/etcdutl/snapshot-status.ts";
import { badArguments } from "#ctl/exit.ts";
import { goQuote } from "#ctl/go-text.ts";
import { type Entry, EntryType } from "#proto/gen/raft.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { defaultWalDir, openStateFolder } from "#server/backend/state-folder.ts";
import { storageVersionKey } from "#server/membership/cluster-version.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { openWal } from "#server/wal/rocks-wal.ts";

/** A storage version; all are of major version 3. */
export interface StorageVersion {
  readonly major: number;
  readonly minor: number;
}

export interface MigrateOptions {
  readonly dataDir: string;
  /** Undefined: below `dataDir`. */
  readonly walDir: string | undefined;
  readonly target: StorageVersion;
  /** Sets the version even where the rules forbid it. */
  readonly force: boolean;
  readonly log: Log;
  /** This process, as another one that wants the folder is told. */
  readonly holder: string;
}

const oldest: StorageVersion = { major: 3, minor: 5 };
const newestMinor = 7;

const full = ({ major, minor }: StorageVersion): string => `${major}.${minor}.0`;
const short = ({ major, minor }: StorageVersion): string => `${major}.${minor}`;
const isBelow = (a: StorageVersion, b: StorageVersion): boolean =>
  a.major < b.major || (a.major === b.major && a.minor < b.minor);

function parse(given: string): StorageVersion | undefined {
  const match = /^(\d{1,9})\.(\d{1,9})(?:\.\d+)?$/.exec(given);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** The version that `--target-version` names; throws Exit. */
export function targetVersion(given: string): StorageVersion {
  if (given.split(".").length !== 2) {
    throw badArguments(`wrong target version format, expected "X.Y", got ${goQuote(given)}`);
  }
  const target = parse(given);
  if (target === undefined) {
    throw badArguments(`failed to parse target version: ${goQuote(given)} is no version`);
  }
  if (isBelow(target, oldest)) {
    throw badArguments(`target version ${goQuote(short(target))} not supported. Minimal "3.5"`);
  }
  return target;
}

/** The oldest version that knows all of these entries; undefined if any does. */
export function oldestReader(entries: readonly Entry[]): StorageVersion | undefined {
  let needed: StorageVersion | undefined;
  for (const { data, type } of entries) {
    if (type !== EntryType.EntryNormal || data.length === 0) continue;
    const command = decodeCommand(data);
    // All else is known since 3.5 and before.
    if (command?.kind !== "downgradeVersionTest") continue;
    const told = parse(command.payload.ver);
    if (told !== undefined && (needed === undefined || isBelow(needed, told))) needed = told;
  }
  return needed;
}

/** Why a folder of version `from` cannot be of version `to`; undefined if it can. */
export function refusal(
  from: StorageVersion,
  to: StorageVersion,
  needed: StorageVersion | undefined,
): string | undefined {
  if (from.major !== to.major) {
    return "cannot create migration plan: changing major storage version is not supported";
  }
  if (to.minor > newestMinor) {
    const first = { major: to.major, minor: Math.max(newestMinor, from.minor) + 1 };
    return `cannot create migration plan: version ${goQuote(full(first))} is not supported`;
  }
  if (from.minor > newestMinor) {
    return `cannot create migration plan: version ${goQuote(full(from))} is not supported`;
  }
  if (isBelow(to, from) && needed !== undefined && isBelow(to, needed)) {
    return `cannot downgrade storage, WAL contains newer entries, as the target version (${full(to)}) is lower than the version (${full(needed)}) detected from WAL logs`;
  }
  return undefined;
}

/** The versions on the way, the last one included. */
function steps(from: StorageVersion, to: StorageVersion): readonly StorageVersion[] {
  const by = isBelow(from, to) ? 1 : -1;
  const count = Math.abs(to.minor - from.minor);
  return Array.from({ length: count }, (_, i) => ({ ...from, minor: from.minor + by * (i + 1) }));
}

/** Rejects with OperatingError: no member's folder, in use, damaged, not allowed; then nothing changed. */
export async function migrateFolder(options: MigrateOptions): Promise<void> {
  const { dataDir, force, holder, log, target } = options;
  // To open a folder would make it; one of etcd's is refused by name.
  await statFile(join(dataDir, "member"));
  const isEtcds = await stat(join(dataDir, "member", "snap")).then(
    () => true,
    () => false,
  );
  if (isEtcds) {
    throw new OperatingError(
      "ETCD_DATA_DIR",
      `${dataDir} was written by etcd: migrate it with etcd's own etcdutl, or make a folder of etcd-ts out of it with etcdutl convert`,
    );
  }
  await statFile(join(dataDir, "member", "format"));
  const folder = await openStateFolder({ dataDir, log, holder });
  try {
    const { backend } = folder;
    const current = await versionOf(backend);
    if (full(current) === full(target)) {
      log.info({ "storage-version": short(current) }, "storage version up-to-date");
      return;
    }
    const dir = options.walDir ?? defaultWalDir(dataDir);
    const { contents, wal } = await openWal({ dir, identity: undefined, log });
    await wal.close();
    const why = refusal(current, target, oldestReader(contents?.entries ?? []));
    if (why !== undefined && !force) throw new OperatingError("MIGRATE_REFUSED", why);
    const batch = backend.newBatch();
    // 3.5 has no such record.
    if (target.minor <= oldest.minor && target.major === oldest.major) {
      batch.delete("meta", storageVersionKey);
    } else {
      batch.put("meta", storageVersionKey, utf8(full(target)));
    }
    await backend.write(batch, { sync: true });
    if (why !== undefined) {
      log.info({ error: why }, "normal migrate failed, trying with force");
      log.warn({ "storage-version": short(target) }, "forcefully set storage version");
      return;
    }
    for (const step of steps(current, target)) {
      log.info({ "new-storage-version": full(step) }, "updated storage version");
    }
  } finally {
    await folder.close();
  }
}

async function versionOf(
  backend: Awaited<ReturnType<typeof openStateFolder>>["backend"],
): Promise<StorageVersion> {
  const [stored] = await backend.getMany("meta", [storageVersionKey]);
  if (stored !== undefined) {
    const version = parse(text(stored));
    if (version !== undefined) return version;
    throw new OperatingError("DATA_DAMAGED", `${goQuote(text(stored))} is no storage version`);
  }
  if ((await readApplied(backend)).term > 0) return oldest;
  throw new OperatingError(
    "MIGRATE_REFUSED",
    "cannot detect storage schema version: missing term information",
  );
}
