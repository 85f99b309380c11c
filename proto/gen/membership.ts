// Made from proto/etcd/membership.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "membershippb";

export const protobufFileName = "etcd/membership.proto";

/** Members and cluster-wide settings as replicated commands carry them. */

export interface RaftAttributes {
  peerUrls: string[];
  isLearner: boolean;
}

export interface Attributes {
  name: string;
  clientUrls: string[];
}

export interface Member {
  ID: bigint;
  raftAttributes: RaftAttributes | undefined;
  memberAttributes: Attributes | undefined;
}

export interface ClusterVersionSetRequest {
  ver: string;
}

export interface ClusterMemberAttrSetRequest {
  memberID: bigint;
  memberAttributes: Attributes | undefined;
}

export interface DowngradeInfoSetRequest {
  enabled: boolean;
  ver: string;
}

function createBaseRaftAttributes(): RaftAttributes {
  return { peerUrls: [], isLearner: false };
}

export const RaftAttributes: MessageFns<RaftAttributes> = {
  encode(message: RaftAttributes, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.peerUrls) {
      writer.uint32(10).string(v!);
    }
    if (message.isLearner !== false) {
      writer.uint32(16).bool(message.isLearner);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RaftAttributes {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRaftAttributes();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.peerUrls.push(reader.string());
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.isLearner = reader.bool();
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

  create(base?: DeepPartial<RaftAttributes>): RaftAttributes {
    return RaftAttributes.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RaftAttributes>): RaftAttributes {
    const message = createBaseRaftAttributes();
    message.peerUrls = object.peerUrls?.map((e) => e) || [];
    message.isLearner = object.isLearner ?? false;
    return message;
  },
};

function createBaseAttributes(): Attributes {
  return { name: "", clientUrls: [] };
}

export const Attributes: MessageFns<Attributes> = {
  encode(message: Attributes, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    for (const v of message.clientUrls) {
      writer.uint32(18).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Attributes {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAttributes();
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

            message.clientUrls.push(reader.string());
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

  create(base?: DeepPartial<Attributes>): Attributes {
    return Attributes.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Attributes>): Attributes {
    const message = createBaseAttributes();
    message.name = object.name ?? "";
    message.clientUrls = object.clientUrls?.map((e) => e) || [];
    return message;
  },
};

function createBaseMember(): Member {
  return { ID: 0n, raftAttributes: undefined, memberAttributes: undefined };
}

export const Member: MessageFns<Member> = {
  encode(message: Member, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    if (message.raftAttributes !== undefined) {
      RaftAttributes.encode(message.raftAttributes, writer.uint32(18).fork()).join();
    }
    if (message.memberAttributes !== undefined) {
      Attributes.encode(message.memberAttributes, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Member {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMember();
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

            message.raftAttributes = RaftAttributes.decode(reader, reader.size());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.memberAttributes = Attributes.decode(reader, reader.size());
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

  create(base?: DeepPartial<Member>): Member {
    return Member.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Member>): Member {
    const message = createBaseMember();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.raftAttributes = (object.raftAttributes !== undefined && object.raftAttributes !== null)
      ? RaftAttributes.fromPartial(object.raftAttributes)
      : undefined;
    message.memberAttributes = (object.memberAttributes !== undefined && object.memberAttributes !== null)
      ? Attributes.fromPartial(object.memberAttributes)
      : undefined;
    return message;
  },
};

function createBaseClusterVersionSetRequest(): ClusterVersionSetRequest {
  return { ver: "" };
}

export const ClusterVersionSetRequest: MessageFns<ClusterVersionSetRequest> = {
  encode(message: ClusterVersionSetRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ver !== "") {
      writer.uint32(10).string(message.ver);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ClusterVersionSetRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseClusterVersionSetRequest();
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

  create(base?: DeepPartial<ClusterVersionSetRequest>): ClusterVersionSetRequest {
    return ClusterVersionSetRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ClusterVersionSetRequest>): ClusterVersionSetRequest {
    const message = createBaseClusterVersionSetRequest();
    message.ver = object.ver ?? "";
    return message;
  },
};

function createBaseClusterMemberAttrSetRequest(): ClusterMemberAttrSetRequest {
  return { memberID: 0n, memberAttributes: undefined };
}

export const ClusterMemberAttrSetRequest: MessageFns<ClusterMemberAttrSetRequest> = {
  encode(message: ClusterMemberAttrSetRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.memberID !== 0n) {
      writer.uint32(8).uint64(message.memberID);
    }
    if (message.memberAttributes !== undefined) {
      Attributes.encode(message.memberAttributes, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ClusterMemberAttrSetRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseClusterMemberAttrSetRequest();
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
            if (tag !== 18) {
              break;
            }

            message.memberAttributes = Attributes.decode(reader, reader.size());
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

  create(base?: DeepPartial<ClusterMemberAttrSetRequest>): ClusterMemberAttrSetRequest {
    return ClusterMemberAttrSetRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ClusterMemberAttrSetRequest>): ClusterMemberAttrSetRequest {
    const message = createBaseClusterMemberAttrSetRequest();
    message.memberID = (object.memberID !== undefined && object.memberID !== null) ? BigInt(object.memberID) : 0n;
    message.memberAttributes = (object.memberAttributes !== undefined && object.memberAttributes !== null)
      ? Attributes.fromPartial(object.memberAttributes)
      : undefined;
    return message;
  },
};

function createBaseDowngradeInfoSetRequest(): DowngradeInfoSetRequest {
  return { enabled: false, ver: "" };
}

export const DowngradeInfoSetRequest: MessageFns<DowngradeInfoSetRequest> = {
  encode(message: DowngradeInfoSetRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.enabled !== false) {
      writer.uint32(8).bool(message.enabled);
    }
    if (message.ver !== "") {
      writer.uint32(18).string(message.ver);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DowngradeInfoSetRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDowngradeInfoSetRequest();
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

  create(base?: DeepPartial<DowngradeInfoSetRequest>): DowngradeInfoSetRequest {
    return DowngradeInfoSetRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DowngradeInfoSetRequest>): DowngradeInfoSetRequest {
    const message = createBaseDowngradeInfoSetRequest();
    message.enabled = object.enabled ?? false;
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
