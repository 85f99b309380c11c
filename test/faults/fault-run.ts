// One fault run: a cluster, a load, faults for so many seconds, then everything that must hold. What
// does not hold is a problem with a kind, so that runs of planted bugs can say which they expect.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { type ProxyProcess, startProxy } from "#test/contract/proxied-cluster.ts";
import {
  Archive,
  alarms,
  hashes,
  missing,
  referenceHash,
  settled,
  writtenIn,
} from "./agreement.ts";
import { type FaultKind, Faults } from "./faults.ts";
import { ForgetfulDisk, forgetEnvironment } from "./forget.ts";
import { History } from "./history.ts";
import { HostileMachine } from "./hostile.ts";
import { Leaders } from "./leaders.ts";
import { LeaseLoad } from "./lease-load.ts";
import { Links } from "./links.ts";
import { runLoad } from "./load.ts";
import { judgeLock } from "./lock-judge.ts";
import { type PlantName, plantEnvironment } from "./plants.ts";
import { checkHistory, forgetLibrary, hostileLibrary, type Verdict } from "./tools.ts";
import { Watchers } from "./watchers.ts";

export interface FaultRunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** How long it may go on until the counts below are reached; `seconds` if not given. */
  readonly maxSeconds?: number;
  /** How many members; three if not given. */
  readonly members?: number;
  /** Only these faults; none for an empty list. */
  readonly only?: readonly FaultKind[];
  /** Faults to begin with. */
  readonly opening?: readonly FaultKind[];
  /** Cut files back to what was synced before each restart. */
  readonly forget?: boolean;
  /** With `forget`: a shell pattern of paths whose syncs are left out. */
  readonly noSync?: string;
  readonly plant?: PlantName;
  /** Clients come through a grpc-proxy of ours before each member's place, which knows all members. */
  readonly proxied?: boolean;
  /** Without leases and watches: only single keys and pairs. */
  readonly plain?: boolean;
  /** How many keys the load is spread over; fewer see more of each other. */
  readonly keys?: number;
  /** Compare with the reference's hash of the same history. */
  readonly reference?: boolean;
  readonly minCompleted?: number;
  readonly minLeaderChanges?: number;
  readonly minWatchStreams?: number;
  readonly minRenewals?: number;
  /** Members that fell behind and were sent the whole state. */
  readonly minInstalls?: number;
  /** Faults that must have struck. */
  readonly mustStrike?: readonly FaultKind[];
  /** Told what happens. */
  log(line: string): void;
}

export type ProblemKind =
  | "not-linearizable"
  | "lost"
  | "watch"
  | "lease"
  | "lock"
  | "member-failed"
  | "disagreement"
  | "reference"
  | "too-little";

export interface Problem {
  readonly kind: ProblemKind;
  readonly text: string;
}

export interface FaultRunResult {
  readonly problems: readonly Problem[];
  readonly completed: number;
  readonly unknown: number;
  readonly leaderChanges: number;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly filesCut: number;
  readonly installs: number;
  readonly watchEvents: number;
  readonly watchStreams: number;
  readonly renewals: number;
  readonly locks: number;
  readonly verdict: Verdict;
  readonly revision: number;
  /** Where history and members' data are kept; removed if there was no problem. */
  readonly folder: string;
}

const clientCount = 10;
const keyCount = 16;
const memberCount = 3;
const deadlineMs = 1200;
const maxPerSecond = 350;
const progressEveryMs = 10_000;
const archiveLimitMs = 8_000;
const plantedLimitMs = 12_000;
const leaseLimitMs = 20_000;
const watchLimitMs = 20_000;
const flags = [
  // So that the log is truncated all the time, and who was down gets a snapshot.
  "--snapshot-count=300",
  "--snapshot-catchup-entries=50",
  // Long enough to install a state, short enough for the next one to be needed.
  "--snapshot-log-hold=5s",
  "--watch-progress-notify-interval=700ms",
];

export async function faultRun(options: FaultRunOptions): Promise<FaultRunResult> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-faults-"));
  const data = join(folder, "members");
  mkdirSync(data);
  const journal = join(folder, "journal");
  const links = new Links(seededRandom(options.seed + 2));
  const machines: HostileMachine[] = [];
  const canPreload = process.platform === "linux";
  const libraries = canPreload ? [await hostileLibrary()] : [];
  if (options.forget === true) libraries.unshift(await forgetLibrary());
  const cluster = await startCluster({
    runner: runnerFromEnvironment(),
    size: options.members ?? memberCount,
    folder: data,
    keepData: true,
    flags,
    env: {
      ...(options.forget === true
        ? await forgetEnvironment({ root: `${data}/`, journal, noSync: options.noSync })
        : {}),
      ...(options.plant === undefined ? {} : plantEnvironment(options.plant)),
    },
    memberEnv: (name) => {
      if (!canPreload) return {};
      const machine = new HostileMachine(join(folder, `${name}.machine`), join(data, name));
      machines.push(machine);
      return machine.environment(libraries);
    },
    peerFront: (port) => links.front(port),
  });
  const proxies = await startProxies(cluster, options);
  try {
    const disk = options.forget === true ? new ForgetfulDisk(journal) : undefined;
    const endpoints =
      proxies.length > 0 ? proxies.map(({ endpoint }) => endpoint) : cluster.endpoints();
    return await underLoad({ cluster, endpoints, links, machines, folder, disk, options });
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await cluster.stop();
    links.close();
    for (const machine of machines) machine.close();
  }
}

function startProxies(cluster: Cluster, { proxied }: FaultRunOptions): Promise<ProxyProcess[]> {
  if (proxied !== true) return Promise.resolve([]);
  const all = `--endpoints=${cluster.endpoints().join(",")}`;
  return Promise.all(cluster.members.map(() => startProxy("ours", [all])));
}

/** Removes what a run left behind. */
export function discard(result: FaultRunResult): void {
  rmSync(result.folder, { recursive: true, force: true });
}

/**
 * Keeps what a member printed since its last start, for whoever looks into a failure; answers how
 * many snapshots it says it installed.
 */
function keepLog(member: ClusterMember, folder: string): number {
  const lines = member.log();
  appendFileSync(join(folder, `${member.name}.log`), `${lines.join("\n")}\n`);
  return lines.filter((line) => line.includes("installed a received state")).length;
}

/** What is run with, and what it leaves for the comparison. */
interface Field {
  readonly cluster: Cluster;
  /** Where clients connect: the members, or proxies. */
  readonly endpoints: readonly string[];
  readonly links: Links;
  readonly machines: readonly HostileMachine[];
  readonly folder: string;
  readonly disk: ForgetfulDisk | undefined;
  readonly options: FaultRunOptions;
}

interface Traces {
  readonly history: History;
  readonly archive: Archive;
  readonly leaders: Leaders;
  readonly leases: LeaseLoad | undefined;
  readonly watchers: Watchers | undefined;
}

function tooLittle(options: FaultRunOptions, traces: Traces, faults: Faults): string[] {
  const { minCompleted = 0, minLeaderChanges = 0, mustStrike = [] } = options;
  const { minWatchStreams = 0, minRenewals = 0 } = options;
  const { history, leaders, watchers, leases } = traces;
  const texts: string[] = [];
  const streams = watchers?.opened ?? 0;
  if (streams < minWatchStreams) texts.push(`only ${streams} of ${minWatchStreams} watch streams`);
  const renewals = leases?.renewals ?? 0;
  if (renewals < minRenewals) texts.push(`only ${renewals} of ${minRenewals} leases were renewed`);
  if (history.completed < minCompleted) {
    texts.push(`only ${history.completed} of ${minCompleted} operations were completed`);
  }
  if (leaders.changes < minLeaderChanges) {
    texts.push(`only ${leaders.changes} of ${minLeaderChanges} leader changes`);
  }
  const idle = mustStrike.filter(
    (kind) => faults.possible.includes(kind) && !faults.counts.has(kind),
  );
  if (idle.length > 0) texts.push(`these faults never struck: ${idle.join(", ")}`);
  return texts;
}

async function underLoad(field: Field): Promise<FaultRunResult> {
  const { cluster, links, folder, disk, options } = field;
  const problems: Problem[] = [];
  const history = new History(join(folder, "history.jsonl"));
  const { endpoints } = field;
  const { seed } = options;
  const traces: Traces = {
    history,
    archive: new Archive(),
    leaders: new Leaders(cluster.endpoints(), (position, id) => links.know(id, position)),
    leases:
      options.plain === true
        ? undefined
        : new LeaseLoad({ endpoints, history, seed, firstClient: 100, deadlineMs }),
    watchers: options.plain === true ? undefined : new Watchers(endpoints, seed),
  };
  const { leaders, archive, leases, watchers } = traces;
  let filesCut = 0;
  let installs = 0;
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  const faults = new Faults({
    cluster,
    links,
    machines: field.machines,
    seed: options.seed,
    only: options.only,
    leader: () => leaders.current,
    beforeStart: (member) => {
      installs += keepLog(member, folder);
      filesCut += disk?.cut(member.dataDir).length ?? 0;
    },
    archived: async () => {
      const position = Math.max(leaders.current, 0);
      const revision = (await leaders.status(position))?.header?.revision;
      if (revision === undefined) throw new OperatingError("NO_ANSWER", "no leader to read from");
      await archive.upTo(cluster.members[position]!.endpoint, revision, archiveLimitMs);
      return archive.newest;
    },
    opening: options.opening ?? [],
    report: (kind, who) => {
      options.log(
        `${seconds().toFixed(1)} s: ${kind} ${who.join(" ")} (${history.completed} operations)`,
      );
    },
  });

  const ending = new AbortController();
  const loadEnding = new AbortController();
  const keys = options.keys ?? keyCount;
  const load = Promise.all([
    runLoad(
      { endpoints, history, seed, clients: clientCount, keys, deadlineMs, maxPerSecond },
      loadEnding.signal,
    ),
    leases?.run(loadEnding.signal),
  ]);
  const timer = setInterval(() => {
    const enough = tooLittle(options, traces, faults).length === 0;
    if (seconds() >= (enough ? options.seconds : (options.maxSeconds ?? options.seconds))) {
      ending.abort();
    }
  }, 250);
  const progress = setInterval(() => {
    const struck = [...faults.counts.values()].reduce((sum, count) => sum + count, 0);
    options.log(
      `${seconds().toFixed(0)} of ${options.seconds} s: ${history.completed} operations, ` +
        `${history.unknown} unknown, ${leaders.changes} leader changes, ${struck} faults` +
        (watchers === undefined
          ? ""
          : `, ${watchers.events} events watched, ${leases?.renewals} leases renewed, ` +
            `${leases?.acquisitions.length} locks`),
    );
  }, progressEveryMs);
  let healthy = true;
  try {
    await faults.run(ending.signal);
  } catch (error) {
    healthy = false;
    problems.push({ kind: "member-failed", text: errorText(error) });
  }
  clearInterval(timer);
  clearInterval(progress);
  loadEnding.abort();
  await load;

  let revision = 0;
  if (healthy) {
    try {
      revision = await compare(field, traces, problems);
      faults.allRun();
    } catch (error) {
      problems.push({ kind: "member-failed", text: errorText(error) });
    }
  }
  await history.close();
  await watchers?.stop();
  leaders.close();
  await cluster.stop();
  for (const member of cluster.members) installs += keepLog(member, folder);

  const verdict = await checkHistory(history.path);
  if (verdict.linearizable !== "Ok") {
    problems.push({ kind: "not-linearizable", text: `the checker says ${verdict.linearizable}` });
  }
  if (!verdict.revisionsFollowTime) {
    problems.push({ kind: "lost", text: `revisions go back: ${JSON.stringify(verdict)}` });
  }
  const short = tooLittle(options, traces, faults);
  if (cluster.runner === "ours" && installs < (options.minInstalls ?? 0)) {
    short.push(`only ${installs} snapshots were installed`);
  }
  for (const text of short) problems.push({ kind: "too-little", text });
  return {
    problems,
    completed: history.completed,
    unknown: history.unknown,
    leaderChanges: leaders.changes,
    faults: faults.counts,
    filesCut,
    installs,
    watchEvents: watchers?.events ?? 0,
    watchStreams: watchers?.opened ?? 0,
    renewals: leases?.renewals ?? 0,
    locks: leases?.acquisitions.length ?? 0,
    verdict,
    revision,
    folder,
  };
}

/** All that can be asked of the healed cluster; answers the revision that all agree on. */
async function compare(field: Field, traces: Traces, problems: Problem[]): Promise<number> {
  const { cluster, options } = field;
  const { history, archive, leaders, leases, watchers } = traces;
  const endpoints = cluster.endpoints();
  await leases?.settle(leaseLimitMs);
  // A planted bug may keep them apart for good; it has been found by then.
  const patience = options.plant === undefined ? [] : [plantedLimitMs];
  const revision = await settled(leaders, endpoints.length, ...patience);
  const own = await hashes(endpoints, revision);
  if (new Set(own.map(({ hash }) => hash)).size !== 1) {
    const text = `hashes at revision ${revision} differ: ${JSON.stringify(own)}`;
    problems.push({ kind: "disagreement", text });
  }
  const raised = await alarms(endpoints[0]!);
  if (raised.length > 0) {
    problems.push({ kind: "disagreement", text: `alarms were raised: ${raised.join(", ")}` });
  }
  if (history.collision !== undefined) {
    const text = `two writes were told one revision: ${JSON.stringify(history.collision)}`;
    problems.push({ kind: "lost", text });
  }
  await archive.upTo(endpoints[options.seed % endpoints.length]!, revision);
  history.resolve(writtenIn(archive.revisions));
  const lost = missing(history.acknowledged, archive.revisions);
  if (lost !== undefined) problems.push({ kind: "lost", text: lost });
  if (history.torn !== undefined) problems.push({ kind: "not-linearizable", text: history.torn });
  for (const text of leases?.leaseFaults ?? []) problems.push({ kind: "lease", text });
  for (const text of leases?.lockFaults ?? []) problems.push({ kind: "lock", text });
  const shared = judgeLock(archive.revisions, leases?.acquisitions ?? []);
  if (shared !== undefined) problems.push({ kind: "lock", text: shared });
  if (watchers !== undefined) {
    const late = await watchers.settle(revision, watchLimitMs);
    await watchers.stop();
    const compacted = own[0]!.compactRevision;
    const wrong = watchers.judge(archive.revisions, archive.newest, compacted);
    for (const text of [...wrong, ...late]) problems.push({ kind: "watch", text });
  }
  if (options.reference === true) {
    const { hash, compactRevision } = own[0]!;
    const theirs = await referenceHash(archive.revisions, { upTo: revision, compactRevision });
    if (theirs !== hash) {
      const text = `the reference computes ${theirs} for the same history, the members ${hash}`;
      problems.push({ kind: "reference", text });
    }
  }
  return revision;
}
