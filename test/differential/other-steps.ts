// Steps of the other services: leases, members, maintenance, locks, elections, health; and of bytes
// that are no request.
import { b, type Draw } from "./draw.ts";
import { maxRequestBytes } from "./limits.ts";
import { revisionAt, SELF, SELF_URL } from "./mapping.ts";
import type { Request, Step } from "./step.ts";
import { pathOf } from "./wire-codec.ts";

type Makers = readonly (readonly [number, (draw: Draw) => readonly Step[]])[];

function call(rpc: string, request: Request = {}): Step {
  return { do: "call", rpc, request };
}

function grant(draw: Draw): Step {
  const TTL = draw.chance(0.06)
    ? draw.pick([9_000_000_001, 9_000_000_000, 2 ** 52])
    : 200 + draw.below(50) * 100;
  if (draw.chance(0.15)) {
    const alias = draw.alias();
    draw.leases.push(draw.aliasId(alias));
    return { do: "call", rpc: "Lease/LeaseGrant", request: { TTL, ID: 0n }, alias };
  }
  const ID = draw.newLease();
  draw.leases.push(ID);
  return call("Lease/LeaseGrant", { TTL, ID });
}

const leaseSteps: Makers = [
  [4, (draw) => [grant(draw)]],
  [1.5, (draw) => [call("Lease/LeaseRevoke", { ID: draw.lease() })]],
  [1.5, (draw) => [{ do: "keepAlive", ids: [draw.lease(), ...draw.list(2, () => draw.lease())] }]],
  [3, (draw) => [call("Lease/LeaseTimeToLive", { ID: draw.lease(), keys: draw.chance(0.6) })]],
  [1, () => [call("Lease/LeaseLeases")]],
  [
    0.05,
    (draw) => {
      draw.writes += 4;
      const keys = [b("a"), b("short/1"), b("short/2")].slice(draw.below(2));
      return [
        { do: "settle" },
        { do: "expire", ids: [5000n + BigInt(draw.below(1000))], keys },
        { do: "settle" },
      ];
    },
  ],
];

/** An ID of a member: its own, one that never was, one that was added. */
function member(draw: Draw): bigint {
  return draw.pick([SELF, 1n, 0n, draw.aliasId(900)]);
}

const urls = [
  "http://127.0.0.1:9",
  "http://127.0.0.1:10",
  "http://127.0.0.1",
  "ftp://127.0.0.1:9",
  "127.0.0.1:9",
  "http://127.0.0.1:9/path",
  "",
];

const memberSteps: Makers = [
  [1, (draw) => [call("Cluster/MemberList", { linearizable: draw.chance(0.5) })]],
  [
    0.7,
    (draw) => {
      // Voters that are not there would take the majority away: only learners are added.
      const add: Step = {
        do: "call",
        rpc: "Cluster/MemberAdd",
        request: { peerURLs: [draw.pick(urls)], isLearner: true },
        alias: 900,
      };
      return [add];
    },
  ],
  [
    0.15,
    (draw) => {
      const peerURLs = [draw.pick(["http://127.0.0.1:9", "http://127.0.0.1:10"])];
      const add = (urls: readonly string[], isLearner: boolean): Step => ({
        do: "call",
        rpc: "Cluster/MemberAdd",
        request: { peerURLs: urls, isLearner },
        alias: 900,
      });
      const ID = draw.aliasId(900);
      return [
        add(peerURLs, true),
        call("Cluster/MemberAdd", { peerURLs, isLearner: true }),
        call("Cluster/MemberAdd", { peerURLs: [SELF_URL], isLearner: draw.chance(0.3) }),
        call("Cluster/MemberUpdate", { ID, peerURLs: [SELF_URL] }),
        call("Cluster/MemberAdd", { peerURLs: ["http://127.0.0.1:13"], isLearner: true }),
        call("Cluster/MemberPromote", { ID }),
        call("Cluster/MemberUpdate", { ID, peerURLs: ["http://127.0.0.1:14"] }),
        call("Cluster/MemberList", { linearizable: draw.chance(0.5) }),
        ...(draw.chance(0.7) ? [call("Cluster/MemberRemove", { ID })] : []),
      ];
    },
  ],
  // Refused whatever they are: no valid voter is added.
  [
    0.2,
    (draw) => [
      call("Cluster/MemberAdd", {
        peerURLs: draw.pick([["ftp://127.0.0.1:9"], ["127.0.0.1:9"], [""], ["http://[::1"]]),
        isLearner: false,
      }),
    ],
  ],
  [0.3, (draw) => [call("Cluster/MemberRemove", { ID: draw.pick([1n, 0n, draw.aliasId(900)]) })]],
  [
    0.3,
    (draw) => [
      call("Cluster/MemberUpdate", {
        ID: draw.pick([1n, draw.aliasId(900), draw.aliasId(900)]),
        peerURLs: [draw.pick(["http://127.0.0.1:11", "http://127.0.0.1:12"])],
      }),
    ],
  ],
  [0.4, (draw) => [call("Cluster/MemberPromote", { ID: member(draw) })]],
];

const maintenanceSteps: Makers = [
  [0.5, () => [call("Maintenance/Status")]],
  [
    0.8,
    (draw) => [
      call("Maintenance/HashKV", { revision: draw.chance(0.1) ? -1 : draw.revisionOrNone(0.6) }),
    ],
  ],
  [0.25, () => [call("Maintenance/Hash")]],
  [0.2, () => [call("Maintenance/Defragment")]],
  [0.2, () => [call("Maintenance/Snapshot")]],
  [0.2, (draw) => [call("Maintenance/MoveLeader", { targetID: draw.pick([SELF, 1n, 0n]) })]],
  [
    0.6,
    (draw) => [
      call("Maintenance/Alarm", {
        // None that is unknown (differences.ts: unknownAlarm).
        action: draw.pick([0, 0, 2]),
        memberID: draw.pick([0n, 1n, SELF]),
        alarm: draw.pick([0, 1, 2, 3]),
      }),
    ],
  ],
  // An alarm, under which some requests are refused, until it is taken back.
  [
    0.3,
    (draw) => {
      const alarm = draw.pick([1, 1, 2]);
      const memberID = draw.chance(0.7) ? SELF : 1n;
      return [
        call("Maintenance/Alarm", { action: 1, memberID, alarm }),
        call("KV/Put", { key: b("a"), value: b("under alarm"), prevKv: draw.chance(0.5) }),
        call("KV/Range", { key: b("a"), serializable: draw.chance(0.5) }),
        call("KV/DeleteRange", draw.interval()),
        call("KV/Txn", {
          success: [
            {
              request: draw.chance(0.5)
                ? { $case: "requestPut", value: { key: b("b") } }
                : { $case: "requestDeleteRange", value: { key: b("b") } },
            },
          ],
        }),
        grant(draw),
        call("Lease/LeaseRevoke", { ID: draw.lease() }),
        call("KV/Compact", { revision: draw.revision() }),
        call("Maintenance/Status"),
        call("Maintenance/Alarm", {}),
        call("Maintenance/Alarm", { action: 2, memberID, alarm }),
      ];
    },
  ],
  [
    0.4,
    (draw) => [
      call("Maintenance/Downgrade", {
        action: draw.pick([0, 2]),
        version: draw.pick(["3.6", "3.6.0", "3.7", "3.5.0", "3.8.0", "x", "", "4.0", "3.6.1.2"]),
      }),
    ],
  ],
  // None that would begin one: it ends at its own time.
  [
    0.2,
    (draw) => [
      call("Maintenance/Downgrade", {
        action: 1,
        version: draw.pick(["3.7", "3.5.0", "3.8.0", "x", "", "2.3", "v3"]),
      }),
    ],
  ],
];

const lockName = (draw: Draw): Uint8Array => b(draw.pick(["lock1", "lock2", "l/3"]));

const lockSteps: Makers = [
  [
    0.5,
    (draw) => {
      const [x, y] = [6001n, 6002n];
      const name = draw.name("lock");
      const key = b(draw.pick(["l1", "l2"]));
      const hex = (id: bigint): Uint8Array => Buffer.concat([key, b(`/${id.toString(16)}`)]);
      draw.writes += 4;
      return [
        call("Lease/LeaseGrant", { ID: x, TTL: 500 }),
        call("Lease/LeaseGrant", { ID: y, TTL: 500 }),
        call("Lock/Lock", { name: key, lease: x }),
        { do: "begin", name, rpc: "Lock/Lock", request: { name: key, lease: y } },
        ...(draw.chance(0.2) ? [call("KV/Put", { key: b("a"), value: b("between") })] : []),
        ...(draw.chance(0.7)
          ? [
              draw.chance(0.7)
                ? call("Lock/Unlock", { key: hex(x) })
                : call("Lease/LeaseRevoke", { ID: x }),
              { do: "finish", name } as const,
            ]
          : [{ do: "abort", name } as const]),
        call("Lock/Unlock", { key: hex(y) }),
        ...(draw.chance(0.5) ? [call("Lock/Unlock", { key: hex(x) })] : []),
      ];
    },
  ],
  [
    0.1,
    (draw) => {
      const alias = draw.alias();
      draw.writes += 2;
      const name = b(draw.name("own"));
      return [
        { do: "call", rpc: "Lock/Lock", request: { name, lease: 0n }, alias },
        call("Lock/Unlock", {
          key: Buffer.concat([name, b(`/${draw.aliasId(alias).toString(16)}`)]),
        }),
      ];
    },
  ],
  // Leases that are not there, and keys that are none.
  [0.2, (draw) => [call("Lock/Lock", { name: lockName(draw), lease: 4_444n })]],
  [0.2, (draw) => [call("Lock/Unlock", { key: draw.key() })]],
];

const electionSteps: Makers = [
  [
    0.5,
    (draw) => {
      const [x, y] = [7001n, 7002n];
      const name = b(draw.pick(["e1", "e2"]));
      const [waits, observer, term] = [draw.name("c"), draw.name("o"), draw.name("t")];
      const proclaim = (): Step => ({
        do: "call",
        rpc: "Election/Proclaim",
        request: { leader: { name }, value: draw.value() },
        leaderOf: term,
      });
      draw.writes += 5;
      return [
        call("Lease/LeaseGrant", { ID: x, TTL: 500 }),
        call("Lease/LeaseGrant", { ID: y, TTL: 500 }),
        call("Election/Leader", { name }),
        {
          do: "call",
          rpc: "Election/Campaign",
          request: { name, lease: x, value: draw.value() },
          keepAs: term,
        },
        ...(draw.chance(0.5)
          ? [{ do: "begin", name: observer, rpc: "Election/Observe", request: { name } } as const]
          : []),
        {
          do: "begin",
          name: waits,
          rpc: "Election/Campaign",
          request: { name, lease: y, value: draw.value() },
        },
        proclaim(),
        call("Election/Leader", { name }),
        ...(draw.chance(0.3) ? [proclaim()] : []),
        ...(draw.chance(0.8)
          ? [
              {
                do: "call",
                rpc: "Election/Resign",
                request: { leader: { name } },
                leaderOf: term,
              } as const,
              { do: "finish", name: waits } as const,
              // Not the leader any more.
              proclaim(),
            ]
          : [{ do: "abort", name: waits } as const]),
        call("Election/Leader", { name }),
        { do: "abort", name: observer },
        call("Lease/LeaseRevoke", { ID: y }),
        call("Lease/LeaseRevoke", { ID: x }),
      ];
    },
  ],
  [0.1, () => [call("Election/Campaign", { name: b("e3"), lease: 4_445n, value: b("x") })]],
  [
    0.7,
    (draw) => {
      const key = b(draw.chance(0.4) ? "" : "e3/1");
      const leader = { name: b("e3"), key, rev: revisionAt(1), lease: 9n };
      return [
        draw.chance(0.5)
          ? call("Election/Proclaim", draw.chance(0.5) ? { leader, value: b("x") } : {})
          : call("Election/Resign", draw.chance(0.5) ? { leader } : {}),
      ];
    },
  ],
];

const healthSteps: Makers = [
  [
    0.3,
    (draw) => [
      call("Health/Check", { service: draw.pick(["", "etcdserverpb.Health", "nope", "KV"]) }),
    ],
  ],
  [
    0.25,
    (draw) => {
      const name = draw.name("h");
      const request = { service: draw.pick(["", "nope"]) };
      return [
        { do: "begin", name, rpc: "Health/Watch", request },
        { do: "settle" },
        { do: "abort", name },
      ];
    },
  ],
];

const unaryPaths = [
  "KV/Range",
  "KV/Put",
  "KV/Txn",
  "KV/DeleteRange",
  "KV/Compact",
  "Lease/LeaseGrant",
  "Lease/LeaseTimeToLive",
  "Cluster/MemberList",
  "Maintenance/HashKV",
  "Maintenance/Alarm",
].map(pathOf);

const odd = [
  "\x0a",
  "\x0a\x05a",
  "\x18\x80",
  "\0\0",
  "\x0c",
  "\x0a\x01a\xfb\x07\x08\x01",
  "\x0f\x01",
  "\x0a\x7fa",
];

const wireSteps: Makers = [
  [
    0.4,
    (draw) => [
      { do: "bytes", path: draw.pick(unaryPaths), body: b(draw.pick(odd)) },
      {
        do: "bytes",
        path: draw.pick([
          "/etcdserverpb.KV/Nope",
          "/nope.KV/Range",
          "/etcdserverpb.Watch/Nope",
          "/nope",
        ]),
        body: b(""),
      },
    ],
  ],
  // Fields that nobody knows.
  [
    0.3,
    (draw) => [
      {
        do: "call",
        rpc: "KV/Put",
        request: { key: draw.key(), value: b("unknown fields") },
        trailing: b(draw.pick(["\xa2\x06\x01x", "\xfb\x07\x08\x01\xfc\x07", "\xf8\x07\x01"])),
      },
    ],
  ],
  [
    0.2,
    (draw) => [
      {
        do: "call",
        rpc: draw.pick(["KV/Range", "KV/Put", "KV/Txn"]),
        request: { key: b("a") },
        metadata: draw.pick([
          { "client-api-version": "\xff" },
          { "client-api-version": "\xff\xfe" },
          { "client-api-version": "3.7" },
          { hasleader: "true" },
        ]),
      },
    ],
  ],
  // Beyond the bounds of a request.
  [
    0.3,
    (draw) => [
      call("KV/Put", {
        key: b("a"),
        value: Buffer.alloc(maxRequestBytes + draw.pick([-200, -60, 0, 1, 524_288, 600_000]), "x"),
      }),
    ],
  ],
];

/** Steps of these services and how often each is drawn. */
export const otherSteps: Makers = [
  ...leaseSteps,
  ...memberSteps,
  ...maintenanceSteps,
  ...lockSteps,
  ...electionSteps,
  ...healthSteps,
  ...wireSteps,
];
