import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allowedDowngrade,
  clusterVersionOf,
  clusterVersionToPropose,
  isDowngraded,
  majorMinor,
  storageVersionFor,
} from "#server/membership/cluster-version.ts";

const cases: readonly [
  string,
  string | undefined,
  readonly (string | undefined)[],
  string | undefined,
][] = [
  ["all alike, none yet", undefined, ["3.7.3", "3.7.3"], "3.7.0"],
  ["the lowest counts", undefined, ["3.7.3", "3.6.1", "3.7.0"], "3.6.0"],
  ["one silent, none yet", undefined, ["3.7.3", undefined], "3.0.0"],
  ["one silent, later", "3.0.0", ["3.7.3", undefined], undefined],
  ["raised once all answer", "3.0.0", ["3.7.3", "3.7.1"], "3.7.0"],
  ["never lowered", "3.7.0", ["3.7.3", "3.6.1"], undefined],
  ["another major", "3.7.0", ["4.0.0"], undefined],
  ["nonsense is silence", "3.6.0", ["3.7.3", "x"], undefined],
];
for (const [name, current, servers, want] of cases) {
  test(name, () => assert.equal(clusterVersionToPropose(current, servers), want));
}

const downgrades: readonly [
  title: string,
  current: string,
  servers: readonly (string | undefined)[],
  target: string,
  want: string | undefined,
][] = [
  ["begins", "3.7.0", ["3.7.3", "3.7.1"], "3.6.0", "3.6.0"],
  ["waits for a silent member", "3.7.0", ["3.7.3", undefined], "3.6.0", undefined],
  ["is done: not raised again", "3.6.0", ["3.7.3", "3.7.1"], "3.6.0", undefined],
  ["two steps below a server", "3.6.0", ["3.7.3"], "3.5.0", undefined],
  ["with members of the target there already", "3.7.0", ["3.7.3", "3.6.1"], "3.6.0", undefined],
  ["another major", "4.0.0", ["4.0.0"], "3.9.0", undefined],
];
for (const [title, current, servers, target, want] of downgrades) {
  test(`a downgrade ${title}`, () => {
    assert.equal(clusterVersionToPropose(current, servers, target), want);
  });
}

test("a downgrade is over when every server is of the target", () => {
  assert.equal(isDowngraded("3.6.0", ["3.6.9", "3.6.0"]), true);
  assert.equal(isDowngraded("3.6.0", ["3.6.9", "3.7.0"]), false);
  assert.equal(isDowngraded("3.6.0", ["3.6.9", undefined]), false);
});

test("what a cluster may be downgraded to", () => {
  assert.equal(allowedDowngrade("3.7.0"), "3.6.0");
  assert.equal(allowedDowngrade("4.0.0"), undefined);
  assert.equal(clusterVersionOf("3.6.9"), "3.6.0");
  assert.equal(clusterVersionOf("3.6.9.1"), undefined);
});

test("major and minor", () => {
  assert.equal(majorMinor("3.7.3"), "3.7");
  assert.equal(majorMinor("x"), undefined);
});

test("the storage follows the cluster, up to what this program writes", () => {
  const rows = [
    ["3.6.0", "3.6.0"],
    ["3.7.0", "3.7.0"],
    ["3.10.0", "3.7.0"],
    ["4.0.0", "3.7.0"],
    ["x", "3.7.0"],
  ] as const;
  for (const [cluster, storage] of rows) assert.equal(storageVersionFor(cluster), storage, cluster);
});
