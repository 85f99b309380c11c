import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { openRocksBackend } from "#server/backend/rocks-backend.ts";
import {
  openStateFolder,
  type ReplaceStep,
  type StateFolder,
  type StateFolderOptions,
} from "#server/backend/state-folder.ts";
import type { InstallMark } from "#server/backend/state-pointer.ts";
import type { Backend } from "#server/mvcc/backend.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-folder-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const fresh = (): string => path.join(root, `data-${made++}`);

function open(dataDir: string, more: Partial<StateFolderOptions> = {}): Promise<StateFolder> {
  return openStateFolder({ dataDir, log: silentLog, holder: "process 1 on here", ...more });
}

async function put(backend: Backend, value: string): Promise<void> {
  const batch = backend.newBatch();
  batch.put("meta", utf8("who"), utf8(value));
  await backend.write(batch, { sync: false });
}

async function who(backend: Backend): Promise<string> {
  const [value] = await backend.getMany("meta", [utf8("who")]);
  return value === undefined ? "nobody" : Buffer.from(value).toString();
}

const mark: InstallMark = {
  index: 70,
  term: 4,
  confState: {
    voters: [0xfedcba9876543210n, 1n],
    learners: [2n],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
};

async function states(dataDir: string): Promise<string[]> {
  const names = await readdir(path.join(dataDir, "member"));
  return names.filter((name) => name.startsWith("state-")).sort();
}

test("a new folder is made, and found again", async () => {
  const dataDir = fresh();
  let folder = await open(dataDir);
  assert.equal(await who(folder.backend), "nobody");
  assert.equal(folder.unfinished, undefined);
  await put(folder.backend, "first");
  await folder.close();
  folder = await open(dataDir);
  assert.equal(await who(folder.backend), "first");
  await folder.close();
  assert.deepEqual(await states(dataDir), ["state-1"]);
  assert.equal(await readFile(path.join(dataDir, "member", "format"), "utf8"), "1\n");
});

test("a replacement that begins from the folder of another store", async () => {
  const dataDir = fresh();
  const folder = await open(dataDir);
  await put(folder.backend, "old");
  const source = path.join(dataDir, "member", "received");
  await mkdir(source);
  const received = await openRocksBackend(source, { create: true });
  await put(received, "received");
  await received.close();
  const found: string[] = [];
  const backend = await folder.replace(
    mark,
    async (next) => void found.push(await who(next)),
    async () => {},
    async (next) => void found.push(await who(next)),
    source,
  );
  assert.deepEqual(found, ["received", "received"]);
  assert.equal(folder.backend, backend);
  await folder.close();
  const again = await open(dataDir);
  assert.equal(await who(again.backend), "received");
  await again.close();
  assert.deepEqual((await readdir(path.join(dataDir, "member"))).sort(), [
    ...["format", "lock", "state-2", "state.json"],
  ]);
});

test("a replacement, and one after it", async () => {
  const dataDir = fresh();
  const folder = await open(dataDir);
  await put(folder.backend, "old");
  const resets: InstallMark[] = [];
  for (const value of ["new", "newer"]) {
    const backend = await folder.replace(
      mark,
      (next) => put(next, value),
      async (at) => {
        resets.push(at);
        assert.deepEqual(folder.unfinished, mark);
      },
    );
    assert.equal(await who(backend), value);
    assert.equal(folder.backend, backend);
    assert.equal(folder.unfinished, undefined);
  }
  assert.deepEqual(resets, [mark, mark]);
  await folder.close();
  assert.deepEqual(await states(dataDir), ["state-3"]);
});

test("the old state can be read until the new one is adopted", async () => {
  const dataDir = fresh();
  const folder = await open(dataDir);
  await put(folder.backend, "old");
  const old = folder.backend;
  await folder.replace(
    mark,
    (next) => put(next, "new"),
    () => Promise.resolve(),
    async (next) => {
      assert.equal(await who(next), "new");
      assert.equal(await who(old), "old");
    },
  );
  await assert.rejects(async () => await who(old), { code: "STORE_CLOSED" });
  await folder.close();
});

test("a replacement that cannot be filled changes nothing", async () => {
  const dataDir = fresh();
  const folder = await open(dataDir);
  await put(folder.backend, "old");
  const replacing = folder.replace(
    mark,
    () => Promise.reject(new Error("the stream broke off")),
    () => assert.fail("the log is not touched"),
  );
  await assert.rejects(replacing, /broke off/);
  assert.equal(await who(folder.backend), "old");
  assert.deepEqual(await states(dataDir), ["state-1"]);
  await folder.replace(
    mark,
    (next) => put(next, "new"),
    () => Promise.resolve(),
  );
  assert.equal(await who(folder.backend), "new");
  await folder.close();
});

// What a process that is killed leaves is what the folder holds at that moment: a copy of it.
test("killed at any step, a replacement is undone or finished at the next start", async () => {
  const dataDir = fresh();
  const images = new Map<ReplaceStep, string>();
  const folder = await open(dataDir, {
    onStep: async (step) => {
      const image = fresh();
      await cp(dataDir, image, { recursive: true });
      images.set(step, image);
    },
  });
  await put(folder.backend, "old");
  await folder.replace(
    mark,
    (next) => put(next, "new"),
    () => Promise.resolve(),
  );
  await folder.close();

  const expected: [ReplaceStep, string, boolean][] = [
    ["created", "old", false],
    ["filled", "old", false],
    ["pointed", "new", true],
    ["log reset", "new", true],
    ["finished", "new", false],
    ["removed", "new", false],
  ];
  assert.equal(images.size, expected.length);
  for (const [step, value, unfinished] of expected) {
    const image = images.get(step) ?? "";
    let after = await open(image);
    assert.equal(await who(after.backend), value, step);
    assert.deepEqual(after.unfinished, unfinished ? mark : undefined, step);
    assert.equal((await states(image)).length, 1, step);
    if (unfinished) {
      // Killed again before it is finished: still to do.
      await after.close();
      after = await open(image);
      assert.deepEqual(after.unfinished, mark, step);
      await after.finish();
    }
    await after.close();
    after = await open(image);
    assert.equal(after.unfinished, undefined, step);
    assert.equal(await who(after.backend), value, step);
    await after.close();
  }
});

test("killed anywhere in the first start, the next one makes the folder", async () => {
  const dataDir = fresh();
  const folder = await open(dataDir);
  await folder.close();
  const member = path.join(dataDir, "member");
  await rm(path.join(member, "state.json"));
  const renamed = await open(dataDir);
  await renamed.close();
  await rm(path.join(member, "state.json"));
  await cp(path.join(member, "state-1"), path.join(member, "state-1.new"), { recursive: true });
  await rm(path.join(member, "state-1"), { recursive: true });
  await writeFile(path.join(member, "state.json.next"), '{"sta');
  const again = await open(dataDir);
  assert.equal(await who(again.backend), "nobody");
  await again.close();
  assert.deepEqual(await states(dataDir), ["state-1"]);
});

const refusals: [string, string, RegExp, (member: string) => Promise<void>][] = [
  [
    "a newer format",
    "FORMAT_TOO_NEW",
    /has format 2, this version knows up to 1: run the version/,
    (member) => writeFile(path.join(member, "format"), "2\n"),
  ],
  [
    "a format that is no number",
    "DATA_DAMAGED",
    /holds no number/,
    (member) => writeFile(path.join(member, "format"), "one\n"),
  ],
  ["no format", "DATA_DAMAGED", /is missing/, (member) => rm(path.join(member, "format"))],
  [
    "a damaged pointer",
    "DATA_DAMAGED",
    /state\.json is damaged/,
    (member) => writeFile(path.join(member, "state.json"), '{"state":"state-'),
  ],
  [
    "a pointer out of the folder",
    "DATA_DAMAGED",
    /state\.json is damaged/,
    (member) => writeFile(path.join(member, "state.json"), '{"state":"../state-1"}'),
  ],
  [
    "a state without a pointer",
    "DATA_DAMAGED",
    /holds a state, but the file `state.json` is missing/,
    (member) => rm(path.join(member, "state.json")),
  ],
  [
    "a pointer without its state",
    "DATA_DAMAGED",
    /its state-1 is missing/,
    (member) => rm(path.join(member, "state-1"), { recursive: true }),
  ],
  [
    "etcd's data",
    "ETCD_DATA_DIR",
    /written by etcd/,
    async (m) => void (await mkdir(path.join(m, "snap"))),
  ],
];

for (const [title, code, message, spoil] of refusals) {
  test(`refused: ${title}`, async () => {
    const dataDir = fresh();
    const folder = await open(dataDir);
    await put(folder.backend, "kept");
    await folder.close();
    await spoil(path.join(dataDir, "member"));
    for (let i = 0; i < 2; i++) await assert.rejects(open(dataDir), { code, message });
  });
}

test("a file in the place of the data folder", async () => {
  const dataDir = fresh();
  await writeFile(dataDir, "");
  await assert.rejects(open(dataDir), { code: "DIR_INVALID", message: /is not a folder/ });
});

test("a folder in use names who uses it, until that one is killed", async () => {
  const dataDir = fresh();
  const script = `
    const { openStateFolder } = await import("#server/backend/state-folder.ts");
    const log = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
    await openStateFolder({ dataDir: process.argv[1], log, holder: "process " + process.pid + " on here" });
    console.log("open");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  await assert.rejects(open(dataDir), {
    code: "DIR_LOCKED",
    message: new RegExp(`is in use by process ${child.pid} on here: stop it`),
  });
  child.kill("SIGKILL");
  await exited;
  const folder = await open(dataDir);
  await assert.rejects(open(dataDir), { code: "DIR_LOCKED", message: /process 1 on here/ });
  await folder.close();
  await (await open(dataDir)).close();
});
