// `npm test`: the unit tests, then the suites in test/, each file in a process of its own. Prints a
// line a file, every failure whole, every skip with its reason (which names the tool that is
// missing), and ends with "N passed, N failed". Under CI a missing tool is a failure.
// Usage: node tools/test.ts [unit|suites] [FILE or folder ...]
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { run } from "node:test";

const root = join(import.meta.dirname, "..");

/** Tests beside the code they test; they start no cluster and need no tool. */
const unitGlobs = [
  "{base,proto,server,client,ctl,operator,images,tools}/**/*.test.ts",
  "bin/*.test.js",
];
/** Tests of whole processes. What takes minutes is not named .test.ts, but has its own npm script. */
const suiteGlobs = ["test/**/*.test.ts"];

/** Of them, those that live in one process under simulated clocks: any number at once. */
const inMemory =
  /^test\/(simulation\/|contract\/in-process|mvcc\/property|faults\/judges|http2\/fuzz)/;

/** Two at once: a cluster of processes waits for its disk and its clock half of the time. */
const clustersAtOnce = 2;

/** What takes a minute goes first, so that it is not what the end waits for. */
const longest = [
  "test/contract/contract.test.ts",
  "test/differential/differential.test.ts",
  "test/transcripts/etcdctl.test.ts",
];

/** Skips that are no missing tool, so that CI lets them pass. */
const allowedSkips =
  /^(needs a user other than root|mount -t tmpfs needs root|unshare --mount needs root)\b/;

/** The longest that one test may take, and the longest that a file's process may live. */
export interface Limits {
  readonly testMs: number;
  readonly fileMs: number;
}

const defaultLimits: Limits = { testMs: 180_000, fileMs: 600_000 };

/** For suites with a script and a budget of their own, whose files hold many tests. */
export const suiteLimits: Limits = { testMs: 180_000, fileMs: 30 * 60_000 };

export interface Failure {
  readonly name: string;
  readonly file: string;
  readonly error: string;
}

/** What a run of tests came to. */
export interface Tally {
  passed: number;
  readonly failures: Failure[];
  /** What failed at first and passed when its file ran again: printed whole, to be mended. */
  readonly unsteady?: Failure[];
  /** Reasons of skips, with how many tests each had. */
  readonly skips: Map<string, number>;
}

/** How many tests were skipped for want of a tool. */
function missingTools(tally: Tally): number {
  let count = 0;
  for (const [reason, tests] of tally.skips) if (!allowedSkips.test(reason)) count += tests;
  return count;
}

/** The lines that a run ends with; the last is for machines. */
export function summary(tally: Tally, isCi: boolean): readonly string[] {
  const lines: string[] = [];
  const report = (verdict: string, { name, file, error }: Failure) =>
    lines.push(
      `${verdict} ${file}: ${name}`,
      ...error.split("\n").map((line) => `    ${line}`),
      "",
    );
  for (const one of tally.unsteady ?? []) report("UNSTEADY (passed the second time)", one);
  for (const one of tally.failures) report("FAILED", one);
  let skipped = 0;
  for (const [reason, count] of tally.skips) {
    lines.push(`skipped ${count}: ${reason}`);
    skipped += count;
  }
  const missing = isCi ? missingTools(tally) : 0;
  if (missing > 0) lines.push("a test skipped for want of a tool is a failure under CI=true");
  const failed = tally.failures.length + missing;
  const other = skipped > missing ? `, ${skipped - missing} skipped` : "";
  lines.push(`${tally.passed} passed, ${failed} failed${other}`);
  return lines;
}

/** True if the run is to count as good. An empty run is not. */
export function isGood(tally: Tally, isCi: boolean): boolean {
  return tally.failures.length === 0 && tally.passed > 0 && !(isCi && missingTools(tally) > 0);
}

/** The test files of these globs below the root, sorted; `only` keeps what begins with one of it. */
export function testFiles(globs: readonly string[], only: readonly string[]): readonly string[] {
  return globSync([...globs], { cwd: root })
    .filter((file) => only.length === 0 || only.some((one) => file.startsWith(one)))
    .sort();
}

interface TestEvent {
  readonly name: string;
  readonly file?: string | undefined;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: {
    readonly type?: string | undefined;
    readonly duration_ms: number;
    readonly error?: Error & { readonly cause?: unknown };
  };
}

function errorOf(event: TestEvent): string {
  const cause = event.details.error?.cause ?? event.details.error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

/**
 * Runs `files`, each in a process of its own, at most `concurrency` at once, and adds to `tally`. A
 * file whose process lives longer than its limit, whatever became of its tests, is ended and has
 * failed.
 */
export async function runFiles(
  files: readonly string[],
  concurrency: number,
  tally: Tally,
  write: (line: string) => void,
  limits = defaultLimits,
): Promise<void> {
  const waiting = [...files];
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      await runFile(file, tally, write, limits);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

async function runFile(
  file: string,
  tally: Tally,
  write: (line: string) => void,
  limits: Limits,
): Promise<void> {
  const overdue = new AbortController();
  const alarm = setTimeout(
    () => overdue.abort(new Error(`${file} had not ended after ${limits.fileMs / 1000} s`)),
    limits.fileMs,
  );
  // A run a file: the signal is the only thing that ends a process whose tests are over.
  const stream = run({
    files: [join(root, file)],
    timeout: limits.testMs,
    signal: overdue.signal,
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  let counts = { passed: 0, skipped: 0 };
  let isGoodFile = true;
  const began = performance.now();
  stream.on("test:pass", (event: TestEvent) => {
    if (event.skip !== undefined) {
      const reason = event.skip === true || event.skip === "" ? event.name : String(event.skip);
      tally.skips.set(reason, (tally.skips.get(reason) ?? 0) + 1);
    } else if (event.details.type !== "suite") tally.passed++;
  });
  stream.on("test:fail", (event: TestEvent) => {
    isGoodFile = false;
    // A suite or file fails because of a test in it, which is counted already.
    const error = event.details.error as { readonly failureType?: string } | undefined;
    if (error?.failureType === "subtestsFailed") return;
    tally.failures.push({ name: event.name, file, error: errorOf(event) });
    write(`FAILED ${file}: ${event.name}`);
  });
  stream.on("test:summary", (event) => {
    if (event.file !== undefined) counts = event.counts;
  });
  try {
    for await (const _ of stream);
  } finally {
    clearTimeout(alarm);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const extra = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  write(
    `${isGoodFile ? "ok    " : "failed"} ${file} (${counts.passed} passed${extra}, ${seconds} s)`,
  );
}

/** Where a failure is never the machine's: these have seeds, or look for lost data. */
const neverAgain = /^(\?$|test\/(simulation|faults|corruption|differential)\/)/;

/** The most files that get a second try: more failures than that are no accident. */
const maxSecondTries = 2;

/**
 * Runs the failed files of `tally` once more, one at a time, if they are few and of real processes on
 * real clocks, which a busy machine can trip. What passes then is reported as unsteady with its first
 * failure, what fails again stays a failure (docs/adr/0026).
 */
export async function secondTry(tally: Tally, write: (line: string) => void): Promise<Tally> {
  const files = [...new Set(tally.failures.map(({ file }) => file))];
  const isHopeless = files.length > maxSecondTries || files.some((file) => neverAgain.test(file));
  if (files.length === 0 || isHopeless) return tally;
  const again: Tally = { passed: 0, failures: [], skips: new Map() };
  write(`a second try of ${files.join(", ")}`);
  await runFiles(files, 1, again, write);
  if (!isGood(again, false)) return tally;
  return {
    ...tally,
    passed: tally.passed + tally.failures.length,
    failures: [],
    unsteady: tally.failures,
  };
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const sets = args[0] === "unit" || args[0] === "suites" ? [args.shift()] : ["unit", "suites"];
  const isCi = process.env["CI"] === "true";
  let tally: Tally = { passed: 0, failures: [], skips: new Map() };
  const write = (line: string) => console.log(line);
  const cores = Math.max(2, availableParallelism());
  if (sets.includes("unit")) await runFiles(testFiles(unitGlobs, args), cores, tally, write);
  if (sets.includes("suites")) {
    const suites = testFiles(suiteGlobs, args);
    const ofProcesses = suites.filter((file) => !inMemory.test(file));
    const isLong = (file: string): number => (longest.includes(file) ? 0 : 1);
    ofProcesses.sort((a, b) => isLong(a) - isLong(b));
    await runFiles(
      suites.filter((file) => inMemory.test(file)),
      cores,
      tally,
      write,
    );
    const isGoodSoFar = tally.failures.length === 0;
    await runFiles(ofProcesses, clustersAtOnce, tally, write);
    if (isCi && isGoodSoFar) tally = await secondTry(tally, write);
  }
  console.log("");
  for (const line of summary(tally, isCi)) console.log(line);
  process.exitCode = isGood(tally, isCi) ? 0 : 1;
}

if (import.meta.main) await main();
