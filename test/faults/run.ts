// `npm run test:faults`: the fault runs, one after the other, and the runs of planted bugs, which
// must be rejected. Ends with "N passed, N failed".
//
//   node test/faults/run.ts [NAME ...]     only these runs
//   FAULT_SECONDS=100                      length of the first run
//   FAULT_MEMBERS=5                        size of the cluster of runs without a bug
//   FAULT_SEED=7                           the seed of every run; another each time if unset
//   FAULT_FIRST=two-down,power-cut         faults to begin with
//   RUNNER=reference                       the reference etcd instead, for runs without a bug
//   FAULT_KEEP=1                           keep the folders of runs that passed
import { randomInt } from "node:crypto";
import { inspect } from "node:util";
import { discard, type FaultRunOptions, faultRun, type ProblemKind } from "./fault-run.ts";
import { type FaultKind, faultKinds } from "./faults.ts";
import { type PlantName, plants } from "./plants.ts";

interface Scenario {
  readonly about: string;
  readonly options: Omit<FaultRunOptions, "seed" | "log">;
  /** The problems of which one must be found, by kind and words; none for a run that must pass. */
  readonly expected?: readonly (readonly [ProblemKind, RegExp])[];
  /** Not among those that run without a name. */
  readonly byName?: boolean;
  /** The run needs what only Linux has. */
  readonly linux?: boolean;
}

const illegal = ["not-linearizable", /Illegal/] as const;

/** A run of a planted bug that must be rejected for one of these reasons. */
function planted(
  plant: PlantName,
  options: Partial<FaultRunOptions>,
  ...expected: readonly (readonly [ProblemKind, RegExp])[]
): Scenario {
  // So much must have happened, however busy the machine is.
  const least = { seconds: 4, maxSeconds: 45, minCompleted: 600 };
  return { about: plants[plant].about, options: { ...least, plant, ...options }, expected };
}

const seconds = Number(process.env["FAULT_SECONDS"] ?? "100");
const bugLanes = 3;
/** What is asked of the usual length, for a run of another one. */
const share = Math.min(1, seconds / 100);

const scenarios: Readonly<Record<string, Scenario>> = {
  main: {
    about: "kill -9, pauses, power cuts under load; history, hashes and the reference agree",
    options: {
      seconds,
      opening: [...faultKinds],
      reference: true,
      mustStrike: share < 1 ? [] : faultKinds,
      minCompleted: Math.floor(10_000 * share),
      minLeaderChanges: Math.floor(10 * share),
      minInstalls: Math.floor(share),
      // A busy machine gets a little longer, within the budget of .ci/run.
      maxSeconds: seconds * 1.35,
    },
  },
  forget: {
    about: "the same where a kill also loses what was not synced",
    options: {
      seconds: 25,
      forget: true,
      // What ends processes, and little that slows them: the more is written, the more is lost.
      only: [
        "kill-leader",
        "kill-one",
        "crash-twice",
        "two-down",
        "power-cut",
        "full-disk",
        "isolate-leader",
        "compact",
      ],
      opening: ["kill-leader", "power-cut", "crash-twice", "two-down"],
    },
    linux: true,
  },
  proxy: {
    about: "the first run, with all clients behind grpc-proxies",
    byName: true,
    options: {
      seconds,
      proxied: true,
      opening: [...faultKinds],
      reference: true,
      mustStrike: share < 1 ? [] : faultKinds,
      minCompleted: Math.floor(2_000 * share),
      minLeaderChanges: Math.floor(4 * share),
      maxSeconds: seconds * 1.35,
    },
  },
  "forget-no-sync": {
    about: "without the sync of the log that loses acknowledged writes",
    options: {
      seconds: 8,
      forget: true,
      noSync: "*/wal/*.log",
      plain: true,
      only: ["power-cut"],
      opening: ["power-cut", "power-cut"],
    },
    expected: [illegal, ["member-failed", /STATE_AHEAD|WAL_DAMAGED/]],
    linux: true,
  },
  "stale-reads": planted(
    "stale-reads",
    {
      seconds: 12,
      minCompleted: 2000,
      plain: true,
      keys: 8,
      only: ["pause-one", "pause-leader"],
      opening: ["pause-one", "pause-leader", "pause-one", "pause-leader", "pause-one"],
    },
    illegal,
  ),
  // Two puts that were told one revision, one of them carried out, say it before the checker does.
  "lost-writes": planted("lost-writes", { plain: true, only: ["kill-leader"] }, illegal, [
    "lost",
    /is not there|one revision/,
  ]),
  "early-commit": planted(
    "early-commit",
    { seconds: 8, plain: true, only: ["isolate-leader"], minLeaderChanges: 1 },
    illegal,
    ["lost", /is not there|one revision/],
    ["member-failed", /MEMBER_ENDED|ended by itself/],
    ["disagreement", /differ/],
  ),
  "watch-drops": planted("watch-drops", { only: [] }, ["watch", /no event of revision|progress/]),
  "watch-doubles": planted("watch-doubles", { only: [] }, ["watch", /came again/]),
  "watch-splits": planted("watch-splits", { only: [] }, ["watch", /two responses/]),
  "progress-early": planted("progress-early", { only: [], minWatchStreams: 16 }, [
    "watch",
    /came before the event/,
  ]),
  "wall-clock": planted("wall-clock", { only: ["clock-leader", "clock-all"], minRenewals: 60 }, [
    "lease",
    /too early|not ended/,
  ]),
  "forgetful-renewals": planted("forgetful-renewals", { only: [], minRenewals: 40 }, [
    "lease",
    /too early/,
  ]),
  "two-holders": planted("two-holders", { only: [] }, ["lock", /revision/]),
};

type Print = (line: string) => void;

async function play(
  name: string,
  scenario: Scenario,
  seed: number,
  print: Print,
): Promise<boolean> {
  const { options, expected } = scenario;
  print(`--- ${name}: ${scenario.about}`);
  const settings = ["FAULT_SECONDS", "FAULT_MEMBERS", "FAULT_FIRST", "RUNNER"]
    .filter((one) => process.env[one] !== undefined)
    .map((one) => `${one}=${process.env[one]} `);
  const again = `${settings.join("")}FAULT_SEED=${seed} npm run test:faults -- ${name}`;
  print(`seed ${seed}; again: ${again}`);
  const startMs = performance.now();
  const members = process.env["FAULT_MEMBERS"];
  const first = process.env["FAULT_FIRST"]?.split(",") as readonly FaultKind[] | undefined;
  const result = await faultRun({
    ...options,
    ...(first === undefined ? {} : { opening: first }),
    ...(members === undefined || expected !== undefined ? {} : { members: Number(members) }),
    seed,
    log: (line) => print(`  ${line}`),
  });
  const { problems } = result;
  const faults = [...result.faults].map(([kind, count]) => `${kind} ${count}`).join(", ");
  print(
    `  ${result.completed} operations completed, ${result.unknown} of unknown outcome, ` +
      `${result.leaderChanges} leader changes, revision ${result.revision}, ` +
      `${result.watchEvents} events on ${result.watchStreams} watch streams, ` +
      `${result.renewals} leases renewed, ${result.locks} locks, ${result.filesCut} files cut, ${result.installs} snapshots installed; faults: ${faults}`,
  );
  print(`  checker: ${JSON.stringify(result.verdict)}`);
  for (const { kind, text } of problems) print(`  ${kind}: ${text}`);
  const passed =
    expected === undefined
      ? problems.length === 0
      : expected.some(([kind, words]) =>
          problems.some((problem) => problem.kind === kind && words.test(problem.text)),
        );
  if (expected !== undefined && !passed) {
    const wanted = expected.map(([kind, words]) => `${kind} ${words}`).join(", ");
    print(`  none of ${wanted} was found: the run would miss this bug`);
  }
  const tookS = ((performance.now() - startMs) / 1000).toFixed(0);
  print(`${passed ? "ok" : "FAILED"} ${name} (${tookS} s)`);
  if (passed && process.env["FAULT_KEEP"] !== "1") discard(result);
  else print(`  kept: ${result.folder}`);
  return passed;
}

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  for (const name of names) {
    if (scenarios[name] === undefined) {
      console.error(`no run ${name}; there are ${Object.keys(scenarios).join(", ")}`);
      process.exitCode = 1;
      return;
    }
  }
  const seed = Number(process.env["FAULT_SEED"] ?? randomInt(2 ** 31));
  let passed = 0;
  let failed = 0;
  const attempt = async ([name, scenario]: [string, Scenario], print: Print): Promise<void> => {
    try {
      if (await play(name, scenario, seed, print)) passed++;
      else failed++;
    } catch (error) {
      failed++;
      print(`FAILED ${name}: ${inspect(error)}`);
    }
  };
  const chosen = Object.entries(scenarios).filter(([name, { byName, linux }]) => {
    if (names.length === 0 ? byName === true : !names.includes(name)) return false;
    if (linux !== true || process.platform === "linux") return true;
    console.log(`skipped ${name}: it preloads a library, as only Linux does`);
    return false;
  });
  for (const one of chosen.filter(([, { expected }]) => expected === undefined)) {
    await attempt(one, console.log);
  }
  // Those of planted bugs mostly wait; they go on beside each other, and each prints when it ends.
  const bugs = chosen.filter(([, { expected }]) => expected !== undefined);
  const lane = async (): Promise<void> => {
    for (let one = bugs.shift(); one !== undefined; one = bugs.shift()) {
      const lines: string[] = [];
      await attempt(one, (line) => lines.push(line));
      console.log(lines.join("\n"));
    }
  };
  await Promise.all(Array.from({ length: bugLanes }, lane));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
