import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { noConfState } from "./applied-state.ts";
import { type Bug, type BugName, bugs, planted } from "./bugs.ts";
import { quorumsOverlap } from "./configurations.ts";
import { simulate as simulateWith } from "./outcome.ts";

const simulate = (...options: readonly string[]) =>
  simulateWith(join(import.meta.dirname, "run.ts"), options);

const seconds = process.env["SIM_SECONDS"] ?? "60";

test(`no seed of ${seconds} seconds breaks a property of Raft, and every fault happened`, async (t) => {
  // Other seeds each day, so that time brings coverage; a failing one is printed and replays.
  const first = String(1 + Math.floor(Date.now() / 86_400_000) * 1_000_000);
  const { code, output } = await simulate("--seconds", seconds, "--first", first);
  t.diagnostic(output.trim());
  assert.equal(code, 0, output);
});

// A process each, so a core each.
describe("planted bugs", { concurrency: availableParallelism() }, () => {
  for (const name of Object.keys(bugs) as BugName[]) {
    test(`the planted bug ${name} is found`, async (t) => {
      const { code, output } = await simulate("--seeds", "2000", "--bug", name);
      t.diagnostic(output.split("\n")[0] ?? "");
      assert.equal(code, 1, `2000 seeds passed with the bug: ${bugs[name].about}`);
      assert.match(output, /^seed \d+ failed: /);
    });
  }
});

test("the same seed makes the same history", async () => {
  const [one, two] = await Promise.all([
    simulate("--seed", "5", "--counters"),
    simulate("--seed", "5", "--counters"),
  ]);
  assert.equal(one.output, two.output);
  assert.match(one.output, /write acknowledged/);
});

test("a bug whose place is gone is an error, not a bug that is never planted", () => {
  const bug: Bug = { about: "", file: "quorum.ts", find: "no such text", replace: "" };
  const source = readFileSync(join(import.meta.dirname, "../../server/raft/quorum.ts"), "utf8");
  assert.throws(() => planted("gone", bug, source), /occurs 0 times/);
});

const configurations: readonly [
  title: string,
  from: readonly bigint[],
  to: object,
  safe: boolean,
][] = [
  ["a voter more", [1n, 2n, 3n], { voters: [1n, 2n, 3n, 4n] }, true],
  ["a voter less", [1n, 2n, 3n], { voters: [1n, 2n] }, true],
  ["two voters more", [1n, 2n, 3n], { voters: [1n, 2n, 3n, 4n, 5n] }, false],
  ["one voter for another", [1n, 2n, 3n], { voters: [1n, 2n, 4n] }, false],
  ["a joint configuration", [1n, 2n], { voters: [3n, 4n], votersOutgoing: [1n, 2n] }, true],
];

for (const [title, voters, to, safe] of configurations) {
  test(`quorums overlap or not: ${title}`, () => {
    const before = { ...noConfState, voters: [...voters] };
    assert.equal(quorumsOverlap(before, { ...noConfState, ...to }), safe);
  });
}
