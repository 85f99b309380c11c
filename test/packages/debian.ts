// npm run test:packages: builds both packages, installs the Debian one into a Debian of its own, starts the
// member as its unit says, writes and reads, installs it again over itself, removes and purges it; and looks
// into the RPM one. Needs root on Linux, debootstrap, and go for nfpm; no part of .ci/run for that.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { freePorts } from "#test/reference/reference.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

function run(file: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${file} ${args.join(" ")}\n${stdout}${stderr}`));
    });
  });
}

test("the Debian package", { timeout: 900_000 }, async (t) => {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  if (!isRoot) return t.skip("needs root on Linux");
  const [deb = "", rpm = ""] = (await run(join(root, "packaging/build.sh"))).trim().split("\n");
  assert.match(rpm, /\.rpm$/);
  assert.equal(readFileSync(rpm).readUInt32BE(0), 0xedabeedb, "the lead of an RPM package");
  const base = (await run(join(root, "test/packages/tree.sh"))).trim();
  const folder = mkdtempSync(join(tmpdir(), "packages-"));
  const at = (name: string): string => join(folder, name);
  for (const name of ["upper", "work", "root"]) mkdirSync(at(name));
  const layers = `lowerdir=${base},upperdir=${at("upper")},workdir=${at("work")}`;
  await run("mount", "-t", "overlay", "overlay", "-o", layers, at("root"));
  const inside = (...words: string[]): Promise<string> => run("chroot", at("root"), ...words);
  const isThere = (path: string): boolean =>
    statSync(join(at("root"), path), { throwIfNoEntry: false }) !== undefined;
  try {
    await run("mount", "--bind", "/proc", join(at("root"), "proc"));
    await run("mount", "--bind", "/dev", join(at("root"), "dev"));
    await run("cp", deb, join(at("root"), "tmp"));
    const file = `/tmp/${basename(deb)}`;
    await inside("dpkg", "-i", file);
    assert.match(await inside("dpkg", "-s", "etcd-ts"), /^Status: install ok installed$/m);
    for (const path of ["/etc/etcd/etcd.conf", "/lib/systemd/system/etcd.service"]) {
      assert.ok(isThere(path), path);
    }
    for (const program of ["etcd --version", "etcdctl version", "etcdutl version"]) {
      assert.match(await inside("sh", "-c", `/usr/bin/${program}`), /3\.7\.\d/, program);
    }
    await inside("systemd-analyze", "verify", "/lib/systemd/system/etcd.service");
    assert.match(
      await inside("getent", "passwd", "etcd"),
      /:\/var\/lib\/etcd:\/usr\/sbin\/nologin$/m,
    );
    assert.equal((await inside("stat", "-c", "%U:%G %a", "/var/lib/etcd")).trim(), "etcd:etcd 700");
    assert.equal((await inside("systemctl", "is-enabled", "etcd.service")).trim(), "enabled");

    // What the unit says: its user, its folder, its file of settings, its program.
    const unit = readFileSync(join(at("root"), "lib/systemd/system/etcd.service"), "utf8");
    const told = (name: string): string =>
      new RegExp(`^${name}=-?(.*)$`, "m").exec(unit)?.[1] ?? "";
    const [client, peer] = await freePorts(2);
    const settings = [
      `ETCD_LISTEN_CLIENT_URLS="http://127.0.0.1:${client}"`,
      `ETCD_ADVERTISE_CLIENT_URLS="http://127.0.0.1:${client}"`,
      `ETCD_LISTEN_PEER_URLS="http://127.0.0.1:${peer}"`,
      `ETCD_INITIAL_ADVERTISE_PEER_URLS="http://127.0.0.1:${peer}"`,
      `ETCD_INITIAL_CLUSTER="default=http://127.0.0.1:${peer}"`,
    ].join("\n");
    const conf = told("EnvironmentFile");
    await inside("sh", "-c", `printf '%s\\n' '${settings}' >>${conf}`);
    const start = async (): Promise<MemberProcess> => {
      const line = `set -a; . ${conf}; set +a; cd ${told("WorkingDirectory")}; HOME=/var/lib/etcd exec ${told("ExecStart")}`;
      const user = ["setpriv", "--reuid", told("User"), "--regid", told("Group"), "--clear-groups"];
      const member = new MemberProcess("packaged", {
        file: "chroot",
        args: [at("root"), ...user, "sh", "-c", line],
        env: { PATH: process.env["PATH"] },
      });
      await member.waitForLine(/ready to serve client requests/);
      return member;
    };
    const stop = async (member: MemberProcess): Promise<void> => {
      member.signal("SIGTERM");
      await member.exited;
    };
    const ctl = (...words: string[]): Promise<string> =>
      inside("/usr/bin/etcdctl", "--endpoints", `127.0.0.1:${client}`, ...words);
    let member = await start();
    await ctl("put", "greeting", "from a package");
    await stop(member);
    // The same package again: what was changed in the file and what was written stay.
    await inside("dpkg", "-i", file);
    member = await start();
    assert.equal(await ctl("get", "greeting"), "greeting\nfrom a package\n");
    await stop(member);

    await inside("dpkg", "-r", "etcd-ts");
    assert.deepEqual(
      ["/usr/bin/etcd", "/opt/etcd-ts", "/etc/etcd/etcd.conf", "/var/lib/etcd/default.etcd"].filter(
        isThere,
      ),
      ["/etc/etcd/etcd.conf", "/var/lib/etcd/default.etcd"],
    );
    await inside("dpkg", "-P", "etcd-ts");
    assert.ok(!isThere("/etc/etcd/etcd.conf"));
    assert.ok(isThere("/var/lib/etcd/default.etcd"), "a purge leaves the data");
  } finally {
    await run("umount", "-R", "-l", at("root"));
    rmSync(folder, { recursive: true, force: true });
  }
});
