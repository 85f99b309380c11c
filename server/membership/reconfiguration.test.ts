import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import {
  addRefusal,
  healthyAfterMs,
  promoteRefusal,
  removeRefusal,
  type Surroundings,
} from "#server/membership/reconfiguration.ts";

/**
 * One letter a member, this one first, IDs from 1: S started and connected for long, n not started,
 * d started and not connected, f started and connected only just; in small letters after a comma,
 * learners: l.
 */
function around(text: string): Surroundings {
  const letters = [...text];
  return {
    self: 1n as MemberId,
    members: letters.map((letter, i) => ({
      id: BigInt(i + 1) as MemberId,
      peerUrls: [],
      isLearner: letter === "l",
      name: letter === "n" ? "" : `m${i + 1}`,
      clientUrls: [],
    })),
    connectedMs: (id) => {
      const letter = letters[Number(id) - 1];
      if (letter === "S" || letter === "l") return healthyAfterMs;
      return letter === "f" ? healthyAfterMs - 1 : undefined;
    },
  };
}

const few = "memberNotEnoughStarted";
const ill = "unhealthy";

const additions: readonly [
  members: string,
  voter: string | undefined,
  learner: string | undefined,
][] = [
  ["S", undefined, undefined],
  ["Sn", few, ill],
  ["SS", undefined, undefined],
  ["Sd", ill, ill],
  ["Sf", ill, ill],
  ["SSS", undefined, undefined],
  ["SSd", ill, ill],
  ["SSSd", undefined, undefined],
  ["SSSnn", few, ill],
  ["Sl", undefined, undefined],
];
for (const [members, voter, learner] of additions) {
  test(`adding to ${members}`, () => {
    assert.equal(addRefusal(around(members), false), voter, "a voter");
    assert.equal(addRefusal(around(members), true), learner, "a learner");
  });
}

const promotions: readonly [members: string, refusal: string | undefined][] = [
  ["Sl", undefined],
  ["Snl", undefined],
  ["Snnl", few],
  ["Sdl", undefined],
];
for (const [members, refusal] of promotions) {
  test(`promoting beside ${members}`, () => {
    assert.equal(promoteRefusal(around(members)), refusal);
  });
}

const removals: readonly [members: string, target: number, refusal: string | undefined][] = [
  ["S", 1, few],
  ["Sl", 1, few],
  ["Sl", 2, undefined],
  ["SS", 1, undefined],
  ["SS", 2, undefined],
  ["Sn", 1, few],
  ["Sn", 2, undefined],
  ["SSd", 3, undefined],
  ["SSd", 2, ill],
  ["SSd", 1, ill],
  ["SSf", 3, ill],
  ["SSSd", 2, undefined],
  ["SSnn", 2, few],
  ["SSS", 9, undefined],
  ["Snn", 9, few],
];
for (const [members, target, refusal] of removals) {
  test(`removing ${target} of ${members}`, () => {
    assert.equal(removeRefusal(around(members), BigInt(target) as MemberId), refusal);
  });
}
