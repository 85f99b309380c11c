// Made from proto/etcd/maintenance.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/maintenance.proto";

/** Status, alarms, hashes, snapshots and other care of one member. */

export const AlarmType = { NONE: 0, NOSPACE: 1, CORRUPT: 2 } as const;

export type AlarmType = typeof AlarmType[keyof typeof AlarmType];

export namespace AlarmType {
  export type NONE = typeof AlarmType.NONE;
  export type NOSPACE = typeof AlarmType.NOSPACE;
  export type CORRUPT = typeof AlarmType.CORRUPT;
}

export interface HashRequest {
}

export interface HashKVRequest {
  revision: number;
}

export interface HashKVResponse {
  header: ResponseHeader | undefined;
  hash: number;
  compactRevision: number;
  hashRevision: number;
}

export interface HashResponse {
  header: ResponseHeader | undefined;
  hash: number;
}

export interface SnapshotRequest {
}

export interface SnapshotResponse {
  header: ResponseHeader | undefined;
  remainingBytes: number;
  blob: Uint8Array;
  version: string;
}

export interface DefragmentRequest {
}

export interface DefragmentResponse {
  header: ResponseHeader | undefined;
}

export interface MoveLeaderRequest {
  targetID: bigint;
}

export interface MoveLeaderResponse {
  header: ResponseHeader | undefined;
}

export interface AlarmRequest {
  action: AlarmRequest_AlarmAction;
  memberID: bigint;
  alarm: AlarmType;
}

export const AlarmRequest_AlarmAction = { GET: 0, ACTIVATE: 1, DEACTIVATE: 2 } as const;

export type AlarmRequest_AlarmAction = typeof AlarmRequest_AlarmAction[keyof typeof AlarmRequest_AlarmAction];

export namespace AlarmRequest_AlarmAction {
  export type GET = typeof AlarmRequest_AlarmAction.GET;
  export type ACTIVATE = typeof AlarmRequest_AlarmAction.ACTIVATE;
  export type DEACTIVATE = typeof AlarmRequest_AlarmAction.DEACTIVATE;
}

export interface AlarmMember {
  memberID: bigint;
  alarm: AlarmType;
}

export interface AlarmResponse {
  header: ResponseHeader | undefined;
  alarms: AlarmMember[];
}

export interface DowngradeRequest {
  action: DowngradeRequest_DowngradeAction;
  version: string;
}

export const DowngradeRequest_DowngradeAction = { VALIDATE: 0, ENABLE: 1, CANCEL: 2 } as const;

export type DowngradeRequest_DowngradeAction =
  typeof DowngradeRequest_DowngradeAction[keyof typeof DowngradeRequest_DowngradeAction];

export namespace DowngradeRequest_DowngradeAction {
  export type VALIDATE = typeof DowngradeRequest_DowngradeAction.VALIDATE;
  export type ENABLE = typeof DowngradeRequest_DowngradeAction.ENABLE;
  export type CANCEL = typeof DowngradeRequest_DowngradeAction.CANCEL;
}

export interface DowngradeResponse {
  header: ResponseHeader | undefined;
  version: string;
}

export interface StatusRequest {
}

export interface StatusResponse {
  header: ResponseHeader | undefined;
  version: string;
  dbSize: number;
  leader: bigint;
  raftIndex: number;
  raftTerm: number;
  raftAppliedIndex: number;
  errors: string[];
  dbSizeInUse: number;
  isLearner: boolean;
  storageVersion: string;
  dbSizeQuota: number;
  downgradeInfo: DowngradeInfo | undefined;
}

export interface DowngradeInfo {
  enabled: boolean;
  targetVersion: string;
}

function createBaseHashRequest(): HashRequest {
  return {};
}

export const HashRequest: MessageFns<HashRequest> = {
  encode(_: HashRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HashRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHashRequest();
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

  create(base?: DeepPartial<HashRequest>): HashRequest {
    return HashRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<HashRequest>): HashRequest {
    const message = createBaseHashRequest();
    return message;
  },
};

function createBaseHashKVRequest(): HashKVRequest {
  return { revision: 0 };
}

export const HashKVRequest: MessageFns<HashKVRequest> = {
  encode(message: HashKVRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.revision !== 0) {
      writer.uint32(8).int64(message.revision);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HashKVRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHashKVRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.revision = reader.int64Number();
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

  create(base?: DeepPartial<HashKVRequest>): HashKVRequest {
    return HashKVRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<HashKVRequest>): HashKVRequest {
    const message = createBaseHashKVRequest();
    message.revision = object.revision ?? 0;
    return message;
  },
};

function createBaseHashKVResponse(): HashKVResponse {
  return { header: undefined, hash: 0, compactRevision: 0, hashRevision: 0 };
}

export const HashKVResponse: MessageFns<HashKVResponse> = {
  encode(message: HashKVResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.hash !== 0) {
      writer.uint32(16).uint32(message.hash);
    }
    if (message.compactRevision !== 0) {
      writer.uint32(24).int64(message.compactRevision);
    }
    if (message.hashRevision !== 0) {
      writer.uint32(32).int64(message.hashRevision);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HashKVResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHashKVResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.hash = reader.uint32();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.compactRevision = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.hashRevision = reader.int64Number();
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

  create(base?: DeepPartial<HashKVResponse>): HashKVResponse {
    return HashKVResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<HashKVResponse>): HashKVResponse {
    const message = createBaseHashKVResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.hash = object.hash ?? 0;
    message.compactRevision = object.compactRevision ?? 0;
    message.hashRevision = object.hashRevision ?? 0;
    return message;
  },
};

function createBaseHashResponse(): HashResponse {
  return { header: undefined, hash: 0 };
}

export const HashResponse: MessageFns<HashResponse> = {
  encode(message: HashResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.hash !== 0) {
      writer.uint32(16).uint32(message.hash);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): HashResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseHashResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.hash = reader.uint32();
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

  create(base?: DeepPartial<HashResponse>): HashResponse {
    return HashResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<HashResponse>): HashResponse {
    const message = createBaseHashResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.hash = object.hash ?? 0;
    return message;
  },
};

function createBaseSnapshotRequest(): SnapshotRequest {
  return {};
}

export const SnapshotRequest: MessageFns<SnapshotRequest> = {
  encode(_: SnapshotRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SnapshotRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSnapshotRequest();
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

  create(base?: DeepPartial<SnapshotRequest>): SnapshotRequest {
    return SnapshotRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<SnapshotRequest>): SnapshotRequest {
    const message = createBaseSnapshotRequest();
    return message;
  },
};

function createBaseSnapshotResponse(): SnapshotResponse {
  return { header: undefined, remainingBytes: 0, blob: emptyBytes, version: "" };
}

export const SnapshotResponse: MessageFns<SnapshotResponse> = {
  encode(message: SnapshotResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.remainingBytes !== 0) {
      writer.uint32(16).uint64(message.remainingBytes);
    }
    if (message.blob.length !== 0) {
      writer.uint32(26).bytes(message.blob);
    }
    if (message.version !== "") {
      writer.uint32(34).string(message.version);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SnapshotResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSnapshotResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.remainingBytes = reader.uint64Number();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.blob = reader.bytes();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.version = reader.string();
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

  create(base?: DeepPartial<SnapshotResponse>): SnapshotResponse {
    return SnapshotResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<SnapshotResponse>): SnapshotResponse {
    const message = createBaseSnapshotResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.remainingBytes = object.remainingBytes ?? 0;
    message.blob = object.blob ?? emptyBytes;
    message.version = object.version ?? "";
    return message;
  },
};

function createBaseDefragmentRequest(): DefragmentRequest {
  return {};
}

export const DefragmentRequest: MessageFns<DefragmentRequest> = {
  encode(_: DefragmentRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DefragmentRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDefragmentRequest();
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

  create(base?: DeepPartial<DefragmentRequest>): DefragmentRequest {
    return DefragmentRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<DefragmentRequest>): DefragmentRequest {
    const message = createBaseDefragmentRequest();
    return message;
  },
};

function createBaseDefragmentResponse(): DefragmentResponse {
  return { header: undefined };
}

export const DefragmentResponse: MessageFns<DefragmentResponse> = {
  encode(message: DefragmentResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DefragmentResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDefragmentResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
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

  create(base?: DeepPartial<DefragmentResponse>): DefragmentResponse {
    return DefragmentResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DefragmentResponse>): DefragmentResponse {
    const message = createBaseDefragmentResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseMoveLeaderRequest(): MoveLeaderRequest {
  return { targetID: 0n };
}

export const MoveLeaderRequest: MessageFns<MoveLeaderRequest> = {
  encode(message: MoveLeaderRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.targetID !== 0n) {
      writer.uint32(8).uint64(message.targetID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MoveLeaderRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMoveLeaderRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.targetID = reader.uint64();
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

  create(base?: DeepPartial<MoveLeaderRequest>): MoveLeaderRequest {
    return MoveLeaderRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MoveLeaderRequest>): MoveLeaderRequest {
    const message = createBaseMoveLeaderRequest();
    message.targetID = (object.targetID !== undefined && object.targetID !== null) ? BigInt(object.targetID) : 0n;
    return message;
  },
};

function createBaseMoveLeaderResponse(): MoveLeaderResponse {
  return { header: undefined };
}

export const MoveLeaderResponse: MessageFns<MoveLeaderResponse> = {
  encode(message: MoveLeaderResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MoveLeaderResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMoveLeaderResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
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

  create(base?: DeepPartial<MoveLeaderResponse>): MoveLeaderResponse {
    return MoveLeaderResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MoveLeaderResponse>): MoveLeaderResponse {
    const message = createBaseMoveLeaderResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAlarmRequest(): AlarmRequest {
  return { action: 0, memberID: 0n, alarm: 0 };
}

export const AlarmRequest: MessageFns<AlarmRequest> = {
  encode(message: AlarmRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.action !== 0) {
      writer.uint32(8).int32(message.action);
    }
    if (message.memberID !== 0n) {
      writer.uint32(16).uint64(message.memberID);
    }
    if (message.alarm !== 0) {
      writer.uint32(24).int32(message.alarm);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AlarmRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAlarmRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.action = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.memberID = reader.uint64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.alarm = reader.int32() as never;
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

  create(base?: DeepPartial<AlarmRequest>): AlarmRequest {
    return AlarmRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AlarmRequest>): AlarmRequest {
    const message = createBaseAlarmRequest();
    message.action = object.action ?? 0;
    message.memberID = (object.memberID !== undefined && object.memberID !== null) ? BigInt(object.memberID) : 0n;
    message.alarm = object.alarm ?? 0;
    return message;
  },
};

function createBaseAlarmMember(): AlarmMember {
  return { memberID: 0n, alarm: 0 };
}

export const AlarmMember: MessageFns<AlarmMember> = {
  encode(message: AlarmMember, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.memberID !== 0n) {
      writer.uint32(8).uint64(message.memberID);
    }
    if (message.alarm !== 0) {
      writer.uint32(16).int32(message.alarm);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AlarmMember {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAlarmMember();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.memberID = reader.uint64();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.alarm = reader.int32() as never;
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

  create(base?: DeepPartial<AlarmMember>): AlarmMember {
    return AlarmMember.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AlarmMember>): AlarmMember {
    const message = createBaseAlarmMember();
    message.memberID = (object.memberID !== undefined && object.memberID !== null) ? BigInt(object.memberID) : 0n;
    message.alarm = object.alarm ?? 0;
    return message;
  },
};

function createBaseAlarmResponse(): AlarmResponse {
  return { header: undefined, alarms: [] };
}

export const AlarmResponse: MessageFns<AlarmResponse> = {
  encode(message: AlarmResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.alarms) {
      AlarmMember.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AlarmResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAlarmResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.alarms.push(AlarmMember.decode(reader, reader.size()));
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

  create(base?: DeepPartial<AlarmResponse>): AlarmResponse {
    return AlarmResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AlarmResponse>): AlarmResponse {
    const message = createBaseAlarmResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.alarms = object.alarms?.map((e) => AlarmMember.fromPartial(e)) || [];
    return message;
  },
};

function createBaseDowngradeRequest(): DowngradeRequest {
  return { action: 0, version: "" };
}

export const DowngradeRequest: MessageFns<DowngradeRequest> = {
  encode(message: DowngradeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.action !== 0) {
      writer.uint32(8).int32(message.action);
    }
    if (message.version !== "") {
      writer.uint32(18).string(message.version);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DowngradeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDowngradeRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.action = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.version = reader.string();
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

  create(base?: DeepPartial<DowngradeRequest>): DowngradeRequest {
    return DowngradeRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DowngradeRequest>): DowngradeRequest {
    const message = createBaseDowngradeRequest();
    message.action = object.action ?? 0;
    message.version = object.version ?? "";
    return message;
  },
};

function createBaseDowngradeResponse(): DowngradeResponse {
  return { header: undefined, version: "" };
}

export const DowngradeResponse: MessageFns<DowngradeResponse> = {
  encode(message: DowngradeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.version !== "") {
      writer.uint32(18).string(message.version);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DowngradeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDowngradeResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.version = reader.string();
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

  create(base?: DeepPartial<DowngradeResponse>): DowngradeResponse {
    return DowngradeResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DowngradeResponse>): DowngradeResponse {
    const message = createBaseDowngradeResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.version = object.version ?? "";
    return message;
  },
};

function createBaseStatusRequest(): StatusRequest {
  return {};
}

export const StatusRequest: MessageFns<StatusRequest> = {
  encode(_: StatusRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StatusRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStatusRequest();
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

  create(base?: DeepPartial<StatusRequest>): StatusRequest {
    return StatusRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<StatusRequest>): StatusRequest {
    const message = createBaseStatusRequest();
    return message;
  },
};

function createBaseStatusResponse(): StatusResponse {
  return {
    header: undefined,
    version: "",
    dbSize: 0,
    leader: 0n,
    raftIndex: 0,
    raftTerm: 0,
    raftAppliedIndex: 0,
    errors: [],
    dbSizeInUse: 0,
    isLearner: false,
    storageVersion: "",
    dbSizeQuota: 0,
    downgradeInfo: undefined,
  };
}

export const StatusResponse: MessageFns<StatusResponse> = {
  encode(message: StatusResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.version !== "") {
      writer.uint32(18).string(message.version);
    }
    if (message.dbSize !== 0) {
      writer.uint32(24).int64(message.dbSize);
    }
    if (message.leader !== 0n) {
      writer.uint32(32).uint64(message.leader);
    }
    if (message.raftIndex !== 0) {
      writer.uint32(40).uint64(message.raftIndex);
    }
    if (message.raftTerm !== 0) {
      writer.uint32(48).uint64(message.raftTerm);
    }
    if (message.raftAppliedIndex !== 0) {
      if (BigInt.asUintN(64, BigInt(message.raftAppliedIndex)) !== BigInt(message.raftAppliedIndex)) {
        throw new globalThis.Error(
          "value provided for field BigInt(message.raftAppliedIndex) of type uint64 too large",
        );
      }
      writer.uint32(56).uint64(message.raftAppliedIndex);
    }
    for (const v of message.errors) {
      writer.uint32(66).string(v!);
    }
    if (message.dbSizeInUse !== 0) {
      writer.uint32(72).int64(message.dbSizeInUse);
    }
    if (message.isLearner !== false) {
      writer.uint32(80).bool(message.isLearner);
    }
    if (message.storageVersion !== "") {
      writer.uint32(90).string(message.storageVersion);
    }
    if (message.dbSizeQuota !== 0) {
      writer.uint32(96).int64(message.dbSizeQuota);
    }
    if (message.downgradeInfo !== undefined) {
      DowngradeInfo.encode(message.downgradeInfo, writer.uint32(106).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): StatusResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseStatusResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.header = ResponseHeader.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.version = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.dbSize = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.leader = reader.uint64();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.raftIndex = reader.uint64Number();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.raftTerm = reader.uint64Number();
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.raftAppliedIndex = reader.uint64Number();
            continue;
          }
          case 8: {
            if (tag !== 66) {
              break;
            }

            message.errors.push(reader.string());
            continue;
          }
          case 9: {
            if (tag !== 72) {
              break;
            }

            message.dbSizeInUse = reader.int64Number();
            continue;
          }
          case 10: {
            if (tag !== 80) {
              break;
            }

            message.isLearner = reader.bool();
            continue;
          }
          case 11: {
            if (tag !== 90) {
              break;
            }

            message.storageVersion = reader.string();
            continue;
          }
          case 12: {
            if (tag !== 96) {
              break;
            }

            message.dbSizeQuota = reader.int64Number();
            continue;
          }
          case 13: {
            if (tag !== 106) {
              break;
            }

            message.downgradeInfo = DowngradeInfo.decode(reader, reader.size());
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

  create(base?: DeepPartial<StatusResponse>): StatusResponse {
    return StatusResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<StatusResponse>): StatusResponse {
    const message = createBaseStatusResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.version = object.version ?? "";
    message.dbSize = object.dbSize ?? 0;
    message.leader = (object.leader !== undefined && object.leader !== null) ? BigInt(object.leader) : 0n;
    message.raftIndex = object.raftIndex ?? 0;
    message.raftTerm = object.raftTerm ?? 0;
    message.raftAppliedIndex = object.raftAppliedIndex ?? 0;
    message.errors = object.errors?.map((e) => e) || [];
    message.dbSizeInUse = object.dbSizeInUse ?? 0;
    message.isLearner = object.isLearner ?? false;
    message.storageVersion = object.storageVersion ?? "";
    message.dbSizeQuota = object.dbSizeQuota ?? 0;
    message.downgradeInfo = (object.downgradeInfo !== undefined && object.downgradeInfo !== null)
      ? DowngradeInfo.fromPartial(object.downgradeInfo)
      : undefined;
    return message;
  },
};

function createBaseDowngradeInfo(): DowngradeInfo {
  return { enabled: false, targetVersion: "" };
}

export const DowngradeInfo: MessageFns<DowngradeInfo> = {
  encode(message: DowngradeInfo, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.enabled !== false) {
      writer.uint32(8).bool(message.enabled);
    }
    if (message.targetVersion !== "") {
      writer.uint32(18).string(message.targetVersion);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DowngradeInfo {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDowngradeInfo();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.enabled = reader.bool();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.targetVersion = reader.string();
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

  create(base?: DeepPartial<DowngradeInfo>): DowngradeInfo {
    return DowngradeInfo.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DowngradeInfo>): DowngradeInfo {
    const message = createBaseDowngradeInfo();
    message.enabled = object.enabled ?? false;
    message.targetVersion = object.targetVersion ?? "";
    return message;
  },
};

export type MaintenanceDefinition = typeof MaintenanceDefinition;
export const MaintenanceDefinition = {
  name: "Maintenance",
  fullName: "etcdserverpb.Maintenance",
  methods: {
    alarm: {
      name: "Alarm",
      requestType: AlarmRequest as typeof AlarmRequest,
      requestStream: false,
      responseType: AlarmResponse as typeof AlarmResponse,
      responseStream: false,
      options: {},
    },
    status: {
      name: "Status",
      requestType: StatusRequest as typeof StatusRequest,
      requestStream: false,
      responseType: StatusResponse as typeof StatusResponse,
      responseStream: false,
      options: {},
    },
    defragment: {
      name: "Defragment",
      requestType: DefragmentRequest as typeof DefragmentRequest,
      requestStream: false,
      responseType: DefragmentResponse as typeof DefragmentResponse,
      responseStream: false,
      options: {},
    },
    hash: {
      name: "Hash",
      requestType: HashRequest as typeof HashRequest,
      requestStream: false,
      responseType: HashResponse as typeof HashResponse,
      responseStream: false,
      options: {},
    },
    hashKV: {
      name: "HashKV",
      requestType: HashKVRequest as typeof HashKVRequest,
      requestStream: false,
      responseType: HashKVResponse as typeof HashKVResponse,
      responseStream: false,
      options: {},
    },
    snapshot: {
      name: "Snapshot",
      requestType: SnapshotRequest as typeof SnapshotRequest,
      requestStream: false,
      responseType: SnapshotResponse as typeof SnapshotResponse,
      responseStream: true,
      options: {},
    },
    moveLeader: {
      name: "MoveLeader",
      requestType: MoveLeaderRequest as typeof MoveLeaderRequest,
      requestStream: false,
      responseType: MoveLeaderResponse as typeof MoveLeaderResponse,
      responseStream: false,
      options: {},
    },
    downgrade: {
      name: "Downgrade",
      requestType: DowngradeRequest as typeof DowngradeRequest,
      requestStream: false,
      responseType: DowngradeResponse as typeof DowngradeResponse,
      responseStream: false,
      options: {},
    },
  },
} as const;

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
