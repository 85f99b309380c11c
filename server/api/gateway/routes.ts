// Where the JSON gateway has each method of etcd's services (facts: wire). Every one is asked by POST.

const table: readonly (readonly [service: string, routes: Readonly<Record<string, string>>])[] = [
  [
    "etcdserverpb.KV",
    {
      Range: "kv/range",
      Put: "kv/put",
      DeleteRange: "kv/deleterange",
      Txn: "kv/txn",
      Compact: "kv/compaction",
    },
  ],
  ["etcdserverpb.Watch", { Watch: "watch" }],
  [
    "etcdserverpb.Lease",
    {
      LeaseGrant: "lease/grant",
      LeaseRevoke: "lease/revoke",
      LeaseKeepAlive: "lease/keepalive",
      LeaseTimeToLive: "lease/timetolive",
      LeaseLeases: "lease/leases",
    },
  ],
  // The names that 3.2 had.
  [
    "etcdserverpb.Lease",
    {
      LeaseRevoke: "kv/lease/revoke",
      LeaseTimeToLive: "kv/lease/timetolive",
      LeaseLeases: "kv/lease/leases",
    },
  ],
  [
    "etcdserverpb.Cluster",
    {
      MemberAdd: "cluster/member/add",
      MemberRemove: "cluster/member/remove",
      MemberUpdate: "cluster/member/update",
      MemberList: "cluster/member/list",
      MemberPromote: "cluster/member/promote",
    },
  ],
  [
    "etcdserverpb.Maintenance",
    {
      Alarm: "maintenance/alarm",
      Status: "maintenance/status",
      Defragment: "maintenance/defragment",
      Hash: "maintenance/hash",
      HashKV: "maintenance/hashkv",
      Snapshot: "maintenance/snapshot",
      MoveLeader: "maintenance/transfer-leadership",
      Downgrade: "maintenance/downgrade",
    },
  ],
  [
    "etcdserverpb.Auth",
    {
      AuthEnable: "auth/enable",
      AuthDisable: "auth/disable",
      AuthStatus: "auth/status",
      Authenticate: "auth/authenticate",
      UserAdd: "auth/user/add",
      UserGet: "auth/user/get",
      UserList: "auth/user/list",
      UserDelete: "auth/user/delete",
      UserChangePassword: "auth/user/changepw",
      UserGrantRole: "auth/user/grant",
      UserRevokeRole: "auth/user/revoke",
      RoleAdd: "auth/role/add",
      RoleGet: "auth/role/get",
      RoleList: "auth/role/list",
      RoleDelete: "auth/role/delete",
      RoleGrantPermission: "auth/role/grant",
      RoleRevokePermission: "auth/role/revoke",
    },
  ],
  ["v3lockpb.Lock", { Lock: "lock/lock", Unlock: "lock/unlock" }],
  [
    "v3electionpb.Election",
    {
      Campaign: "election/campaign",
      Proclaim: "election/proclaim",
      Leader: "election/leader",
      Observe: "election/observe",
      Resign: "election/resign",
    },
  ],
];

/** Path of the gateway, such as `/v3/kv/range` → path of the method, such as `/etcdserverpb.KV/Range`. */
export const gatewayRoutes: ReadonlyMap<string, string> = new Map(
  table.flatMap(([service, routes]) =>
    Object.entries(routes).map(
      ([method, path]) => [`/v3/${path}`, `/${service}/${method}`] as const,
    ),
  ),
);
