import { type Case, judge, mute, silent } from "#test/operator/plan-case.ts";

const table: readonly (readonly [string, Case, string])[] = [
  ["certificates that are good", { certificates: {} }, "wait Steady"],
  [
    "a member without a certificate is not started",
    { certificates: { leaves: [1, 2] }, seen: { 3: { runs: { kind: "absent" }, ...silent } } },
    "issue c-3 Certifying",
  ],
  [
    "no CA yet",
    { certificates: { cas: [] }, seen: { 3: { runs: { kind: "absent" }, ...silent } } },
    "add-ca Certifying",
  ],
  ["a CA that ends soon", { certificates: { caEndsInMs: 1000 } }, "add-ca RotatingCertificates"],
  ["another CA is asked for", { certificates: { request: "2" } }, "add-ca RotatingCertificates"],
  [
    "a member that does not know the newest CA",
    { certificates: { cas: ["a", "b"], unaware: 2 } },
    "wait RotatingCertificates",
  ],
  [
    "all know the newest CA",
    { certificates: { cas: ["a", "b"] } },
    "issue c-1 RotatingCertificates",
  ],
  [
    "clients have not had the time to get to know the newest CA",
    { certificates: { cas: ["a", "b"], ageMs: 10 } },
    "wait Steady",
  ],
  [
    "a running member whose certificate was deleted",
    { certificates: { leaves: [1, 3] } },
    "issue c-2 RotatingCertificates",
  ],
  [
    "a certificate that ended while all slept",
    {
      certificates: { leafEndsInMs: -1 },
      seen: { 1: { runs: { kind: "absent" }, ...mute } },
    },
    "issue c-1 Certifying",
  ],
  [
    "a member that says nothing is not waited for where there is nothing to change",
    { certificates: {}, seen: { 2: { ...mute } } },
    "wait MembersAway",
  ],
  [
    "it is before a change",
    { certificates: { request: "2" }, seen: { 2: { ...mute } } },
    "wait RotatingCertificates",
  ],
  [
    "unless there is no time left",
    { certificates: { leafEndsInMs: 10 }, seen: { 2: { ...mute } } },
    "issue c-1 RotatingCertificates",
  ],
  [
    "a member that has not loaded its certificate",
    { certificates: { stale: 1 } },
    "wait RotatingCertificates",
  ],
  [
    "a certificate that ends soon",
    { certificates: { leafEndsInMs: 10 } },
    "issue c-1 RotatingCertificates",
  ],
  [
    "an old CA in its time of grace",
    { certificates: { cas: ["a", "b"], by: "b", ageMs: 10 } },
    "wait Steady",
  ],
  [
    "an old CA whose certificates clients may still show",
    { certificates: { cas: ["a", "b"], by: "b", ageMs: 99_999 } },
    "wait Steady",
  ],
  [
    "an old CA that nobody uses",
    { certificates: { cas: ["a", "b"], by: "b" } },
    "drop-cas RotatingCertificates",
  ],
  [
    "certificates that ended took the quorum along",
    { certificates: { leafEndsInMs: -10 }, noQuorum: true },
    "issue c-1 RotatingCertificates",
  ],
];

judge(table);
