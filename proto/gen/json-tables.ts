// Made from proto/etcd by tools/json-tables.ts. Do not edit.
import type { JsonField, JsonMethod } from "#proto/json-table.ts";

/** By the path of the method. */
export const jsonMethods: Readonly<Record<string, JsonMethod>> = {
  "/etcdserverpb.Auth/AuthEnable": { input: "etcdserverpb.AuthEnableRequest", output: "etcdserverpb.AuthEnableResponse" },
  "/etcdserverpb.Auth/AuthDisable": { input: "etcdserverpb.AuthDisableRequest", output: "etcdserverpb.AuthDisableResponse" },
  "/etcdserverpb.Auth/AuthStatus": { input: "etcdserverpb.AuthStatusRequest", output: "etcdserverpb.AuthStatusResponse" },
  "/etcdserverpb.Auth/Authenticate": { input: "etcdserverpb.AuthenticateRequest", output: "etcdserverpb.AuthenticateResponse" },
  "/etcdserverpb.Auth/UserAdd": { input: "etcdserverpb.AuthUserAddRequest", output: "etcdserverpb.AuthUserAddResponse" },
  "/etcdserverpb.Auth/UserGet": { input: "etcdserverpb.AuthUserGetRequest", output: "etcdserverpb.AuthUserGetResponse" },
  "/etcdserverpb.Auth/UserList": { input: "etcdserverpb.AuthUserListRequest", output: "etcdserverpb.AuthUserListResponse" },
  "/etcdserverpb.Auth/UserDelete": { input: "etcdserverpb.AuthUserDeleteRequest", output: "etcdserverpb.AuthUserDeleteResponse" },
  "/etcdserverpb.Auth/UserChangePassword": { input: "etcdserverpb.AuthUserChangePasswordRequest", output: "etcdserverpb.AuthUserChangePasswordResponse" },
  "/etcdserverpb.Auth/UserGrantRole": { input: "etcdserverpb.AuthUserGrantRoleRequest", output: "etcdserverpb.AuthUserGrantRoleResponse" },
  "/etcdserverpb.Auth/UserRevokeRole": { input: "etcdserverpb.AuthUserRevokeRoleRequest", output: "etcdserverpb.AuthUserRevokeRoleResponse" },
  "/etcdserverpb.Auth/RoleAdd": { input: "etcdserverpb.AuthRoleAddRequest", output: "etcdserverpb.AuthRoleAddResponse" },
  "/etcdserverpb.Auth/RoleGet": { input: "etcdserverpb.AuthRoleGetRequest", output: "etcdserverpb.AuthRoleGetResponse" },
  "/etcdserverpb.Auth/RoleList": { input: "etcdserverpb.AuthRoleListRequest", output: "etcdserverpb.AuthRoleListResponse" },
  "/etcdserverpb.Auth/RoleDelete": { input: "etcdserverpb.AuthRoleDeleteRequest", output: "etcdserverpb.AuthRoleDeleteResponse" },
  "/etcdserverpb.Auth/RoleGrantPermission": { input: "etcdserverpb.AuthRoleGrantPermissionRequest", output: "etcdserverpb.AuthRoleGrantPermissionResponse" },
  "/etcdserverpb.Auth/RoleRevokePermission": { input: "etcdserverpb.AuthRoleRevokePermissionRequest", output: "etcdserverpb.AuthRoleRevokePermissionResponse" },
  "/etcdserverpb.Cluster/MemberAdd": { input: "etcdserverpb.MemberAddRequest", output: "etcdserverpb.MemberAddResponse" },
  "/etcdserverpb.Cluster/MemberRemove": { input: "etcdserverpb.MemberRemoveRequest", output: "etcdserverpb.MemberRemoveResponse" },
  "/etcdserverpb.Cluster/MemberUpdate": { input: "etcdserverpb.MemberUpdateRequest", output: "etcdserverpb.MemberUpdateResponse" },
  "/etcdserverpb.Cluster/MemberList": { input: "etcdserverpb.MemberListRequest", output: "etcdserverpb.MemberListResponse" },
  "/etcdserverpb.Cluster/MemberPromote": { input: "etcdserverpb.MemberPromoteRequest", output: "etcdserverpb.MemberPromoteResponse" },
  "/v3electionpb.Election/Campaign": { input: "v3electionpb.CampaignRequest", output: "v3electionpb.CampaignResponse" },
  "/v3electionpb.Election/Proclaim": { input: "v3electionpb.ProclaimRequest", output: "v3electionpb.ProclaimResponse" },
  "/v3electionpb.Election/Leader": { input: "v3electionpb.LeaderRequest", output: "v3electionpb.LeaderResponse" },
  "/v3electionpb.Election/Observe": { input: "v3electionpb.LeaderRequest", output: "v3electionpb.LeaderResponse" },
  "/v3electionpb.Election/Resign": { input: "v3electionpb.ResignRequest", output: "v3electionpb.ResignResponse" },
  "/etcdserverpb.KV/Range": { input: "etcdserverpb.RangeRequest", output: "etcdserverpb.RangeResponse" },
  "/etcdserverpb.KV/RangeStream": { input: "etcdserverpb.RangeRequest", output: "etcdserverpb.RangeStreamResponse" },
  "/etcdserverpb.KV/Put": { input: "etcdserverpb.PutRequest", output: "etcdserverpb.PutResponse" },
  "/etcdserverpb.KV/DeleteRange": { input: "etcdserverpb.DeleteRangeRequest", output: "etcdserverpb.DeleteRangeResponse" },
  "/etcdserverpb.KV/Txn": { input: "etcdserverpb.TxnRequest", output: "etcdserverpb.TxnResponse" },
  "/etcdserverpb.KV/Compact": { input: "etcdserverpb.CompactionRequest", output: "etcdserverpb.CompactionResponse" },
  "/etcdserverpb.Lease/LeaseGrant": { input: "etcdserverpb.LeaseGrantRequest", output: "etcdserverpb.LeaseGrantResponse" },
  "/etcdserverpb.Lease/LeaseRevoke": { input: "etcdserverpb.LeaseRevokeRequest", output: "etcdserverpb.LeaseRevokeResponse" },
  "/etcdserverpb.Lease/LeaseKeepAlive": { input: "etcdserverpb.LeaseKeepAliveRequest", output: "etcdserverpb.LeaseKeepAliveResponse" },
  "/etcdserverpb.Lease/LeaseTimeToLive": { input: "etcdserverpb.LeaseTimeToLiveRequest", output: "etcdserverpb.LeaseTimeToLiveResponse" },
  "/etcdserverpb.Lease/LeaseLeases": { input: "etcdserverpb.LeaseLeasesRequest", output: "etcdserverpb.LeaseLeasesResponse" },
  "/etcdserverpb.Maintenance/Alarm": { input: "etcdserverpb.AlarmRequest", output: "etcdserverpb.AlarmResponse" },
  "/etcdserverpb.Maintenance/Status": { input: "etcdserverpb.StatusRequest", output: "etcdserverpb.StatusResponse" },
  "/etcdserverpb.Maintenance/Defragment": { input: "etcdserverpb.DefragmentRequest", output: "etcdserverpb.DefragmentResponse" },
  "/etcdserverpb.Maintenance/Hash": { input: "etcdserverpb.HashRequest", output: "etcdserverpb.HashResponse" },
  "/etcdserverpb.Maintenance/HashKV": { input: "etcdserverpb.HashKVRequest", output: "etcdserverpb.HashKVResponse" },
  "/etcdserverpb.Maintenance/Snapshot": { input: "etcdserverpb.SnapshotRequest", output: "etcdserverpb.SnapshotResponse" },
  "/etcdserverpb.Maintenance/MoveLeader": { input: "etcdserverpb.MoveLeaderRequest", output: "etcdserverpb.MoveLeaderResponse" },
  "/etcdserverpb.Maintenance/Downgrade": { input: "etcdserverpb.DowngradeRequest", output: "etcdserverpb.DowngradeResponse" },
  "/v3lockpb.Lock/Lock": { input: "v3lockpb.LockRequest", output: "v3lockpb.LockResponse" },
  "/v3lockpb.Lock/Unlock": { input: "v3lockpb.UnlockRequest", output: "v3lockpb.UnlockResponse" },
  "/etcdserverpb.Watch/Watch": { input: "etcdserverpb.WatchRequest", output: "etcdserverpb.WatchResponse" },
};

/** The fields of each message, as declared. */
export const jsonMessages: Readonly<Record<string, readonly JsonField[]>> = {
  "etcdserverpb.AuthEnableRequest": [
  ],
  "etcdserverpb.AuthEnableResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthDisableRequest": [
  ],
  "etcdserverpb.AuthDisableResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthStatusRequest": [
  ],
  "etcdserverpb.AuthStatusResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "enabled", jsonName: "enabled", kind: "bool" },
    { number: 3, name: "authRevision", jsonName: "authRevision", kind: "uint64" },
  ],
  "etcdserverpb.AuthenticateRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
    { number: 2, name: "password", jsonName: "password", kind: "string" },
  ],
  "etcdserverpb.AuthenticateResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "token", jsonName: "token", kind: "string" },
  ],
  "etcdserverpb.AuthUserAddRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
    { number: 2, name: "password", jsonName: "password", kind: "string" },
    { number: 3, name: "options", jsonName: "options", kind: "message", type: "authpb.UserAddOptions" },
    { number: 4, name: "hashedPassword", jsonName: "hashedPassword", kind: "string" },
  ],
  "etcdserverpb.AuthUserAddResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthUserGetRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
  ],
  "etcdserverpb.AuthUserGetResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "roles", jsonName: "roles", kind: "string", isRepeated: true },
  ],
  "etcdserverpb.AuthUserListRequest": [
  ],
  "etcdserverpb.AuthUserListResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "users", jsonName: "users", kind: "string", isRepeated: true },
  ],
  "etcdserverpb.AuthUserDeleteRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
  ],
  "etcdserverpb.AuthUserDeleteResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthUserChangePasswordRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
    { number: 2, name: "password", jsonName: "password", kind: "string" },
    { number: 3, name: "hashedPassword", jsonName: "hashedPassword", kind: "string" },
  ],
  "etcdserverpb.AuthUserChangePasswordResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthUserGrantRoleRequest": [
    { number: 1, name: "user", jsonName: "user", kind: "string" },
    { number: 2, name: "role", jsonName: "role", kind: "string" },
  ],
  "etcdserverpb.AuthUserGrantRoleResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthUserRevokeRoleRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
    { number: 2, name: "role", jsonName: "role", kind: "string" },
  ],
  "etcdserverpb.AuthUserRevokeRoleResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthRoleAddRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
  ],
  "etcdserverpb.AuthRoleAddResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthRoleGetRequest": [
    { number: 1, name: "role", jsonName: "role", kind: "string" },
  ],
  "etcdserverpb.AuthRoleGetResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "perm", jsonName: "perm", kind: "message", type: "authpb.Permission", isRepeated: true },
  ],
  "etcdserverpb.AuthRoleListRequest": [
  ],
  "etcdserverpb.AuthRoleListResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "roles", jsonName: "roles", kind: "string", isRepeated: true },
  ],
  "etcdserverpb.AuthRoleDeleteRequest": [
    { number: 1, name: "role", jsonName: "role", kind: "string" },
  ],
  "etcdserverpb.AuthRoleDeleteResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthRoleGrantPermissionRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "string" },
    { number: 2, name: "perm", jsonName: "perm", kind: "message", type: "authpb.Permission" },
  ],
  "etcdserverpb.AuthRoleGrantPermissionResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.AuthRoleRevokePermissionRequest": [
    { number: 1, name: "role", jsonName: "role", kind: "string" },
    { number: 2, name: "key", jsonName: "key", kind: "bytes" },
    { number: 3, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
  ],
  "etcdserverpb.AuthRoleRevokePermissionResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.MemberAddRequest": [
    { number: 1, name: "peerURLs", jsonName: "peerURLs", kind: "string", isRepeated: true },
    { number: 2, name: "isLearner", jsonName: "isLearner", kind: "bool" },
  ],
  "etcdserverpb.MemberAddResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "member", jsonName: "member", kind: "message", type: "etcdserverpb.Member" },
    { number: 3, name: "members", jsonName: "members", kind: "message", type: "etcdserverpb.Member", isRepeated: true },
  ],
  "etcdserverpb.MemberRemoveRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "uint64" },
  ],
  "etcdserverpb.MemberRemoveResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "members", jsonName: "members", kind: "message", type: "etcdserverpb.Member", isRepeated: true },
  ],
  "etcdserverpb.MemberUpdateRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "uint64" },
    { number: 2, name: "peerURLs", jsonName: "peerURLs", kind: "string", isRepeated: true },
  ],
  "etcdserverpb.MemberUpdateResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "members", jsonName: "members", kind: "message", type: "etcdserverpb.Member", isRepeated: true },
  ],
  "etcdserverpb.MemberListRequest": [
    { number: 1, name: "linearizable", jsonName: "linearizable", kind: "bool" },
  ],
  "etcdserverpb.MemberListResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "members", jsonName: "members", kind: "message", type: "etcdserverpb.Member", isRepeated: true },
  ],
  "etcdserverpb.MemberPromoteRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "uint64" },
  ],
  "etcdserverpb.MemberPromoteResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "members", jsonName: "members", kind: "message", type: "etcdserverpb.Member", isRepeated: true },
  ],
  "v3electionpb.CampaignRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "bytes" },
    { number: 2, name: "lease", jsonName: "lease", kind: "int64" },
    { number: 3, name: "value", jsonName: "value", kind: "bytes" },
  ],
  "v3electionpb.CampaignResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "leader", jsonName: "leader", kind: "message", type: "v3electionpb.LeaderKey" },
  ],
  "v3electionpb.ProclaimRequest": [
    { number: 1, name: "leader", jsonName: "leader", kind: "message", type: "v3electionpb.LeaderKey" },
    { number: 2, name: "value", jsonName: "value", kind: "bytes" },
  ],
  "v3electionpb.ProclaimResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "v3electionpb.LeaderRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "bytes" },
  ],
  "v3electionpb.LeaderResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "kv", jsonName: "kv", kind: "message", type: "mvccpb.KeyValue" },
  ],
  "v3electionpb.ResignRequest": [
    { number: 1, name: "leader", jsonName: "leader", kind: "message", type: "v3electionpb.LeaderKey" },
  ],
  "v3electionpb.ResignResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.RangeRequest": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
    { number: 2, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
    { number: 3, name: "limit", jsonName: "limit", kind: "int64" },
    { number: 4, name: "revision", jsonName: "revision", kind: "int64" },
    { number: 5, name: "sort_order", jsonName: "sortOrder", kind: "enum", type: "etcdserverpb.RangeRequest.SortOrder" },
    { number: 6, name: "sort_target", jsonName: "sortTarget", kind: "enum", type: "etcdserverpb.RangeRequest.SortTarget" },
    { number: 7, name: "serializable", jsonName: "serializable", kind: "bool" },
    { number: 8, name: "keys_only", jsonName: "keysOnly", kind: "bool" },
    { number: 9, name: "count_only", jsonName: "countOnly", kind: "bool" },
    { number: 10, name: "min_mod_revision", jsonName: "minModRevision", kind: "int64" },
    { number: 11, name: "max_mod_revision", jsonName: "maxModRevision", kind: "int64" },
    { number: 12, name: "min_create_revision", jsonName: "minCreateRevision", kind: "int64" },
    { number: 13, name: "max_create_revision", jsonName: "maxCreateRevision", kind: "int64" },
  ],
  "etcdserverpb.RangeResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "kvs", jsonName: "kvs", kind: "message", type: "mvccpb.KeyValue", isRepeated: true },
    { number: 3, name: "more", jsonName: "more", kind: "bool" },
    { number: 4, name: "count", jsonName: "count", kind: "int64" },
  ],
  "etcdserverpb.RangeStreamResponse": [
    { number: 1, name: "range_response", jsonName: "rangeResponse", kind: "message", type: "etcdserverpb.RangeResponse" },
  ],
  "etcdserverpb.PutRequest": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
    { number: 2, name: "value", jsonName: "value", kind: "bytes" },
    { number: 3, name: "lease", jsonName: "lease", kind: "int64" },
    { number: 4, name: "prev_kv", jsonName: "prevKv", kind: "bool" },
    { number: 5, name: "ignore_value", jsonName: "ignoreValue", kind: "bool" },
    { number: 6, name: "ignore_lease", jsonName: "ignoreLease", kind: "bool" },
  ],
  "etcdserverpb.PutResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "prev_kv", jsonName: "prevKv", kind: "message", type: "mvccpb.KeyValue" },
  ],
  "etcdserverpb.DeleteRangeRequest": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
    { number: 2, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
    { number: 3, name: "prev_kv", jsonName: "prevKv", kind: "bool" },
  ],
  "etcdserverpb.DeleteRangeResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "deleted", jsonName: "deleted", kind: "int64" },
    { number: 3, name: "prev_kvs", jsonName: "prevKvs", kind: "message", type: "mvccpb.KeyValue", isRepeated: true },
  ],
  "etcdserverpb.TxnRequest": [
    { number: 1, name: "compare", jsonName: "compare", kind: "message", type: "etcdserverpb.Compare", isRepeated: true },
    { number: 2, name: "success", jsonName: "success", kind: "message", type: "etcdserverpb.RequestOp", isRepeated: true },
    { number: 3, name: "failure", jsonName: "failure", kind: "message", type: "etcdserverpb.RequestOp", isRepeated: true },
  ],
  "etcdserverpb.TxnResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "succeeded", jsonName: "succeeded", kind: "bool" },
    { number: 3, name: "responses", jsonName: "responses", kind: "message", type: "etcdserverpb.ResponseOp", isRepeated: true },
  ],
  "etcdserverpb.CompactionRequest": [
    { number: 1, name: "revision", jsonName: "revision", kind: "int64" },
    { number: 2, name: "physical", jsonName: "physical", kind: "bool" },
  ],
  "etcdserverpb.CompactionResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.LeaseGrantRequest": [
    { number: 1, name: "TTL", jsonName: "TTL", kind: "int64" },
    { number: 2, name: "ID", jsonName: "ID", kind: "int64" },
  ],
  "etcdserverpb.LeaseGrantResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "ID", jsonName: "ID", kind: "int64" },
    { number: 3, name: "TTL", jsonName: "TTL", kind: "int64" },
    { number: 4, name: "error", jsonName: "error", kind: "string" },
  ],
  "etcdserverpb.LeaseRevokeRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "int64" },
  ],
  "etcdserverpb.LeaseRevokeResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.LeaseKeepAliveRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "int64" },
  ],
  "etcdserverpb.LeaseKeepAliveResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "ID", jsonName: "ID", kind: "int64" },
    { number: 3, name: "TTL", jsonName: "TTL", kind: "int64" },
  ],
  "etcdserverpb.LeaseTimeToLiveRequest": [
    { number: 1, name: "ID", jsonName: "ID", kind: "int64" },
    { number: 2, name: "keys", jsonName: "keys", kind: "bool" },
  ],
  "etcdserverpb.LeaseTimeToLiveResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "ID", jsonName: "ID", kind: "int64" },
    { number: 3, name: "TTL", jsonName: "TTL", kind: "int64" },
    { number: 4, name: "grantedTTL", jsonName: "grantedTTL", kind: "int64" },
    { number: 5, name: "keys", jsonName: "keys", kind: "bytes", isRepeated: true },
  ],
  "etcdserverpb.LeaseLeasesRequest": [
  ],
  "etcdserverpb.LeaseLeasesResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "leases", jsonName: "leases", kind: "message", type: "etcdserverpb.LeaseStatus", isRepeated: true },
  ],
  "etcdserverpb.AlarmRequest": [
    { number: 1, name: "action", jsonName: "action", kind: "enum", type: "etcdserverpb.AlarmRequest.AlarmAction" },
    { number: 2, name: "memberID", jsonName: "memberID", kind: "uint64" },
    { number: 3, name: "alarm", jsonName: "alarm", kind: "enum", type: "etcdserverpb.AlarmType" },
  ],
  "etcdserverpb.AlarmResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "alarms", jsonName: "alarms", kind: "message", type: "etcdserverpb.AlarmMember", isRepeated: true },
  ],
  "etcdserverpb.StatusRequest": [
  ],
  "etcdserverpb.StatusResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "version", jsonName: "version", kind: "string" },
    { number: 3, name: "dbSize", jsonName: "dbSize", kind: "int64" },
    { number: 4, name: "leader", jsonName: "leader", kind: "uint64" },
    { number: 5, name: "raftIndex", jsonName: "raftIndex", kind: "uint64" },
    { number: 6, name: "raftTerm", jsonName: "raftTerm", kind: "uint64" },
    { number: 7, name: "raftAppliedIndex", jsonName: "raftAppliedIndex", kind: "uint64" },
    { number: 8, name: "errors", jsonName: "errors", kind: "string", isRepeated: true },
    { number: 9, name: "dbSizeInUse", jsonName: "dbSizeInUse", kind: "int64" },
    { number: 10, name: "isLearner", jsonName: "isLearner", kind: "bool" },
    { number: 11, name: "storageVersion", jsonName: "storageVersion", kind: "string" },
    { number: 12, name: "dbSizeQuota", jsonName: "dbSizeQuota", kind: "int64" },
    { number: 13, name: "downgradeInfo", jsonName: "downgradeInfo", kind: "message", type: "etcdserverpb.DowngradeInfo" },
  ],
  "etcdserverpb.DefragmentRequest": [
  ],
  "etcdserverpb.DefragmentResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.HashRequest": [
  ],
  "etcdserverpb.HashResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "hash", jsonName: "hash", kind: "uint32" },
  ],
  "etcdserverpb.HashKVRequest": [
    { number: 1, name: "revision", jsonName: "revision", kind: "int64" },
  ],
  "etcdserverpb.HashKVResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "hash", jsonName: "hash", kind: "uint32" },
    { number: 3, name: "compact_revision", jsonName: "compactRevision", kind: "int64" },
    { number: 4, name: "hash_revision", jsonName: "hashRevision", kind: "int64" },
  ],
  "etcdserverpb.SnapshotRequest": [
  ],
  "etcdserverpb.SnapshotResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "remaining_bytes", jsonName: "remainingBytes", kind: "uint64" },
    { number: 3, name: "blob", jsonName: "blob", kind: "bytes" },
    { number: 4, name: "version", jsonName: "version", kind: "string" },
  ],
  "etcdserverpb.MoveLeaderRequest": [
    { number: 1, name: "targetID", jsonName: "targetID", kind: "uint64" },
  ],
  "etcdserverpb.MoveLeaderResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.DowngradeRequest": [
    { number: 1, name: "action", jsonName: "action", kind: "enum", type: "etcdserverpb.DowngradeRequest.DowngradeAction" },
    { number: 2, name: "version", jsonName: "version", kind: "string" },
  ],
  "etcdserverpb.DowngradeResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "version", jsonName: "version", kind: "string" },
  ],
  "v3lockpb.LockRequest": [
    { number: 1, name: "name", jsonName: "name", kind: "bytes" },
    { number: 2, name: "lease", jsonName: "lease", kind: "int64" },
  ],
  "v3lockpb.LockResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "key", jsonName: "key", kind: "bytes" },
  ],
  "v3lockpb.UnlockRequest": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
  ],
  "v3lockpb.UnlockResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
  ],
  "etcdserverpb.WatchRequest": [
    { number: 1, name: "create_request", jsonName: "createRequest", kind: "message", type: "etcdserverpb.WatchCreateRequest", oneof: "etcdserverpb.WatchRequest.request_union" },
    { number: 2, name: "cancel_request", jsonName: "cancelRequest", kind: "message", type: "etcdserverpb.WatchCancelRequest", oneof: "etcdserverpb.WatchRequest.request_union" },
    { number: 3, name: "progress_request", jsonName: "progressRequest", kind: "message", type: "etcdserverpb.WatchProgressRequest", oneof: "etcdserverpb.WatchRequest.request_union" },
  ],
  "etcdserverpb.WatchResponse": [
    { number: 1, name: "header", jsonName: "header", kind: "message", type: "etcdserverpb.ResponseHeader" },
    { number: 2, name: "watch_id", jsonName: "watchId", kind: "int64" },
    { number: 3, name: "created", jsonName: "created", kind: "bool" },
    { number: 4, name: "canceled", jsonName: "canceled", kind: "bool" },
    { number: 5, name: "compact_revision", jsonName: "compactRevision", kind: "int64" },
    { number: 6, name: "cancel_reason", jsonName: "cancelReason", kind: "string" },
    { number: 7, name: "fragment", jsonName: "fragment", kind: "bool" },
    { number: 11, name: "events", jsonName: "events", kind: "message", type: "mvccpb.Event", isRepeated: true },
  ],
  "etcdserverpb.ResponseHeader": [
    { number: 1, name: "cluster_id", jsonName: "clusterId", kind: "uint64" },
    { number: 2, name: "member_id", jsonName: "memberId", kind: "uint64" },
    { number: 3, name: "revision", jsonName: "revision", kind: "int64" },
    { number: 4, name: "raft_term", jsonName: "raftTerm", kind: "uint64" },
  ],
  "authpb.UserAddOptions": [
    { number: 1, name: "no_password", jsonName: "noPassword", kind: "bool" },
  ],
  "authpb.Permission": [
    { number: 1, name: "permType", jsonName: "permType", kind: "enum", type: "authpb.Permission.Type" },
    { number: 2, name: "key", jsonName: "key", kind: "bytes" },
    { number: 3, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
  ],
  "etcdserverpb.Member": [
    { number: 1, name: "ID", jsonName: "ID", kind: "uint64" },
    { number: 2, name: "name", jsonName: "name", kind: "string" },
    { number: 3, name: "peerURLs", jsonName: "peerURLs", kind: "string", isRepeated: true },
    { number: 4, name: "clientURLs", jsonName: "clientURLs", kind: "string", isRepeated: true },
    { number: 5, name: "isLearner", jsonName: "isLearner", kind: "bool" },
  ],
  "v3electionpb.LeaderKey": [
    { number: 1, name: "name", jsonName: "name", kind: "bytes" },
    { number: 2, name: "key", jsonName: "key", kind: "bytes" },
    { number: 3, name: "rev", jsonName: "rev", kind: "int64" },
    { number: 4, name: "lease", jsonName: "lease", kind: "int64" },
  ],
  "mvccpb.KeyValue": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
    { number: 2, name: "create_revision", jsonName: "createRevision", kind: "int64" },
    { number: 3, name: "mod_revision", jsonName: "modRevision", kind: "int64" },
    { number: 4, name: "version", jsonName: "version", kind: "int64" },
    { number: 5, name: "value", jsonName: "value", kind: "bytes" },
    { number: 6, name: "lease", jsonName: "lease", kind: "int64" },
  ],
  "etcdserverpb.Compare": [
    { number: 1, name: "result", jsonName: "result", kind: "enum", type: "etcdserverpb.Compare.CompareResult" },
    { number: 2, name: "target", jsonName: "target", kind: "enum", type: "etcdserverpb.Compare.CompareTarget" },
    { number: 3, name: "key", jsonName: "key", kind: "bytes" },
    { number: 4, name: "version", jsonName: "version", kind: "int64", oneof: "etcdserverpb.Compare.target_union" },
    { number: 5, name: "create_revision", jsonName: "createRevision", kind: "int64", oneof: "etcdserverpb.Compare.target_union" },
    { number: 6, name: "mod_revision", jsonName: "modRevision", kind: "int64", oneof: "etcdserverpb.Compare.target_union" },
    { number: 7, name: "value", jsonName: "value", kind: "bytes", oneof: "etcdserverpb.Compare.target_union" },
    { number: 8, name: "lease", jsonName: "lease", kind: "int64", oneof: "etcdserverpb.Compare.target_union" },
    { number: 64, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
  ],
  "etcdserverpb.RequestOp": [
    { number: 1, name: "request_range", jsonName: "requestRange", kind: "message", type: "etcdserverpb.RangeRequest", oneof: "etcdserverpb.RequestOp.request" },
    { number: 2, name: "request_put", jsonName: "requestPut", kind: "message", type: "etcdserverpb.PutRequest", oneof: "etcdserverpb.RequestOp.request" },
    { number: 3, name: "request_delete_range", jsonName: "requestDeleteRange", kind: "message", type: "etcdserverpb.DeleteRangeRequest", oneof: "etcdserverpb.RequestOp.request" },
    { number: 4, name: "request_txn", jsonName: "requestTxn", kind: "message", type: "etcdserverpb.TxnRequest", oneof: "etcdserverpb.RequestOp.request" },
  ],
  "etcdserverpb.ResponseOp": [
    { number: 1, name: "response_range", jsonName: "responseRange", kind: "message", type: "etcdserverpb.RangeResponse", oneof: "etcdserverpb.ResponseOp.response" },
    { number: 2, name: "response_put", jsonName: "responsePut", kind: "message", type: "etcdserverpb.PutResponse", oneof: "etcdserverpb.ResponseOp.response" },
    { number: 3, name: "response_delete_range", jsonName: "responseDeleteRange", kind: "message", type: "etcdserverpb.DeleteRangeResponse", oneof: "etcdserverpb.ResponseOp.response" },
    { number: 4, name: "response_txn", jsonName: "responseTxn", kind: "message", type: "etcdserverpb.TxnResponse", oneof: "etcdserverpb.ResponseOp.response" },
  ],
  "etcdserverpb.LeaseStatus": [
    { number: 1, name: "ID", jsonName: "ID", kind: "int64" },
  ],
  "etcdserverpb.AlarmMember": [
    { number: 1, name: "memberID", jsonName: "memberID", kind: "uint64" },
    { number: 2, name: "alarm", jsonName: "alarm", kind: "enum", type: "etcdserverpb.AlarmType" },
  ],
  "etcdserverpb.DowngradeInfo": [
    { number: 1, name: "enabled", jsonName: "enabled", kind: "bool" },
    { number: 2, name: "targetVersion", jsonName: "targetVersion", kind: "string" },
  ],
  "etcdserverpb.WatchCreateRequest": [
    { number: 1, name: "key", jsonName: "key", kind: "bytes" },
    { number: 2, name: "range_end", jsonName: "rangeEnd", kind: "bytes" },
    { number: 3, name: "start_revision", jsonName: "startRevision", kind: "int64" },
    { number: 4, name: "progress_notify", jsonName: "progressNotify", kind: "bool" },
    { number: 5, name: "filters", jsonName: "filters", kind: "enum", type: "etcdserverpb.WatchCreateRequest.FilterType", isRepeated: true },
    { number: 6, name: "prev_kv", jsonName: "prevKv", kind: "bool" },
    { number: 7, name: "watch_id", jsonName: "watchId", kind: "int64" },
    { number: 8, name: "fragment", jsonName: "fragment", kind: "bool" },
  ],
  "etcdserverpb.WatchCancelRequest": [
    { number: 1, name: "watch_id", jsonName: "watchId", kind: "int64" },
  ],
  "etcdserverpb.WatchProgressRequest": [
  ],
  "mvccpb.Event": [
    { number: 1, name: "type", jsonName: "type", kind: "enum", type: "mvccpb.Event.EventType" },
    { number: 2, name: "kv", jsonName: "kv", kind: "message", type: "mvccpb.KeyValue" },
    { number: 3, name: "prev_kv", jsonName: "prevKv", kind: "message", type: "mvccpb.KeyValue" },
  ],
};

/** Number and name of each value. */
export const jsonEnums: Readonly<Record<string, readonly (readonly [number, string])[]>> = {
  "etcdserverpb.RangeRequest.SortOrder": [[0, "NONE"], [1, "ASCEND"], [2, "DESCEND"]],
  "etcdserverpb.RangeRequest.SortTarget": [[0, "KEY"], [1, "VERSION"], [2, "CREATE"], [3, "MOD"], [4, "VALUE"]],
  "etcdserverpb.AlarmRequest.AlarmAction": [[0, "GET"], [1, "ACTIVATE"], [2, "DEACTIVATE"]],
  "etcdserverpb.AlarmType": [[0, "NONE"], [1, "NOSPACE"], [2, "CORRUPT"]],
  "etcdserverpb.DowngradeRequest.DowngradeAction": [[0, "VALIDATE"], [1, "ENABLE"], [2, "CANCEL"]],
  "authpb.Permission.Type": [[0, "READ"], [1, "WRITE"], [2, "READWRITE"]],
  "etcdserverpb.Compare.CompareResult": [[0, "EQUAL"], [1, "GREATER"], [2, "LESS"], [3, "NOT_EQUAL"]],
  "etcdserverpb.Compare.CompareTarget": [[0, "VERSION"], [1, "CREATE"], [2, "MOD"], [3, "VALUE"], [4, "LEASE"]],
  "etcdserverpb.WatchCreateRequest.FilterType": [[0, "NOPUT"], [1, "NODELETE"]],
  "mvccpb.Event.EventType": [[0, "PUT"], [1, "DELETE"]],
};
