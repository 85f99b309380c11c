// npm run test:packages: builds the Debian and the RPM package, and installs each on a machine that runs
// systemd (machine.ts): the service comes up by itself, is restarted when it is killed, comes back after the
// plug was pulled, runs on while the package is installed over itself, and is gone when it is removed, all
// but its data. Needs root on Linux, debootstrap, and go for nfpm; no part of .ci/run for that.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Machine, run } from "./machine.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const limits = { timeout: 900_000, skip: isRoot ? false : "needs root on Linux" };
const unit = "etcd.service";
const conf = "/etc/etcd/etcd.conf";

const built = isRoot ? run(join(root, "packaging/build.sh")) : Promise.resolve("");

/** The path of the Debian (0) or the RPM (1) package. */
async function packaged(at: 0 | 1): Promise<string> {
  return (await built).trim().split("\n")[at]!;
}

/** What both packages bring. */
async function looksInstalled(machine: Machine): Promise<void> {
  for (const program of ["etcd --version", "etcdctl version", "etcdutl version"])
    assert.match(await machine.run("sh", "-c", `/usr/bin/${program}`), /3\.7\.\d/, program);
  assert.match(
    await machine.run("getent", "passwd", "etcd"),
    /:\/var\/lib\/etcd:\/(?:usr\/)?sbin\/nologin$/m,
  );
  const owner = await machine.run("stat", "-c", "%U:%G %a", "/var/lib/etcd");
  assert.equal(owner.trim(), "etcd:etcd 700");
  assert.equal((await machine.run("systemctl", "is-enabled", unit)).trim(), "enabled");
  assert.ok(machine.has(conf));
}

/** Puts, kills, restarts and pulls the plug: what was put stays. */
async function serves(machine: Machine): Promise<void> {
  const active = (): Promise<void> =>
    machine.until(unit, "ActiveState", (state) => state === "active");
  const found = async (): Promise<void> =>
    assert.equal(await machine.run("etcdctl", "get", "greeting"), "greeting\nfrom a package\n");
  const pid = (): Promise<string> => machine.property(unit, "MainPID");
  await active();
  await machine.run("etcdctl", "put", "greeting", "from a package");
  const first = await pid();
  assert.equal((await machine.run("stat", "-c", "%U", `/proc/${first}`)).trim(), "etcd");

  await machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit);
  await machine.until(unit, "MainPID", (now) => now !== "0" && now !== first);
  await active();
  await found();

  await machine.run("systemctl", "restart", unit);
  assert.notEqual(await pid(), first);
  await found();

  await machine.reboot();
  await active();
  await found();
}

/** Installing again leaves the process, the settings and the data alone. */
async function runsOn(machine: Machine, ...install: string[]): Promise<void> {
  await machine.run("sh", "-c", `printf 'ETCD_LOG_LEVEL=warn\\n' >>${conf}`);
  const before = await machine.property(unit, "MainPID");
  await machine.run(...install);
  assert.equal(await machine.property(unit, "MainPID"), before);
  assert.match(await machine.run("cat", conf), /^ETCD_LOG_LEVEL=warn$/m);
}

test("the Debian package", limits, async () => {
  await using machine = await Machine.create();
  const file = await machine.take(await packaged(0));
  await machine.run("dpkg", "-i", file);
  assert.match(await machine.run("dpkg", "-s", "etcd-ts"), /^Status: install ok installed$/m);
  await machine.run("systemd-analyze", "verify", `/lib/systemd/system/${unit}`);
  await looksInstalled(machine);
  // Debian's services run once they are installed.
  await serves(machine);
  await runsOn(machine, "dpkg", "-i", file);

  await machine.run("dpkg", "-r", "etcd-ts");
  assert.equal(await machine.property(unit, "ActiveState"), "inactive");
  assert.deepEqual(
    ["/usr/bin/etcd", "/opt/etcd-ts", conf, "/var/lib/etcd/default.etcd"].filter((path) =>
      machine.has(path),
    ),
    [conf, "/var/lib/etcd/default.etcd"],
  );
  await machine.run("dpkg", "-P", "etcd-ts");
  assert.ok(!machine.has(conf));
  assert.ok(machine.has("/var/lib/etcd/default.etcd"), "a purge leaves the data");
});

test("the RPM package", limits, async () => {
  await using machine = await Machine.create();
  const file = await machine.take(await packaged(1));
  // What it depends on is there, but not as RPM packages.
  const rpm = ["rpm", "--nodeps"];
  await machine.run(...rpm, "-i", file);
  assert.match(await machine.run("rpm", "-q", "etcd-ts"), /^etcd-ts-\d/);
  assert.equal(await machine.run("rpm", "-V", "etcd-ts", "--nodeps"), "");
  await machine.run("systemctl", "daemon-reload");
  await looksInstalled(machine);
  // Fedora's services wait to be started.
  assert.equal(await machine.property(unit, "ActiveState"), "inactive");
  await machine.run("systemctl", "start", unit);
  await serves(machine);
  await runsOn(machine, ...rpm, "-U", "--replacepkgs", file);

  await machine.run(...rpm, "-e", "etcd-ts");
  assert.equal(await machine.property(unit, "ActiveState"), "inactive");
  assert.deepEqual(
    ["/usr/bin/etcd", "/opt/etcd-ts", conf, `${conf}.rpmsave`, "/var/lib/etcd/default.etcd"].filter(
      (path) => machine.has(path),
    ),
    [`${conf}.rpmsave`, "/var/lib/etcd/default.etcd"],
  );
});
