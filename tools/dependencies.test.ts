// What is installed is what was looked at: every dependency names one version, and the lock file has a
// digest of each package that was resolved.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

function read(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"));
}

const exact = /^(npm:(@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(-[\w.-]+)?$/;

test("every dependency is pinned to one version", () => {
  const manifest = read("package.json");
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
    for (const [name, version] of Object.entries(manifest[kind] as Record<string, string>)) {
      assert.match(version, exact, `${kind}: ${name}`);
    }
  }
});

test("every locked package has a digest, but optional ones of platforms that were not resolved", () => {
  interface Locked {
    readonly integrity?: string;
    readonly link?: boolean;
    readonly optional?: boolean;
    readonly resolved?: string;
  }
  const lock = read("package-lock.json") as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const bare = Object.entries(lock.packages).filter(([path, one]) => {
    const foreign = one.optional === true && one.resolved === undefined;
    return path !== "" && one.link !== true && one.integrity === undefined && !foreign;
  });
  assert.deepEqual(bare, []);
});

/** Whose install scripts were read, at this version, and why they may run. */
const scriptsAllowed: ReadonlyMap<string, string> = new Map([
  // Chooses the program of this platform among its optional dependencies; asks npm for it if it is missing.
  ["node_modules/@bufbuild/buf", "1.75.0"],
  // Only warns of versions that do not fit.
  ["node_modules/protobufjs", "7.6.6"],
  // Takes the addon that lies in the package for this platform; compiles it where there is none.
  ["node_modules/rocksdb", "5.1.1-salto-19"],
]);

test("no package runs a script when it is installed, but those that were read", () => {
  interface Locked {
    readonly version?: string;
    readonly hasInstallScript?: boolean;
  }
  const { packages } = read("package-lock.json") as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const run = Object.entries(packages).filter(([, one]) => one.hasInstallScript === true);
  assert.deepEqual(
    run.map(([path, one]) => `${path} ${one.version}`).sort(),
    [...scriptsAllowed].map(([path, version]) => `${path} ${version}`).sort(),
    "read the script of what is new here, and note it in scriptsAllowed with what it does",
  );
});
