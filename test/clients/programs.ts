// The client programs: what each needs, how it is built into the cache folder, how it is run.
//
// Every program uses an etcd client as its registry publishes it, pinned and unmodified, and prints
// one line a check: `ok NAME` or `FAIL NAME: reason`. What is built lies in the cache folder and is
// built again only when a file of the program changes; the work tree stays clean.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import type { ProcessCommand } from "#test/cluster/member-process.ts";

/** One program on one client library. */
export interface ClientProgram {
  readonly name: string;
  readonly library: string;
  /** Commands that must be on PATH to build and run it. */
  readonly tools: readonly string[];
  /** How many checks it makes; fewer lines are a failure. */
  readonly checkCount: number;
  readonly build: (source: string, cache: string) => Promise<void>;
  readonly command: (source: string, cache: string) => ProcessCommand;
}

const BUILD_LIMIT_MS = 15 * 60_000;

/** Runs a build step, politely: the machine has other work. */
function step(
  file: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      "nice",
      [file, ...args],
      {
        ...options,
        env: { ...process.env, ...options.env },
        maxBuffer: 1 << 26,
        timeout: BUILD_LIMIT_MS,
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else {
          const tail = `${stdout}\n${stderr}`.trim().split("\n").slice(-25).join("\n");
          reject(
            new OperatingError("BUILD_FAILED", `${file} ${args[0] ?? ""} failed:\n${tail}`, {
              cause: error,
            }),
          );
        }
      },
    );
  });
}

/** All programs. */
export const programs: readonly ClientProgram[] = [
  {
    name: "go",
    library: "go.etcd.io/etcd/client/v3 3.7.3",
    tools: ["go"],
    checkCount: 18,
    build: async (source, cache) => {
      await step("go", ["build", "-p", "2", "-o", join(cache, "scenarios"), "."], { cwd: source });
    },
    command: (_source, cache) => ({ file: join(cache, "scenarios"), args: [] }),
  },
  {
    name: "python",
    library: "etcd3 0.12.0",
    tools: ["python3"],
    checkCount: 16,
    build: async (source, cache) => {
      await step("python3", ["-m", "venv", "--clear", join(cache, "venv")], { cwd: cache });
      const python = join(cache, "venv", "bin", "python");
      const requirements = join(source, "requirements.txt");
      await step(
        python,
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements],
        { cwd: cache },
      );
    },
    command: (source, cache) => ({
      file: join(cache, "venv", "bin", "python"),
      args: ["-W", "ignore", join(source, "scenarios.py")],
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    }),
  },
  {
    name: "javascript",
    library: "etcd3 1.1.2",
    tools: ["npm"],
    checkCount: 18,
    build: async (source, cache) => {
      for (const file of ["package.json", "package-lock.json"])
        cpSync(join(source, file), join(cache, file));
      await step("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: cache });
    },
    command: (source, cache) => ({
      file: process.execPath,
      args: [join(source, "scenarios.cjs"), cache],
    }),
  },
  {
    name: "java",
    library: "io.etcd:jetcd-core 0.8.6",
    tools: ["mvn", "java"],
    checkCount: 14,
    build: async (source, cache) => {
      const target = `-Dclients.target=${join(cache, "target")}`;
      await step("mvn", ["-q", "-B", target, "compile", "dependency:copy-dependencies"], {
        cwd: source,
      });
    },
    command: (_source, cache) => ({
      file: "java",
      args: [
        "-cp",
        [join(cache, "target", "classes"), join(cache, "target", "dependency", "*")].join(
          delimiter,
        ),
        "Scenarios",
      ],
    }),
  },
  {
    name: "rust",
    library: "etcd-client 0.21.1",
    tools: ["cargo"],
    checkCount: 14,
    build: async (source, cache) => {
      const env: NodeJS.ProcessEnv = { CARGO_TARGET_DIR: join(cache, "target") };
      // The library's build script needs a protobuf compiler; a crate carries one.
      const manifest = join(source, "protoc", "Cargo.toml");
      const protoc = await step(
        "cargo",
        ["run", "-q", "--locked", "-j", "2", "--manifest-path", manifest],
        { cwd: source, env },
      );
      await step("cargo", ["build", "-q", "--locked", "-j", "2"], {
        cwd: source,
        env: { ...env, PROTOC: protoc.trim() },
      });
    },
    command: (_source, cache) => ({
      file: join(cache, "target", "debug", "etcd-ts-client-rust"),
      args: [],
    }),
  },
];

/** Where programs are built. */
export function cacheFolder(program: ClientProgram): string {
  const caches = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(caches, "etcd-ts", "clients", program.name);
}

/** Where a program's files are. */
export function sourceFolder(program: ClientProgram): string {
  return join(import.meta.dirname, program.name);
}

/** The tools of a program that are not on PATH. */
export function missingTools(program: ClientProgram): string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const there = (tool: string): boolean =>
    folders.some((folder) => {
      try {
        accessSync(join(folder, tool), constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  return program.tools.filter((tool) => !there(tool));
}

function digest(folder: string): string {
  const hash = createHash("sha256");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of files) hash.update(file.slice(folder.length)).update(readFileSync(file));
  return hash.digest("hex");
}

/** Builds a program unless what lies in the cache was made from the same files; true if it built. */
export async function build(program: ClientProgram): Promise<boolean> {
  const source = sourceFolder(program);
  const cache = cacheFolder(program);
  const stamp = join(cache, "built-from");
  const wanted = digest(source);
  try {
    if (readFileSync(stamp, "utf8") === wanted) return false;
  } catch {
    // never built
  }
  mkdirSync(cache, { recursive: true });
  rmSync(stamp, { force: true });
  await program.build(source, cache);
  writeFileSync(stamp, wanted);
  return true;
}
