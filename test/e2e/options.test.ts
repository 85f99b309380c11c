// What `npm run e2e` says to its command line.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { optionsOf } from "./options.ts";

const bodies = ["plain", "kind"] as const;
const known = (body: string) => (body === "kind" ? ["create"] : ["create", "scale"]);

test("options of npm run e2e", () => {
  const rows: readonly (readonly [readonly string[], string])[] = [
    [["--nope"], "Unknown option '--nope'"],
    [["--nodes"], "Option '--nodes <value>' argument missing"],
    [["create"], "Unexpected argument 'create'. This command does not take positional arguments"],
    [["--body", "cloud"], "there is no body cloud; there are plain, kind"],
    [["--case=create", "--case=none"], "there is no case none; there are create, scale"],
    [["--body=kind", "--case=scale"], "there is no case scale; there are create"],
    [["--nodes=0"], "--nodes must be a number from 1 to 9, not 0"],
    [["--nodes=x"], "--nodes must be a number from 1 to 9, not x"],
    [["--shard=3/2"], "--shard must be I/N with I from 1 to N, not 3/2"],
    [["--shard=1"], "--shard must be I/N with I from 1 to N, not 1"],
  ];
  for (const [args, problem] of rows) {
    assert.deepEqual(optionsOf(args, bodies, known), { problem }, args.join(" "));
  }
  for (const [args, what] of [
    [["--help"], "help"],
    [["-h", "--nodes=x"], "help"],
  ] as const) {
    assert.equal(optionsOf(args, bodies, known), what);
  }
  const wanted = optionsOf(["--case=scale", "--shard=2/3", "--core"], bodies, known);
  assert(typeof wanted === "object" && "shard" in wanted);
  assert.deepEqual(
    [wanted.body, wanted.nodes, wanted.cases, wanted.isCore, wanted.shard],
    ["plain", 3, ["scale"], true, { at: 1, count: 3 }],
  );
});

test("npm run e2e: usage, and one line for what is wrong", () => {
  const run = (...args: readonly string[]) => {
    const file = join(import.meta.dirname, "run.ts");
    return spawnSync(process.execPath, [file, ...args], { encoding: "utf8" });
  };
  const help = run("--help");
  assert.equal(help.status, 0, help.stderr);
  assert.match(help.stdout, /^npm run e2e -- \[OPTION\]\.\.\.\n[\s\S]*--body NAME +where: plain, /);
  const wrong = run("--shard=3/2");
  assert.equal(wrong.status, 2);
  assert.equal(wrong.stdout, "");
  assert.equal(
    wrong.stderr,
    "npm run e2e: --shard must be I/N with I from 1 to N, not 3/2 (--help says what there is)\n",
  );
});
