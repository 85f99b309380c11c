import assert from "node:assert/strict";
import { test } from "node:test";
import { adoptMembers, canJoin, wasBootstrapped } from "#server/membership/joining.ts";
import type { Member } from "#server/membership/member-json.ts";

const existing = (id: bigint, urls: readonly string[], name = ""): Member => ({
  id,
  peerUrls: urls,
  isLearner: id === 3n,
  name,
  clientUrls: name === "" ? [] : ["http://c:1"],
});

test("a newcomer finds its own ID by its URLs", () => {
  const local = new Map([
    ["new", ["http://10.0.0.2:2380"]],
    ["old", ["http://localhost:2380", "http://a:1"]],
  ]);
  const running = [
    existing(9n, ["http://127.0.0.1:2380", "http://a:1"], "old"),
    existing(3n, ["http://10.0.0.2:2380"]),
  ];
  const joined = adoptMembers(local, running);
  assert.ok(joined.ok);
  assert.deepEqual(
    joined.members.map((one) => [one.id, one.name, one.isLearner]),
    [
      [3n, "new", true],
      [9n, "old", false],
    ],
  );
  assert.equal(wasBootstrapped(joined.members[0]!, running), false);
  assert.equal(wasBootstrapped(joined.members[1]!, running), true);
  assert.deepEqual(adoptMembers(new Map(), running), {
    ok: false,
    reason: "member count is unequal",
  });
  const wrong = adoptMembers(new Map([...local, ["new", ["http://10.0.0.9:2380"]]]), running);
  assert.deepEqual(wrong, {
    ok: false,
    reason: "PeerURLs: no match found for existing member (ID: 3, peerURLs: http://10.0.0.2:2380)",
  });
});

test("names and addresses of one place are one", () => {
  const local = new Map([["new", ["http://b.example:2380"]]]);
  const running = [existing(3n, ["http://10.0.0.2:2380"])];
  assert.equal(adoptMembers(local, running).ok, false);
  const placeOf = (url: string) => url.replace("b.example", "10.0.0.2");
  assert.equal(adoptMembers(local, running, placeOf).ok, true);
});

test("which cluster versions a member may join", () => {
  const rows: readonly (readonly [(string | undefined)[], boolean, boolean])[] = [
    [[], false, false],
    [[undefined], false, false],
    [["3.7.0"], false, true],
    [["3.0.0", "3.6.0"], false, true],
    [["3.7.0", undefined], false, false],
    [["3.8.0"], false, false],
    [["3.7.0", "3.8.0"], false, false],
    [["2.3.0"], false, false],
    [["3.6.0"], true, true],
    [["3.7.0"], true, false],
  ];
  for (const [versions, downgrading, wanted] of rows) {
    assert.equal(canJoin("3.7.3", versions, downgrading), wanted, JSON.stringify(versions));
  }
});
