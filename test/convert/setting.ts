// What the suites about etcdutl convert share: the reference's releases, folders and command lines.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { launcherOf } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { locateReference, type Reference } from "#test/reference/reference.ts";

export const etcdutl = join(import.meta.dirname, "..", "..", "bin", "etcdutl");

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(file: string, args: readonly string[], stdin = ""): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.on("error", () => {}).end(stdin);
  });
}

export async function referenceOf(t: TestContext, release: string): Promise<Reference | undefined> {
  const found = await locateReference(release);
  if (typeof found !== "string") return found;
  if (process.env["CI"] === "true") throw new Error(found);
  t.skip(found);
  return undefined;
}

export async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "etcd-ts-convert-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What clients see of a member, but for what every start changes; `login` if it asks who they are. */
export async function view(
  ctl: string,
  endpoint: string,
  login: readonly string[] = [],
): Promise<Readonly<Record<string, unknown>>> {
  const json = async (...args: string[]): Promise<string> => {
    const words = ["--endpoints", endpoint, ...login, "-w", "json", ...args];
    const { code, stderr, stdout } = await run(ctl, words);
    assert.equal(code, 0, stderr);
    return stdout.replace(/"(raft_term|raftTerm|raftIndex|member_id)":\d+,?/g, "");
  };
  return {
    keys: await json("get", "", "--prefix"),
    old: await json("get", "k1", "--rev", "12"),
    leases: (await json("lease", "list")).split(/[,[\]]/).sort(),
    members: await json("member", "list"),
    hash: (await json("endpoint", "hashkv")).replace(/"Endpoint":"[^"]*"/, ""),
    alarms: await json("alarm", "list"),
  };
}

export async function go(ctl: string, endpoint: string, ...args: string[]): Promise<string> {
  const done = await run(ctl, ["--endpoints", endpoint, ...args]);
  assert.equal(done.code, 0, done.stderr);
  return done.stdout;
}

/** Keys with a history, and 15 revisions. */
export async function writeKeys(ctl: string, endpoint: string): Promise<void> {
  const puts = Array.from({ length: 60 }, (_, i) => `put k${i % 20} "${"v".repeat(i * 9)}"`);
  // One transaction holds a key once; each of them is a revision.
  for (let at = 0; at < 3; at++) {
    const stdin = `\n${puts.slice(20 * at, 20 * at + 20).join("\n")}\n\n\n`;
    assert.equal((await run(ctl, ["--endpoints", endpoint, "txn"], stdin)).code, 0);
  }
  for (let i = 0; i < 12; i++) await go(ctl, endpoint, "put", "k1", String(i));
}

/** A member that a test started, of ours or of etcd, by a member's arguments on another folder. */
export async function startOn(
  t: TestContext,
  kind: Parameters<typeof launcherOf>[0],
  args: readonly string[],
  dataDir: string,
): Promise<MemberProcess> {
  const launcher = await launcherOf(kind);
  const own = args.map((arg) => (arg.startsWith("--data-dir=") ? `--data-dir=${dataDir}` : arg));
  const member = new MemberProcess("converted", launcher.command(own, process.env));
  t.after(async () => {
    member.signal("SIGKILL");
    await member.exited;
  });
  await member.waitForLine(/ready to serve client requests/);
  return member;
}
