// Made from proto/etcd/leasestate.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } from "./lease.ts";

export const protobufPackage = "leasepb";

export const protobufFileName = "etcd/leasestate.proto";

/** The stored lease, and what members ask the leader about leases over the peer wire. */

export interface Lease {
  ID: bigint;
  TTL: number;
  RemainingTTL: number;
}

export interface LeaseInternalRequest {
  LeaseTimeToLiveRequest: LeaseTimeToLiveRequest | undefined;
}

export interface LeaseInternalResponse {
  LeaseTimeToLiveResponse: LeaseTimeToLiveResponse | undefined;
}

function createBaseLease(): Lease {
  return { ID: 0n, TTL: 0, RemainingTTL: 0 };
}

export const Lease: MessageFns<Lease> = {
  encode(message: Lease, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    if (message.TTL !== 0) {
      writer.uint32(16).int64(message.TTL);
    }
    if (message.RemainingTTL !== 0) {
      writer.uint32(24).int64(message.RemainingTTL);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Lease {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLease();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.ID = reader.int64();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.TTL = reader.int64Number();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.RemainingTTL = reader.int64Number();
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

  create(base?: DeepPartial<Lease>): Lease {
    return Lease.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Lease>): Lease {
    const message = createBaseLease();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.TTL = object.TTL ?? 0;
    message.RemainingTTL = object.RemainingTTL ?? 0;
    return message;
  },
};

function createBaseLeaseInternalRequest(): LeaseInternalRequest {
  return { LeaseTimeToLiveRequest: undefined };
}

export const LeaseInternalRequest: MessageFns<LeaseInternalRequest> = {
  encode(message: LeaseInternalRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.LeaseTimeToLiveRequest !== undefined) {
      LeaseTimeToLiveRequest.encode(message.LeaseTimeToLiveRequest, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseInternalRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseInternalRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.LeaseTimeToLiveRequest = LeaseTimeToLiveRequest.decode(reader, reader.size());
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

  create(base?: DeepPartial<LeaseInternalRequest>): LeaseInternalRequest {
    return LeaseInternalRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseInternalRequest>): LeaseInternalRequest {
    const message = createBaseLeaseInternalRequest();
    message.LeaseTimeToLiveRequest =
      (object.LeaseTimeToLiveRequest !== undefined && object.LeaseTimeToLiveRequest !== null)
        ? LeaseTimeToLiveRequest.fromPartial(object.LeaseTimeToLiveRequest)
        : undefined;
    return message;
  },
};

function createBaseLeaseInternalResponse(): LeaseInternalResponse {
  return { LeaseTimeToLiveResponse: undefined };
}

export const LeaseInternalResponse: MessageFns<LeaseInternalResponse> = {
  encode(message: LeaseInternalResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.LeaseTimeToLiveResponse !== undefined) {
      LeaseTimeToLiveResponse.encode(message.LeaseTimeToLiveResponse, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseInternalResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseInternalResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.LeaseTimeToLiveResponse = LeaseTimeToLiveResponse.decode(reader, reader.size());
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

  create(base?: DeepPartial<LeaseInternalResponse>): LeaseInternalResponse {
    return LeaseInternalResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseInternalResponse>): LeaseInternalResponse {
    const message = createBaseLeaseInternalResponse();
    message.LeaseTimeToLiveResponse =
      (object.LeaseTimeToLiveResponse !== undefined && object.LeaseTimeToLiveResponse !== null)
        ? LeaseTimeToLiveResponse.fromPartial(object.LeaseTimeToLiveResponse)
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
