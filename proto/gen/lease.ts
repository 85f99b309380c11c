// Made from proto/etcd/lease.proto by tools/gen.ts. Do not edit.
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/lease.proto";

/** Leases: time-limited owners of keys. The Internal messages are what members forward to the leader. */

export interface LeaseGrantRequest {
  TTL: number;
  ID: bigint;
}

export interface LeaseGrantResponse {
  header: ResponseHeader | undefined;
  ID: bigint;
  TTL: number;
  error: string;
}

export interface LeaseRevokeRequest {
  ID: bigint;
}

export interface LeaseRevokeResponse {
  header: ResponseHeader | undefined;
}

export interface LeaseCheckpoint {
  ID: bigint;
  remainingTTL: number;
}

export interface LeaseCheckpointRequest {
  checkpoints: LeaseCheckpoint[];
}

export interface LeaseCheckpointResponse {
  header: ResponseHeader | undefined;
}

export interface LeaseKeepAliveRequest {
  ID: bigint;
}

export interface LeaseKeepAliveResponse {
  header: ResponseHeader | undefined;
  ID: bigint;
  TTL: number;
}

export interface LeaseTimeToLiveRequest {
  ID: bigint;
  keys: boolean;
}

export interface LeaseTimeToLiveResponse {
  header: ResponseHeader | undefined;
  ID: bigint;
  TTL: number;
  grantedTTL: number;
  keys: Uint8Array[];
}

export interface LeaseLeasesRequest {
}

export interface LeaseStatus {
  ID: bigint;
}

export interface LeaseLeasesResponse {
  header: ResponseHeader | undefined;
  leases: LeaseStatus[];
}

function createBaseLeaseGrantRequest(): LeaseGrantRequest {
  return { TTL: 0, ID: 0n };
}

export const LeaseGrantRequest: MessageFns<LeaseGrantRequest> = {
  encode(message: LeaseGrantRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.TTL !== 0) {
      writer.uint32(8).int64(message.TTL);
    }
    if (message.ID !== 0n) {
      writer.uint32(16).int64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseGrantRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseGrantRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.TTL = reader.int64Number();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.ID = reader.int64();
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

  create(base?: DeepPartial<LeaseGrantRequest>): LeaseGrantRequest {
    return LeaseGrantRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseGrantRequest>): LeaseGrantRequest {
    const message = createBaseLeaseGrantRequest();
    message.TTL = object.TTL ?? 0;
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseLeaseGrantResponse(): LeaseGrantResponse {
  return { header: undefined, ID: 0n, TTL: 0, error: "" };
}

export const LeaseGrantResponse: MessageFns<LeaseGrantResponse> = {
  encode(message: LeaseGrantResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.ID !== 0n) {
      writer.uint32(16).int64(message.ID);
    }
    if (message.TTL !== 0) {
      writer.uint32(24).int64(message.TTL);
    }
    if (message.error !== "") {
      writer.uint32(34).string(message.error);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseGrantResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseGrantResponse();
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
            if (tag !== 16) {
              break;
            }

            message.ID = reader.int64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.TTL = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.error = reader.string();
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

  create(base?: DeepPartial<LeaseGrantResponse>): LeaseGrantResponse {
    return LeaseGrantResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseGrantResponse>): LeaseGrantResponse {
    const message = createBaseLeaseGrantResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.TTL = object.TTL ?? 0;
    message.error = object.error ?? "";
    return message;
  },
};

function createBaseLeaseRevokeRequest(): LeaseRevokeRequest {
  return { ID: 0n };
}

export const LeaseRevokeRequest: MessageFns<LeaseRevokeRequest> = {
  encode(message: LeaseRevokeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseRevokeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseRevokeRequest();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<LeaseRevokeRequest>): LeaseRevokeRequest {
    return LeaseRevokeRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseRevokeRequest>): LeaseRevokeRequest {
    const message = createBaseLeaseRevokeRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseLeaseRevokeResponse(): LeaseRevokeResponse {
  return { header: undefined };
}

export const LeaseRevokeResponse: MessageFns<LeaseRevokeResponse> = {
  encode(message: LeaseRevokeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseRevokeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseRevokeResponse();
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

  create(base?: DeepPartial<LeaseRevokeResponse>): LeaseRevokeResponse {
    return LeaseRevokeResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseRevokeResponse>): LeaseRevokeResponse {
    const message = createBaseLeaseRevokeResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseLeaseCheckpoint(): LeaseCheckpoint {
  return { ID: 0n, remainingTTL: 0 };
}

export const LeaseCheckpoint: MessageFns<LeaseCheckpoint> = {
  encode(message: LeaseCheckpoint, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    if (message.remainingTTL !== 0) {
      writer.uint32(16).int64(message.remainingTTL);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseCheckpoint {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseCheckpoint();
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

            message.remainingTTL = reader.int64Number();
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

  create(base?: DeepPartial<LeaseCheckpoint>): LeaseCheckpoint {
    return LeaseCheckpoint.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseCheckpoint>): LeaseCheckpoint {
    const message = createBaseLeaseCheckpoint();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.remainingTTL = object.remainingTTL ?? 0;
    return message;
  },
};

function createBaseLeaseCheckpointRequest(): LeaseCheckpointRequest {
  return { checkpoints: [] };
}

export const LeaseCheckpointRequest: MessageFns<LeaseCheckpointRequest> = {
  encode(message: LeaseCheckpointRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.checkpoints) {
      LeaseCheckpoint.encode(v!, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseCheckpointRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseCheckpointRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.checkpoints.push(LeaseCheckpoint.decode(reader, reader.size()));
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

  create(base?: DeepPartial<LeaseCheckpointRequest>): LeaseCheckpointRequest {
    return LeaseCheckpointRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseCheckpointRequest>): LeaseCheckpointRequest {
    const message = createBaseLeaseCheckpointRequest();
    message.checkpoints = object.checkpoints?.map((e) => LeaseCheckpoint.fromPartial(e)) || [];
    return message;
  },
};

function createBaseLeaseCheckpointResponse(): LeaseCheckpointResponse {
  return { header: undefined };
}

export const LeaseCheckpointResponse: MessageFns<LeaseCheckpointResponse> = {
  encode(message: LeaseCheckpointResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseCheckpointResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseCheckpointResponse();
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

  create(base?: DeepPartial<LeaseCheckpointResponse>): LeaseCheckpointResponse {
    return LeaseCheckpointResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseCheckpointResponse>): LeaseCheckpointResponse {
    const message = createBaseLeaseCheckpointResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseLeaseKeepAliveRequest(): LeaseKeepAliveRequest {
  return { ID: 0n };
}

export const LeaseKeepAliveRequest: MessageFns<LeaseKeepAliveRequest> = {
  encode(message: LeaseKeepAliveRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseKeepAliveRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseKeepAliveRequest();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<LeaseKeepAliveRequest>): LeaseKeepAliveRequest {
    return LeaseKeepAliveRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseKeepAliveRequest>): LeaseKeepAliveRequest {
    const message = createBaseLeaseKeepAliveRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseLeaseKeepAliveResponse(): LeaseKeepAliveResponse {
  return { header: undefined, ID: 0n, TTL: 0 };
}

export const LeaseKeepAliveResponse: MessageFns<LeaseKeepAliveResponse> = {
  encode(message: LeaseKeepAliveResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.ID !== 0n) {
      writer.uint32(16).int64(message.ID);
    }
    if (message.TTL !== 0) {
      writer.uint32(24).int64(message.TTL);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseKeepAliveResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseKeepAliveResponse();
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
            if (tag !== 16) {
              break;
            }

            message.ID = reader.int64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.TTL = reader.int64Number();
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

  create(base?: DeepPartial<LeaseKeepAliveResponse>): LeaseKeepAliveResponse {
    return LeaseKeepAliveResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseKeepAliveResponse>): LeaseKeepAliveResponse {
    const message = createBaseLeaseKeepAliveResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.TTL = object.TTL ?? 0;
    return message;
  },
};

function createBaseLeaseTimeToLiveRequest(): LeaseTimeToLiveRequest {
  return { ID: 0n, keys: false };
}

export const LeaseTimeToLiveRequest: MessageFns<LeaseTimeToLiveRequest> = {
  encode(message: LeaseTimeToLiveRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    if (message.keys !== false) {
      writer.uint32(16).bool(message.keys);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseTimeToLiveRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseTimeToLiveRequest();
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

            message.keys = reader.bool();
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

  create(base?: DeepPartial<LeaseTimeToLiveRequest>): LeaseTimeToLiveRequest {
    return LeaseTimeToLiveRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseTimeToLiveRequest>): LeaseTimeToLiveRequest {
    const message = createBaseLeaseTimeToLiveRequest();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.keys = object.keys ?? false;
    return message;
  },
};

function createBaseLeaseTimeToLiveResponse(): LeaseTimeToLiveResponse {
  return { header: undefined, ID: 0n, TTL: 0, grantedTTL: 0, keys: [] };
}

export const LeaseTimeToLiveResponse: MessageFns<LeaseTimeToLiveResponse> = {
  encode(message: LeaseTimeToLiveResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.ID !== 0n) {
      writer.uint32(16).int64(message.ID);
    }
    if (message.TTL !== 0) {
      writer.uint32(24).int64(message.TTL);
    }
    if (message.grantedTTL !== 0) {
      writer.uint32(32).int64(message.grantedTTL);
    }
    for (const v of message.keys) {
      writer.uint32(42).bytes(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseTimeToLiveResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseTimeToLiveResponse();
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
            if (tag !== 16) {
              break;
            }

            message.ID = reader.int64();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.TTL = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.grantedTTL = reader.int64Number();
            continue;
          }
          case 5: {
            if (tag !== 42) {
              break;
            }

            message.keys.push(reader.bytes());
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

  create(base?: DeepPartial<LeaseTimeToLiveResponse>): LeaseTimeToLiveResponse {
    return LeaseTimeToLiveResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseTimeToLiveResponse>): LeaseTimeToLiveResponse {
    const message = createBaseLeaseTimeToLiveResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    message.TTL = object.TTL ?? 0;
    message.grantedTTL = object.grantedTTL ?? 0;
    message.keys = object.keys?.map((e) => e) || [];
    return message;
  },
};

function createBaseLeaseLeasesRequest(): LeaseLeasesRequest {
  return {};
}

export const LeaseLeasesRequest: MessageFns<LeaseLeasesRequest> = {
  encode(_: LeaseLeasesRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseLeasesRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseLeasesRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<LeaseLeasesRequest>): LeaseLeasesRequest {
    return LeaseLeasesRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<LeaseLeasesRequest>): LeaseLeasesRequest {
    const message = createBaseLeaseLeasesRequest();
    return message;
  },
};

function createBaseLeaseStatus(): LeaseStatus {
  return { ID: 0n };
}

export const LeaseStatus: MessageFns<LeaseStatus> = {
  encode(message: LeaseStatus, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.ID !== 0n) {
      writer.uint32(8).int64(message.ID);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseStatus {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseStatus();
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
        }
        reader.skip(tag);
      }
      reader.endAt(end);
      return message;
    } finally {
      reader.depth = depth;
    }
  },

  create(base?: DeepPartial<LeaseStatus>): LeaseStatus {
    return LeaseStatus.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseStatus>): LeaseStatus {
    const message = createBaseLeaseStatus();
    message.ID = (object.ID !== undefined && object.ID !== null) ? BigInt(object.ID) : 0n;
    return message;
  },
};

function createBaseLeaseLeasesResponse(): LeaseLeasesResponse {
  return { header: undefined, leases: [] };
}

export const LeaseLeasesResponse: MessageFns<LeaseLeasesResponse> = {
  encode(message: LeaseLeasesResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.leases) {
      LeaseStatus.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): LeaseLeasesResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseLeaseLeasesResponse();
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

            message.leases.push(LeaseStatus.decode(reader, reader.size()));
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

  create(base?: DeepPartial<LeaseLeasesResponse>): LeaseLeasesResponse {
    return LeaseLeasesResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<LeaseLeasesResponse>): LeaseLeasesResponse {
    const message = createBaseLeaseLeasesResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.leases = object.leases?.map((e) => LeaseStatus.fromPartial(e)) || [];
    return message;
  },
};

export type LeaseDefinition = typeof LeaseDefinition;
export const LeaseDefinition = {
  name: "Lease",
  fullName: "etcdserverpb.Lease",
  methods: {
    /** Makes a lease. */
    leaseGrant: {
      name: "LeaseGrant",
      requestType: LeaseGrantRequest as typeof LeaseGrantRequest,
      requestStream: false,
      responseType: LeaseGrantResponse as typeof LeaseGrantResponse,
      responseStream: false,
      options: {},
    },
    /** Ends a lease and deletes its keys. */
    leaseRevoke: {
      name: "LeaseRevoke",
      requestType: LeaseRevokeRequest as typeof LeaseRevokeRequest,
      requestStream: false,
      responseType: LeaseRevokeResponse as typeof LeaseRevokeResponse,
      responseStream: false,
      options: {},
    },
    /** Renews leases, one answer a request. */
    leaseKeepAlive: {
      name: "LeaseKeepAlive",
      requestType: LeaseKeepAliveRequest as typeof LeaseKeepAliveRequest,
      requestStream: true,
      responseType: LeaseKeepAliveResponse as typeof LeaseKeepAliveResponse,
      responseStream: true,
      options: {},
    },
    /** Tells the time left and, if asked, the keys. */
    leaseTimeToLive: {
      name: "LeaseTimeToLive",
      requestType: LeaseTimeToLiveRequest as typeof LeaseTimeToLiveRequest,
      requestStream: false,
      responseType: LeaseTimeToLiveResponse as typeof LeaseTimeToLiveResponse,
      responseStream: false,
      options: {},
    },
    /** Lists all leases. */
    leaseLeases: {
      name: "LeaseLeases",
      requestType: LeaseLeasesRequest as typeof LeaseLeasesRequest,
      requestStream: false,
      responseType: LeaseLeasesResponse as typeof LeaseLeasesResponse,
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
