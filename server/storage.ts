// Opens or makes what a member keeps: its folder, its state and its log; and finds out who it is.
// A log that is there decides alone; the bootstrap flags count only where there is none, as in etcd.
import { utf8 } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { type ClusterId, formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { defaultWalDir, openStateFolder, type StateFolder } from "#server/backend/state-folder.ts";
import { bootstrapMembers, type InitialMembers } from "#server/config/bootstrap.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { initialCluster } from "#server/membership/bootstrap-ids.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { adoptMembers, canJoin, wasBootstrapped } from "#server/membership/joining.ts";
import type { Member } from "#server/membership/member-json.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { beginLog, isUntouched, loadLog } from "#server/node/boot-log.ts";
import { readApplied } from "#server/node/boot-state.ts";
import type { PeerClient, RemoteCluster } from "#server/peer/peer-client.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { sha1 } from "#server/sha1.ts";
import { openWal, walExists } from "#server/wal/rocks-wal.ts";
import { checkJoin, finishInstall } from "#server/wal/start-up.ts";
import { type Wal, type WalContents, zeroMark } from "#server/wal/wal.ts";

const joinTimeoutMs = 10_000;
const bootstrappedTimeoutMs = 1000;
const emptyLog: Pick<WalContents, "snapshot" | "entries"> = { snapshot: zeroMark, entries: [] };
const identityKey = utf8("identity");

export interface Identity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

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

export interface StoragePorts {
  readonly log: Log;
  /** This process, as another one that wants its folder is told. */
  readonly processName: string;
  readonly peerClient: PeerClient;
  /** Takes what must be closed at the end, or if a later step fails. */
  onClose(close: () => Promise<unknown>): void;
}

interface FirstStart extends Identity {
  readonly members: readonly Member[];
  /** False for a member that joins: its log begins empty. */
  readonly bootstraps: boolean;
}

/** Rejects with OperatingError: what is wrong with folder, log, flags or the cluster to join. */
export async function openStorage(
  config: ServerConfig,
  ports: StoragePorts,
): Promise<MemberStorage> {
  const { log } = ports;
  const walDir = config.walDir ?? defaultWalDir(config.dataDir);
  const known = await walExists(walDir);
  let first = known ? undefined : await firstStart(config, ports.peerClient);
  const folder = await openStateFolder({
    dataDir: config.dataDir,
    log,
    holder: ports.processName,
  });
  ports.onClose(() => folder.close());
  const opened = await openWal({ dir: walDir, identity: first, log });
  const { wal } = opened;
  ports.onClose(() => wal.close());
  let { contents } = opened;
  if (contents !== undefined) contents = await finishInstall(folder, wal, contents);
  // Before anything else: a log that is new or forgot all must not begin again beside a state.
  const applied = await readApplied(folder.backend);
  checkJoin(applied.index, contents ?? emptyLog, config.dataDir);
  if (contents !== undefined && isUntouched(contents)) {
    // The first start was cut short right behind the making of the log.
    first ??= await firstStart(config, ports.peerClient);
    checkSame({ inLog: contents, wanted: first }, walDir);
    contents = undefined;
  }
  const memoryLog = new MemoryLog();
  if (contents === undefined) {
    if (first?.bootstraps === true) await beginLog(wal, memoryLog, first.members);
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

/** Who this member is at its first start, by its flags and, if it joins, by the running cluster. */
async function firstStart(config: ServerConfig, client: PeerClient): Promise<FirstStart> {
  const parsed = bootstrapMembers(config);
  if (!parsed.ok) throw new OperatingError("BAD_INITIAL_CLUSTER", parsed.reason);
  const others = otherUrls(parsed.members, config.name);
  return config.initialClusterState === "new"
    ? await bootstrap(config, parsed.members, others, client)
    : await join(config, parsed.members, others, client);
}

function otherUrls(members: InitialMembers, name: string): string[] {
  return [...members]
    .filter(([other]) => other !== name)
    .flatMap(([, urls]) => urls)
    .sort();
}

async function bootstrap(
  config: ServerConfig,
  initial: InitialMembers,
  others: readonly string[],
  client: PeerClient,
): Promise<FirstStart> {
  const { clusterId, members } = initialCluster(initial, config.initialClusterToken, sha1);
  const self = members.find((one) => one.name === config.name)!;
  const running = await Promise.all(
    others.map((url) => client.members(url, bootstrappedTimeoutMs).catch(() => undefined)),
  );
  if (running.some((one) => one !== undefined && wasBootstrapped(self, one.members))) {
    throw new OperatingError(
      "ALREADY_BOOTSTRAPPED",
      `member ${formatId(self.id)} has already been bootstrapped: its folder ${config.dataDir} is gone or empty; remove the member and add it again with --initial-cluster-state=existing`,
    );
  }
  return { clusterId, memberId: self.id, members, bootstraps: true };
}

async function join(
  config: ServerConfig,
  initial: InitialMembers,
  others: readonly string[],
  client: PeerClient,
): Promise<FirstStart> {
  const remote = await firstAnswer(others, client);
  const adopted = adoptMembers(initial, remote.members);
  if (!adopted.ok) {
    throw new OperatingError(
      "BAD_INITIAL_CLUSTER",
      `error validating peerURLs: ${adopted.reason}; --initial-cluster must name the members that the cluster has now`,
    );
  }
  await checkVersions(others, client);
  const self = adopted.members.find((one) => one.name === config.name)!;
  return {
    clusterId: remote.clusterId,
    memberId: self.id,
    members: adopted.members,
    bootstraps: false,
  };
}

async function firstAnswer(urls: readonly string[], client: PeerClient): Promise<RemoteCluster> {
  let last = "--initial-cluster names no other member";
  for (const url of urls) {
    try {
      return await client.members(url, joinTimeoutMs);
    } catch (error) {
      last = errorText(error);
    }
  }
  throw new OperatingError(
    "NO_CLUSTER",
    `cannot fetch cluster info from peer urls: ${last}; is the cluster to join running?`,
  );
}

async function checkVersions(urls: readonly string[], client: PeerClient): Promise<void> {
  const answers = await Promise.all(
    urls.map((url) => client.versions(url, joinTimeoutMs).catch(() => undefined)),
  );
  const versions = answers.filter((one) => one !== undefined).map((one) => one.cluster);
  const downgrading = await Promise.any(
    urls.map((url) => client.downgradeEnabled(url, joinTimeoutMs)),
  ).catch(() => false);
  if (canJoin(serverVersion, versions, downgrading)) return;
  throw new OperatingError(
    "INCOMPATIBLE_CLUSTER",
    `incompatible with current running cluster: it has version ${versions.join(", ") || "none yet"}, this member speaks ${serverVersion}`,
  );
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
