// `npm run test:bootstrap`: the three ways to begin a cluster in full. Every pair of service and member
// that can meet, and each refusal compared with the reference's own. About two minutes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { canServeDns } from "./dns-server.ts";
import {
  beginBySrv,
  beginByV2,
  beginByV3,
  beginStatically,
  beginWithTlsAndUser,
  startService,
} from "./ways.ts";

process.env["ETCD_TS_LONG"] = "1";

const v3Members: readonly (readonly MemberKind[])[] = [
  ["ours", "ours", "ours"],
  ["ours", "ours", "reference"],
  ["reference", "ours", "reference-3.6"],
  ["ours"],
  ["ours", "reference", "ours", "reference", "ours"],
];
const v2Members: readonly (readonly MemberKind[])[] = [
  ["ours", "ours", "ours"],
  ["ours", "reference-3.6", "ours"],
  ["reference-3.6", "ours", "reference-3.5"],
  ["ours", "reference-3.5", "reference-3.6", "ours", "ours"],
];

for (const runners of [...v3Members, ["ours", "reference-3.6", "reference-3.5"]] as const) {
  test(`by flags: ${runners.join(", ")}`, () => beginStatically(runners));
}
for (const kind of ["reference", "reference-3.6", "reference-3.4", "ours"] as const) {
  test(`by v3 discovery through ${kind}`, async () => {
    await using service = await startService(kind);
    for (const runners of v3Members) await beginByV3(service, runners);
  });
}
for (const kind of ["reference-3.4", "reference-3.5", "ours"] as const) {
  test(`by v2 discovery through ${kind}`, async () => {
    await using service = await startService(kind);
    for (const runners of v2Members) await beginByV2(service, runners);
  });
}
for (const runners of [...v3Members, ["ours", "reference-3.6", "reference-3.5"]] as const) {
  test(`by DNS: ${runners.join(", ")}`, async (t) => {
    if (canServeDns(t)) await beginBySrv({ runners, domain: "long.test", serviceName: "green" });
  });
}
test("by v3 discovery with TLS and a user", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const [wrong, none] = await beginWithTlsAndUser(reference);
  const invalid = "etcdserver: authentication failed, invalid user ID or password";
  assert.ok(wrong!.includes(`failed to join discovery cluster (${invalid})`), wrong);
  assert.match(none!, /^failed to join discovery cluster \(.*(user name is empty|authentication)/);
});

// Both read ETCD_TS_LONG when they are loaded.
await import("./three-ways.test.ts");
await import("./bad-input.test.ts");
