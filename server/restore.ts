// Restores a snapshot file into a new data folder, as etcdutl does (facts: storage format §5): the
// records of a backup, with the members that the flags name in place of those it was taken from, and a
// log that begins behind them. Everything is checked before anything is written. A restore that is cut
// short leaves a folder that no member starts from: the last step alone makes it one.
import { readdir, rm, stat } from "node:fs/promises";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { formatId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { type Progress, readingOf } from "#base/progress.ts";
import type { Bucket } from "#base/state-batch.ts";
import { checkBolt, integrityText } from "#server/backend/bbolt/check.ts";
import { copyRecords } from "#server/backend/bbolt/copy.ts";
import type { BoltFile } from "#server/backend/bbolt/reader.ts";
import { openSnapshotFile, snapshotDigests } from "#server/backend/bbolt/snapshot-file.ts";
import { diskError, systemCode } from "#server/backend/folder.ts";
import { defaultWalDir, openStateFolder } from "#server/backend/state-folder.ts";
import { bootstrapMembers, parseMemberUrls } from "#server/config/bootstrap.ts";
import { parseEndpoints } from "#server/config/urls.ts";
import { confStateOf, initialCluster } from "#server/membership/bootstrap-ids.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { type Member, memberJson } from "#server/membership/member-json.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { scheduledCompactKey } from "#server/mvcc/compaction.ts";
import { mainOf, revisionKey } from "#server/mvcc/record.ts";
import { confStateKey, consistentIndexKey, termKey } from "#server/node/apply-turn.ts";
import { sha1 } from "#server/sha1.ts";
import { markState } from "#server/storage.ts";
import { openWal, walExists } from "#server/wal/rocks-wal.ts";

export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  /** Undefined: below the data folder. */
  readonly walDir: string | undefined;
  readonly name: string;
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  /** Comma list. */
  readonly advertisePeerUrls: string;
  /** For a file that was copied from a data folder and has no digest. */
  readonly skipHashCheck: boolean;
  /** Added to the newest revision, so that clients never see it go back; 0 for nothing. */
  readonly bumpRevision: number;
  readonly log: Log;
  readonly progress: Progress;
  /** This process, as another one that wants the folder is told. */
  readonly processName: string;
}

/** Buckets that tell of the cluster that the backup was taken from. */
const oldMembership: ReadonlySet<Bucket> = new Set<Bucket>([
  "members",
  "members_removed",
  "shared",
]);
/** The term of the entries that name the first members. */
const firstTerm = 1;

/** Rejects with OperatingError, in etcd's words where etcd has any; then nothing has changed. */
export async function restoreSnapshot(options: RestoreOptions): Promise<void> {
  const members = checkMembers(options);
  await checkFolders(options);
  const { dataDir, file, log } = options;
  const walDir = options.walDir ?? defaultWalDir(dataDir);
  log.info({ path: file, "wal-dir": walDir, "data-dir": dataDir }, "restoring snapshot");
  const reading = readingOf(options.progress);
  reading.step("checking the digest");
  await checkDigest(file, options.skipHashCheck);
  const snapshot = await openSnapshotFile(file, reading.onRead);
  try {
    reading.step("checking the pages");
    checkPages(await checkBolt(snapshot.bolt));
    reading.step("checking the keys");
    const newest = await checkContents(file, snapshot.bolt, options.bumpRevision);
    reading.step("writing the data folder");
    const made = (await exists(dataDir)) ? `${dataDir}/member` : dataDir;
    try {
      await restoreInto(options, { walDir, members, newest, bolt: snapshot.bolt });
    } catch (error) {
      await rm(made, { recursive: true, force: true });
      if (options.walDir !== undefined) await rm(walDir, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await snapshot.close();
  }
  log.info({ path: file, "wal-dir": walDir, "data-dir": dataDir }, "restored snapshot");
}

function checkMembers(options: RestoreOptions): ReturnType<typeof initialCluster> {
  const { advertisePeerUrls, initialClusterToken, name } = options;
  const advertised = parseEndpoints(advertisePeerUrls);
  if (typeof advertised === "string") throw refused(advertised);
  const given = parseMemberUrls(options.initialCluster);
  if (!given.ok) throw refused(given.reason);
  const checked = bootstrapMembers(
    {
      name,
      initialCluster: options.initialCluster,
      initialClusterState: "new",
      advertisePeerUrls: advertised.map((one) => one.text),
    },
    given,
  );
  if (!checked.ok) throw refused(checked.reason);
  return initialCluster(checked.members, initialClusterToken, sha1);
}

function refused(message: string): OperatingError {
  return new OperatingError("RESTORE_REFUSED", message);
}

async function checkFolders({ dataDir, walDir }: RestoreOptions): Promise<void> {
  const busy = refused(`data-dir "${dataDir}" not empty or could not be read`);
  try {
    if ((await readdir(dataDir)).length > 0) throw busy;
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw busy;
  }
  if (walDir !== undefined && (await exists(walDir))) throw refused(`wal-dir "${walDir}" exists`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return systemCode(error) !== "ENOENT";
  }
}

/** What a file lacks is told in the order of etcd, which first copies it. */
async function checkDigest(file: string, skip: boolean): Promise<void> {
  let bytes: number;
  try {
    const found = await stat(file);
    if (found.isDirectory()) throw refused(`read ${file}: is a directory`);
    bytes = found.size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw refused(`open ${file}: no such file or directory`);
    throw diskError(error, file);
  }
  if (bytes < 32) throw refused(`seek ${file}: invalid argument`);
  if (skip) return;
  const digests = await snapshotDigests(file);
  if (digests === undefined) {
    throw refused("snapshot missing hash but --skip-hash-check=false");
  }
  const { computed, stored } = digests;
  if (Buffer.from(computed).equals(stored)) return;
  const list = (digest: Uint8Array): string => `[${digest.join(" ")}]`;
  throw refused(`expected sha256 ${list(stored)}, got ${list(computed)}`);
}

function checkPages(findings: readonly string[]): void {
  if (findings.length > 0) throw refused(integrityText(findings));
}

/** Reads the file's keys through; its newest revision, 1 if nothing was ever written. */
async function checkContents(file: string, bolt: BoltFile, bump: number): Promise<number> {
  const names = (await bolt.buckets()).map((name) => Buffer.from(name).toString());
  if (!names.includes("key")) {
    throw refused(`${file} is no snapshot of a store: it has no bucket "key"`);
  }
  let newest = 1;
  for await (const [key] of bolt.records(utf8("key"))) {
    if (key.length < 17 || key.length > 18) {
      throw refused(`${file} is no snapshot of a store: a record's key is no revision`);
    }
    newest = Math.max(newest, mainOf(key));
  }
  if (newest + bump > Number.MAX_SAFE_INTEGER) {
    throw refused(`--bump-revision ${bump} is too large: revisions end at 2^53`);
  }
  return newest;
}

interface Restored {
  readonly walDir: string;
  readonly members: ReturnType<typeof initialCluster>;
  readonly newest: number;
  readonly bolt: BoltFile;
}

async function restoreInto(options: RestoreOptions, from: Restored): Promise<void> {
  const { dataDir, log, name } = options;
  const { clusterId, members } = from.members;
  const { walDir } = from;
  const holder = options.processName;
  const folder = await openStateFolder({ dataDir, log, holder, restoring: true });
  try {
    const memberId = members.find((one) => one.name === name)!.id;
    await copyRecords(from.bolt, folder.backend, oldMembership);
    await putMembership(folder.backend, members);
    if (options.bumpRevision > 0) {
      await bumpRevision(folder.backend, from.newest + options.bumpRevision);
    }
    await markState(folder.backend, { memberId, clusterId });
    await folder.backend.write(folder.backend.newBatch(), { sync: true });
    if (await walExists(walDir)) throw refused(`wal-dir "${walDir}" exists`);
    const { wal } = await openWal({ dir: walDir, identity: { memberId, clusterId }, log });
    const index = members.length;
    const mark = { index, term: firstTerm, confState: confStateOf(members) };
    await wal.reset(mark, { term: firstTerm, vote: 0n, commit: index });
    await wal.close();
    await folder.restored();
    for (const member of members) {
      log.info({ "member-id": formatId(member.id), "peer-urls": member.peerUrls }, "added member");
    }
  } finally {
    await folder.close();
  }
}

/** The new members, and the state as it is behind the entries that would have added them. */
async function putMembership(backend: Backend, members: readonly Member[]): Promise<void> {
  const batch = backend.newBatch();
  for (const member of members) {
    batch.put("members", utf8(formatId(member.id)), utf8(memberJson(member)));
  }
  batch.put("meta", consistentIndexKey, uint64Bytes(members.length));
  batch.put("meta", termKey, uint64Bytes(firstTerm));
  batch.put("meta", confStateKey, encodeConfState(confStateOf(members)));
  await backend.write(batch, { sync: false });
}

/** A record at the new revision that changes no key, and everything up to it is compacted. */
async function bumpRevision(backend: Backend, revision: number): Promise<void> {
  const key = revisionKey(revision, 0, false);
  const batch = backend.newBatch();
  batch.put("key", key, new Uint8Array(0));
  batch.put("meta", scheduledCompactKey, key);
  await backend.write(batch, { sync: false });
}
