// Made from proto/etcd/extension.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "etcdts";

export const protobufFileName = "etcd/extension.proto";

/** What only our members know: commands beside etcd's, and the records that they leave. */

/**
 * Says that every member knows a capability; from then on all must. Stands in the log behind an empty
 * alarm request, which is all that a member without it sees, and which changes nothing.
 */
export interface CapabilityLatch {
  capability: string;
  /** The members that have announced it: void if the cluster has others when it is applied. */
  members: bigint[];
}

/** A write to the v2 key space, or the expiry of what is due. */
export interface V2Request {
  /** PUT, POST, DELETE or SYNC. */
  method: string;
  path: string;
  value: string;
  dir: boolean;
  prevValue: string;
  prevIndex: bigint;
  prevExist?: boolean | undefined;
  recursive: boolean;
  refresh: boolean;
  /** When the node ends, in Unix milliseconds; absent for never. */
  expireMs?:
    | number
    | undefined;
  /** The proposer's clock, in Unix milliseconds: all that apply knows of time. */
  timeMs: number;
}

/** A node of the v2 tree as it is kept, below its path; in an event, the node as it was then. */
export interface V2Node {
  key: string;
  value: string;
  dir: boolean;
  createdIndex: number;
  modifiedIndex: number;
  expireMs?:
    | number
    | undefined;
  /** Seconds, as of the event. */
  ttl: number;
}

/** An event of the v2 history. */
export interface V2Event {
  action: string;
  node: V2Node | undefined;
  prevNode:
    | V2Node
    | undefined;
  /** No watcher is told. */
  refresh: boolean;
}

function createBaseCapabilityLatch(): CapabilityLatch {
  return { capability: "", members: [] };
}

export const CapabilityLatch: MessageFns<CapabilityLatch> = {
  encode(message: CapabilityLatch, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.capability !== "") {
      writer.uint32(10).string(message.capability);
    }
    if (message.members.length !== 0) {
      writer.uint32(18).fork();
      for (const v of message.members) {
        writer.uint64(v);
      }
      writer.join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): CapabilityLatch {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCapabilityLatch();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.capability = reader.string();
            continue;
          }
          case 2: {
            if (tag === 16) {
              message.members.push(reader.uint64());

              continue;
            }

            if (tag === 18) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.members.push(reader.uint64());
              }
              reader.endAt(end2);

              continue;
            }

            break;
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

  create(base?: DeepPartial<CapabilityLatch>): CapabilityLatch {
    return CapabilityLatch.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<CapabilityLatch>): CapabilityLatch {
    const message = createBaseCapabilityLatch();
    message.capability = object.capability ?? "";
    message.members = object.members?.map((e) => BigInt(e)) || [];
    return message;
  },
};

function createBaseV2Request(): V2Request {
  return {
    method: "",
    path: "",
    value: "",
    dir: false,
    prevValue: "",
    prevIndex: 0n,
    prevExist: undefined,
    recursive: false,
    refresh: false,
    expireMs: undefined,
    timeMs: 0,
  };
}

export const V2Request: MessageFns<V2Request> = {
  encode(message: V2Request, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.method !== "") {
      writer.uint32(10).string(message.method);
    }
    if (message.path !== "") {
      writer.uint32(18).string(message.path);
    }
    if (message.value !== "") {
      writer.uint32(26).string(message.value);
    }
    if (message.dir !== false) {
      writer.uint32(32).bool(message.dir);
    }
    if (message.prevValue !== "") {
      writer.uint32(42).string(message.prevValue);
    }
    if (message.prevIndex !== 0n) {
      writer.uint32(48).uint64(message.prevIndex);
    }
    if (message.prevExist !== undefined) {
      writer.uint32(56).bool(message.prevExist);
    }
    if (message.recursive !== false) {
      writer.uint32(64).bool(message.recursive);
    }
    if (message.refresh !== false) {
      writer.uint32(72).bool(message.refresh);
    }
    if (message.expireMs !== undefined) {
      writer.uint32(80).int64(message.expireMs);
    }
    if (message.timeMs !== 0) {
      writer.uint32(88).int64(message.timeMs);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): V2Request {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseV2Request();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.method = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.path = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.value = reader.string();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.dir = reader.bool();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.prevValue = reader.string();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.prevIndex = reader.uint64();
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.prevExist = reader.bool();
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.recursive = reader.bool();
            continue;
          }
          case 9: {
            if (tag !== 72) {
              break;
            }

            message.refresh = reader.bool();
            continue;
          }
          case 10: {
            if (tag !== 80) {
              break;
            }

            message.expireMs = reader.int64Number();
            continue;
          }
          case 11: {
            if (tag !== 88) {
              break;
            }

            message.timeMs = reader.int64Number();
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

  create(base?: DeepPartial<V2Request>): V2Request {
    return V2Request.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<V2Request>): V2Request {
    const message = createBaseV2Request();
    message.method = object.method ?? "";
    message.path = object.path ?? "";
    message.value = object.value ?? "";
    message.dir = object.dir ?? false;
    message.prevValue = object.prevValue ?? "";
    message.prevIndex = (object.prevIndex !== undefined && object.prevIndex !== null) ? BigInt(object.prevIndex) : 0n;
    message.prevExist = object.prevExist ?? undefined;
    message.recursive = object.recursive ?? false;
    message.refresh = object.refresh ?? false;
    message.expireMs = object.expireMs ?? undefined;
    message.timeMs = object.timeMs ?? 0;
    return message;
  },
};

function createBaseV2Node(): V2Node {
  return { key: "", value: "", dir: false, createdIndex: 0, modifiedIndex: 0, expireMs: undefined, ttl: 0 };
}

export const V2Node: MessageFns<V2Node> = {
  encode(message: V2Node, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key !== "") {
      writer.uint32(10).string(message.key);
    }
    if (message.value !== "") {
      writer.uint32(18).string(message.value);
    }
    if (message.dir !== false) {
      writer.uint32(24).bool(message.dir);
    }
    if (message.createdIndex !== 0) {
      writer.uint32(32).uint64(message.createdIndex);
    }
    if (message.modifiedIndex !== 0) {
      writer.uint32(40).uint64(message.modifiedIndex);
    }
    if (message.expireMs !== undefined) {
      writer.uint32(48).int64(message.expireMs);
    }
    if (message.ttl !== 0) {
      writer.uint32(56).int64(message.ttl);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): V2Node {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseV2Node();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.key = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.value = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.dir = reader.bool();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.createdIndex = reader.uint64Number();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.modifiedIndex = reader.uint64Number();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.expireMs = reader.int64Number();
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.ttl = reader.int64Number();
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

  create(base?: DeepPartial<V2Node>): V2Node {
    return V2Node.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<V2Node>): V2Node {
    const message = createBaseV2Node();
    message.key = object.key ?? "";
    message.value = object.value ?? "";
    message.dir = object.dir ?? false;
    message.createdIndex = object.createdIndex ?? 0;
    message.modifiedIndex = object.modifiedIndex ?? 0;
    message.expireMs = object.expireMs ?? undefined;
    message.ttl = object.ttl ?? 0;
    return message;
  },
};

function createBaseV2Event(): V2Event {
  return { action: "", node: undefined, prevNode: undefined, refresh: false };
}

export const V2Event: MessageFns<V2Event> = {
  encode(message: V2Event, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.action !== "") {
      writer.uint32(10).string(message.action);
    }
    if (message.node !== undefined) {
      V2Node.encode(message.node, writer.uint32(18).fork()).join();
    }
    if (message.prevNode !== undefined) {
      V2Node.encode(message.prevNode, writer.uint32(26).fork()).join();
    }
    if (message.refresh !== false) {
      writer.uint32(32).bool(message.refresh);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): V2Event {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseV2Event();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.action = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.node = V2Node.decode(reader, reader.size());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.prevNode = V2Node.decode(reader, reader.size());
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.refresh = reader.bool();
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

  create(base?: DeepPartial<V2Event>): V2Event {
    return V2Event.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<V2Event>): V2Event {
    const message = createBaseV2Event();
    message.action = object.action ?? "";
    message.node = (object.node !== undefined && object.node !== null) ? V2Node.fromPartial(object.node) : undefined;
    message.prevNode = (object.prevNode !== undefined && object.prevNode !== null)
      ? V2Node.fromPartial(object.prevNode)
      : undefined;
    message.refresh = object.refresh ?? false;
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
