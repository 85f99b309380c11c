import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObservedMember, Template, Wanted } from "#operator/plan/types.ts";
import { type Case, decide, judge, silent, t1 } from "#test/operator/plan-case.ts";

const bridge: Template = { id: "both", version: "0.2.0", content: {} };
const secure: Template = { id: "secure", version: "0.2.0", content: {} };
const tls = { id: "s", content: {} };
const on: Partial<Wanted> = { template: secure, peers: { scheme: "https", bridge, tls } };
const off: Partial<Wanted> = { template: t1, peers: { scheme: "http", bridge } };
const served = { peerPort: { kind: "served" } } as const;
const failed = { peerPort: { kind: "failed", message: "no such name" } } as const;
const serials = [1, 2, 3];

/** Three that run with this template, known by these schemes. */
function cluster(
  wanted: Partial<Wanted>,
  template: Template,
  schemes: readonly ("http" | "https")[],
  seen: readonly (Partial<ObservedMember> & { readonly silent?: true })[] = [],
  change: Case = {},
): Case {
  const { id } = template;
  const runs = { kind: "running", template: id, forced: false } as const;
  const each = <T>(of: (at: number) => T) =>
    Object.fromEntries(serials.map((serial, at) => [serial, of(at)]));
  return {
    wanted,
    record: each((at) => ({ template: id, peerUrl: `${schemes[at]}://p${serials[at]}` })),
    seen: each((at) => ({ runs, ...seen[at] })),
    state: { peerTls: tls, templates: { [id]: template }, ...change.state },
    ...(change.knownAs === undefined ? {} : { knownAs: change.knownAs }),
  };
}

const plain = ["http", "http", "http"] as const;
const all = ["https", "https", "https"] as const;
const ready = [served, served, served] as const;

const first: Case = cluster(on, t1, plain);
judge([
  ["TLS between members is wanted: they are restarted first", first, "note Updating"],
  [
    "all serve both, and nobody has looked whether they answer",
    cluster(on, bridge, plain),
    "wait SwitchingPeerTls",
  ],
  [
    "all answer by TLS: the first is to be known by it",
    cluster(on, bridge, plain, ready),
    "update-peer-url c-1 SwitchingPeerTls",
  ],
  [
    "the next one, whatever is known of those who are through",
    cluster(on, bridge, ["https", "http", "http"], ready),
    "update-peer-url c-2 SwitchingPeerTls",
  ],
  [
    "one that does not answer by TLS: nobody is to be known by it",
    cluster(on, bridge, plain, [served, failed, served]),
    "wait PeerPortRefuses",
  ],
  [
    "one that is away",
    cluster(on, bridge, ["https", "http", "http"], [served, served, { ...served, ...silent }]),
    "wait MembersAway",
  ],
  [
    "one that runs with what was before",
    cluster(on, bridge, plain, [
      served,
      { ...served, runs: { kind: "running", template: "t1", forced: false } },
      served,
    ]),
    "note Updating",
  ],
  [
    "the list knows the new URL before the record does",
    cluster(on, bridge, plain, ready, { knownAs: { 1: "https://p1" } }),
    "note MembersChanged",
  ],
  ["all are known by TLS: plain text is given up", cluster(on, bridge, all), "note Updating"],
  ["TLS alone", cluster(on, secure, all), "wait Steady"],
  ["TLS is not wanted any more", cluster(off, secure, all), "note Updating"],
  [
    "off: the first is to be known by plain text",
    cluster(off, bridge, all, ready),
    "update-peer-url c-1 SwitchingPeerTls",
  ],
  [
    "on again before it was off",
    cluster(on, bridge, ["http", "https", "https"], ready),
    "update-peer-url c-1 SwitchingPeerTls",
  ],
  ["off: TLS is given up", cluster(off, bridge, plain), "note Updating"],
]);

test("plan: which settings members are restarted with on the way, and by what they are known", () => {
  const rows = [
    [on, t1, plain, "both"],
    [on, bridge, all, "secure"],
    [off, secure, all, "both"],
    [off, bridge, plain, "t1"],
    // Decided otherwise when some had given the old scheme up already.
    [off, secure, ["https", "https", "https"], "both"],
  ] as const;
  for (const [wanted, template, schemes, to] of rows) {
    const { decision } = decide(cluster(wanted, template, schemes));
    assert.equal(decision.state?.restart?.to, to, `${wanted.peers?.scheme} ${template.id}`);
  }
  const update = decide(cluster(off, bridge, ["http", "https", "https"], ready)).decision.step;
  const memberId = "m2";
  const peerUrl = "http://p2";
  assert.deepEqual(update, { kind: "update-peer-url", member: "c-2", memberId, peerUrl });
  const noted = decide(cluster(on, bridge, plain, ready, { knownAs: { 2: "https://p2" } }));
  assert.deepEqual(
    noted.decision.state?.members.map((one) => one.peerUrl),
    ["http://p1", "https://p2", "http://p3"],
  );
});

test("plan: one that joins on the way serves both and is known as the others are", () => {
  // What leads there: the settings that serve both were refused, so that nobody is restarted.
  const refused = { state: { refusedTemplate: "both" } };
  const joining = decide(cluster({ ...on, replicas: 4 }, t1, plain, [], refused)).decision;
  const { peerUrl, template } = joining.state?.members.at(-1) ?? {};
  assert.deepEqual([peerUrl, template], ["http://p4", "t1"]);
  const after = decide(cluster({ ...on, replicas: 4 }, secure, all)).decision;
  const late = after.state?.members.at(-1);
  assert.deepEqual([late?.peerUrl, late?.template], ["https://p4", "secure"]);
});

test("plan: what TLS is made of is kept from before it is used until nobody has it", () => {
  const keptAfter = (one: Case) => decide(one).decision.state?.peerTls?.id;
  const nothing = { state: { peerTls: undefined } } as unknown as Case;
  assert.equal(keptAfter(cluster(on, t1, plain, [], nothing)), "s");
  assert.equal(keptAfter(cluster(off, secure, all)), "s");
  assert.equal(keptAfter(cluster(off, bridge, plain)), "s");
  const runs = { kind: "running", template: "both", forced: false } as const;
  assert.equal(keptAfter(cluster(off, t1, plain, [{}, { runs }, {}])), "s");
  assert.equal(keptAfter(cluster(off, t1, plain)), undefined);
});
