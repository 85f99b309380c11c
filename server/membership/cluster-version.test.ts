import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clusterVersionToPropose,
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
