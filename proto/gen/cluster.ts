// Made from proto/etcd/cluster.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/cluster.proto";

/** Membership of the cluster. */

export interface Member {
  ID: bigint;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

export interface MemberAddRequest {
  peerURLs: string[];
  isLearner: boolean;
}

export interface MemberAddResponse {
  header: ResponseHeader | undefined;
  member: Member | undefined;
  members: Member[];
}

export interface MemberRemoveRequest {
  ID: bigint;
}

export interface MemberRemoveResponse {
  header: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberUpdateRequest {
  ID: bigint;
  peerURLs: string[];
}

export interface MemberUpdateResponse {
  header: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberListRequest {
  linearizable: boolean;
}

export interface MemberListResponse {
  header: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberPromoteRequest {
  ID: bigint;
}

export interface MemberPromoteResponse {
  header: ResponseHeader | undefined;
  members: Member[];
}

function createBaseMember(): Member {
  return { ID: 0n, name: "", peerURLs: [], clientURLs: [], isLearner: false };
}

export const Member: MessageFns<Member> = {
  encode(message: Member, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    if (message.name !== "") {
      writer.uint32(18).string(message.name);
    }
    for (const v of message.peerURLs) {
      writer.uint32(26).string(v!);
    }
    for (const v of message.clientURLs) {
      writer.uint32(34).string(v!);
    }
    if (message.isLearner !== false) {
      writer.uint32(40).bool(message.isLearner);
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

            message.name = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.peerURLs.push(reader.string());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.clientURLs.push(reader.string());
            continue;
          }
          case 5: {
            if (tag !== 40) {
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

  create(base?: DeepPartial<Member>): Member {
    return Member.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Member>): Member {
    const message = createBaseMember();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.name = object.name ?? "";
    message.peerURLs = object.peerURLs?.map((e) => e) || [];
    message.clientURLs = object.clientURLs?.map((e) => e) || [];
    message.isLearner = object.isLearner ?? false;
    return message;
  },
};

function createBaseMemberAddRequest(): MemberAddRequest {
  return { peerURLs: [], isLearner: false };
}

export const MemberAddRequest: MessageFns<MemberAddRequest> = {
  encode(message: MemberAddRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.peerURLs) {
      writer.uint32(10).string(v!);
    }
    if (message.isLearner !== false) {
      writer.uint32(16).bool(message.isLearner);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberAddRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberAddRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.peerURLs.push(reader.string());
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

  create(base?: DeepPartial<MemberAddRequest>): MemberAddRequest {
    return MemberAddRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberAddRequest>): MemberAddRequest {
    const message = createBaseMemberAddRequest();
    message.peerURLs = object.peerURLs?.map((e) => e) || [];
    message.isLearner = object.isLearner ?? false;
    return message;
  },
};

function createBaseMemberAddResponse(): MemberAddResponse {
  return { header: undefined, member: undefined, members: [] };
}

export const MemberAddResponse: MessageFns<MemberAddResponse> = {
  encode(message: MemberAddResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.member !== undefined) {
      Member.encode(message.member, writer.uint32(18).fork()).join();
    }
    for (const v of message.members) {
      Member.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberAddResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberAddResponse();
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

            message.member = Member.decode(reader, reader.size());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.members.push(Member.decode(reader, reader.size()));
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

  create(base?: DeepPartial<MemberAddResponse>): MemberAddResponse {
    return MemberAddResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberAddResponse>): MemberAddResponse {
    const message = createBaseMemberAddResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.member = (object.member !== undefined && object.member !== null)
      ? Member.fromPartial(object.member)
      : undefined;
    message.members = object.members?.map((e) => Member.fromPartial(e)) || [];
    return message;
  },
};

function createBaseMemberRemoveRequest(): MemberRemoveRequest {
  return { ID: 0n };
}

export const MemberRemoveRequest: MessageFns<MemberRemoveRequest> = {
  encode(message: MemberRemoveRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberRemoveRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberRemoveRequest();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<MemberRemoveRequest>): MemberRemoveRequest {
    return MemberRemoveRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberRemoveRequest>): MemberRemoveRequest {
    const message = createBaseMemberRemoveRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseMemberRemoveResponse(): MemberRemoveResponse {
  return { header: undefined, members: [] };
}

export const MemberRemoveResponse: MessageFns<MemberRemoveResponse> = {
  encode(message: MemberRemoveResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.members) {
      Member.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberRemoveResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberRemoveResponse();
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

            message.members.push(Member.decode(reader, reader.size()));
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

  create(base?: DeepPartial<MemberRemoveResponse>): MemberRemoveResponse {
    return MemberRemoveResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberRemoveResponse>): MemberRemoveResponse {
    const message = createBaseMemberRemoveResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.members = object.members?.map((e) => Member.fromPartial(e)) || [];
    return message;
  },
};

function createBaseMemberUpdateRequest(): MemberUpdateRequest {
  return { ID: 0n, peerURLs: [] };
}

export const MemberUpdateRequest: MessageFns<MemberUpdateRequest> = {
  encode(message: MemberUpdateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    for (const v of message.peerURLs) {
      writer.uint32(18).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberUpdateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberUpdateRequest();
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

            message.peerURLs.push(reader.string());
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

  create(base?: DeepPartial<MemberUpdateRequest>): MemberUpdateRequest {
    return MemberUpdateRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberUpdateRequest>): MemberUpdateRequest {
    const message = createBaseMemberUpdateRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.peerURLs = object.peerURLs?.map((e) => e) || [];
    return message;
  },
};

function createBaseMemberUpdateResponse(): MemberUpdateResponse {
  return { header: undefined, members: [] };
}

export const MemberUpdateResponse: MessageFns<MemberUpdateResponse> = {
  encode(message: MemberUpdateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.members) {
      Member.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberUpdateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberUpdateResponse();
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

            message.members.push(Member.decode(reader, reader.size()));
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

  create(base?: DeepPartial<MemberUpdateResponse>): MemberUpdateResponse {
    return MemberUpdateResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberUpdateResponse>): MemberUpdateResponse {
    const message = createBaseMemberUpdateResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.members = object.members?.map((e) => Member.fromPartial(e)) || [];
    return message;
  },
};

function createBaseMemberListRequest(): MemberListRequest {
  return { linearizable: false };
}

export const MemberListRequest: MessageFns<MemberListRequest> = {
  encode(message: MemberListRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.linearizable !== false) {
      writer.uint32(8).bool(message.linearizable);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberListRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberListRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.linearizable = reader.bool();
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

  create(base?: DeepPartial<MemberListRequest>): MemberListRequest {
    return MemberListRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberListRequest>): MemberListRequest {
    const message = createBaseMemberListRequest();
    message.linearizable = object.linearizable ?? false;
    return message;
  },
};

function createBaseMemberListResponse(): MemberListResponse {
  return { header: undefined, members: [] };
}

export const MemberListResponse: MessageFns<MemberListResponse> = {
  encode(message: MemberListResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.members) {
      Member.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberListResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberListResponse();
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

            message.members.push(Member.decode(reader, reader.size()));
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

  create(base?: DeepPartial<MemberListResponse>): MemberListResponse {
    return MemberListResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberListResponse>): MemberListResponse {
    const message = createBaseMemberListResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.members = object.members?.map((e) => Member.fromPartial(e)) || [];
    return message;
  },
};

function createBaseMemberPromoteRequest(): MemberPromoteRequest {
  return { ID: 0n };
}

export const MemberPromoteRequest: MessageFns<MemberPromoteRequest> = {
  encode(message: MemberPromoteRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).uint64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberPromoteRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberPromoteRequest();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<MemberPromoteRequest>): MemberPromoteRequest {
    return MemberPromoteRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberPromoteRequest>): MemberPromoteRequest {
    const message = createBaseMemberPromoteRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseMemberPromoteResponse(): MemberPromoteResponse {
  return { header: undefined, members: [] };
}

export const MemberPromoteResponse: MessageFns<MemberPromoteResponse> = {
  encode(message: MemberPromoteResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.members) {
      Member.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): MemberPromoteResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMemberPromoteResponse();
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

            message.members.push(Member.decode(reader, reader.size()));
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

  create(base?: DeepPartial<MemberPromoteResponse>): MemberPromoteResponse {
    return MemberPromoteResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<MemberPromoteResponse>): MemberPromoteResponse {
    const message = createBaseMemberPromoteResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.members = object.members?.map((e) => Member.fromPartial(e)) || [];
    return message;
  },
};

export type ClusterDefinition = typeof ClusterDefinition;
export const ClusterDefinition = {
  name: "Cluster",
  fullName: "etcdserverpb.Cluster",
  methods: {
    memberAdd: {
      name: "MemberAdd",
      requestType: MemberAddRequest as typeof MemberAddRequest,
      requestStream: false,
      responseType: MemberAddResponse as typeof MemberAddResponse,
      responseStream: false,
      options: {},
    },
    memberRemove: {
      name: "MemberRemove",
      requestType: MemberRemoveRequest as typeof MemberRemoveRequest,
      requestStream: false,
      responseType: MemberRemoveResponse as typeof MemberRemoveResponse,
      responseStream: false,
      options: {},
    },
    memberUpdate: {
      name: "MemberUpdate",
      requestType: MemberUpdateRequest as typeof MemberUpdateRequest,
      requestStream: false,
      responseType: MemberUpdateResponse as typeof MemberUpdateResponse,
      responseStream: false,
      options: {},
    },
    memberList: {
      name: "MemberList",
      requestType: MemberListRequest as typeof MemberListRequest,
      requestStream: false,
      responseType: MemberListResponse as typeof MemberListResponse,
      responseStream: false,
      options: {},
    },
    memberPromote: {
      name: "MemberPromote",
      requestType: MemberPromoteRequest as typeof MemberPromoteRequest,
      requestStream: false,
      responseType: MemberPromoteResponse as typeof MemberPromoteResponse,
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
