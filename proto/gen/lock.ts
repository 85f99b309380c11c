// Made from proto/etcd/lock.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";

export const protobufPackage = "v3lockpb";

export const protobufFileName = "etcd/lock.proto";

/** The lock service: named locks owned through a lease. */

export interface LockRequest {
  name: Uint8Array;
  lease: bigint;
}

export interface LockResponse {
  header: ResponseHeader | undefined;
  key: Uint8Array;
}

export interface UnlockRequest {
  key: Uint8Array;
}

export interface UnlockResponse {
  header: ResponseHeader | undefined;
}

function createBaseLockRequest(): LockRequest {
  return { name: emptyBytes, lease: 0n };
}

export const LockRequest: MessageFns<LockRequest> = {
  encode(message: LockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    if (message.lease !== 0n) {
      writer.uint32(16).int64(message.lease);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLockRequest();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<LockRequest>): LockRequest {
    return LockRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LockRequest>): LockRequest {
    const message = createBaseLockRequest();
    message.name = object.name ?? emptyBytes;
    message.lease = (object.lease !== undefined && object.lease !== null) ? BigInt(object.lease) : 0n;
    return message;
  },
};

function createBaseLockResponse(): LockResponse {
  return { header: undefined, key: emptyBytes };
}

export const LockResponse: MessageFns<LockResponse> = {
  encode(message: LockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.key.length !== 0) {
      writer.uint32(18).bytes(message.key);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLockResponse();
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

            message.key = reader.bytes();
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

  create(base?: DeepPartial<LockResponse>): LockResponse {
    return LockResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LockResponse>): LockResponse {
    const message = createBaseLockResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.key = object.key ?? emptyBytes;
    return message;
  },
};

function createBaseUnlockRequest(): UnlockRequest {
  return { key: emptyBytes };
}

export const UnlockRequest: MessageFns<UnlockRequest> = {
  encode(message: UnlockRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnlockRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnlockRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.bytes();
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

  create(base?: DeepPartial<UnlockRequest>): UnlockRequest {
    return UnlockRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<UnlockRequest>): UnlockRequest {
    const message = createBaseUnlockRequest();
    message.key = object.key ?? emptyBytes;
    return message;
  },
};

function createBaseUnlockResponse(): UnlockResponse {
  return { header: undefined };
}

export const UnlockResponse: MessageFns<UnlockResponse> = {
  encode(message: UnlockResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UnlockResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUnlockResponse();
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

  create(base?: DeepPartial<UnlockResponse>): UnlockResponse {
    return UnlockResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<UnlockResponse>): UnlockResponse {
    const message = createBaseUnlockResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

export type LockDefinition = typeof LockDefinition;
export const LockDefinition = {
  name: "Lock",
  fullName: "v3lockpb.Lock",
  methods: {
    lock: {
      name: "Lock",
      requestType: LockRequest as typeof LockRequest,
      requestStream: false,
      responseType: LockResponse as typeof LockResponse,
      responseStream: false,
      options: {},
    },
    unlock: {
      name: "Unlock",
      requestType: UnlockRequest as typeof UnlockRequest,
      requestStream: false,
      responseType: UnlockResponse as typeof UnlockResponse,
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
