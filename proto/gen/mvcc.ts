// Made from proto/etcd/mvcc.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "mvccpb";

export const protobufFileName = "etcd/mvcc.proto";

/** The stored pair and the events made from it. An encoded KeyValue is also the state record itself, so its bytes count towards Hash and HashKV. */

export interface KeyValue {
  key: Uint8Array;
  createRevision: number;
  modRevision: number;
  version: number;
  value: Uint8Array;
  lease: bigint;
}

export interface Event {
  type: Event_EventType;
  kv: KeyValue | undefined;
  prevKv: KeyValue | undefined;
}

export const Event_EventType = { PUT: 0, DELETE: 1 } as const;

export type Event_EventType = typeof Event_EventType[keyof typeof Event_EventType];

export namespace Event_EventType {
  export type PUT = typeof Event_EventType.PUT;
  export type DELETE = typeof Event_EventType.DELETE;
}

function createBaseKeyValue(): KeyValue {
  return { key: emptyBytes, createRevision: 0, modRevision: 0, version: 0, value: emptyBytes, lease: 0n };
}

export const KeyValue: MessageFns<KeyValue> = {
  encode(message: KeyValue, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    if (message.createRevision !== 0) {
      writer.uint32(16).int64(message.createRevision);
    }
    if (message.modRevision !== 0) {
      writer.uint32(24).int64(message.modRevision);
    }
    if (message.version !== 0) {
      writer.uint32(32).int64(message.version);
    }
    if (message.value.length !== 0) {
      writer.uint32(42).bytes(message.value);
    }
    if (message.lease !== 0n) {
      writer.uint32(48).int64(message.lease);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): KeyValue {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseKeyValue();
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
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.createRevision = reader.int64Number();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.modRevision = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.version = reader.int64Number();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.value = reader.bytes();
            continue;
          }
          case 6: {
            if (tag !== 48) {
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

  create(base?: DeepPartial<KeyValue>): KeyValue {
    return KeyValue.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<KeyValue>): KeyValue {
    const message = createBaseKeyValue();
    message.key = object.key ?? emptyBytes;
    message.createRevision = object.createRevision ?? 0;
    message.modRevision = object.modRevision ?? 0;
    message.version = object.version ?? 0;
    message.value = object.value ?? emptyBytes;
    message.lease = (object.lease !== undefined && object.lease !== null) ? BigInt(object.lease) : 0n;
    return message;
  },
};

function createBaseEvent(): Event {
  return { type: 0, kv: undefined, prevKv: undefined };
}

export const Event: MessageFns<Event> = {
  encode(message: Event, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.type !== 0) {
      writer.uint32(8).int32(message.type);
    }
    if (message.kv !== undefined) {
      KeyValue.encode(message.kv, writer.uint32(18).fork()).join();
    }
    if (message.prevKv !== undefined) {
      KeyValue.encode(message.prevKv, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Event {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseEvent();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.type = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.kv = KeyValue.decode(reader, reader.size());
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.prevKv = KeyValue.decode(reader, reader.size());
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

  create(base?: DeepPartial<Event>): Event {
    return Event.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Event>): Event {
    const message = createBaseEvent();
    message.type = object.type ?? 0;
    message.kv = (object.kv !== undefined && object.kv !== null) ? KeyValue.fromPartial(object.kv) : undefined;
    message.prevKv = (object.prevKv !== undefined && object.prevKv !== null)
      ? KeyValue.fromPartial(object.prevKv)
      : undefined;
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
