import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObservedMember, PlanState, Template, Wanted } from "#operator/plan/types.ts";
import { type Case, decide, judge, nowMs, silent } from "#test/operator/plan-case.ts";

const template = (id: string): Template => ({ id, version: "0.2.0", content: {} });
const schemes = { plain: ["http"], both: ["https", "http"], secure: ["https"] } as const;
type Served = keyof typeof schemes;

const graceMs = 1000;
const tls = { id: "s", content: {} };
const clients = { bridge: template("both"), schemes, graceMs };
const wanting = (id: Served, more: object = {}): Partial<Wanted> => ({
  template: template(id),
  clients: { ...clients, ...(id === "plain" ? {} : { tls }), ...more },
});

/** Three of which each serves this, and has settings that it serves so by. */
function cluster(
  wanted: Partial<Wanted>,
  served: readonly [Served, Served, Served],
  state: Partial<PlanState> = {},
  seen: Readonly<Record<number, Partial<ObservedMember> & { readonly silent?: true }>> = {},
): Case {
  const each = <T>(of: (id: Served) => T) =>
    Object.fromEntries(served.map((id, at) => [at + 1, of(id)]));
  const running = each((id) => ({
    runs: { kind: "running", template: id, forced: false } as const,
  }));
  return {
    wanted,
    record: each((id) => ({ template: id })),
    seen: Object.fromEntries(
      Object.entries(running).map(([serial, one]) => [serial, { ...one, ...seen[Number(serial)] }]),
    ),
    state: {
      clientTls: tls,
      templates: Object.fromEntries([...new Set(served)].map((id) => [id, template(id)])),
      ...state,
    },
  };
}

const until = (untilMs: number) => ({ clientBridge: { untilMs } });
const other = wanting("secure", { otherOrigin: { message: "set it as it was" } });

judge([
  [
    "TLS for clients is gone from the manifest, one has nothing else",
    cluster(wanting("plain"), ["both", "secure", "both"]),
    "note Updating",
  ],
  [
    "all serve both: applications have time to notice",
    cluster(wanting("plain"), ["both", "both", "both"], until(nowMs + 1)),
    "wait SwitchingClientTls",
  ],
  [
    "that time is over",
    cluster(wanting("plain"), ["both", "both", "both"], until(nowMs)),
    "note Updating",
  ],
  [
    "one that is away is said to be, whatever applications know",
    cluster(wanting("plain"), ["both", "both", "both"], until(nowMs + 1), { 3: silent }),
    "wait MembersAway",
  ],
  [
    "certificates from elsewhere do not follow those that are there",
    cluster(other, ["secure", "secure", "secure"]),
    "wait OtherCertificates",
  ],
  [
    "other changes do",
    cluster({ ...other, replicas: 4 }, ["secure", "secure", "secure"]),
    "note ScalingUp",
  ],
  ["TLS alone", cluster(wanting("secure"), ["secure", "secure", "secure"]), "wait Steady"],
]);

test("plan: members are not left without a scheme that all serve", () => {
  const rows: readonly (readonly [
    Served,
    readonly [Served, Served, Served],
    Partial<PlanState>,
    Served | undefined,
  ])[] = [
    // Taken away before all had it: nobody was ever told of TLS.
    ["plain", ["plain", "both", "plain"], {}, "plain"],
    ["plain", ["both", "both", "plain"], {}, "plain"],
    // Taken away when some have nothing else.
    ["plain", ["both", "secure", "both"], {}, "both"],
    ["plain", ["secure", "secure", "secure"], {}, "both"],
    ["plain", ["both", "plain", "secure"], {}, "both"],
    ["plain", ["both", "both", "both"], {}, undefined],
    ["plain", ["both", "both", "both"], until(nowMs), "plain"],
    ["plain", ["plain", "both", "both"], until(nowMs), "plain"],
    // Plain text given up before all had TLS.
    ["secure", ["both", "plain", "secure"], {}, "both"],
    ["secure", ["both", "both", "both"], { clientBridge: {} }, undefined],
    ["secure", ["both", "both", "both"], until(nowMs), "secure"],
    // All had it: who moves clients has moved them.
    ["secure", ["both", "both", "both"], {}, "secure"],
    ["secure", ["secure", "both", "both"], {}, "secure"],
    ["both", ["both", "plain", "secure"], {}, "both"],
    ["both", ["plain", "plain", "plain"], {}, "both"],
  ];
  for (const [wanted, served, state, to] of rows) {
    const { decision } = decide(cluster(wanting(wanted), served, state));
    assert.equal(decision.state?.restart?.to, to, `${wanted} of ${served.join()}`);
  }
});

test("plan: what a process serves counts, and what its member may be put back to", () => {
  const all = ["both", "both", "both"] as const;
  const goal = (state: Partial<PlanState>, seen: Readonly<Record<number, object>>) =>
    decide(cluster(wanting("plain"), all, { ...until(nowMs), ...state }, seen)).decision.state
      ?.clientBridge;
  assert.deepEqual(goal({}, { 2: { clientSchemes: ["https"] } }), {});
  assert.deepEqual(goal({}, { 2: { clientSchemes: ["https", "http"] } }), { untilMs: nowMs });
  const runs = { kind: "running", template: "secure", forced: false };
  assert.deepEqual(goal({}, { 2: { runs } }), {});
  const restart = { name: "c-2", from: "secure", to: "both", deadlineMs: nowMs + 1 };
  assert.deepEqual(goal({ restart }, { 2: silent }), {});
});

test("plan: how long both are served, and that what TLS is made of is kept till the end", () => {
  const after = (one: Case) => {
    const { clientTls, clientBridge } = decide(one).decision.state ?? {};
    return [clientTls?.id, clientBridge];
  };
  const none = { clientTls: undefined } as unknown as Partial<PlanState>;
  const all = (id: Served) => [id, id, id] as const;
  assert.deepEqual(after(cluster(wanting("both"), all("plain"), none)), ["s", undefined]);
  assert.deepEqual(after(cluster(wanting("plain"), all("secure"))), ["s", {}]);
  const told = { untilMs: nowMs + graceMs };
  assert.deepEqual(after(cluster(wanting("plain"), all("both"))), ["s", told]);
  assert.deepEqual(after(cluster(wanting("plain"), all("both"), { clientBridge: {} })), [
    "s",
    told,
  ]);
  assert.deepEqual(after(cluster(wanting("plain"), ["plain", "plain", "both"], until(nowMs))), [
    "s",
    undefined,
  ]);
  assert.deepEqual(after(cluster(wanting("plain"), all("plain"))), [undefined, undefined]);
  // Nobody is told by a Secret.
  assert.deepEqual(after(cluster(wanting("plain", { graceMs: 0 }), all("both"))), ["s", undefined]);
  assert.deepEqual(after(cluster(wanting("both"), all("both"), until(nowMs + 1))), [
    "s",
    undefined,
  ]);
});

test("plan: TLS between members is switched on the way, too", () => {
  const peers = { scheme: "https", bridge: template("peers") } as const;
  const wanted = { ...wanting("plain", { peersBridge: template("peers-both") }), peers };
  const { decision } = decide(cluster(wanted, ["secure", "secure", "secure"]));
  assert.equal(decision.state?.restart?.to, "peers-both");
});
