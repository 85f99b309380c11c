// Made from proto/etcd/storage.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ConfState } from "./raft.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/storage.proto";

/** Small records of data folders: the identity in the log, and the frame of a snapshot file. */

export interface Metadata {
  NodeID: bigint;
  ClusterID: bigint;
}

/** A record of etcd's write-ahead log. Fields that are not there count as 0. */
export interface WalRecord {
  type: number;
  crc: number;
  data: Uint8Array;
}

export interface WalSnapshot {
  index: number;
  term: number;
  confState: ConfState | undefined;
}

/** A file member/snap/*.snap: a raftpb.Snapshot and its checksum. */
export interface SnapFrame {
  crc: number;
  data: Uint8Array;
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

function createBaseWalRecord(): WalRecord {
  return { type: 0, crc: 0, data: emptyBytes };
}

export const WalRecord: MessageFns<WalRecord> = {
  encode(message: WalRecord, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== 0) {
      writer.uint32(8).int64(message.type);
    }
    if (message.crc !== 0) {
      writer.uint32(16).uint32(message.crc);
    }
    if (message.data.length !== 0) {
      writer.uint32(26).bytes(message.data);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WalRecord {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWalRecord();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.type = reader.int64Number();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.crc = reader.uint32();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.data = reader.bytes();
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

  create(base?: DeepPartial<WalRecord>): WalRecord {
    return WalRecord.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WalRecord>): WalRecord {
    const message = createBaseWalRecord();
    message.type = object.type ?? 0;
    message.crc = object.crc ?? 0;
    message.data = object.data ?? emptyBytes;
    return message;
  },
};

function createBaseWalSnapshot(): WalSnapshot {
  return { index: 0, term: 0, confState: undefined };
}

export const WalSnapshot: MessageFns<WalSnapshot> = {
  encode(message: WalSnapshot, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.index !== 0) {
      writer.uint32(8).uint64(message.index);
    }
    if (message.term !== 0) {
      writer.uint32(16).uint64(message.term);
    }
    if (message.confState !== undefined) {
      ConfState.encode(message.confState, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WalSnapshot {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWalSnapshot();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.index = reader.uint64Number();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.term = reader.uint64Number();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.confState = ConfState.decode(reader, reader.size());
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

  create(base?: DeepPartial<WalSnapshot>): WalSnapshot {
    return WalSnapshot.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WalSnapshot>): WalSnapshot {
    const message = createBaseWalSnapshot();
    message.index = object.index ?? 0;
    message.term = object.term ?? 0;
    message.confState = (object.confState !== undefined && object.confState !== null)
      ? ConfState.fromPartial(object.confState)
      : undefined;
    return message;
  },
};

function createBaseSnapFrame(): SnapFrame {
  return { crc: 0, data: emptyBytes };
}

export const SnapFrame: MessageFns<SnapFrame> = {
  encode(message: SnapFrame, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.crc !== 0) {
      writer.uint32(8).uint32(message.crc);
    }
    if (message.data.length !== 0) {
      writer.uint32(18).bytes(message.data);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): SnapFrame {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseSnapFrame();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.crc = reader.uint32();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.data = reader.bytes();
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

  create(base?: DeepPartial<SnapFrame>): SnapFrame {
    return SnapFrame.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<SnapFrame>): SnapFrame {
    const message = createBaseSnapFrame();
    message.crc = object.crc ?? 0;
    message.data = object.data ?? emptyBytes;
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
