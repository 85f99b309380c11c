import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { simulate as simulateWith } from "../outcome.ts";
import { Violation } from "../violation.ts";
import { type ClusterBugName, clusterBugs } from "./bugs.ts";
import { Ledger, type Operation } from "./ledger.ts";

const simulate = (...options: readonly string[]) =>
  simulateWith(join(import.meta.dirname, "run.ts"), options);

const seconds = process.env["SIM_SECONDS"] ?? "20";

test(`no seed of ${seconds} seconds makes whole members break a promise`, async (t) => {
  // Other seeds each day, so that time brings coverage; a failing one is printed and replays.
  const first = String(1 + Math.floor(Date.now() / 86_400_000) * 10_000);
  const { code, output } = await simulate("--seconds", seconds, "--first", first);
  t.diagnostic(output.trim());
  assert.equal(code, 0, output);
});

// A process each, so a core each.
describe("planted bugs", { concurrency: availableParallelism() }, () => {
  for (const name of Object.keys(clusterBugs) as ClusterBugName[]) {
    test(`the planted bug ${name} is found`, async (t) => {
      const { code, output } = await simulate("--seeds", "500", "--bug", name);
      t.diagnostic(output.split("\n")[0] ?? "");
      assert.equal(code, 1, `500 seeds passed with the bug: ${clusterBugs[name].about}`);
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
  assert.match(one.output, /put answered/);
});

test("what must happen for the seeds to prove anything does happen", async () => {
  // run.ts requires it (required.ts) of so many seeds.
  const { code, output } = await simulate("--seeds", "60");
  assert.equal(code, 0, output);
});

/** A history a=1 at 2, b=2 at 3, a gone at 4, and one operation that does not fit it. */
const misfits: readonly [title: string, parts: Partial<Operation>, why: RegExp][] = [
  ["a read of what was not there", { found: "2", revision: 2 }, /1 is there/],
  ["a read of what was deleted", { found: "1", revision: 4 }, /undefined is there/],
  ["a read older than one before it", { found: "1", revision: 2, called: 9 }, /came after/],
  ["a write that left no trace", { kind: "put", value: "x", changed: true, revision: 3 }, /holds/],
  [
    "a write that nobody has seen",
    { kind: "put", value: "x", changed: true, revision: 9 },
    /holds/,
  ],
  [
    "a compare that did not hold",
    { kind: "cas", key: "b", value: "2", expect: "1", changed: true, revision: 3 },
    /undefined was there/,
  ],
  ["a compare that would have held", { kind: "cas", expect: "1", revision: 2 }, /as it expects/],
  ["a delete that found nothing", { kind: "delete", revision: 3 }, /1 is there/],
];

function ledger(): Ledger {
  const made = new Ledger();
  made.report(1n, 2, [{ key: "a", value: "1" }], 0);
  made.report(1n, 3, [{ key: "b", value: "2" }], 0);
  made.report(1n, 4, [{ key: "a", value: undefined }], 0);
  made.operations.push(operation({ found: undefined, revision: 4, called: 5, returned: 6 }));
  return made;
}

function operation(parts: Partial<Operation>): Operation {
  return {
    kind: "get",
    member: 1n,
    key: "a",
    value: "",
    expect: undefined,
    found: undefined,
    changed: false,
    revision: 0,
    called: 1,
    returned: 10,
    ...parts,
  };
}

for (const [title, parts, why] of misfits) {
  test(`the ledger finds ${title}`, () => {
    const made = ledger();
    made.check();
    made.operations.push(operation(parts));
    assert.throws(() => made.check(), why);
  });
}

test("the ledger finds a read of the past that shows what was not there then", () => {
  const made = ledger();
  const range = { member: 1n, from: "a", to: "c", revision: 3 };
  made.ranges.push({
    ...range,
    found: new Map([
      ["a", "1"],
      ["b", "2"],
    ]),
  });
  made.check();
  made.ranges.push({ ...range, found: new Map([["b", "2"]]) });
  assert.throws(() => made.check(), /a=undefined at revision 3, where 1 is/);
});

test("the ledger finds members that differ, and what was written twice", () => {
  const made = ledger();
  assert.throws(() => made.report(2n, 2, [{ key: "a", value: "9" }], 0), Violation);
  made.report(2n, 5, [{ key: "b", value: "1" }], 0);
  assert.throws(() => made.check(), /written twice/);
});
