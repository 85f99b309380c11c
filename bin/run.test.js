import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { installReason, platformFault, takeLock } from "./run.js";

test("platforms", () => {
  const linux = { platform: "linux", arch: "x64", glibc: true, nodeVersion: "20.1.0" };
  const rows = [
    [linux, undefined],
    [{ ...linux, platform: "darwin", arch: "arm64" }, undefined],
    [{ ...linux, glibc: false }, /musl/],
    [{ ...linux, arch: "arm64" }, /Linux on arm64 is not supported: supported are/],
    [{ ...linux, platform: "win32" }, /win32 is not supported/],
    [{ ...linux, nodeVersion: "18.9.0" }, /Node 18.9.0 is too old/],
  ];
  for (const [given, want] of rows) {
    const fault = platformFault(given);
    if (want === undefined) assert.equal(fault, undefined);
    else assert.match(fault ?? "", want);
  }
});

test("when npm ci has to run", () => {
  const packages = (entries) => JSON.stringify({ packages: entries });
  const a = { version: "1.0.0", integrity: "sha512-a" };
  const lock = packages({
    "": {},
    "node_modules/a": a,
    "node_modules/mac": { version: "2.0.0", optional: true },
  });
  const rows = [
    [packages({ "node_modules/a": a }), true, undefined],
    [packages({ "node_modules/a": a, "node_modules/extra": a }), true, undefined],
    [undefined, true, "dependencies are not installed"],
    ["{", true, "the last install was not finished"],
    [packages({}), true, "package-lock.json has changed"],
    [
      packages({ "node_modules/a": { ...a, version: "1.0.1" } }),
      true,
      "package-lock.json has changed",
    ],
    [
      packages({ "node_modules/a": { ...a, integrity: "b" } }),
      true,
      "package-lock.json has changed",
    ],
    [packages({ "node_modules/a": a }), false, "the pinned Node is missing"],
  ];
  for (const [installed, node, want] of rows)
    assert.equal(installReason(lock, installed, node), want);
});

function inFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), "run-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return Promise.resolve(run(folder)).finally(remove);
}

test("the install lock: held, free, stale", () =>
  inFolder((folder) => {
    const lock = join(folder, "lock");
    assert.equal(takeLock(lock, process.pid), undefined);
    assert.equal(takeLock(lock, process.ppid), process.pid, "held by a living process");
    rmSync(lock);
    writeFileSync(lock, "999999999");
    assert.equal(takeLock(lock, process.pid), undefined, "the holder is dead");
    assert.equal(readFileSync(lock, "utf8"), String(process.pid));
    writeFileSync(lock, "");
    assert.equal(takeLock(lock, process.pid), undefined, "torn");
  }));

const launchers = ["etcd", "etcdctl", "etcdutl", "etcd-operator"];

test("launchers run from any folder, through links, and pass signals on", () =>
  inFolder(async (folder) => {
    const bin = import.meta.dirname;
    const root = join(bin, "..");
    for (const name of launchers) {
      const link = join(folder, `${name}-linked`);
      symlinkSync(join(bin, name), join(folder, `${name}-first`));
      symlinkSync(`${name}-first`, link);
      // A stand-in for the pinned Node shows what it is given and then waits to be killed.
      const copy = join(folder, `${name}.sh`);
      const launch = readFileSync(join(bin, "launch.sh"), "utf8");
      assert.match(launch, /exec "\$node"/);
      const script = readFileSync(join(bin, name), "utf8").replace(
        '. "$root/bin/launch.sh"',
        'echo "$root $entry"; exec sleep 60',
      );
      writeFileSync(copy, script.replaceAll("$0", link));
      const child = spawn("sh", [copy], { cwd: "/", stdio: ["ignore", "pipe", "inherit"] });
      const line = await new Promise((resolve) => child.stdout.once("data", resolve));
      const [gotRoot, entry] = String(line).trim().split(" ");
      assert.equal(join(gotRoot ?? "", "."), join(root, "."), name);
      assert.match(entry ?? "", /^(server|ctl|operator)\/[a-z]+\.ts$/);
      child.kill("SIGTERM");
      const signal = await new Promise((resolve) => child.once("exit", (_, how) => resolve(how)));
      assert.equal(signal, "SIGTERM", name);
    }
  }));

test("a launcher without node_modules says what to do", () =>
  inFolder(async (folder) => {
    const bin = import.meta.dirname;
    for (const name of ["launch.sh", ...launchers]) {
      const to = join(folder, "bin", name);
      await import("node:fs/promises").then(async (fs) => {
        await fs.mkdir(join(folder, "bin"), { recursive: true });
        await fs.copyFile(join(bin, name), to);
      });
    }
    const child = spawn(join(folder, "bin", "etcd"), [], { stdio: ["ignore", "inherit", "pipe"] });
    let text = "";
    child.stderr.on("data", (data) => {
      text += data;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 1);
    assert.match(text, /^etcd: Node is not installed in .*: run 'npm ci' there first\n$/);
  }));
