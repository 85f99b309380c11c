// The v3 API beside the reference: the same sequences of requests to a member of each are answered
// alike, and every RPC, option and error is among them. What is compared, and what is not, says
// README.md; a finding prints the command that replays it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { Coverage, leastCount } from "./coverage.ts";
import { findingText, playPlan } from "./play.ts";

// The same each time, so that a finding is one of the change that is tested; others by hand.
const seed = 1;
const sequences = 200;
const steps = 200;

test(`${sequences} sequences of ${steps} requests are answered as by the reference`, async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const coverage = new Coverage();
  const plan = { sequences, steps, seed, lanes: 3, maxFindings: 3, shrinkMs: 15_000 };
  const findings = await playPlan(plan, coverage, { played: () => {}, found: () => {} });
  for (const line of coverage.summary()) t.diagnostic(line);
  assert.deepEqual(findings.map(findingText), []);
  assert.deepEqual(coverage.missing(leastCount), [], `asked for less than ${leastCount} times`);
});
