import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Log } from "#base/log.ts";
import { type LogOptions, openLog } from "#server/log.ts";

function lines(level: LogOptions["level"], write: (log: Log) => void, outputs = 1): unknown[] {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  try {
    const paths = Array.from({ length: outputs }, (_, at) => join(folder, `${at}.log`));
    const log = openLog({ level, outputs: paths });
    write(log);
    log.flush();
    return paths
      .flatMap((path) => readFileSync(path, "utf8").trim().split("\n"))
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a line has etcd's fields", () => {
  const before = Date.now();
  const [line] = lines("info", (log) => log.info({ "cluster-id": "ab", n: 3 }, "serving"));
  const { ts, ...rest } = line as { ts: string };
  assert.deepEqual(rest, { level: "info", msg: "serving", "cluster-id": "ab", n: 3 });
  assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const wrote = Date.parse(ts);
  assert.ok(wrote >= before - 3 && wrote <= Date.now() + 3, ts);
});

test("levels: what is below is not written", () => {
  const rows = [
    ["debug", "debug,info,warn,error,fatal"],
    ["info", "info,warn,error,fatal"],
    ["warn", "warn,error,fatal"],
    ["error", "error,fatal"],
    ["panic", "fatal"],
    ["fatal", "fatal"],
  ] as const;
  for (const [level, want] of rows) {
    const got = lines(level, (log) => {
      for (const one of ["debug", "info", "warn", "error", "fatal"] as const) log[one]({}, one);
    });
    assert.equal(got.map((line) => (line as { level: string }).level).join(","), want, level);
  }
});

test("errors become their text, secrets stars", () => {
  const [line] = lines("info", (log) => {
    const fields = {
      err: new Error("disk full"),
      password: "p",
      request: { token: "t", name: "n" },
    };
    log.child({ id: "7" }).warn(fields, "failed");
  });
  const { ts, ...rest } = line as { ts: string };
  assert.ok(ts);
  assert.deepEqual(rest, {
    level: "warn",
    msg: "failed",
    id: "7",
    error: "disk full",
    password: "***",
    request: { token: "***", name: "n" },
  });
});

test("a storm of one message is thinned out, others and fatal ones are not", () => {
  const got = lines("info", (log) => {
    for (let n = 0; n < 5000; n++) log.info({ n }, "storm");
    log.info({}, "other");
    for (let n = 0; n < 300; n++) log.fatal({ n }, "end");
  });
  const count = (msg: string) => got.filter((line) => (line as { msg: string }).msg === msg).length;
  assert.ok(count("storm") >= 149 && count("storm") < 2500, `${count("storm")}`);
  assert.equal(count("other"), 1);
  assert.equal(count("end"), 300);
});

test("every output gets every line", () => {
  assert.equal(lines("info", (log) => log.info({}, "x"), 3).length, 3);
});

test("an output that cannot be opened is named", () => {
  assert.throws(() => openLog({ level: "info", outputs: ["/nonexistent/folder/x.log"] }), {
    code: "LOG_OUTPUT",
    message: /cannot open log output \/nonexistent\/folder\/x\.log: .*ENOENT/,
  });
});
