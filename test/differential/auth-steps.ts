// Steps of the Auth service: users, roles and permissions with authentication off, and episodes in which
// it is on, made by root and by a user who may little. An episode ends with it off, so that what comes
// behind is not refused.
import { b, type Draw } from "./draw.ts";
import type { Request, Step } from "./step.ts";
import { createOf } from "./watch-steps.ts";
import { sentinelKey } from "./watching.ts";

type Makers = readonly (readonly [number, (draw: Draw) => readonly Step[]])[];

const users = ["u1", "u2", "root", "nobody"];
/** Whom to delete while authentication is off: without root it could not be switched off again. */
const others = ["u1", "u2", "nobody"];
const roles = ["r1", "r2", "root", "none"];

function call(rpc: string, request: Request = {}, as?: string): Step {
  return as === undefined ? { do: "call", rpc, request } : { do: "call", rpc, request, as };
}

function login(name: string, password: string): Step {
  return { do: "call", rpc: "Auth/Authenticate", request: { name, password }, keepAs: name };
}

function named(draw: Draw, names: readonly string[]): string {
  return draw.chance(0.16) ? "" : draw.pick(names);
}

function grant(draw: Draw, name = named(draw, roles)): Request {
  if (draw.chance(0.2)) return { name };
  return { name, perm: { permType: draw.pick([0, 1, 2]), ...draw.interval() } };
}

/** Any change or question of users and roles, by somebody or nobody. */
function management(draw: Draw, as?: string): Step {
  const user = named(draw, users);
  const role = named(draw, roles);
  const changes: readonly (readonly [string, Request])[] = [
    [
      "UserAdd",
      user === "root"
        ? { name: user, password: user }
        : {
            name: user,
            password: draw.chance(0.8) ? user : "",
            ...(draw.chance(0.5) ? { options: { noPassword: draw.chance(0.5) } } : {}),
            // As `bcrypt` writes them, in base64; nobody logs in with it.
            ...(draw.chance(0.6)
              ? { hashedPassword: "JDJhJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dQ==" }
              : {}),
          },
    ],
    ["UserGet", { name: user }],
    ["UserList", {}],
    ["UserDelete", { name: draw.pick(as === undefined ? others : ["root", ...others]) }],
    [
      "UserChangePassword",
      {
        name: draw.pick(["u1", "u2", "nobody"]),
        password: draw.pick(["u1", "u2", "x"]),
        ...(draw.chance(0.7) ? { hashedPassword: "JDJhJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dQ==" } : {}),
      },
    ],
    ["UserGrantRole", { user, role }],
    ["UserRevokeRole", { name: user, role }],
    ["RoleAdd", { name: role }],
    ["RoleGet", { role }],
    ["RoleList", {}],
    ["RoleDelete", { role: draw.pick(as === undefined ? ["r1", "r2", "none"] : roles) }],
    ["RoleGrantPermission", grant(draw)],
    ["RoleRevokePermission", { role, ...draw.interval() }],
    ["AuthStatus", {}],
  ];
  const [name, request] = draw.pick(changes);
  return call(`Auth/${name}`, request, as);
}

/** What a user does or may not do. */
function deed(draw: Draw, as: string | undefined): Step {
  const interval = draw.properInterval();
  const key = draw.key();
  const deeds: readonly (readonly [string, Request])[] = [
    ["KV/Put", { key, value: b("by a user"), prevKv: draw.chance(0.3) }],
    ["KV/Put", { key, value: b("by a user"), lease: draw.lease() }],
    ["KV/Range", { ...interval, serializable: draw.chance(0.3) }],
    ["KV/RangeStream", interval],
    ["KV/DeleteRange", { ...interval, prevKv: draw.chance(0.3) }],
    [
      "KV/Txn",
      {
        compare: [{ key, target: 0, targetUnion: { $case: "version", value: 0 } }],
        success: [{ request: { $case: "requestPut", value: { key: b("a") } } }],
        failure: [{ request: { $case: "requestRange", value: interval } }],
      },
    ],
    ["KV/Compact", { revision: draw.revision() }],
    ["Lease/LeaseGrant", { ID: draw.newLease(), TTL: 700 }],
    ["Lease/LeaseRevoke", { ID: draw.lease() }],
    ["Lease/LeaseTimeToLive", { ID: draw.lease(), keys: draw.chance(0.7) }],
    ["Lease/LeaseLeases", {}],
    ["Cluster/MemberList", { linearizable: draw.chance(0.5) }],
    ["Cluster/MemberRemove", { ID: 1n }],
    ["Cluster/MemberPromote", { ID: 1n }],
    ["Maintenance/Status", {}],
    ["Maintenance/HashKV", {}],
    ["Maintenance/Alarm", { action: draw.pick([0, 2]), alarm: 1 }],
    ["Maintenance/Defragment", {}],
    ["Maintenance/MoveLeader", { targetID: 1n }],
    ["Maintenance/Downgrade", { action: 0, version: "3.6" }],
    ["Auth/AuthStatus", {}],
    ["Auth/AuthEnable", {}],
  ];
  const [rpc, request] = draw.pick(deeds);
  return call(rpc, request, as);
}

/** Streams of watches that users open; nobody else does. */
const userStreams = [6, 9];

/** Watches of a user: what is allowed is told when a watch is created, and holds for as long as it lives. */
function watches(draw: Draw, as: string | undefined): readonly Step[] {
  const stream = draw.pick(userStreams);
  const create = (): Step => createOf(draw, stream, draw.properInterval());
  const steps: Step[] = [
    { do: "watchOpen", stream, strict: true, ...(as === undefined ? {} : { as }) },
    create(),
    create(),
    deed(draw, "root"),
    { do: "settle" },
  ];
  return draw.chance(0.5)
    ? steps
    : [...steps, create(), { do: "watchCancel", stream, id: draw.below(3) }, { do: "settle" }];
}

/** A lease with a key of somebody else's, which a user may then not end, nor ask for its keys. */
function leased(draw: Draw): readonly Step[] {
  const ID = 8000n + BigInt(draw.below(1000));
  draw.leases.push(ID);
  return [
    call("Lease/LeaseGrant", { ID, TTL: 700 }, draw.pick(["root", "u1"])),
    call("KV/Put", { key: draw.key(), value: b("leased"), lease: ID }, "root"),
    call("KV/Put", { key: draw.key(), value: b("leased"), lease: ID }, "u1"),
    call("Lease/LeaseTimeToLive", { ID, keys: true }, "u1"),
    { do: "keepAlive", ids: [ID], as: "u1" },
    call("Lease/LeaseRevoke", { ID }, draw.pick(["u1", "u1", "root"])),
  ];
}

/** Locks and elections, under names of their own so that nobody waits. */
function ordered(draw: Draw, as: string): readonly Step[] {
  const name = b(draw.name("au"));
  const lease = draw.lease();
  const observer = draw.name("ao");
  const key = Buffer.concat([name, b(`/${BigInt.asUintN(64, lease).toString(16)}`)]);
  return draw.chance(0.5)
    ? [call("Lock/Lock", { name, lease }, as), call("Lock/Unlock", { key }, as)]
    : [
        { do: "begin", name: observer, rpc: "Election/Observe", request: { name }, as },
        call("Election/Campaign", { name, lease, value: b("v") }, as),
        call("Election/Leader", { name }, as),
        { do: "abort", name: observer },
      ];
}

/** Users' permissions change: signed tokens from before are refused, and those of now let through. */
function changed(draw: Draw): readonly Step[] {
  const perm = { permType: draw.pick([0, 1, 2]), ...draw.interval() };
  return [
    ...(draw.chance(0.3)
      ? [call("Auth/RoleRevokePermission", { role: "r1", key: b("no") }, "root")]
      : []),
    draw.chance(0.6)
      ? call("Auth/RoleGrantPermission", { name: "r1", perm }, "root")
      : call("Auth/RoleAdd", { name: draw.name("r") }, "root"),
    deed(draw, "u1"),
    deed(draw, draw.pick(["u1", "root"])),
    ...(draw.chance(0.3) ? watches(draw, "u1") : []),
    login("root", "root"),
    login("u1", "u1"),
    deed(draw, "u1"),
  ];
}

function episode(draw: Draw): readonly Step[] {
  const someone = (): string | undefined =>
    draw.chance(0.05) ? undefined : draw.pick(["u1", "u1", "u1", "root", "no such token"]);
  const inside = Array.from({ length: 6 + draw.below(14) }, (): readonly Step[] => {
    const kind = draw.below(15);
    if (kind < 6) return [deed(draw, someone())];
    if (kind < 8) return [management(draw, draw.pick(["root", "root", "u1"]))];
    // A change of permissions makes tokens old only in part: who logs in again may go on.
    if (kind === 8) return [login("u1", draw.pick(["u1", "u1", "wrong"])), login("root", "root")];
    if (kind === 9) {
      return [{ do: "keepAlive", ids: [draw.lease()], as: draw.pick(["u1", "root"]) }];
    }
    if (kind < 12) return watches(draw, someone());
    if (kind === 12) return leased(draw);
    if (kind === 13) return changed(draw);
    return ordered(draw, draw.pick(["u1", "u1", "root", "no such token"]));
  });
  return [
    ...(draw.chance(0.35) ? [call("Auth/AuthEnable")] : []),
    call("Auth/UserAdd", { name: "root", password: "root" }),
    ...(draw.chance(0.2) ? [call("Auth/AuthEnable")] : []),
    call("Auth/UserGrantRole", { user: "root", role: "root" }),
    call("Auth/UserAdd", { name: "u1", password: "u1" }),
    call("Auth/RoleAdd", { name: "r1" }),
    call("Auth/RoleGrantPermission", grant(draw, "r1")),
    call("Auth/RoleGrantPermission", grant(draw, "r1")),
    // Without this no stream of this user's could be waited for.
    call("Auth/RoleGrantPermission", { name: "r1", perm: { permType: 0, key: sentinelKey } }),
    call("Auth/UserGrantRole", { user: "u1", role: "r1" }),
    // A watch that was begun before goes on.
    { do: "settle" },
    call("Auth/AuthEnable"),
    login("root", "root"),
    login("u1", "u1"),
    ...inside.flat(),
    login("root", "root"),
    call("Auth/AuthDisable", {}, "u1"),
    call("Auth/AuthDisable", {}, "root"),
    ...userStreams.map((stream): Step => ({ do: "watchClose", stream })),
  ];
}

/** Steps of this service and how often each is drawn. */
export const authSteps: Makers = [
  [9, (draw) => [management(draw)]],
  [0.2, (draw) => [call("Auth/Authenticate", { name: draw.pick(users), password: "u1" })]],
  [0.2, () => [call("Auth/AuthDisable")]],
  [0.6, episode],
];
