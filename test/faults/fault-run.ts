// One fault run: a cluster, a load, faults for so many seconds, then everything that must hold. What
// does not hold is a problem with a kind, so that runs of planted bugs can say which they expect.
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorText } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { hashes, missing, readHistory, referenceHash, settled } from "./agreement.ts";
import { type FaultKind, Faults } from "./faults.ts";
import { ForgetfulDisk, forgetEnvironment } from "./forget.ts";
import { History } from "./history.ts";
import { Leaders } from "./leaders.ts";
import { runLoad } from "./load.ts";
import { type PlantName, plantEnvironment } from "./plants.ts";
import { checkHistory, type Verdict } from "./tools.ts";

export interface FaultRunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** How long it may go on until the counts below are reached; `seconds` if not given. */
  readonly maxSeconds?: number;
  /** Faults to begin with. */
  readonly opening?: readonly FaultKind[];
  /** Cut files back to what was synced before each restart. */
  readonly forget?: boolean;
  /** With `forget`: a shell pattern of paths whose syncs are left out. */
  readonly noSync?: string;
  readonly plant?: PlantName;
  /** How many keys the load is spread over; fewer see more of each other. */
  readonly keys?: number;
  /** Compare with the reference's hash of the same history. */
  readonly reference?: boolean;
  readonly minCompleted?: number;
  readonly minLeaderChanges?: number;
  /** Members that fell behind and were sent the whole state. */
  readonly minInstalls?: number;
  /** Told what happens. */
  log(line: string): void;
}

export type ProblemKind =
  | "not-linearizable"
  | "lost"
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
/** So that the log is truncated all the time, and who was down gets a snapshot. */
const quickSnapshots = ["--snapshot-count=300", "--snapshot-catchup-entries=50"];

export async function faultRun(options: FaultRunOptions): Promise<FaultRunResult> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-faults-"));
  const data = join(folder, "members");
  mkdirSync(data);
  const journal = join(folder, "journal");
  const runner = runnerFromEnvironment();
  const cluster = await startCluster({
    runner,
    size: memberCount,
    folder: data,
    keepData: true,
    flags: quickSnapshots,
    env: {
      ...(options.forget === true
        ? await forgetEnvironment({ root: `${data}/`, journal, noSync: options.noSync })
        : {}),
      ...(options.plant === undefined ? {} : plantEnvironment(options.plant)),
    },
  });
  try {
    const disk = options.forget === true ? new ForgetfulDisk(journal) : undefined;
    return await underLoad(cluster, folder, disk, options);
  } finally {
    await cluster.stop();
  }
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

function tooLittle(options: FaultRunOptions, history: History, leaders: Leaders): Problem[] {
  const { minCompleted = 0, minLeaderChanges = 0 } = options;
  const texts: string[] = [];
  if (history.completed < minCompleted) {
    texts.push(`only ${history.completed} of ${minCompleted} operations were completed`);
  }
  if (leaders.changes < minLeaderChanges) {
    texts.push(`only ${leaders.changes} of ${minLeaderChanges} leader changes`);
  }
  return texts.map((text) => ({ kind: "too-little", text }));
}

/** Removes what a run left behind. */
export function discard(result: FaultRunResult): void {
  rmSync(result.folder, { recursive: true, force: true });
}

async function underLoad(
  cluster: Cluster,
  folder: string,
  disk: ForgetfulDisk | undefined,
  options: FaultRunOptions,
): Promise<FaultRunResult> {
  const problems: Problem[] = [];
  const history = new History(join(folder, "history.jsonl"));
  const leaders = new Leaders(cluster.endpoints());
  let filesCut = 0;
  let installs = 0;
  const startedMs = performance.now();
  const faults = new Faults({
    members: cluster.members,
    random: seededRandom(options.seed),
    leader: () => leaders.current,
    beforeStart: (member) => {
      installs += keepLog(member, folder);
      filesCut += disk?.cut(member.dataDir).length ?? 0;
    },
    opening: options.opening ?? [],
    report: (kind, names) => {
      const second = ((performance.now() - startedMs) / 1000).toFixed(1);
      options.log(`${second} s: ${kind} ${names.join(" ")} (${history.completed} operations)`);
    },
  });

  const ending = new AbortController();
  const loadEnding = new AbortController();
  const load = runLoad(
    {
      endpoints: cluster.endpoints(),
      history,
      seed: options.seed,
      clients: clientCount,
      keys: options.keys ?? keyCount,
      deadlineMs,
      maxPerSecond,
    },
    loadEnding.signal,
  );
  const timer = setInterval(() => {
    const seconds = (performance.now() - startedMs) / 1000;
    const enough = tooLittle(options, history, leaders).length === 0;
    if (seconds >= (enough ? options.seconds : (options.maxSeconds ?? options.seconds))) {
      ending.abort();
    }
  }, 250);
  let healthy = true;
  try {
    await faults.run(ending.signal);
  } catch (error) {
    healthy = false;
    problems.push({ kind: "member-failed", text: errorText(error) });
  }
  clearInterval(timer);
  loadEnding.abort();
  await load;
  await history.close();

  let revision = 0;
  if (healthy) {
    try {
      revision = await compare(cluster, leaders, history, options, problems);
      faults.allRun();
    } catch (error) {
      problems.push({ kind: "member-failed", text: errorText(error) });
    }
  }
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
  problems.push(...tooLittle(options, history, leaders));
  if (cluster.runner === "ours" && installs < (options.minInstalls ?? 0)) {
    problems.push({ kind: "too-little", text: `only ${installs} snapshots were installed` });
  }
  return {
    problems,
    completed: history.completed,
    unknown: history.unknown,
    leaderChanges: leaders.changes,
    faults: faults.counts,
    filesCut,
    installs,
    verdict,
    revision,
    folder,
  };
}

/** All that can be asked of the healed cluster; answers the revision that all agree on. */
async function compare(
  cluster: Cluster,
  leaders: Leaders,
  history: History,
  options: FaultRunOptions,
  problems: Problem[],
): Promise<number> {
  const endpoints = cluster.endpoints();
  const revision = await settled(leaders, endpoints.length);
  const own = await hashes(endpoints, revision);
  if (new Set(own).size !== 1) {
    const text = `hashes at revision ${revision} differ: ${own.join(", ")}`;
    problems.push({ kind: "disagreement", text });
  }
  if (history.collision !== undefined) {
    const text = `two writes were told one revision: ${JSON.stringify(history.collision)}`;
    problems.push({ kind: "lost", text });
  }
  const at = options.seed % endpoints.length;
  const revisions = await readHistory(endpoints[Math.max(at, 0)]!, revision);
  const lost = missing(history.acknowledged, revisions);
  if (lost !== undefined) problems.push({ kind: "lost", text: lost });
  if (options.reference === true) {
    const theirs = await referenceHash(revisions);
    if (theirs !== own[0]) {
      const text = `the reference computes ${theirs} for the same history, the members ${own[0]}`;
      problems.push({ kind: "reference", text });
    }
  }
  return revision;
}
