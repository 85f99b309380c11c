// Completes package-lock.json: `npm ci` refuses a lock that lacks an optional package of another
// platform, and npm leaves such packages out when the registry in use does not serve them. Entries
// made here have no checksum; npm takes the one of the registry that installs them.
// Usage, after `npm install`: node tools/lock.ts
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string | string[];
  cpu?: string | string[];
  libc?: string[];
  engines?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

export interface Lock {
  packages: Record<string, LockEntry>;
}

const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const cpus: Readonly<Record<string, string>> = {
  arm64: "arm64",
  x64: "x64",
  ia32: "ia32",
  armv7: "arm",
  arm: "arm",
};

/** The entry of a platform's package, read off its name. Throws if the name says no platform. */
function platformEntry(name: string, version: string, parent: LockEntry): LockEntry {
  const words = name.split(/[-/]/);
  const os = systems.find((one) => words.includes(one));
  const cpu = Object.keys(cpus).find((one) => words.includes(one));
  if (os === undefined || cpu === undefined) throw new Error(`${name}: for which platform?`);
  return {
    version,
    cpu: [cpus[cpu] ?? cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(words.includes("musl") ? { libc: ["musl"] } : {}),
    optional: true,
    os: [os],
    ...(parent.engines === undefined ? {} : { engines: parent.engines }),
  };
}

/** Optional packages that the lock names as dependencies but does not hold, by path. */
export function missingEntries(lock: Lock): ReadonlyMap<string, LockEntry> {
  const missing = new Map<string, LockEntry>();
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      const there = Object.keys(lock.packages).some((one) => one.endsWith(path));
      if (!there) missing.set(path, platformEntry(name, version, parent));
    }
  }
  return missing;
}

if (import.meta.main) {
  const file = join(import.meta.dirname, "..", "package-lock.json");
  const lock = JSON.parse(readFileSync(file, "utf8")) as Lock;
  const missing = missingEntries(lock);
  const all = [...Object.entries(lock.packages), ...missing];
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1)));
  if (missing.size > 0) writeFileSync(file, `${JSON.stringify(lock, undefined, 2)}\n`);
  console.log(`${missing.size} entries added`);
}
