// What npm's scripts run: installs what is missing, then runs a TypeScript entry on the pinned Node.
// Plain JavaScript that Node 20 understands, because the machine's own Node runs it, and without
// dependencies, because none may be there. Usage: node bin/run.js start|test|check|FILE.ts [args]
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const pinnedNode = join(root, "node_modules", ".bin", "node");

const commands = {
  start: ["operator/main.ts", "local"],
  test: ["tools/test.ts"],
  check: ["tools/check.ts"],
};

function fail(message) {
  process.stderr.write(`etcd-ts: ${message}\n`);
  process.exit(1);
}

/** Why nothing runs here, or undefined. RocksDB's addon has no build for other platforms. */
export function platformFault({ platform, arch, glibc, nodeVersion }) {
  if (Number(nodeVersion.split(".")[0]) < 20) {
    return `Node ${nodeVersion} is too old to install with: Node 20 or newer is needed`;
  }
  const supported = "supported are Linux x64 with glibc, and macOS";
  if (platform === "darwin") return undefined;
  if (platform !== "linux") return `${platform} is not supported: ${supported}`;
  if (arch !== "x64") return `Linux on ${arch} is not supported: ${supported}`;
  return glibc ? undefined : `Linux without glibc (musl) is not supported: ${supported}`;
}

function thisPlatform() {
  let glibc = true;
  if (process.platform === "linux") {
    process.report.excludeNetwork = true;
    glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  }
  const { platform, arch } = process;
  return { platform, arch, glibc, nodeVersion: process.versions.node };
}

/**
 * Why `npm ci` has to run, or undefined: what npm noted at its last install is compared with the
 * lock file, so an install by hand counts too.
 */
export function installReason(lockText, installedText, nodeExists) {
  if (installedText === undefined) return "dependencies are not installed";
  let installed;
  try {
    installed = JSON.parse(installedText).packages;
  } catch {
    return "the last install was not finished";
  }
  const wanted = JSON.parse(lockText).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path];
    // Optional ones for other platforms are never there.
    if (found === undefined && entry.optional) continue;
    if (found?.version !== entry.version || found?.integrity !== entry.integrity) {
      return "package-lock.json has changed";
    }
  }
  return nodeExists ? undefined : "the pinned Node is missing";
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function reasonNow() {
  return installReason(
    readFileSync(join(root, "package-lock.json"), "utf8"),
    readIfThere(join(root, "node_modules", ".package-lock.json")),
    existsSync(pinnedNode),
  );
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Takes the lock file or returns the process that has it. A dead holder's lock is taken away. */
export function takeLock(path, pid) {
  const aside = `${path}.${pid}`;
  for (;;) {
    // Written first, linked then: a lock is never seen without its holder.
    writeFileSync(aside, String(pid));
    try {
      linkSync(aside, path);
      return undefined;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    } finally {
      rmSync(aside, { force: true });
    }
    const holder = Number(readIfThere(path));
    if (holder > 0 && isAlive(holder)) return holder;
    // Renamed first: of two that find it stale only one gets it, and never a fresh one for good.
    try {
      renameSync(path, aside);
    } catch (error) {
      if (error.code === "ENOENT") continue;
      throw error;
    }
    const taken = Number(readIfThere(aside));
    if (taken !== holder && taken > 0 && isAlive(taken)) {
      try {
        linkSync(aside, path);
      } catch {}
    }
    rmSync(aside, { force: true });
  }
}

function sleepMs(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function install() {
  if (reasonNow() === undefined) return;
  mkdirSync(join(root, ".cache"), { recursive: true });
  const lock = join(root, ".cache", "install.lock");
  let told = false;
  for (let holder = takeLock(lock, process.pid); holder; holder = takeLock(lock, process.pid)) {
    if (!told) process.stderr.write(`etcd-ts: process ${holder} is installing, waiting for it\n`);
    told = true;
    sleepMs(300);
  }
  try {
    const reason = reasonNow();
    if (reason === undefined) return;
    process.stderr.write(`etcd-ts: ${reason}: running npm ci (once, about a minute)\n`);
    const args = [
      "ci",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--include=dev",
      "--include=optional",
    ];
    // Not process.execPath: below npm that may be the pinned Node, which npm ci takes away.
    const { npm_execpath: npm, npm_node_execpath: node } = process.env;
    const [command, first] = npm?.endsWith(".js") && node ? [node, [npm]] : ["npm", []];
    const done = spawnSync(command, [...first, ...args], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
    if (done.error) fail(`npm cannot be run: ${done.error.message}`);
    if (done.status !== 0) fail("npm ci failed, see above");
  } finally {
    rmSync(lock, { force: true });
  }
  const still = reasonNow();
  if (still !== undefined) fail(`after npm ci, ${still}; run npm ci in ${root} and look`);
}

function run(args) {
  const child = spawn(
    pinnedNode,
    ["--disable-sigusr1", "--disable-warning=ExperimentalWarning", ...args],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        PATH: `${join(root, "node_modules", ".bin")}${delimiter}${process.env.PATH ?? ""}`,
      },
    },
  );
  child.on("error", (error) => fail(`${pinnedNode} cannot be run: ${error.message}`));
  // A terminal sends SIGINT to the child as well; passing it on would make it two.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

function main() {
  const [name, ...rest] = process.argv.slice(2);
  if (name === undefined) fail("usage: node bin/run.js start|test|check|FILE.ts [arguments]");
  const fault = platformFault(thisPlatform());
  if (fault !== undefined) fail(fault);
  install();
  const [entry, ...first] = Object.hasOwn(commands, name) ? commands[name] : [name];
  run([join(root, entry), ...first, ...rest]);
}

if (process.argv[1] !== undefined && import.meta.url.endsWith("/bin/run.js")) {
  const { realpathSync } = await import("node:fs");
  if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
}
