// The fault tests' own tools: the checker rejects what it must, the disk forgets what was not synced,
// and every planted bug still has its place in the source.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { OperatingError } from "#base/errors.ts";
import { ForgetfulDisk, forgetEnvironment } from "./forget.ts";
import { History, type Operation } from "./history.ts";
import { HostileMachine, type Hostility } from "./hostile.ts";
import { type Plant, plants } from "./plants.ts";
import { checkerBinary, checkHistory, forgetLibrary, hostileLibrary } from "./tools.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");

/** False after the test was skipped for want of a compiler; under CI that is a failure. */
async function canBuild(context: TestContext, build: () => Promise<string>): Promise<boolean> {
  try {
    await build();
    return true;
  } catch (error) {
    const isMissing = error instanceof OperatingError && error.message.includes("not installed");
    if (!isMissing || process.env["CI"] === "true") throw error;
    context.skip(error.message);
    return false;
  }
}

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-harness-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const plain = {
  client: 0,
  key: "k",
  value: "",
  expect: null,
  found: null,
  success: false,
  revision: 0,
  unknown: false,
} as const;

const histories: readonly {
  readonly about: string;
  readonly operations: readonly Operation[];
  readonly linearizable: boolean;
  readonly revisionsFollowTime: boolean;
}[] = [
  {
    about: "a write, a read of it, a swap",
    operations: [
      { ...plain, kind: "put", call: 1, return: 2, value: "a", revision: 2 },
      { ...plain, kind: "get", call: 3, return: 4, found: "a" },
      {
        ...plain,
        kind: "cas",
        call: 5,
        return: 6,
        expect: "a",
        value: "b",
        success: true,
        revision: 3,
      },
      { ...plain, kind: "get", call: 7, return: 8, found: "b" },
    ],
    linearizable: true,
    revisionsFollowTime: true,
  },
  {
    about: "a write of unknown outcome is seen late",
    operations: [
      { ...plain, kind: "put", call: 1, return: 0, value: "a", unknown: true },
      { ...plain, client: 1, kind: "get", call: 3, return: 4, found: null },
      { ...plain, client: 1, kind: "get", call: 5, return: 6, found: "a" },
    ],
    linearizable: true,
    revisionsFollowTime: true,
  },
  {
    about: "a read after a write sees what was before it",
    operations: [
      { ...plain, kind: "put", call: 1, return: 2, value: "a", revision: 2 },
      { ...plain, client: 1, kind: "get", call: 3, return: 4, found: null },
    ],
    linearizable: false,
    revisionsFollowTime: true,
  },
  {
    about: "two swaps from one value",
    operations: [
      { ...plain, kind: "cas", call: 1, return: 2, value: "a", success: true, revision: 2 },
      {
        ...plain,
        client: 1,
        kind: "cas",
        call: 3,
        return: 4,
        value: "b",
        success: true,
        revision: 3,
      },
    ],
    linearizable: false,
    revisionsFollowTime: true,
  },
  {
    about: "a later write has a lower revision",
    operations: [
      { ...plain, kind: "put", key: "k", call: 1, return: 2, value: "a", revision: 3 },
      { ...plain, kind: "put", key: "l", call: 3, return: 4, value: "b", revision: 2 },
    ],
    linearizable: true,
    revisionsFollowTime: false,
  },
];

for (const { about, operations, linearizable, revisionsFollowTime } of histories) {
  test(`the checker judges: ${about}`, async (context) => {
    if (!(await canBuild(context, checkerBinary))) return;
    const history = new History(join(folderOf(context), "history.jsonl"));
    for (const operation of operations) history.add(operation);
    await history.close();
    const verdict = await checkHistory(history.path);
    assert.equal(verdict.linearizable, linearizable ? "Ok" : "Illegal");
    assert.equal(verdict.revisionsFollowTime, revisionsFollowTime);
  });
}

const linuxOnly = process.platform === "linux" ? false : "LD_PRELOAD needs Linux";

test("the disk forgets what was not synced, and follows renames", {
  skip: linuxOnly,
}, async (context) => {
  if (!(await canBuild(context, forgetLibrary))) return;
  const folder = folderOf(context);
  const data = join(folder, "data");
  mkdirSync(data);
  const journal = join(folder, "journal");
  const disk = new ForgetfulDisk(journal);
  const write = (script: string, env: NodeJS.ProcessEnv): void => {
    const program = `const fs = require("node:fs"); process.chdir(${JSON.stringify(data)}); ${script}`;
    execFileSync(process.execPath, ["--eval", program], { env: { ...process.env, ...env } });
  };
  const env = await forgetEnvironment({ root: `${data}/`, journal, noSync: "*/lazy/*.log" });
  write(
    `const put = (name, text, sync) => {
       const file = fs.openSync(name, "a");
       fs.writeSync(file, text);
       if (sync) fs.fsyncSync(file);
       fs.closeSync(file);
     };
     put("half", "synced ", true); put("half", "lost", false);
     put("never", "lost", false);
     put("old", "moved", true); fs.renameSync("old", "new");
     fs.mkdirSync("made.new"); put("made.new/inner", "kept", true); fs.renameSync("made.new", "made");
     fs.mkdirSync("lazy"); put("lazy/1.log", "lost", true); put("lazy/other", "kept", true);`,
    env,
  );
  const lost = disk.cut(data).map(({ path }) => path.slice(data.length + 1));
  assert.deepEqual(lost.sort(), ["half", "lazy/1.log", "never"]);
  const text = (name: string): string => readFileSync(join(data, name), "utf8");
  assert.equal(text("half"), "synced ");
  assert.equal(text("never"), "");
  assert.equal(text("new"), "moved");
  assert.equal(text("made/inner"), "kept");
  assert.equal(text("lazy/1.log"), "");
  assert.equal(text("lazy/other"), "kept");
  // A file that takes the place of a synced one has none of its durability.
  write('fs.writeFileSync("fresh", "longer than that"); fs.renameSync("fresh", "half");', env);
  disk.cut(data);
  assert.equal(text("half"), "");
});

/** Runs a program on a hostile machine; answers what it printed. */
async function onHostileMachine(
  folder: string,
  hostility: Hostility,
  args: readonly string[],
): Promise<{ readonly lines: readonly string[]; readonly machine: HostileMachine }> {
  const data = join(folder, "data");
  mkdirSync(data, { recursive: true });
  const machine = new HostileMachine(join(folder, "machine"), data);
  machine.set(hostility);
  const env = { ...process.env, ...machine.environment([await hostileLibrary()]) };
  const { stdout } = await run(process.execPath, args, { env, cwd: data, timeout: 30_000 });
  return { lines: stdout.trim().split("\n"), machine };
}

const hostility: readonly {
  readonly about: string;
  readonly machine: Hostility;
  readonly script: string;
  readonly prints: readonly RegExp[];
}[] = [
  {
    about: "its wall clock jumps, its monotonic clock does not",
    machine: { wallOffsetMs: -86_400_000 },
    script: `console.log(Math.round((Date.now() - ${Date.now()}) / 3600000));
             console.log(performance.now() < 60000);`,
    prints: [/^-24$/, /^true$/],
  },
  {
    about: "its disk is slow",
    machine: { syncDelayMs: 120, writeDelayMs: 60 },
    script: `const fs = require("node:fs");
             const file = fs.openSync("slow", "w");
             const from = performance.now();
             fs.writeSync(file, "x");
             console.log(performance.now() - from >= 60);
             fs.fsyncSync(file);
             console.log(performance.now() - from >= 180);`,
    prints: [/^true$/, /^true$/],
  },
  {
    about: "its disk takes the first part of a write and is full",
    machine: { roomBytes: 5 },
    script: `const fs = require("node:fs");
             const file = fs.openSync("full", "w");
             console.log(fs.writeSync(file, "hello world"));
             try { fs.writeSync(file, "more"); } catch (error) { console.log(error.code); }`,
    prints: [/^5$/, /^ENOSPC$/],
  },
];

for (const { about, machine, script, prints } of hostility) {
  test(`a hostile machine: ${about}`, { skip: linuxOnly }, async (context) => {
    if (!(await canBuild(context, hostileLibrary))) return;
    const { lines } = await onHostileMachine(folderOf(context), machine, ["--eval", script]);
    assert.equal(lines.length, prints.length, lines.join("\n"));
    for (const [i, print] of prints.entries()) assert.match(lines[i]!, print);
  });
}

for (const first of ["write", "flush"]) {
  test(`a store whose ${first} met a full disk can be closed`, {
    skip: linuxOnly,
  }, async (context) => {
    if (!(await canBuild(context, hostileLibrary))) return;
    const program = join(import.meta.dirname, "full-store.ts");
    const folder = folderOf(context);
    const args = [program, join(folder, "data", "store"), first];
    const { lines, machine } = await onHostileMachine(folder, {}, args);
    assert.deepEqual(lines, ["DISK_FULL", "closed"]);
    assert.ok(machine.refused > 0);
  });
}

for (const [name, plant] of Object.entries<Plant>(plants)) {
  test(`the bug ${name} has its place in ${plant.file} exactly once`, () => {
    assert.ok(existsSync(join(root, plant.file)));
    const parts = readFileSync(join(root, plant.file), "utf8").split(plant.find);
    assert.equal(parts.length, 2);
    assert.notEqual(plant.find, plant.replace);
  });
}
