// What the fault tests build for themselves: the checker (Go) and the libraries that members preload
// (C). They go into a cache folder, named by their sources, so that a changed source is built anew.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { OperatingError } from "#base/errors.ts";

const run = promisify(execFile);

function cached(name: string, folder: string): string {
  const hash = createHash("sha256");
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  const caches = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const cache = join(caches, "etcd-ts", "faults");
  mkdirSync(cache, { recursive: true });
  return join(cache, `${name}-${hash.digest("hex").slice(0, 16)}`);
}

async function built(
  out: string,
  folder: string,
  command: (out: string) => readonly [string, ...string[]],
): Promise<string> {
  if (existsSync(out)) return out;
  const half = `${out}.${process.pid}`;
  const [file, ...args] = command(half);
  try {
    await run(file, args, { cwd: folder });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    const reason = code === "ENOENT" ? `${file} is not installed` : stderr;
    throw new OperatingError("NO_TOOL", `${folder} cannot be built: ${reason}`);
  }
  renameSync(half, out);
  return out;
}

/** The program of a folder with a Go module, under `name` in the cache; needs go to build it. */
export function goBinary(name: string, folder: string): Promise<string> {
  return built(cached(name, folder), folder, (out) => ["go", "build", "-o", out, "."]);
}

/** The linearizability checker's binary. */
export function checkerBinary(): Promise<string> {
  return goBinary("checker", join(import.meta.dirname, "checker"));
}

/** A library to preload, from the one C file of its folder; needs cc when it is not built yet. */
function preloadLibrary(name: string): Promise<string> {
  const folder = join(import.meta.dirname, name);
  return built(`${cached(name, folder)}.so`, folder, (out) => [
    "cc",
    "-O2",
    "-shared",
    "-fPIC",
    "-o",
    out,
    `${name}.c`,
    "-ldl",
  ]);
}

/** The disk that forgets. */
export function forgetLibrary(): Promise<string> {
  return preloadLibrary("forget");
}

/** The machine with a slow or full disk and a clock that jumps. */
export function hostileLibrary(): Promise<string> {
  return preloadLibrary("hostile");
}

/** What the checker says of a history. */
export interface Verdict {
  readonly linearizable: "Ok" | "Illegal" | "Unknown";
  readonly revisionsFollowTime: boolean;
  readonly operations: number;
  readonly unknown: number;
}

/** Checks the history in a file; fails if the checker itself does. */
export async function checkHistory(path: string): Promise<Verdict> {
  const checker = await checkerBinary();
  try {
    const { stdout } = await run(checker, [path], { maxBuffer: 1 << 24 });
    return JSON.parse(stdout);
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    if (stdout?.startsWith("{")) return JSON.parse(stdout);
    throw new OperatingError("CHECKER_FAILED", `the checker failed: ${stderr ?? String(error)}`);
  }
}
