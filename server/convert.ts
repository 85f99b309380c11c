// Makes a data folder of ours out of an etcd member's, offline, so that the same member goes on: its
// records byte by byte, its identity, its log behind the state. The old folder is only read. Everything
// is checked before anything is written and the records are compared afterwards; a conversion that is
// cut short leaves a folder that no member starts from.
import { rm, stat } from "node:fs/promises";
import path from "node:path";
import { crc32c } from "@node-rs/crc32";
import { text, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { formatId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { type Progress, readingOf } from "#base/progress.ts";
import {
  ConfChange,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
} from "#proto/gen/raft.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { BoltBackend } from "#server/backend/bbolt/bolt-backend.ts";
import { checkBolt, integrityText } from "#server/backend/bbolt/check.ts";
import { copyRecords } from "#server/backend/bbolt/copy.ts";
import type { BoltFile } from "#server/backend/bbolt/reader.ts";
import { openSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { diskError, listFolder } from "#server/backend/folder.ts";
import { defaultWalDir, openStateFolder } from "#server/backend/state-folder.ts";
import { refused, refuseV2Data, refuseV2Requests } from "#server/convert-v2.ts";
import { holdEtcdFile } from "#server/etcd-lock.ts";
import { confStateOf } from "#server/membership/bootstrap-ids.ts";
import { storageVersionKey } from "#server/membership/cluster-version.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { type Member, parseMember } from "#server/membership/member-json.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { confStateKey } from "#server/node/apply-turn.ts";
import { type AppliedPosition, readApplied } from "#server/node/boot-state.ts";
import { markState } from "#server/storage.ts";
import { type EtcdLog, readEtcdWal } from "#server/wal/etcd-wal.ts";
import { openWal, walExists } from "#server/wal/rocks-wal.ts";
import type { WalIdentity } from "#server/wal/wal.ts";

export interface ConvertOptions {
  /** etcd's `--data-dir`. */
  readonly from: string;
  /** etcd's `--wal-dir`; undefined: below its data folder. */
  readonly fromWalDir: string | undefined;
  /** The folder to make; missing or empty. */
  readonly dataDir: string;
  /** Undefined: below `dataDir`. */
  readonly walDir: string | undefined;
  readonly log: Log;
  readonly progress: Progress;
  /** This process, as another one that wants a folder is told. */
  readonly processName: string;
}

export interface Converted extends WalIdentity {
  /** The file that the state was taken from. */
  readonly db: string;
  /** "3.5.0", "3.6.0" or "3.7.0"; "none" if the state holds nothing and the log everything. */
  readonly storageVersion: string;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** Committed entries that the member carries out at its first start. */
  readonly entriesToApply: number;
  /** Entries that nobody has confirmed yet. */
  readonly entriesNotCommitted: number;
}

/** What of etcd's storage versions this program reads; 3.5 writes none. */
const knownStorage: ReadonlySet<string> = new Set(["3.6.0", "3.7.0"]);
const hashSlice = 1000;

/** Rejects with OperatingError; then nothing has changed. */
export async function convertEtcdFolder(options: ConvertOptions): Promise<Converted> {
  const { dataDir, from, log } = options;
  const fromWalDir = options.fromWalDir ?? defaultWalDir(from);
  const walDir = options.walDir ?? defaultWalDir(dataDir);
  await refuseTaken(dataDir, walDir);
  const main = path.join(from, "member", "snap", "db");
  const lock = await holdEtcdFile(main);
  try {
    const before = await fingerprint(main);
    const reading = readingOf(options.progress);
    const source = await openSource(main, fromWalDir, reading);
    try {
      const made = (await exists(dataDir)) ? path.join(dataDir, "member") : dataDir;
      log.info({ from: source.db, "wal-dir": walDir, "data-dir": dataDir }, "converting");
      if (source.tornBytes > 0) {
        const fields = { bytes: source.tornBytes };
        log.warn(fields, "left out the end of the log, which a crash had torn");
      }
      try {
        await write(options, walDir, source, reading);
        if ((await fingerprint(main)) !== before) {
          throw refused(`${main} was changed meanwhile: stop the member that uses it`);
        }
      } catch (error) {
        await rm(made, { recursive: true, force: true });
        if (options.walDir !== undefined) await rm(walDir, { recursive: true, force: true });
        throw error;
      }
      return source.told;
    } finally {
      await source.close();
    }
  } finally {
    lock.release();
  }
}

async function refuseTaken(dataDir: string, walDir: string): Promise<void> {
  if (((await listFolder(dataDir)) ?? []).length > 0) {
    throw refused(`data-dir "${dataDir}" not empty or could not be read`);
  }
  if (await walExists(walDir)) throw refused(`wal-dir "${walDir}" exists`);
}

async function exists(folder: string): Promise<boolean> {
  return (await listFolder(folder)) !== undefined;
}

async function fingerprint(file: string): Promise<string> {
  try {
    const { ino, mtimeNs, size } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    throw diskError(error, file);
  }
}

interface Source {
  readonly db: string;
  readonly bolt: BoltFile;
  readonly told: Converted;
  readonly confState: ConfState;
  readonly hardState: HardState;
  /** From the one behind the state on. */
  readonly entries: readonly Entry[];
  readonly tornBytes: number;
  close(): Promise<void>;
}

type Reading = ReturnType<typeof readingOf>;

/** Reads and judges everything. */
async function openSource(main: string, walDir: string, reading: Reading): Promise<Source> {
  let db = main;
  let opened = await openDb(db, reading);
  try {
    let applied = await readApplied(opened.state);
    reading.step("reading the log");
    const v2Index = await refuseV2Data(path.dirname(main));
    // Up to 3.5 keys of the v2 API are in no state, but in what the log holds behind etcd's snapshot.
    const mayHoldV2 = (await storageVersion(opened.state, applied, db)) === "3.5.0";
    const log = await readEtcdWal(
      walDir,
      mayHoldV2 ? Math.min(applied.index, v2Index) : applied.index,
    );
    const { index: snapIndex } = lastSnapshot(log);
    if (snapIndex > applied.index) {
      // The state that a leader sent lies beside the old one, which the next start would replace.
      db = path.join(path.dirname(main), `${snapIndex.toString(16).padStart(16, "0")}.snap.db`);
      await opened.close();
      opened = await openDb(db, reading).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw refused(
          `the state in ${main} ends at index ${applied.index}, its log begins at ${snapIndex}, and what lies between is missing: ${why}`,
        );
      });
      applied = await readApplied(opened.state);
    }
    const entries = checkLog(log, applied, db);
    refuseV2Requests(log.entries);
    checkEntries(entries);
    const members = await membersOf(opened.state, db);
    checkOwner(log, members, entries, db);
    const toApply = entries.filter(({ index }) => index <= log.hardState.commit).length;
    const { bolt, close } = opened;
    const told: Converted = {
      ...log.identity,
      db,
      storageVersion: await storageVersion(opened.state, applied, db),
      appliedIndex: applied.index,
      appliedTerm: applied.term,
      entriesToApply: toApply,
      entriesNotCommitted: entries.length - toApply,
    };
    const { hardState, tornBytes } = log;
    const confState = confStateOf(members);
    return { db, bolt, told, confState, hardState, entries, tornBytes, close };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

interface OpenedDb {
  readonly bolt: BoltFile;
  readonly state: BoltBackend;
  close(): Promise<void>;
}

async function openDb(file: string, reading: Reading): Promise<OpenedDb> {
  const { bolt, close } = await openSnapshotFile(file, reading.onRead);
  try {
    reading.step("checking the state");
    const findings = await checkBolt(bolt);
    if (findings.length > 0) throw refused(`${file}: ${integrityText(findings)}`);
    const names = (await bolt.buckets()).map((name) => text(name));
    for (const needed of ["key", "meta", "members"]) {
      if (!names.includes(needed)) {
        throw refused(`${file} is no state of an etcd member: it has no bucket "${needed}"`);
      }
    }
    return { bolt, state: new BoltBackend(bolt), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function storageVersion(
  state: BoltBackend,
  applied: AppliedPosition,
  db: string,
): Promise<string> {
  const [told] = await state.getMany("meta", [storageVersionKey]);
  if (told === undefined) {
    if (applied.term > 0) return "3.5.0";
    // Nothing was carried out yet, in whatever version: the log tells everything.
    if (applied.index === 0) return "none";
    throw refused(`${db} is of etcd 3.4 or older, which keeps no term: upgrade it to 3.5 first`);
  }
  const version = text(told);
  if (knownStorage.has(version)) return version;
  throw refused(`${db} has storage version ${version}; known are 3.5, 3.6 and 3.7`);
}

/** The newest one that is known to be committed. */
function lastSnapshot(log: EtcdLog): { readonly index: number; readonly term: number } {
  const committed = log.snapshots.filter(({ index }) => index <= log.hardState.commit);
  return committed.at(-1) ?? { index: 0, term: 0 };
}

/** The entries behind the state; throws if state and log do not fit. */
function checkLog(
  log: EtcdLog,
  applied: { readonly index: number; readonly term: number },
  db: string,
): readonly Entry[] {
  const { entries, hardState, lastIndex } = log;
  if (lastIndex < applied.index || hardState.commit < applied.index) {
    throw refused(
      `${db} has carried out entry ${applied.index}, the log ends at ${Math.min(lastIndex, hardState.commit)}: a part of the log is missing`,
    );
  }
  const same = entries.find(({ index }) => index === applied.index);
  if (same !== undefined && same.term !== applied.term) {
    throw refused(
      `entry ${applied.index} has term ${same.term} in the log and ${applied.term} in ${db}: they belong to two members`,
    );
  }
  const behind = entries.filter(({ index }) => index > applied.index);
  const [first] = behind;
  if (first !== undefined && first.index !== applied.index + 1) {
    throw refused(`the log lacks the entries from ${applied.index + 1} to ${first.index - 1}`);
  }
  if ((behind.at(-1)?.index ?? applied.index) < hardState.commit) {
    throw refused(`the log lacks entries up to ${hardState.commit}, which were committed`);
  }
  return behind;
}

/** The log's member must be one of the state's, or become one by an entry that is still to come. */
function checkOwner(
  { identity }: EtcdLog,
  members: readonly Member[],
  entries: readonly Entry[],
  db: string,
): void {
  const { memberId } = identity;
  if (members.length === 0 || members.some(({ id }) => id === memberId)) return;
  const joins = entries.some(
    ({ type, data }) =>
      type === EntryType.EntryConfChange && ConfChange.decode(data).nodeId === memberId,
  );
  if (joins) return;
  throw refused(
    `the log is of member ${formatId(memberId)}, which the state in ${db} does not know: they belong to two members, or it was removed from its cluster`,
  );
}

/** Every entry that is still to be carried out must be one that this program knows. */
function checkEntries(entries: readonly Entry[]): void {
  for (const { type, index, data } of entries) {
    if (type !== EntryType.EntryNormal || data.length === 0) continue;
    let known: unknown;
    try {
      known = decodeCommand(data);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw refused(`entry ${index} of the log cannot be carried out: ${why}`);
    }
    if (known === undefined) {
      throw refused(`entry ${index} of the log is a command that this version does not know`);
    }
  }
}

/** Those of the state, from which etcd 3.7 takes the configuration. */
async function membersOf(state: BoltBackend, db: string): Promise<readonly Member[]> {
  const view = state.scan("members", new Uint8Array());
  const records = await view.next(10_000);
  await view.close();
  try {
    return records.map(([, json]) => parseMember(text(json)));
  } catch (error) {
    throw refused(`${db} holds a member that cannot be read: ${String(error)}`);
  }
}

async function write(
  options: ConvertOptions,
  walDir: string,
  source: Source,
  reading: Reading,
): Promise<void> {
  const { dataDir, log, processName: holder } = options;
  const { confState, entries, hardState, told } = source;
  const identity = { memberId: told.memberId, clusterId: told.clusterId };
  const folder = await openStateFolder({ dataDir, log, holder, restoring: true });
  try {
    const { backend } = folder;
    reading.step("copying the state");
    await copyRecords(source.bolt, backend);
    reading.step("comparing the copy");
    const wanted = await hashOf(new BoltBackend(source.bolt));
    if ((await hashOf(backend)) !== wanted) {
      throw new OperatingError("CONVERT_DIFFERS", "the copy does not hold what the source does");
    }
    await markState(backend, identity);
    const batch = backend.newBatch();
    if (told.appliedIndex > 0) batch.put("meta", confStateKey, encodeConfState(confState));
    await backend.write(batch, { sync: true });
    const { wal } = await openWal({ dir: walDir, identity, log });
    try {
      if (told.appliedIndex > 0) {
        const mark = { index: told.appliedIndex, term: told.appliedTerm, confState };
        await wal.reset(mark, { ...hardState, commit: told.appliedIndex });
      }
      await wal.save(hardState, entries, true);
    } finally {
      await wal.close();
    }
    await folder.restored();
    log.info(
      { "member-id": formatId(told.memberId), "applied-index": told.appliedIndex },
      "converted",
    );
  } finally {
    await folder.close();
  }
}

/** A checksum over every record of the buckets that members have in common. */
async function hashOf(backend: Pick<Backend, "scanAll">): Promise<number> {
  const view = backend.scanAll();
  let hash = 0;
  try {
    for (;;) {
      const slice = await view.next(hashSlice);
      if (slice.length === 0) return hash;
      for (const [bucket, key, value] of slice) {
        hash = crc32c(utf8(`${bucket} ${key.length} ${value.length} `) as Buffer, hash);
        hash = crc32c(Buffer.from(key), hash);
        hash = crc32c(Buffer.from(value), hash);
      }
    }
  } finally {
    await view.close();
  }
}
