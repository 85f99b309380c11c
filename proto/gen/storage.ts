// Made from proto/etcd/storage.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/storage.proto";

/** Small records of data folders: the identity in the log, and the frame of a snapshot file. */

export interface Metadata {
  NodeID: bigint;
  ClusterID: bigint;
}

function createBaseMetadata(): Metadata {
  return { NodeID: 0n, ClusterID: 0n };
}

export const Metadata: MessageFns<Metadata> = {
  encode(message: Metadata, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.NodeID !== 0n) {
      writer.uint32(8).uint64(message.NodeID);
    }
    if (message.ClusterID !== 0n) {
      writer.uint32(16).uint64(message.ClusterID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Metadata {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseMetadata();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.NodeID = reader.uint64();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.ClusterID = reader.uint64();
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

  create(base?: DeepPartial<Metadata>): Metadata {
    return Metadata.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Metadata>): Metadata {
    const message = createBaseMetadata();
    message.NodeID = (object.NodeID !== undefined && object.NodeID !== null) ? BigInt(object.NodeID) : 0n;
    message.ClusterID = (object.ClusterID !== undefined && object.ClusterID !== null) ? BigInt(object.ClusterID) : 0n;
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
