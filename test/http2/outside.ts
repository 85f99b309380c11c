// Programs from outside that test the transport: where they are, how they are run. Tests that need one
// skip where there is none, with one line that names it; under CI a missing one is a failure.
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** What build.sh makes. */
export interface OutsidePrograms {
  readonly h2spec: string;
  /** The interoperability client of gRPC for Go. */
  readonly grpcInterop: string;
}

const buildScript = join(import.meta.dirname, "build.sh");
/** After this a program hangs. */
const runLimitMs = 60_000;
let located: Promise<OutsidePrograms | string> | undefined;

/** The programs, built on first use (minutes); or one line that says why there are none. */
export function locateOutsidePrograms(): Promise<OutsidePrograms | string> {
  located ??= new Promise((resolve) => {
    execFile("bash", [buildScript], { maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      const folder = stdout.trim();
      if (error === null && folder !== "")
        resolve({ h2spec: join(folder, "h2spec"), grpcInterop: join(folder, "grpc-interop") });
      else resolve(stderr.trim().split("\n").at(-1) || error?.message || "no folder printed");
    });
  });
  return located;
}

/** Skips the test for want of a tool, or throws under CI. */
export function skipFor(reason: string, test: Pick<TestContext, "skip">): undefined {
  if (process.env["CI"] === "true") throw new Error(reason);
  test.skip(reason);
  return undefined;
}

/** The programs, or undefined after the test was marked as skipped. */
export async function outsideOrSkip(
  test: Pick<TestContext, "skip">,
): Promise<OutsidePrograms | undefined> {
  const found = await locateOutsidePrograms();
  return typeof found === "string" ? skipFor(found, test) : found;
}

export interface OutsideRun {
  readonly code: number | null;
  /** Both streams. */
  readonly text: string;
}

/** Runs a program to its end; one that is not installed ends with code 127. */
export function runOutside(file: string, args: readonly string[]): Promise<OutsideRun> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], timeout: runLimitMs });
    let text = "";
    const take = (chunk: string): void => {
      text += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", (error) => resolve({ code: 127, text: String(error) }));
    child.once("close", (code) => resolve({ code, text }));
  });
}
