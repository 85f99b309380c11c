import assert from "node:assert/strict";
import { test } from "node:test";
import { plan } from "#operator/plan/plan.ts";
import type { Bootstrap } from "#operator/plan/types.ts";
import {
  type Case,
  decide,
  ended,
  forming,
  gone,
  judge,
  silent,
} from "#test/operator/plan-case.ts";

const empty = { members: [], remnants: [] };

const table: readonly (readonly [string, Case, string])[] = [
  [
    "a member that seeks the others: the service is away",
    { ...forming({ kind: "discovery", url: "http://d/" }) },
    "wait DiscoveryAway",
  ],
  [
    "its token is not there",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { registered: 0 } },
    "open-registry OpeningDiscovery",
  ],
  [
    "its token is for others",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { size: 5, registered: 1 } },
    "wait DiscoveryTaken",
  ],
  [
    "its token is there",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { size: 3, registered: 0 } },
    "start c-1 Starting",
  ],
  [
    "a volume is lost before all have registered",
    {
      ...forming({ kind: "discovery", url: "http://d/" }),
      registry: { size: 3, registered: 2 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "note Abandoning",
  ],
  [
    "a volume is lost when all had registered",
    {
      ...forming({ kind: "discovery", url: "http://d/" }),
      registry: { size: 3, registered: 3 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "wait Forming",
  ],
  [
    "an attempt that is given up: all is stopped",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 2 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "stop c-1 Abandoning",
  ],
  [
    "the last one registered meanwhile",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 3 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "note Forming",
  ],
  [
    "an attempt that is given up: volumes go",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 2 },
      seen: { 1: ended, 2: ended, 3: gone },
    },
    "delete-volume c-1 Abandoning",
  ],
  [
    "a token that was given is not there",
    {
      ...forming({ kind: "discovery", url: "http://d/", token: "t" }),
      registry: { registered: 0 },
    },
    "wait DiscoveryTaken",
  ],
  [
    "a token that was given is in use",
    {
      ...forming({ kind: "discovery-v3", endpoints: ["http://d"], token: "t" }),
      registry: { size: 3, registered: 3 },
    },
    "wait DiscoveryTaken",
  ],
  [
    "a token that was given is good",
    {
      ...forming({ kind: "discovery", url: "http://d/", token: "t" }),
      registry: { size: 3, registered: 2 },
    },
    "start c-1 Starting",
  ],
  [
    "a token that was given is for one attempt",
    {
      ...forming({ kind: "discovery", url: "http://d/", token: "t" }),
      registry: { size: 3, registered: 2 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "wait DiscoveryTaken",
  ],
  ["by DNS", { ...forming({ kind: "dns", domain: "d" }) }, "start c-1 Starting"],
  [
    "by DNS of somebody else, which does not answer",
    { ...forming({ kind: "dns", domain: "d", isOutside: true }) },
    "wait DnsRecords",
  ],
  [
    "by DNS of somebody else, one record short",
    { ...forming({ kind: "dns", domain: "d", isOutside: true }), records: ["p1", "p2"] },
    "wait DnsRecords",
  ],
  [
    "by DNS of somebody else, one record of another host",
    { ...forming({ kind: "dns", domain: "d", isOutside: true }), records: ["p1", "p2", "p4"] },
    "wait DnsRecords",
  ],
  [
    "by DNS of somebody else, one record too many",
    {
      ...forming({ kind: "dns", domain: "d", isOutside: true }),
      records: ["p1", "p2", "p3", "p4"],
    },
    "wait DnsRecords",
  ],
  [
    "by DNS of somebody else",
    { ...forming({ kind: "dns", domain: "d", isOutside: true }), records: ["p3", "P2", "p1"] },
    "start c-1 Starting",
  ],
  [
    "a seed without its snapshot",
    { size: 1, ...forming({ kind: "restore", source: {} }) },
    "restore c-1 Restoring",
  ],
  [
    "a snapshot that is being restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "running" } } },
    },
    "wait Restoring",
  ],
  [
    "a snapshot that cannot be restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "failed", message: "bad digest" } } },
    },
    "wait RestoreFailed",
  ],
  [
    "a snapshot that is restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "done" } } },
    },
    "start c-1 Starting",
  ],
];

judge(table);

test("plan: the first members by a discovery service, and of a restored cluster", () => {
  const { input } = decide({});
  const { state: _, wanted, ...rest } = input;
  const begin = (bootstrap: Bootstrap) =>
    plan({ ...rest, wanted: { ...wanted, bootstrap }, state: undefined, observed: empty }).state;
  const found = begin({ kind: "discovery", url: "http://d" });
  assert.deepEqual([found?.members.length, found?.attempt], [3, 1]);
  const restored = begin({ kind: "restore", source: {} });
  assert.deepEqual([restored?.initialCluster, restored?.serial], ["c-1=http://p1", 1]);
  // The seed serves: the others join it.
  const next = decide({
    size: 1,
    wanted: { replicas: 3, bootstrap: { kind: "restore", source: {} } },
  });
  assert.equal(next.decision.reason.word, "ScalingUp");
});

test("plan: SRV records that are missing or strange are named", () => {
  const one = forming({ kind: "dns", domain: "d", isOutside: true });
  const rows = [
    [undefined, "cannot be looked up: make 3, one for each of p1, p2, p3"],
    [[], "do not name p1, p2, p3: make 3, one for each of p1, p2, p3"],
    [["p1", "p3"], "do not name p2: make 3, one for each of p1, p2, p3"],
    [
      ["p1", "p2", "x"],
      "do not name p3 and name x, which is no member of this: make 3, one for each of p1, p2, p3",
    ],
  ] as const;
  for (const [records, text] of rows) {
    const { reason } = decide({ ...one, ...(records === undefined ? {} : { records }) }).decision;
    assert.equal(reason.message, `the SRV records of d ${text}`);
  }
});

test("plan: a start by a discovery service names no initial cluster", () => {
  const one = forming({ kind: "discovery", url: "http://d/x/" });
  const { step } = decide({ ...one, registry: { size: 3, registered: 0 } }).decision;
  assert(step.kind === "start");
  assert.deepEqual(step.join, {
    state: "new",
    initialCluster: "",
    token: "c/u",
    find: { kind: "discovery", url: "http://d/x/u-1" },
  });
});
