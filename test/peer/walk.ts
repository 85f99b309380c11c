// docs/migration.md, literally: its commands are taken from the page and run in its order, in one shell,
// the servers beside it; only addresses and folders are exchanged. From etcd 3.6 and back to it, or
// another release line with `--line reference` or `--line reference-3.5`.
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { referenceReleases } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { locateReference } from "#test/reference/reference.ts";
import type { Line } from "./migration-steps.ts";

const root = join(import.meta.dirname, "..", "..");
const blockLimitMs = 120_000;

interface Block {
  readonly section: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let section = "";
  for (const [, title, text] of page.matchAll(/^## (.*)$|^```sh\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) section = title;
    else blocks.push({ section, text: text! });
  }
  return blocks;
}

/** The page's blocks in the order in which one who comes from `line` goes through them. */
function journey(line: Line): Block[] {
  const blocks = blocksOf(readFileSync(join(root, "docs", "migration.md"), "utf8"));
  const to37 = blocks.filter(({ section }) => section === "Back to etcd 3.7");
  const to36 = blocks.filter(({ section }) => section === "Back to etcd 3.6");
  const there = blocks.filter((one) => !to37.includes(one) && !to36.includes(one));
  assert.ok(there.length > 10 && to37.length > 5 && to36.length > 1, "the page lost its commands");
  if (line === "reference") return [...there, ...to37];
  // Its own block adds the first newcomer.
  if (line === "reference-3.6") return [...there, ...to36, ...to37.slice(1)];
  return there;
}

/** One shell that keeps its variables and functions; it ends at the first command that fails. */
class Shell {
  private readonly child: ChildProcessWithoutNullStreams;
  private output = "";
  private blocks = 0;
  private look: () => void = () => {};

  constructor(env: NodeJS.ProcessEnv) {
    this.child = spawn("bash", ["-e"], { env });
    const take = (text: string): void => {
      this.output += text;
      this.look();
    };
    this.child.stdout.setEncoding("utf8").on("data", take);
    this.child.stderr.setEncoding("utf8").on("data", take);
    this.child.once("close", () => this.look());
  }

  /** Runs a block; what it printed. */
  async run(text: string): Promise<string> {
    const end = `=== end of block ${this.blocks++}\n`;
    const from = this.output.length;
    const failure = (what: string): Error =>
      new Error(`${what}:\n${text}\n${this.output.slice(from).slice(-4000)}`);
    const timer = setTimeout(() => this.child.kill("SIGKILL"), blockLimitMs);
    this.child.stdin.write(`${text}\necho '${end.trim()}'\n`);
    try {
      await new Promise<void>((resolve, reject) => {
        this.look = () => {
          if (this.output.includes(end)) resolve();
          else if (this.child.exitCode !== null) reject(failure("a command of the page failed"));
          else if (this.child.signalCode !== null) reject(failure("a command of the page hung"));
        };
        this.look();
      });
    } finally {
      clearTimeout(timer);
    }
    return this.output.slice(from);
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

async function walk(line: Line, say: (text: string) => void): Promise<void> {
  const reference = await locateReference(referenceReleases[line]);
  assert.ok(typeof reference !== "string", String(reference));
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-walk-"));
  mkdirSync(join(folder, "backups"));
  const hosts = ["11", "12", "13", "21", "22", "23"];
  const ports = await reservePorts(2 * hosts.length);
  const local = (text: string): string =>
    text
      .replaceAll(/10\.0\.0\.(\d+):23(79|80)/g, (_, host: string, port: string) => {
        const at = hosts.indexOf(host);
        assert.notEqual(at, -1, `a host of the page: ${host}`);
        return `127.0.0.1:${ports[2 * at + (port === "79" ? 0 : 1)]}`;
      })
      .replaceAll(/\/var\/(?:lib\/)?/g, `${folder}/`)
      .replaceAll("/opt/etcd-ts/", `${root}/`);
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD")),
  );
  env["PATH"] = `${reference.folder}:${env["PATH"]}`;
  const shell = new Shell(env);
  const servers = new Map<string, MemberProcess>();
  const starting: Promise<string>[] = [];
  let keys = 0;
  try {
    for (const { section, text } of journey(line)) {
      const host = /^# on (\S+)\n/.exec(text)?.[1];
      if (host !== undefined) {
        // A removed member stops by itself, and makes room.
        await servers.get(host)?.exited;
        say(`${section}: ${host}`);
        const command = local(text.slice(text.indexOf("\n") + 1));
        const args = ["-c", `exec ${command}`];
        const server = new MemberProcess(host, { file: "bash", args, env });
        servers.set(host, server);
        starting.push(server.waitForLine(/ready to serve client requests/));
        continue;
      }
      await Promise.all(starting.splice(0));
      say(`${section}: ${text.split("\n")[0]}`);
      await shell.run(local(text));
      await shell.run(`for i in 1 2 3; do etcdctl put walk/${keys}/$i value >/dev/null; done`);
      keys += 3;
    }
    const counted = await shell.run("etcdctl get walk/ --prefix --count-only -w fields");
    assert.match(counted, new RegExp(`"Count" : ${keys}\\b`));
    const gone = line === "reference-3.5" ? /^10\.0\.0\.1/ : /^10\.0\.0\.2/;
    for (const [host, server] of servers) {
      if (gone.test(host)) await server.exited;
      assert.equal(server.isRunning, !gone.test(host), host);
    }
  } catch (error) {
    const logs = [...servers].map(([host, server]) => `${host}:\n${server.logTail()}`);
    throw new Error(`the last lines of all members:\n${logs.join("\n")}`, { cause: error });
  } finally {
    shell.stop();
    for (const server of servers.values()) server.signal("SIGKILL");
    await Promise.all([...servers.values()].map((server) => server.exited));
    releasePorts(ports);
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { line: { type: "string" } } });
const line = (values.line ?? "reference-3.6") as Line;

test(`the migration of the page, with ${line}`, async (t) => {
  const began = performance.now();
  await walk(line, (text) => {
    t.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s  ${text}`);
  });
});
