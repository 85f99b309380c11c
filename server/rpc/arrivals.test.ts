import assert from "node:assert/strict";
import { test } from "node:test";
import { Arrivals } from "./arrivals.ts";

/** Turns' ends at `at` ms, `!` behind those in which a connection came; whether answers wait at each. */
const cases: readonly (readonly [string, readonly string[], readonly boolean[]])[] = [
  ["nobody comes", ["0", "1"], [false, false]],
  ["one comes: the turn after it answers", ["0!", "1", "2"], [true, false, false]],
  ["many come: until the longest wait", ["0!", "49!", "50!"], [true, true, false]],
  [
    "as long as it took since the last answers",
    ["0", "10!", "19!", "20!"],
    [false, true, true, false],
  ],
  ["and again", ["0", "10!", "20!", "25!", "29!", "30!"], [false, true, false, true, true, false]],
];

for (const [name, turns, expected] of cases)
  test(name, () => {
    const arrivals = new Arrivals();
    const held = turns.map((turn) => {
      if (turn.endsWith("!")) arrivals.came();
      return arrivals.hold(Number.parseInt(turn, 10));
    });
    assert.deepEqual(held, expected);
  });
