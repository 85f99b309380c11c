import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import { isGood, secondTry, summary, type Tally, testFiles } from "#tools/test.ts";

test("the last line counts, and skips fail under CI", () => {
  const good: Tally = { passed: 3, failures: [], skips: new Map() };
  assert.deepEqual(summary(good, false), ["3 passed, 0 failed"]);
  assert.equal(isGood(good, true), true);
  const skipping: Tally = { ...good, skips: new Map([["needs go", 2]]) };
  assert.deepEqual(summary(skipping, false), [
    "skipped 2: needs go",
    "3 passed, 0 failed, 2 skipped",
  ]);
  assert.equal(summary(skipping, true).at(-1), "3 passed, 2 failed");
  assert.deepEqual([isGood(skipping, false), isGood(skipping, true)], [true, false]);
  const asRoot: Tally = { ...good, skips: new Map([["needs a user other than root, …", 1]]) };
  assert.equal(isGood(asRoot, true), true);
  assert.equal(summary(asRoot, true).at(-1), "3 passed, 0 failed, 1 skipped");
  const failing: Tally = { ...good, failures: [{ name: "n", file: "f.ts", error: "a\nb" }] };
  assert.deepEqual(summary(failing, false), [
    "FAILED f.ts: n",
    "    a",
    "    b",
    "",
    "3 passed, 1 failed",
  ]);
  assert.equal(isGood(failing, false), false);
  assert.equal(isGood({ ...good, passed: 0 }, false), false, "nothing ran");
});

test("a second try: of few files, never of simulations, and told", async () => {
  const of = (...files: string[]): Tally => ({
    passed: 3,
    failures: files.map((file) => ({ name: "n", file, error: "e" })),
    skips: new Map(),
  });
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  for (const files of [[], ["?"], ["test/simulation/x.test.ts"], ["a", "b", "c"]]) {
    const tally = of(...files);
    assert.equal(await secondTry(tally, write), tally);
  }
  assert.deepEqual(lines, []);
  const steady: Tally = { ...of(), unsteady: of("f.ts").failures };
  assert.deepEqual(summary(steady, true), [
    "UNSTEADY (passed the second time) f.ts: n",
    "    e",
    "",
    "3 passed, 0 failed",
  ]);
  assert.equal(isGood(steady, true), true);
});

test("files are found below the root, and can be narrowed down", () => {
  assert.ok(testFiles(["tools/*.test.ts"], []).includes("tools/test.test.ts"));
  assert.deepEqual(testFiles(["tools/*.test.ts"], ["base"]), []);
});

test("passes, failures, skips and crashes are told apart", () => {
  const folder = mkdtempSync(join(tmpdir(), "tests-"));
  const root = join(import.meta.dirname, "..");
  try {
    const file = (name: string, body: string) => {
      const path = join(folder, name);
      writeFileSync(path, body);
      return relative(root, path);
    };
    const begin = 'import { describe, test } from "node:test";\n';
    const files = [
      file(
        "mixed.mjs",
        `${begin}describe("s", () => { test("ok", () => {}); test("bad", () => { throw new Error("broken here"); }); });
        test("later", (t) => t.skip("needs a tool"));`,
      ),
      file("crash.mjs", "throw new Error('at load');"),
      file("exit.mjs", `${begin}test("ok", () => {}); process.exitCode = 0;`),
    ];
    const left = file("left.mjs", `${begin}test("ok", () => { setInterval(() => {}, 1000); });`);
    const script = join(folder, "run.mjs");
    const runner = new URL("test.ts", import.meta.url).href;
    writeFileSync(
      script,
      `import { runFiles } from ${JSON.stringify(runner)};
      const tally = { passed: 0, failures: [], skips: new Map() };
      await runFiles(${JSON.stringify(files)}, 2, tally, () => {});
      const late = { passed: 0, failures: [], skips: new Map() };
      await runFiles([${JSON.stringify(left)}], 1, late, () => {}, { testMs: 60_000, fileMs: 1000 });
      tally.late = late.failures;
      console.log(JSON.stringify({ ...tally, skips: [...tally.skips] }));`,
    );
    const env = { ...process.env };
    delete env["NODE_TEST_CONTEXT"];
    const done = spawnSync(process.execPath, [script], { cwd: root, env, encoding: "utf8" });
    assert.equal(done.status, 0, done.stderr);
    const tally = JSON.parse(done.stdout) as {
      passed: number;
      failures: { name: string; error: string }[];
      skips: [string, number][];
      late: { error: string }[];
    };
    assert.equal(tally.passed, 2, done.stdout);
    assert.deepEqual(tally.skips, [["needs a tool", 1]]);
    assert.equal(tally.failures.length, 2, JSON.stringify(tally.failures));
    assert.ok(tally.failures.some((one) => one.name === "bad" && /broken here/.test(one.error)));
    assert.ok(tally.failures.some((one) => one.name.endsWith("crash.mjs")));
    assert.equal(tally.late.length, 1, done.stdout);
    assert.match(tally.late[0]!.error, /left\.mjs had not ended after 1 s/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
