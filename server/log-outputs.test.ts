// Rotation, forms of lines, and readiness told to systemd.
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { consoleLine } from "#server/log-console.ts";
import { journalForm, RotatingOutput } from "#server/log-outputs.ts";
import { notifyReady } from "#server/sd-notify.ts";

const rotation = { maxBytes: 20, maxAgeDays: 0, maxBackups: 0, localTime: false, compress: false };
const plain = (line: string): string => line;

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a file that would grow too large is put aside under the time", () =>
  inFolder(async (folder) => {
    const path = join(folder, "etcd.log");
    writeFileSync(path, "from before\n");
    const output = new RotatingOutput(path, rotation, plain);
    output.write("second\n");
    output.write("third\n");
    await output.settled;
    const [backup] = readdirSync(folder).filter((name) => name !== "etcd.log");
    assert.match(backup!, /^etcd-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/);
    assert.equal(readFileSync(join(folder, backup!), "utf8"), "from before\nsecond\n");
    assert.equal(readFileSync(path, "utf8"), "third\n");
  }));

test("old files are compressed, and the oldest deleted by number and by age", () =>
  inFolder(async (folder) => {
    const old = ["2001-01-01T00-00-00.000", "2002-01-01T00-00-00.000", "2003-01-01T00-00-00.000"];
    for (const time of old) writeFileSync(join(folder, `etcd-${time}.log`), time);
    writeFileSync(join(folder, "etcd-other.log"), "not ours");
    utimesSync(join(folder, "etcd-other.log"), 1, 1);
    const path = join(folder, "etcd.log");
    const two = new RotatingOutput(path, { ...rotation, maxBackups: 2, compress: true }, plain);
    await two.settled;
    assert.deepEqual(readdirSync(folder).sort(), [
      `etcd-${old[1]}.log.gz`,
      `etcd-${old[2]}.log.gz`,
      "etcd-other.log",
      "etcd.log",
    ]);
    const packed = readFileSync(join(folder, `etcd-${old[2]}.log.gz`));
    assert.equal(gunzipSync(packed).toString(), old[2]);
    await new RotatingOutput(path, { ...rotation, maxAgeDays: 1, localTime: true }, plain).settled;
    assert.deepEqual(readdirSync(folder).sort(), ["etcd-other.log", "etcd.log"]);
  }));

test("lines for people and for the journal", () => {
  const line = '{"level":"warn","ts":"T","msg":"slow","took":"1s","ids":["a","b"],"n":{"x":1}}\n';
  assert.equal(
    consoleLine(line),
    'T\twarn\tslow\t{"took": "1s", "ids": ["a", "b"], "n": {"x": 1}}\n',
  );
  assert.equal(consoleLine('{"level":"info","ts":"T","msg":"m"}\n'), "T\tinfo\tm\n");
  assert.equal(journalForm(plain)(line), `<4>${line}`);
});

test("systemd is told through systemd-notify, if it asks", () =>
  inFolder(async (folder) => {
    const told = join(folder, "told");
    const program = join(folder, "systemd-notify");
    writeFileSync(program, `#!/bin/sh\necho "$@" > ${told}\n`);
    chmodSync(program, 0o755);
    const PATH = `${folder}:${process.env["PATH"]}`;
    await notifyReady({ PATH }, 7);
    assert.ok(!readdirSync(folder).includes("told"));
    await notifyReady({ PATH, NOTIFY_SOCKET: "/run/x" }, 7);
    assert.equal(readFileSync(told, "utf8"), "--ready --pid=7\n");
    writeFileSync(program, "#!/bin/sh\necho no such socket >&2; exit 1\n");
    const failing = notifyReady({ PATH, NOTIFY_SOCKET: "/run/x" }, 7);
    await assert.rejects(failing, { message: "systemd-notify: exit 1: no such socket" });
    await assert.rejects(notifyReady({ PATH: folder.slice(1), NOTIFY_SOCKET: "/run/x" }, 7));
  }));
