// Made from proto/etcd/internal.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import {
  AuthDisableRequest,
  AuthEnableRequest,
  AuthRoleAddRequest,
  AuthRoleDeleteRequest,
  AuthRoleGetRequest,
  AuthRoleGrantPermissionRequest,
  AuthRoleListRequest,
  AuthRoleRevokePermissionRequest,
  AuthStatusRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserDeleteRequest,
  AuthUserGetRequest,
  AuthUserGrantRoleRequest,
  AuthUserListRequest,
  AuthUserRevokeRoleRequest,
} from "./auth.ts";
import { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from "./kv.ts";
import { LeaseCheckpointRequest, LeaseGrantRequest, LeaseRevokeRequest } from "./lease.ts";
import { AlarmRequest } from "./maintenance.ts";
import { ClusterMemberAttrSetRequest, ClusterVersionSetRequest, DowngradeInfoSetRequest } from "./membership.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/internal.proto";

/** The replicated command: one log entry holds one of these. */

export interface RequestHeader {
  ID: bigint;
  username: string;
  authRevision: number;
}

export interface InternalRaftRequest {
  header: RequestHeader | undefined;
  ID: bigint;
  range: RangeRequest | undefined;
  put: PutRequest | undefined;
  deleteRange: DeleteRangeRequest | undefined;
  txn: TxnRequest | undefined;
  compaction: CompactionRequest | undefined;
  leaseGrant: LeaseGrantRequest | undefined;
  leaseRevoke: LeaseRevokeRequest | undefined;
  alarm: AlarmRequest | undefined;
  leaseCheckpoint: LeaseCheckpointRequest | undefined;
  authEnable: AuthEnableRequest | undefined;
  authDisable: AuthDisableRequest | undefined;
  authStatus: AuthStatusRequest | undefined;
  authenticate: InternalAuthenticateRequest | undefined;
  authUserAdd: AuthUserAddRequest | undefined;
  authUserDelete: AuthUserDeleteRequest | undefined;
  authUserGet: AuthUserGetRequest | undefined;
  authUserChangePassword: AuthUserChangePasswordRequest | undefined;
  authUserGrantRole: AuthUserGrantRoleRequest | undefined;
  authUserRevokeRole: AuthUserRevokeRoleRequest | undefined;
  authUserList: AuthUserListRequest | undefined;
  authRoleList: AuthRoleListRequest | undefined;
  authRoleAdd: AuthRoleAddRequest | undefined;
  authRoleDelete: AuthRoleDeleteRequest | undefined;
  authRoleGet: AuthRoleGetRequest | undefined;
  authRoleGrantPermission: AuthRoleGrantPermissionRequest | undefined;
  authRoleRevokePermission: AuthRoleRevokePermissionRequest | undefined;
  clusterVersionSet: ClusterVersionSetRequest | undefined;
  clusterMemberAttrSet: ClusterMemberAttrSetRequest | undefined;
  downgradeInfoSet: DowngradeInfoSetRequest | undefined;
  downgradeVersionTest: DowngradeVersionTestRequest | undefined;
}

export interface EmptyResponse {
}

export interface InternalAuthenticateRequest {
  name: string;
  password: string;
  simpleToken: string;
}

export interface DowngradeVersionTestRequest {
  ver: string;
}

function createBaseRequestHeader(): RequestHeader {
  return { ID: 0n, username: "", authRevision: 0 };
}

export const RequestHeader: MessageFns<RequestHeader> = {
  encode(message: RequestHeader, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    if (message.username !== "") {
      writer.uint32(18).string(message.username);
    }
    if (message.authRevision !== 0) {
      writer.uint32(24).uint64(message.authRevision);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RequestHeader {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRequestHeader();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.ID = reader.uint64();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.username = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.authRevision = reader.uint64Number();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<RequestHeader>): RequestHeader {
    return RequestHeader.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RequestHeader>): RequestHeader {
    const message = createBaseRequestHeader();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.username = object.username ?? "";
    message.authRevision = object.authRevision ?? 0;
    return message;
  },
};

function createBaseInternalRaftRequest(): InternalRaftRequest {
  return {
    header: undefined,
    ID: 0n,
    range: undefined,
    put: undefined,
    deleteRange: undefined,
    txn: undefined,
    compaction: undefined,
    leaseGrant: undefined,
    leaseRevoke: undefined,
    alarm: undefined,
    leaseCheckpoint: undefined,
    authEnable: undefined,
    authDisable: undefined,
    authStatus: undefined,
    authenticate: undefined,
    authUserAdd: undefined,
    authUserDelete: undefined,
    authUserGet: undefined,
    authUserChangePassword: undefined,
    authUserGrantRole: undefined,
    authUserRevokeRole: undefined,
    authUserList: undefined,
    authRoleList: undefined,
    authRoleAdd: undefined,
    authRoleDelete: undefined,
    authRoleGet: undefined,
    authRoleGrantPermission: undefined,
    authRoleRevokePermission: undefined,
    clusterVersionSet: undefined,
    clusterMemberAttrSet: undefined,
    downgradeInfoSet: undefined,
    downgradeVersionTest: undefined,
  };
}

export const InternalRaftRequest: MessageFns<InternalRaftRequest> = {
  encode(message: InternalRaftRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      RequestHeader.encode(message.header, writer.uint32(802).fork()).join();
    }
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    if (message.range !== undefined) {
      RangeRequest.encode(message.range, writer.uint32(26).fork()).join();
    }
    if (message.put !== undefined) {
      PutRequest.encode(message.put, writer.uint32(34).fork()).join();
    }
    if (message.deleteRange !== undefined) {
      DeleteRangeRequest.encode(message.deleteRange, writer.uint32(42).fork()).join();
    }
    if (message.txn !== undefined) {
      TxnRequest.encode(message.txn, writer.uint32(50).fork()).join();
    }
    if (message.compaction !== undefined) {
      CompactionRequest.encode(message.compaction, writer.uint32(58).fork()).join();
    }
    if (message.leaseGrant !== undefined) {
      LeaseGrantRequest.encode(message.leaseGrant, writer.uint32(66).fork()).join();
    }
    if (message.leaseRevoke !== undefined) {
      LeaseRevokeRequest.encode(message.leaseRevoke, writer.uint32(74).fork()).join();
    }
    if (message.alarm !== undefined) {
      AlarmRequest.encode(message.alarm, writer.uint32(82).fork()).join();
    }
    if (message.leaseCheckpoint !== undefined) {
      LeaseCheckpointRequest.encode(message.leaseCheckpoint, writer.uint32(90).fork()).join();
    }
    if (message.authEnable !== undefined) {
      AuthEnableRequest.encode(message.authEnable, writer.uint32(8002).fork()).join();
    }
    if (message.authDisable !== undefined) {
      AuthDisableRequest.encode(message.authDisable, writer.uint32(8090).fork()).join();
    }
    if (message.authStatus !== undefined) {
      AuthStatusRequest.encode(message.authStatus, writer.uint32(8106).fork()).join();
    }
    if (message.authenticate !== undefined) {
      InternalAuthenticateRequest.encode(message.authenticate, writer.uint32(8098).fork()).join();
    }
    if (message.authUserAdd !== undefined) {
      AuthUserAddRequest.encode(message.authUserAdd, writer.uint32(8802).fork()).join();
    }
    if (message.authUserDelete !== undefined) {
      AuthUserDeleteRequest.encode(message.authUserDelete, writer.uint32(8810).fork()).join();
    }
    if (message.authUserGet !== undefined) {
      AuthUserGetRequest.encode(message.authUserGet, writer.uint32(8818).fork()).join();
    }
    if (message.authUserChangePassword !== undefined) {
      AuthUserChangePasswordRequest.encode(message.authUserChangePassword, writer.uint32(8826).fork()).join();
    }
    if (message.authUserGrantRole !== undefined) {
      AuthUserGrantRoleRequest.encode(message.authUserGrantRole, writer.uint32(8834).fork()).join();
    }
    if (message.authUserRevokeRole !== undefined) {
      AuthUserRevokeRoleRequest.encode(message.authUserRevokeRole, writer.uint32(8842).fork()).join();
    }
    if (message.authUserList !== undefined) {
      AuthUserListRequest.encode(message.authUserList, writer.uint32(8850).fork()).join();
    }
    if (message.authRoleList !== undefined) {
      AuthRoleListRequest.encode(message.authRoleList, writer.uint32(8858).fork()).join();
    }
    if (message.authRoleAdd !== undefined) {
      AuthRoleAddRequest.encode(message.authRoleAdd, writer.uint32(9602).fork()).join();
    }
    if (message.authRoleDelete !== undefined) {
      AuthRoleDeleteRequest.encode(message.authRoleDelete, writer.uint32(9610).fork()).join();
    }
    if (message.authRoleGet !== undefined) {
      AuthRoleGetRequest.encode(message.authRoleGet, writer.uint32(9618).fork()).join();
    }
    if (message.authRoleGrantPermission !== undefined) {
      AuthRoleGrantPermissionRequest.encode(message.authRoleGrantPermission, writer.uint32(9626).fork()).join();
    }
    if (message.authRoleRevokePermission !== undefined) {
      AuthRoleRevokePermissionRequest.encode(message.authRoleRevokePermission, writer.uint32(9634).fork()).join();
    }
    if (message.clusterVersionSet !== undefined) {
      ClusterVersionSetRequest.encode(message.clusterVersionSet, writer.uint32(10402).fork()).join();
    }
    if (message.clusterMemberAttrSet !== undefined) {
      ClusterMemberAttrSetRequest.encode(message.clusterMemberAttrSet, writer.uint32(10410).fork()).join();
    }
    if (message.downgradeInfoSet !== undefined) {
      DowngradeInfoSetRequest.encode(message.downgradeInfoSet, writer.uint32(10418).fork()).join();
    }
    if (message.downgradeVersionTest !== undefined) {
      DowngradeVersionTestRequest.encode(message.downgradeVersionTest, writer.uint32(79202).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InternalRaftRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInternalRaftRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 100: {
            if (tag !== 802) {
              break;
            }

            message.header = RequestHeader.decode(reader, reader.size());
            continue;
          }
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.ID = reader.uint64();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.range = RangeRequest.decode(reader, reader.size());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.put = PutRequest.decode(reader, reader.size());
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.deleteRange = DeleteRangeRequest.decode(reader, reader.size());
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.txn = TxnRequest.decode(reader, reader.size());
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.compaction = CompactionRequest.decode(reader, reader.size());
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.leaseGrant = LeaseGrantRequest.decode(reader, reader.size());
            continue;
          }
          case 9: {
            if (tag !== 74) {
              break;
            }

            message.leaseRevoke = LeaseRevokeRequest.decode(reader, reader.size());
            continue;
          }
          case 10: {
            if (tag !== 82) {
              break;
            }

            message.alarm = AlarmRequest.decode(reader, reader.size());
            continue;
          }
          case 11: {
            if (tag !== 90) {
              break;
            }

            message.leaseCheckpoint = LeaseCheckpointRequest.decode(reader, reader.size());
            continue;
          }
          case 1000: {
            if (tag !== 8002) {
              break;
            }

            message.authEnable = AuthEnableRequest.decode(reader, reader.size());
            continue;
          }
          case 1011: {
            if (tag !== 8090) {
              break;
            }

            message.authDisable = AuthDisableRequest.decode(reader, reader.size());
            continue;
          }
          case 1013: {
            if (tag !== 8106) {
              break;
            }

            message.authStatus = AuthStatusRequest.decode(reader, reader.size());
            continue;
          }
          case 1012: {
            if (tag !== 8098) {
              break;
            }

            message.authenticate = InternalAuthenticateRequest.decode(reader, reader.size());
            continue;
          }
          case 1100: {
            if (tag !== 8802) {
              break;
            }

            message.authUserAdd = AuthUserAddRequest.decode(reader, reader.size());
            continue;
          }
          case 1101: {
            if (tag !== 8810) {
              break;
            }

            message.authUserDelete = AuthUserDeleteRequest.decode(reader, reader.size());
            continue;
          }
          case 1102: {
            if (tag !== 8818) {
              break;
            }

            message.authUserGet = AuthUserGetRequest.decode(reader, reader.size());
            continue;
          }
          case 1103: {
            if (tag !== 8826) {
              break;
            }

            message.authUserChangePassword = AuthUserChangePasswordRequest.decode(reader, reader.size());
            continue;
          }
          case 1104: {
            if (tag !== 8834) {
              break;
            }

            message.authUserGrantRole = AuthUserGrantRoleRequest.decode(reader, reader.size());
            continue;
          }
          case 1105: {
            if (tag !== 8842) {
              break;
            }

            message.authUserRevokeRole = AuthUserRevokeRoleRequest.decode(reader, reader.size());
            continue;
          }
          case 1106: {
            if (tag !== 8850) {
              break;
            }

            message.authUserList = AuthUserListRequest.decode(reader, reader.size());
            continue;
          }
          case 1107: {
            if (tag !== 8858) {
              break;
            }

            message.authRoleList = AuthRoleListRequest.decode(reader, reader.size());
            continue;
          }
          case 1200: {
            if (tag !== 9602) {
              break;
            }

            message.authRoleAdd = AuthRoleAddRequest.decode(reader, reader.size());
            continue;
          }
          case 1201: {
            if (tag !== 9610) {
              break;
            }

            message.authRoleDelete = AuthRoleDeleteRequest.decode(reader, reader.size());
            continue;
          }
          case 1202: {
            if (tag !== 9618) {
              break;
            }

            message.authRoleGet = AuthRoleGetRequest.decode(reader, reader.size());
            continue;
          }
          case 1203: {
            if (tag !== 9626) {
              break;
            }

            message.authRoleGrantPermission = AuthRoleGrantPermissionRequest.decode(reader, reader.size());
            continue;
          }
          case 1204: {
            if (tag !== 9634) {
              break;
            }

            message.authRoleRevokePermission = AuthRoleRevokePermissionRequest.decode(reader, reader.size());
            continue;
          }
          case 1300: {
            if (tag !== 10402) {
              break;
            }

            message.clusterVersionSet = ClusterVersionSetRequest.decode(reader, reader.size());
            continue;
          }
          case 1301: {
            if (tag !== 10410) {
              break;
            }

            message.clusterMemberAttrSet = ClusterMemberAttrSetRequest.decode(reader, reader.size());
            continue;
          }
          case 1302: {
            if (tag !== 10418) {
              break;
            }

            message.downgradeInfoSet = DowngradeInfoSetRequest.decode(reader, reader.size());
            continue;
          }
          case 9900: {
            if (tag !== 79202) {
              break;
            }

            message.downgradeVersionTest = DowngradeVersionTestRequest.decode(reader, reader.size());
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<InternalRaftRequest>): InternalRaftRequest {
    return InternalRaftRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<InternalRaftRequest>): InternalRaftRequest {
    const message = createBaseInternalRaftRequest();
    message.header = (object.header !== undefined && object.header !== null)
      ? RequestHeader.fromPartial(object.header)
      : undefined;
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.range = (object.range !== undefined && object.range !== null)
      ? RangeRequest.fromPartial(object.range)
      : undefined;
    message.put = (object.put !== undefined && object.put !== null) ? PutRequest.fromPartial(object.put) : undefined;
    message.deleteRange = (object.deleteRange !== undefined && object.deleteRange !== null)
      ? DeleteRangeRequest.fromPartial(object.deleteRange)
      : undefined;
    message.txn = (object.txn !== undefined && object.txn !== null) ? TxnRequest.fromPartial(object.txn) : undefined;
    message.compaction = (object.compaction !== undefined && object.compaction !== null)
      ? CompactionRequest.fromPartial(object.compaction)
      : undefined;
    message.leaseGrant = (object.leaseGrant !== undefined && object.leaseGrant !== null)
      ? LeaseGrantRequest.fromPartial(object.leaseGrant)
      : undefined;
    message.leaseRevoke = (object.leaseRevoke !== undefined && object.leaseRevoke !== null)
      ? LeaseRevokeRequest.fromPartial(object.leaseRevoke)
      : undefined;
    message.alarm = (object.alarm !== undefined && object.alarm !== null)
      ? AlarmRequest.fromPartial(object.alarm)
      : undefined;
    message.leaseCheckpoint = (object.leaseCheckpoint !== undefined && object.leaseCheckpoint !== null)
      ? LeaseCheckpointRequest.fromPartial(object.leaseCheckpoint)
      : undefined;
    message.authEnable = (object.authEnable !== undefined && object.authEnable !== null)
      ? AuthEnableRequest.fromPartial(object.authEnable)
      : undefined;
    message.authDisable = (object.authDisable !== undefined && object.authDisable !== null)
      ? AuthDisableRequest.fromPartial(object.authDisable)
      : undefined;
    message.authStatus = (object.authStatus !== undefined && object.authStatus !== null)
      ? AuthStatusRequest.fromPartial(object.authStatus)
      : undefined;
    message.authenticate = (object.authenticate !== undefined && object.authenticate !== null)
      ? InternalAuthenticateRequest.fromPartial(object.authenticate)
      : undefined;
    message.authUserAdd = (object.authUserAdd !== undefined && object.authUserAdd !== null)
      ? AuthUserAddRequest.fromPartial(object.authUserAdd)
      : undefined;
    message.authUserDelete = (object.authUserDelete !== undefined && object.authUserDelete !== null)
      ? AuthUserDeleteRequest.fromPartial(object.authUserDelete)
      : undefined;
    message.authUserGet = (object.authUserGet !== undefined && object.authUserGet !== null)
      ? AuthUserGetRequest.fromPartial(object.authUserGet)
      : undefined;
    message.authUserChangePassword =
      (object.authUserChangePassword !== undefined && object.authUserChangePassword !== null)
        ? AuthUserChangePasswordRequest.fromPartial(object.authUserChangePassword)
        : undefined;
    message.authUserGrantRole = (object.authUserGrantRole !== undefined && object.authUserGrantRole !== null)
      ? AuthUserGrantRoleRequest.fromPartial(object.authUserGrantRole)
      : undefined;
    message.authUserRevokeRole = (object.authUserRevokeRole !== undefined && object.authUserRevokeRole !== null)
      ? AuthUserRevokeRoleRequest.fromPartial(object.authUserRevokeRole)
      : undefined;
    message.authUserList = (object.authUserList !== undefined && object.authUserList !== null)
      ? AuthUserListRequest.fromPartial(object.authUserList)
      : undefined;
    message.authRoleList = (object.authRoleList !== undefined && object.authRoleList !== null)
      ? AuthRoleListRequest.fromPartial(object.authRoleList)
      : undefined;
    message.authRoleAdd = (object.authRoleAdd !== undefined && object.authRoleAdd !== null)
      ? AuthRoleAddRequest.fromPartial(object.authRoleAdd)
      : undefined;
    message.authRoleDelete = (object.authRoleDelete !== undefined && object.authRoleDelete !== null)
      ? AuthRoleDeleteRequest.fromPartial(object.authRoleDelete)
      : undefined;
    message.authRoleGet = (object.authRoleGet !== undefined && object.authRoleGet !== null)
      ? AuthRoleGetRequest.fromPartial(object.authRoleGet)
      : undefined;
    message.authRoleGrantPermission =
      (object.authRoleGrantPermission !== undefined && object.authRoleGrantPermission !== null)
        ? AuthRoleGrantPermissionRequest.fromPartial(object.authRoleGrantPermission)
        : undefined;
    message.authRoleRevokePermission =
      (object.authRoleRevokePermission !== undefined && object.authRoleRevokePermission !== null)
        ? AuthRoleRevokePermissionRequest.fromPartial(object.authRoleRevokePermission)
        : undefined;
    message.clusterVersionSet = (object.clusterVersionSet !== undefined && object.clusterVersionSet !== null)
      ? ClusterVersionSetRequest.fromPartial(object.clusterVersionSet)
      : undefined;
    message.clusterMemberAttrSet = (object.clusterMemberAttrSet !== undefined && object.clusterMemberAttrSet !== null)
      ? ClusterMemberAttrSetRequest.fromPartial(object.clusterMemberAttrSet)
      : undefined;
    message.downgradeInfoSet = (object.downgradeInfoSet !== undefined && object.downgradeInfoSet !== null)
      ? DowngradeInfoSetRequest.fromPartial(object.downgradeInfoSet)
      : undefined;
    message.downgradeVersionTest = (object.downgradeVersionTest !== undefined && object.downgradeVersionTest !== null)
      ? DowngradeVersionTestRequest.fromPartial(object.downgradeVersionTest)
      : undefined;
    return message;
  },
};

function createBaseEmptyResponse(): EmptyResponse {
  return {};
}

export const EmptyResponse: MessageFns<EmptyResponse> = {
  encode(_: EmptyResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): EmptyResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEmptyResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<EmptyResponse>): EmptyResponse {
    return EmptyResponse.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<EmptyResponse>): EmptyResponse {
    const message = createBaseEmptyResponse();
    return message;
  },
};

function createBaseInternalAuthenticateRequest(): InternalAuthenticateRequest {
  return { name: "", password: "", simpleToken: "" };
}

export const InternalAuthenticateRequest: MessageFns<InternalAuthenticateRequest> = {
  encode(message: InternalAuthenticateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.password !== "") {
      writer.uint32(18).string(message.password);
    }
    if (message.simpleToken !== "") {
      writer.uint32(26).string(message.simpleToken);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): InternalAuthenticateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseInternalAuthenticateRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.password = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.simpleToken = reader.string();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<InternalAuthenticateRequest>): InternalAuthenticateRequest {
    return InternalAuthenticateRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<InternalAuthenticateRequest>): InternalAuthenticateRequest {
    const message = createBaseInternalAuthenticateRequest();
    message.name = object.name ?? "";
    message.password = object.password ?? "";
    message.simpleToken = object.simpleToken ?? "";
    return message;
  },
};

function createBaseDowngradeVersionTestRequest(): DowngradeVersionTestRequest {
  return { ver: "" };
}

export const DowngradeVersionTestRequest: MessageFns<DowngradeVersionTestRequest> = {
  encode(message: DowngradeVersionTestRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ver !== "") {
      writer.uint32(10).string(message.ver);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DowngradeVersionTestRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDowngradeVersionTestRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.ver = reader.string();
            continue;
          }
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<DowngradeVersionTestRequest>): DowngradeVersionTestRequest {
    return DowngradeVersionTestRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DowngradeVersionTestRequest>): DowngradeVersionTestRequest {
    const message = createBaseDowngradeVersionTestRequest();
    message.ver = object.ver ?? "";
    return message;
  },
};

type Builtin = Date | Function | Uint8Array | string | number | boolean | bigint | undefined;

export type DeepPartial<T> = T extends bigint ? string | number | bigint
  : T extends Builtin ? T : T extends globalThis.Array<infer U> ? globalThis.Array<DeepPartial<U>>
  : T extends ReadonlyArray<infer U> ? ReadonlyArray<DeepPartial<U>>
  : T extends { $case: string; value: unknown } ? { $case: T["$case"]; value?: DeepPartial<T["value"]> }
  : T extends {} ? { [K in keyof T]?: DeepPartial<T[K]> }
  : Partial<T>;

export interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  create(base?: DeepPartial<T>): T;
  fromPartial(object: DeepPartial<T>): T;
}
