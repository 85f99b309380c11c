// Runs every client program against a cluster of three members:
// `RUNNER=ours|reference npm run test:clients [PROGRAM…]`.
import { startCluster } from "#test/cluster/cluster.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import {
  build,
  type ClientProgram,
  cacheFolder,
  missingTools,
  programs,
  sourceFolder,
} from "./programs.ts";

/** A program that runs longer than this hangs. */
const RUN_LIMIT_MS = 5 * 60_000;

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  buildMs: number;
  runMs: number;
}

async function buildAll(tally: Tally): Promise<ClientProgram[]> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !programs.some((program) => program.name === name));
  if (unknown.length > 0) throw new Error(`no client program is called ${unknown.join(", ")}`);
  const ready: ClientProgram[] = [];
  for (const program of programs) {
    if (wanted.length > 0 && !wanted.includes(program.name)) continue;
    const missing = missingTools(program);
    if (missing.length > 0) {
      // CI has every tool: there a missing one is a failure, never a silent gap.
      if (process.env["CI"] === "true") tally.failed += program.checkCount;
      else tally.skipped += program.checkCount;
      console.log(`skip ${program.name}: ${missing.join(", ")} not on PATH`);
      continue;
    }
    const begun = Date.now();
    try {
      await build(program);
      ready.push(program);
    } catch (error) {
      tally.failed += program.checkCount;
      console.log(
        `FAIL ${program.name}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    tally.buildMs += Date.now() - begun;
  }
  return ready;
}

async function run(
  program: ClientProgram,
  endpoints: readonly string[],
  tally: Tally,
): Promise<void> {
  const command = program.command(sourceFolder(program), cacheFolder(program));
  const begun = Date.now();
  const started = new MemberProcess(program.name, {
    ...command,
    env: { ...(command.env ?? process.env), ETCD_ENDPOINTS: endpoints.join(",") },
  });
  const timer = setTimeout(() => started.signal("SIGKILL"), RUN_LIMIT_MS);
  const exit = await started.exited;
  clearTimeout(timer);
  tally.runMs += Date.now() - begun;
  const passed = started.log().filter((line) => line.startsWith("ok ")).length;
  const failures = started.log().filter((line) => line.startsWith("FAIL "));
  const silent = Math.max(0, program.checkCount - passed - failures.length);
  const good = exit.code === 0 && failures.length === 0 && silent === 0;
  tally.passed += passed;
  tally.failed += good ? 0 : Math.max(1, failures.length + silent);
  console.log(
    `${good ? "ok" : "FAIL"} ${program.name}: ${passed} of ${program.checkCount} checks on ${program.library} (${((Date.now() - begun) / 1000).toFixed(1)} s)`,
  );
  for (const line of failures) console.log(`  ${line}`);
  if (!good && (silent > 0 || failures.length === 0)) {
    console.log(`  ended with ${exit.signal ?? exit.code}; its last lines:`);
    console.log(started.logTail().replaceAll(/^/gm, "    "));
  }
}

const tally: Tally = { passed: 0, failed: 0, skipped: 0, buildMs: 0, runMs: 0 };
const runner = runnerFromEnvironment();
const ready = await buildAll(tally);
{
  await using cluster = await startCluster({ runner, size: 3 });
  for (const program of ready) await run(program, cluster.endpoints(), tally);
}
console.log(
  `clients against ${runner}: built in ${(tally.buildMs / 1000).toFixed(1)} s, ran in ${(tally.runMs / 1000).toFixed(1)} s`,
);
console.log(`${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`);
process.exitCode = tally.failed > 0 ? 1 : 0;
