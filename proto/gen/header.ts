// Made from proto/etcd/header.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/header.proto";

/** What every answer of the v3 API begins with. */

export interface ResponseHeader {
  clusterId: bigint;
  memberId: bigint;
  revision: number;
  raftTerm: number;
}

function createBaseResponseHeader(): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
}

export const ResponseHeader: MessageFns<ResponseHeader> = {
  encode(message: ResponseHeader, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.clusterId !== 0n) {
      writer.uint32(8).uint64(message.clusterId);
    }
    if (message.memberId !== 0n) {
      writer.uint32(16).uint64(message.memberId);
    }
    if (message.revision !== 0) {
      writer.uint32(24).int64(message.revision);
    }
    if (message.raftTerm !== 0) {
      writer.uint32(32).uint64(message.raftTerm);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ResponseHeader {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseResponseHeader();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.clusterId = reader.uint64();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.memberId = reader.uint64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.revision = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.raftTerm = reader.uint64Number();
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

  create(base?: DeepPartial<ResponseHeader>): ResponseHeader {
    return ResponseHeader.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ResponseHeader>): ResponseHeader {
    const message = createBaseResponseHeader();
    message.clusterId = (object.clusterId !== undefined && object.clusterId !== null) ? BigInt(object.clusterId) : 0n;
    message.memberId = (object.memberId !== undefined && object.memberId !== null) ? BigInt(object.memberId) : 0n;
    message.revision = object.revision ?? 0;
    message.raftTerm = object.raftTerm ?? 0;
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
