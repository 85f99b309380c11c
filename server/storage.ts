// Opens or makes what a member keeps: its folder, its state and its log; and finds out who it is.
// A log that is there decides alone; the bootstrap flags count only where there is none, as in etcd.
import { utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { formatId } from "#base/ids.ts";
import { defaultWalDir, openStateFolder, type StateFolder } from "#server/backend/state-folder.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import {
  endFirstStart,
  type FirstStartPorts,
  firstStart,
  type Identity,
} from "#server/first-start.ts";
import type { Member } from "#server/membership/member-json.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { beginLog, isUntouched, loadLog } from "#server/node/boot-log.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { forceNewCluster } from "#server/node/force-new-cluster.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { openWal, walExists } from "#server/wal/rocks-wal.ts";
import { checkJoin, finishInstall } from "#server/wal/start-up.ts";
import { type Wal, type WalContents, zeroMark } from "#server/wal/wal.ts";

const emptyLog: Pick<WalContents, "snapshot" | "entries"> = { snapshot: zeroMark, entries: [] };
const identityKey = utf8("identity");

export interface MemberStorage extends Identity {
  readonly folder: StateFolder;
  readonly wal: Wal;
  /** What raft reads: the same entries as the log. */
  readonly memoryLog: MemoryLog;
  /** The last mark in the log. */
  readonly markIndex: number;
  /** Members to know before the log or a snapshot tells them; empty for a member that was here before. */
  readonly expected: readonly Member[];
}

export interface StoragePorts extends FirstStartPorts {
  /** This process, as another one that wants its folder is told. */
  readonly processName: string;
  /** A write of the state has ended. */
  stateWritten?(durationMs: number): void;
  /** Takes what must be closed at the end, or if a later step fails. */
  onClose(close: () => Promise<unknown>): void;
}

/** Rejects with OperatingError: what is wrong with folder, log, flags or the cluster to join. */
export async function openStorage(
  config: ServerConfig,
  ports: StoragePorts,
): Promise<MemberStorage> {
  const { log } = ports;
  if (config.unsafeNoFsync) {
    log.warn(
      { "data-dir": config.dataDir },
      "--unsafe-no-fsync: nothing waits for the disk. A crash of this machine loses writes that were acknowledged, and the vote of this member: for tests only",
    );
  }
  const walDir = config.walDir ?? defaultWalDir(config.dataDir);
  const known = await walExists(walDir);
  if (known && config.discovery !== undefined) {
    const fields = { "wal-dir": walDir };
    log.warn(
      fields,
      "discovery token is ignored since cluster already initialized; valid logs are found",
    );
  }
  let first = known ? undefined : await firstStart(config, ports);
  const folder = await openStateFolder({
    dataDir: config.dataDir,
    log,
    holder: ports.processName,
    tuning: {
      unsafeNoSync: config.unsafeNoFsync,
      meter: {
        nowMs: () => ports.clock.monotonicMs(),
        written: (durationMs) => ports.stateWritten?.(durationMs),
      },
    },
  });
  ports.onClose(() => folder.close());
  const opened = await openWal({
    dir: walDir,
    identity: first,
    log,
    unsafeNoSync: config.unsafeNoFsync,
  });
  const { wal } = opened;
  ports.onClose(() => wal.close());
  let { contents } = opened;
  if (contents !== undefined) contents = await finishInstall(folder, wal, contents);
  // Before anything else: a log that is new or forgot all must not begin again beside a state.
  const applied = await readApplied(folder.backend);
  checkJoin(applied.index, contents ?? emptyLog, config.dataDir);
  if (contents !== undefined && isUntouched(contents)) {
    // The first start was cut short right behind the making of the log.
    first ??= await firstStart(config, ports);
    checkSame({ inLog: contents, wanted: first }, walDir);
    contents = undefined;
  }
  if (config.forceNewCluster && contents !== undefined) {
    contents = await forceNewCluster(wal, contents, applied.index);
    log.warn({ "commit-index": contents.hardState.commit }, "forcing restart member");
  }
  const memoryLog = new MemoryLog();
  if (contents === undefined) {
    if (first?.bootstraps === true) {
      await beginLog(wal, memoryLog, first.members);
      await endFirstStart(config);
    }
  } else {
    loadLog(memoryLog, contents);
  }
  const { clusterId, memberId } = contents ?? first!;
  await checkState(folder.backend, { clusterId, memberId }, config.dataDir);
  return {
    clusterId,
    memberId,
    folder,
    wal,
    memoryLog,
    markIndex: contents?.snapshot.index ?? 0,
    expected: first?.members ?? [],
  };
}

function checkSame(
  ids: { readonly inLog: Identity; readonly wanted: Identity },
  walDir: string,
): void {
  const { inLog, wanted } = ids;
  if (inLog.memberId === wanted.memberId && inLog.clusterId === wanted.clusterId) return;
  throw new OperatingError(
    "WAL_OTHER_MEMBER",
    `the log in ${walDir} belongs to member ${formatId(inLog.memberId)} of cluster ${formatId(inLog.clusterId)}, the flags make this member ${formatId(wanted.memberId)} of ${formatId(wanted.clusterId)}: check --data-dir, --wal-dir and --initial-cluster`,
  );
}

/** The state names its member too, so that a log and a state of two members are never joined. */
async function checkState(backend: Backend, own: Identity, dataDir: string): Promise<void> {
  const text = identityText(own);
  const [stored] = await backend.getMany("private", [identityKey]);
  if (stored === undefined) {
    await markState(backend, own);
  } else if (Buffer.from(stored).toString() !== text) {
    throw new OperatingError(
      "STATE_OTHER_MEMBER",
      `the state in ${dataDir} belongs to member and cluster ${Buffer.from(stored).toString()}, the log to ${text}: check --data-dir and --wal-dir`,
    );
  }
}

/** Puts the member's name into a state; into one that was received, before it counts. */
export async function markState(backend: Backend, own: Identity): Promise<void> {
  const batch = backend.newBatch();
  batch.put("private", identityKey, utf8(identityText(own)));
  await backend.write(batch, { sync: false });
}

function identityText(own: Identity): string {
  return `${formatId(own.memberId)} ${formatId(own.clusterId)}`;
}
