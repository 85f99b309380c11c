// Made from proto/etcd/election.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";
import { KeyValue } from "./mvcc.ts";

export const protobufPackage = "v3electionpb";

export const protobufFileName = "etcd/election.proto";

/** The election service: campaigns among clients, owned through a lease. */

export interface CampaignRequest {
  name: Uint8Array;
  lease: bigint;
  value: Uint8Array;
}

export interface CampaignResponse {
  header: ResponseHeader | undefined;
  leader: LeaderKey | undefined;
}

export interface LeaderKey {
  name: Uint8Array;
  key: Uint8Array;
  rev: number;
  lease: bigint;
}

export interface LeaderRequest {
  name: Uint8Array;
}

export interface LeaderResponse {
  header: ResponseHeader | undefined;
  kv: KeyValue | undefined;
}

export interface ResignRequest {
  leader: LeaderKey | undefined;
}

export interface ResignResponse {
  header: ResponseHeader | undefined;
}

export interface ProclaimRequest {
  leader: LeaderKey | undefined;
  value: Uint8Array;
}

export interface ProclaimResponse {
  header: ResponseHeader | undefined;
}

function createBaseCampaignRequest(): CampaignRequest {
  return { name: emptyBytes, lease: 0n, value: emptyBytes };
}

export const CampaignRequest: MessageFns<CampaignRequest> = {
  encode(message: CampaignRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    if (message.lease !== 0n) {
      writer.uint32(16).int64(message.lease);
    }
    if (message.value.length !== 0) {
      writer.uint32(26).bytes(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): CampaignRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCampaignRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.lease = reader.int64();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.value = reader.bytes();
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

  create(base?: DeepPartial<CampaignRequest>): CampaignRequest {
    return CampaignRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<CampaignRequest>): CampaignRequest {
    const message = createBaseCampaignRequest();
    message.name = object.name ?? emptyBytes;
    message.lease = (object.lease !== undefined && object.lease !== null) ? BigInt(object.lease) : 0n;
    message.value = object.value ?? emptyBytes;
    return message;
  },
};

function createBaseCampaignResponse(): CampaignResponse {
  return { header: undefined, leader: undefined };
}

export const CampaignResponse: MessageFns<CampaignResponse> = {
  encode(message: CampaignResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.leader !== undefined) {
      LeaderKey.encode(message.leader, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): CampaignResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCampaignResponse();
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

            message.leader = LeaderKey.decode(reader, reader.size());
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

  create(base?: DeepPartial<CampaignResponse>): CampaignResponse {
    return CampaignResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<CampaignResponse>): CampaignResponse {
    const message = createBaseCampaignResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.leader = (object.leader !== undefined && object.leader !== null)
      ? LeaderKey.fromPartial(object.leader)
      : undefined;
    return message;
  },
};

function createBaseLeaderKey(): LeaderKey {
  return { name: emptyBytes, key: emptyBytes, rev: 0, lease: 0n };
}

export const LeaderKey: MessageFns<LeaderKey> = {
  encode(message: LeaderKey, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    if (message.key.length !== 0) {
      writer.uint32(18).bytes(message.key);
    }
    if (message.rev !== 0) {
      writer.uint32(24).int64(message.rev);
    }
    if (message.lease !== 0n) {
      writer.uint32(32).int64(message.lease);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaderKey {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaderKey();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.bytes();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.key = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.rev = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.lease = reader.int64();
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

  create(base?: DeepPartial<LeaderKey>): LeaderKey {
    return LeaderKey.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaderKey>): LeaderKey {
    const message = createBaseLeaderKey();
    message.name = object.name ?? emptyBytes;
    message.key = object.key ?? emptyBytes;
    message.rev = object.rev ?? 0;
    message.lease = (object.lease !== undefined && object.lease !== null) ? BigInt(object.lease) : 0n;
    return message;
  },
};

function createBaseLeaderRequest(): LeaderRequest {
  return { name: emptyBytes };
}

export const LeaderRequest: MessageFns<LeaderRequest> = {
  encode(message: LeaderRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaderRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaderRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.bytes();
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

  create(base?: DeepPartial<LeaderRequest>): LeaderRequest {
    return LeaderRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaderRequest>): LeaderRequest {
    const message = createBaseLeaderRequest();
    message.name = object.name ?? emptyBytes;
    return message;
  },
};

function createBaseLeaderResponse(): LeaderResponse {
  return { header: undefined, kv: undefined };
}

export const LeaderResponse: MessageFns<LeaderResponse> = {
  encode(message: LeaderResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.kv !== undefined) {
      KeyValue.encode(message.kv, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaderResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaderResponse();
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

            message.kv = KeyValue.decode(reader, reader.size());
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

  create(base?: DeepPartial<LeaderResponse>): LeaderResponse {
    return LeaderResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaderResponse>): LeaderResponse {
    const message = createBaseLeaderResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.kv = (object.kv !== undefined && object.kv !== null) ? KeyValue.fromPartial(object.kv) : undefined;
    return message;
  },
};

function createBaseResignRequest(): ResignRequest {
  return { leader: undefined };
}

export const ResignRequest: MessageFns<ResignRequest> = {
  encode(message: ResignRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.leader !== undefined) {
      LeaderKey.encode(message.leader, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ResignRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseResignRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.leader = LeaderKey.decode(reader, reader.size());
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

  create(base?: DeepPartial<ResignRequest>): ResignRequest {
    return ResignRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ResignRequest>): ResignRequest {
    const message = createBaseResignRequest();
    message.leader = (object.leader !== undefined && object.leader !== null)
      ? LeaderKey.fromPartial(object.leader)
      : undefined;
    return message;
  },
};

function createBaseResignResponse(): ResignResponse {
  return { header: undefined };
}

export const ResignResponse: MessageFns<ResignResponse> = {
  encode(message: ResignResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ResignResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseResignResponse();
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

  create(base?: DeepPartial<ResignResponse>): ResignResponse {
    return ResignResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ResignResponse>): ResignResponse {
    const message = createBaseResignResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseProclaimRequest(): ProclaimRequest {
  return { leader: undefined, value: emptyBytes };
}

export const ProclaimRequest: MessageFns<ProclaimRequest> = {
  encode(message: ProclaimRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.leader !== undefined) {
      LeaderKey.encode(message.leader, writer.uint32(10).fork()).join();
    }
    if (message.value.length !== 0) {
      writer.uint32(18).bytes(message.value);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ProclaimRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseProclaimRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.leader = LeaderKey.decode(reader, reader.size());
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.bytes();
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

  create(base?: DeepPartial<ProclaimRequest>): ProclaimRequest {
    return ProclaimRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ProclaimRequest>): ProclaimRequest {
    const message = createBaseProclaimRequest();
    message.leader = (object.leader !== undefined && object.leader !== null)
      ? LeaderKey.fromPartial(object.leader)
      : undefined;
    message.value = object.value ?? emptyBytes;
    return message;
  },
};

function createBaseProclaimResponse(): ProclaimResponse {
  return { header: undefined };
}

export const ProclaimResponse: MessageFns<ProclaimResponse> = {
  encode(message: ProclaimResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ProclaimResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseProclaimResponse();
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

  create(base?: DeepPartial<ProclaimResponse>): ProclaimResponse {
    return ProclaimResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ProclaimResponse>): ProclaimResponse {
    const message = createBaseProclaimResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

export type ElectionDefinition = typeof ElectionDefinition;
export const ElectionDefinition = {
  name: "Election",
  fullName: "v3electionpb.Election",
  methods: {
    campaign: {
      name: "Campaign",
      requestType: CampaignRequest as typeof CampaignRequest,
      requestStream: false,
      responseType: CampaignResponse as typeof CampaignResponse,
      responseStream: false,
      options: {},
    },
    proclaim: {
      name: "Proclaim",
      requestType: ProclaimRequest as typeof ProclaimRequest,
      requestStream: false,
      responseType: ProclaimResponse as typeof ProclaimResponse,
      responseStream: false,
      options: {},
    },
    leader: {
      name: "Leader",
      requestType: LeaderRequest as typeof LeaderRequest,
      requestStream: false,
      responseType: LeaderResponse as typeof LeaderResponse,
      responseStream: false,
      options: {},
    },
    observe: {
      name: "Observe",
      requestType: LeaderRequest as typeof LeaderRequest,
      requestStream: false,
      responseType: LeaderResponse as typeof LeaderResponse,
      responseStream: true,
      options: {},
    },
    resign: {
      name: "Resign",
      requestType: ResignRequest as typeof ResignRequest,
      requestStream: false,
      responseType: ResignResponse as typeof ResignResponse,
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
