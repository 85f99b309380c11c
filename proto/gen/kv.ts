// Made from proto/etcd/kv.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";
import { KeyValue } from "./mvcc.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/kv.proto";

/** Keys: range, put, delete, transactions and compaction. */

export interface RangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  limit: number;
  revision: number;
  sortOrder: RangeRequest_SortOrder;
  sortTarget: RangeRequest_SortTarget;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: number;
  maxModRevision: number;
  minCreateRevision: number;
  maxCreateRevision: number;
}

export const RangeRequest_SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;

export type RangeRequest_SortOrder = typeof RangeRequest_SortOrder[keyof typeof RangeRequest_SortOrder];

export namespace RangeRequest_SortOrder {
  export type NONE = typeof RangeRequest_SortOrder.NONE;
  export type ASCEND = typeof RangeRequest_SortOrder.ASCEND;
  export type DESCEND = typeof RangeRequest_SortOrder.DESCEND;
}

export const RangeRequest_SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;

export type RangeRequest_SortTarget = typeof RangeRequest_SortTarget[keyof typeof RangeRequest_SortTarget];

export namespace RangeRequest_SortTarget {
  export type KEY = typeof RangeRequest_SortTarget.KEY;
  export type VERSION = typeof RangeRequest_SortTarget.VERSION;
  export type CREATE = typeof RangeRequest_SortTarget.CREATE;
  export type MOD = typeof RangeRequest_SortTarget.MOD;
  export type VALUE = typeof RangeRequest_SortTarget.VALUE;
}

export interface RangeResponse {
  header: ResponseHeader | undefined;
  kvs: KeyValue[];
  more: boolean;
  count: number;
}

export interface PutRequest {
  key: Uint8Array;
  value: Uint8Array;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}

export interface PutResponse {
  header: ResponseHeader | undefined;
  prevKv: KeyValue | undefined;
}

export interface DeleteRangeRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  prevKv: boolean;
}

export interface DeleteRangeResponse {
  header: ResponseHeader | undefined;
  deleted: number;
  prevKvs: KeyValue[];
}

export interface RequestOp {
  request:
    | { $case: "requestRange"; value: RangeRequest }
    | { $case: "requestPut"; value: PutRequest }
    | { $case: "requestDeleteRange"; value: DeleteRangeRequest }
    | { $case: "requestTxn"; value: TxnRequest }
    | undefined;
}

export interface ResponseOp {
  response:
    | { $case: "responseRange"; value: RangeResponse }
    | { $case: "responsePut"; value: PutResponse }
    | { $case: "responseDeleteRange"; value: DeleteRangeResponse }
    | { $case: "responseTxn"; value: TxnResponse }
    | undefined;
}

export interface Compare {
  result: Compare_CompareResult;
  target: Compare_CompareTarget;
  key: Uint8Array;
  targetUnion:
    | { $case: "version"; value: number }
    | { $case: "createRevision"; value: number }
    | { $case: "modRevision"; value: number }
    | { $case: "value"; value: Uint8Array }
    | { $case: "lease"; value: bigint }
    | undefined;
  rangeEnd: Uint8Array;
}

export const Compare_CompareResult = { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } as const;

export type Compare_CompareResult = typeof Compare_CompareResult[keyof typeof Compare_CompareResult];

export namespace Compare_CompareResult {
  export type EQUAL = typeof Compare_CompareResult.EQUAL;
  export type GREATER = typeof Compare_CompareResult.GREATER;
  export type LESS = typeof Compare_CompareResult.LESS;
  export type NOT_EQUAL = typeof Compare_CompareResult.NOT_EQUAL;
}

export const Compare_CompareTarget = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } as const;

export type Compare_CompareTarget = typeof Compare_CompareTarget[keyof typeof Compare_CompareTarget];

export namespace Compare_CompareTarget {
  export type VERSION = typeof Compare_CompareTarget.VERSION;
  export type CREATE = typeof Compare_CompareTarget.CREATE;
  export type MOD = typeof Compare_CompareTarget.MOD;
  export type VALUE = typeof Compare_CompareTarget.VALUE;
  export type LEASE = typeof Compare_CompareTarget.LEASE;
}

export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

export interface TxnResponse {
  header: ResponseHeader | undefined;
  succeeded: boolean;
  responses: ResponseOp[];
}

export interface CompactionRequest {
  revision: number;
  physical: boolean;
}

export interface CompactionResponse {
  header: ResponseHeader | undefined;
}

export interface RangeStreamResponse {
  rangeResponse: RangeResponse | undefined;
}

function createBaseRangeRequest(): RangeRequest {
  return {
    key: emptyBytes,
    rangeEnd: emptyBytes,
    limit: 0,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable: false,
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
}

export const RangeRequest: MessageFns<RangeRequest> = {
  encode(message: RangeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(18).bytes(message.rangeEnd);
    }
    if (message.limit !== 0) {
      writer.uint32(24).int64(message.limit);
    }
    if (message.revision !== 0) {
      writer.uint32(32).int64(message.revision);
    }
    if (message.sortOrder !== 0) {
      writer.uint32(40).int32(message.sortOrder);
    }
    if (message.sortTarget !== 0) {
      writer.uint32(48).int32(message.sortTarget);
    }
    if (message.serializable !== false) {
      writer.uint32(56).bool(message.serializable);
    }
    if (message.keysOnly !== false) {
      writer.uint32(64).bool(message.keysOnly);
    }
    if (message.countOnly !== false) {
      writer.uint32(72).bool(message.countOnly);
    }
    if (message.minModRevision !== 0) {
      writer.uint32(80).int64(message.minModRevision);
    }
    if (message.maxModRevision !== 0) {
      writer.uint32(88).int64(message.maxModRevision);
    }
    if (message.minCreateRevision !== 0) {
      if (BigInt.asIntN(64, BigInt(message.minCreateRevision)) !== BigInt(message.minCreateRevision)) {
        throw new globalThis.Error(
          "value provided for field BigInt(message.minCreateRevision) of type int64 too large",
        );
      }
      writer.uint32(96).int64(message.minCreateRevision);
    }
    if (message.maxCreateRevision !== 0) {
      if (BigInt.asIntN(64, BigInt(message.maxCreateRevision)) !== BigInt(message.maxCreateRevision)) {
        throw new globalThis.Error(
          "value provided for field BigInt(message.maxCreateRevision) of type int64 too large",
        );
      }
      writer.uint32(104).int64(message.maxCreateRevision);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RangeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRangeRequest();
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
            if (tag !== 18) {
              break;
            }

            message.rangeEnd = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.limit = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.revision = reader.int64Number();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.sortOrder = reader.int32() as never;
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.sortTarget = reader.int32() as never;
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.serializable = reader.bool();
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.keysOnly = reader.bool();
            continue;
          }
          case 9: {
            if (tag !== 72) {
              break;
            }

            message.countOnly = reader.bool();
            continue;
          }
          case 10: {
            if (tag !== 80) {
              break;
            }

            message.minModRevision = reader.int64Number();
            continue;
          }
          case 11: {
            if (tag !== 88) {
              break;
            }

            message.maxModRevision = reader.int64Number();
            continue;
          }
          case 12: {
            if (tag !== 96) {
              break;
            }

            message.minCreateRevision = reader.int64Number();
            continue;
          }
          case 13: {
            if (tag !== 104) {
              break;
            }

            message.maxCreateRevision = reader.int64Number();
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

  create(base?: DeepPartial<RangeRequest>): RangeRequest {
    return RangeRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RangeRequest>): RangeRequest {
    const message = createBaseRangeRequest();
    message.key = object.key ?? emptyBytes;
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    message.limit = object.limit ?? 0;
    message.revision = object.revision ?? 0;
    message.sortOrder = object.sortOrder ?? 0;
    message.sortTarget = object.sortTarget ?? 0;
    message.serializable = object.serializable ?? false;
    message.keysOnly = object.keysOnly ?? false;
    message.countOnly = object.countOnly ?? false;
    message.minModRevision = object.minModRevision ?? 0;
    message.maxModRevision = object.maxModRevision ?? 0;
    message.minCreateRevision = object.minCreateRevision ?? 0;
    message.maxCreateRevision = object.maxCreateRevision ?? 0;
    return message;
  },
};

function createBaseRangeResponse(): RangeResponse {
  return { header: undefined, kvs: [], more: false, count: 0 };
}

export const RangeResponse: MessageFns<RangeResponse> = {
  encode(message: RangeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.kvs) {
      KeyValue.encode(v!, writer.uint32(18).fork()).join();
    }
    if (message.more !== false) {
      writer.uint32(24).bool(message.more);
    }
    if (message.count !== 0) {
      writer.uint32(32).int64(message.count);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RangeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRangeResponse();
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

            message.kvs.push(KeyValue.decode(reader, reader.size()));
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.more = reader.bool();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.count = reader.int64Number();
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

  create(base?: DeepPartial<RangeResponse>): RangeResponse {
    return RangeResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RangeResponse>): RangeResponse {
    const message = createBaseRangeResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.kvs = object.kvs?.map((e) => KeyValue.fromPartial(e)) || [];
    message.more = object.more ?? false;
    message.count = object.count ?? 0;
    return message;
  },
};

function createBasePutRequest(): PutRequest {
  return {
    key: emptyBytes,
    value: emptyBytes,
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

export const PutRequest: MessageFns<PutRequest> = {
  encode(message: PutRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    if (message.value.length !== 0) {
      writer.uint32(18).bytes(message.value);
    }
    if (message.lease !== 0n) {
      writer.uint32(24).int64(message.lease);
    }
    if (message.prevKv !== false) {
      writer.uint32(32).bool(message.prevKv);
    }
    if (message.ignoreValue !== false) {
      writer.uint32(40).bool(message.ignoreValue);
    }
    if (message.ignoreLease !== false) {
      writer.uint32(48).bool(message.ignoreLease);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PutRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePutRequest();
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
            if (tag !== 18) {
              break;
            }

            message.value = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.lease = reader.int64();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.prevKv = reader.bool();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.ignoreValue = reader.bool();
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.ignoreLease = reader.bool();
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

  create(base?: DeepPartial<PutRequest>): PutRequest {
    return PutRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<PutRequest>): PutRequest {
    const message = createBasePutRequest();
    message.key = object.key ?? emptyBytes;
    message.value = object.value ?? emptyBytes;
    message.lease = (object.lease !== undefined && object.lease !== null) ? BigInt(object.lease) : 0n;
    message.prevKv = object.prevKv ?? false;
    message.ignoreValue = object.ignoreValue ?? false;
    message.ignoreLease = object.ignoreLease ?? false;
    return message;
  },
};

function createBasePutResponse(): PutResponse {
  return { header: undefined, prevKv: undefined };
}

export const PutResponse: MessageFns<PutResponse> = {
  encode(message: PutResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.prevKv !== undefined) {
      KeyValue.encode(message.prevKv, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): PutResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePutResponse();
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

  create(base?: DeepPartial<PutResponse>): PutResponse {
    return PutResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<PutResponse>): PutResponse {
    const message = createBasePutResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.prevKv = (object.prevKv !== undefined && object.prevKv !== null)
      ? KeyValue.fromPartial(object.prevKv)
      : undefined;
    return message;
  },
};

function createBaseDeleteRangeRequest(): DeleteRangeRequest {
  return { key: emptyBytes, rangeEnd: emptyBytes, prevKv: false };
}

export const DeleteRangeRequest: MessageFns<DeleteRangeRequest> = {
  encode(message: DeleteRangeRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(18).bytes(message.rangeEnd);
    }
    if (message.prevKv !== false) {
      writer.uint32(24).bool(message.prevKv);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DeleteRangeRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDeleteRangeRequest();
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
            if (tag !== 18) {
              break;
            }

            message.rangeEnd = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.prevKv = reader.bool();
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

  create(base?: DeepPartial<DeleteRangeRequest>): DeleteRangeRequest {
    return DeleteRangeRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DeleteRangeRequest>): DeleteRangeRequest {
    const message = createBaseDeleteRangeRequest();
    message.key = object.key ?? emptyBytes;
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    message.prevKv = object.prevKv ?? false;
    return message;
  },
};

function createBaseDeleteRangeResponse(): DeleteRangeResponse {
  return { header: undefined, deleted: 0, prevKvs: [] };
}

export const DeleteRangeResponse: MessageFns<DeleteRangeResponse> = {
  encode(message: DeleteRangeResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.deleted !== 0) {
      writer.uint32(16).int64(message.deleted);
    }
    for (const v of message.prevKvs) {
      KeyValue.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): DeleteRangeResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseDeleteRangeResponse();
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

            message.deleted = reader.int64Number();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.prevKvs.push(KeyValue.decode(reader, reader.size()));
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

  create(base?: DeepPartial<DeleteRangeResponse>): DeleteRangeResponse {
    return DeleteRangeResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<DeleteRangeResponse>): DeleteRangeResponse {
    const message = createBaseDeleteRangeResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.deleted = object.deleted ?? 0;
    message.prevKvs = object.prevKvs?.map((e) => KeyValue.fromPartial(e)) || [];
    return message;
  },
};

function createBaseRequestOp(): RequestOp {
  return { request: undefined };
}

export const RequestOp: MessageFns<RequestOp> = {
  encode(message: RequestOp, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.request?.$case) {
      case "requestRange":
        RangeRequest.encode(message.request.value, writer.uint32(10).fork()).join();
        break;
      case "requestPut":
        PutRequest.encode(message.request.value, writer.uint32(18).fork()).join();
        break;
      case "requestDeleteRange":
        DeleteRangeRequest.encode(message.request.value, writer.uint32(26).fork()).join();
        break;
      case "requestTxn":
        TxnRequest.encode(message.request.value, writer.uint32(34).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RequestOp {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRequestOp();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.request = { $case: "requestRange", value: RangeRequest.decode(reader, reader.size()) };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.request = { $case: "requestPut", value: PutRequest.decode(reader, reader.size()) };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.request = {
              $case: "requestDeleteRange",
              value: DeleteRangeRequest.decode(reader, reader.size()),
            };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.request = { $case: "requestTxn", value: TxnRequest.decode(reader, reader.size()) };
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

  create(base?: DeepPartial<RequestOp>): RequestOp {
    return RequestOp.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RequestOp>): RequestOp {
    const message = createBaseRequestOp();
    switch (object.request?.$case) {
      case "requestRange": {
        if (object.request?.value !== undefined && object.request?.value !== null) {
          message.request = { $case: "requestRange", value: RangeRequest.fromPartial(object.request.value) };
        }
        break;
      }
      case "requestPut": {
        if (object.request?.value !== undefined && object.request?.value !== null) {
          message.request = { $case: "requestPut", value: PutRequest.fromPartial(object.request.value) };
        }
        break;
      }
      case "requestDeleteRange": {
        if (object.request?.value !== undefined && object.request?.value !== null) {
          message.request = {
            $case: "requestDeleteRange",
            value: DeleteRangeRequest.fromPartial(object.request.value),
          };
        }
        break;
      }
      case "requestTxn": {
        if (object.request?.value !== undefined && object.request?.value !== null) {
          message.request = { $case: "requestTxn", value: TxnRequest.fromPartial(object.request.value) };
        }
        break;
      }
    }
    return message;
  },
};

function createBaseResponseOp(): ResponseOp {
  return { response: undefined };
}

export const ResponseOp: MessageFns<ResponseOp> = {
  encode(message: ResponseOp, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.response?.$case) {
      case "responseRange":
        RangeResponse.encode(message.response.value, writer.uint32(10).fork()).join();
        break;
      case "responsePut":
        PutResponse.encode(message.response.value, writer.uint32(18).fork()).join();
        break;
      case "responseDeleteRange":
        DeleteRangeResponse.encode(message.response.value, writer.uint32(26).fork()).join();
        break;
      case "responseTxn":
        TxnResponse.encode(message.response.value, writer.uint32(34).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): ResponseOp {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseResponseOp();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.response = { $case: "responseRange", value: RangeResponse.decode(reader, reader.size()) };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.response = { $case: "responsePut", value: PutResponse.decode(reader, reader.size()) };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.response = {
              $case: "responseDeleteRange",
              value: DeleteRangeResponse.decode(reader, reader.size()),
            };
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.response = { $case: "responseTxn", value: TxnResponse.decode(reader, reader.size()) };
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

  create(base?: DeepPartial<ResponseOp>): ResponseOp {
    return ResponseOp.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<ResponseOp>): ResponseOp {
    const message = createBaseResponseOp();
    switch (object.response?.$case) {
      case "responseRange": {
        if (object.response?.value !== undefined && object.response?.value !== null) {
          message.response = { $case: "responseRange", value: RangeResponse.fromPartial(object.response.value) };
        }
        break;
      }
      case "responsePut": {
        if (object.response?.value !== undefined && object.response?.value !== null) {
          message.response = { $case: "responsePut", value: PutResponse.fromPartial(object.response.value) };
        }
        break;
      }
      case "responseDeleteRange": {
        if (object.response?.value !== undefined && object.response?.value !== null) {
          message.response = {
            $case: "responseDeleteRange",
            value: DeleteRangeResponse.fromPartial(object.response.value),
          };
        }
        break;
      }
      case "responseTxn": {
        if (object.response?.value !== undefined && object.response?.value !== null) {
          message.response = { $case: "responseTxn", value: TxnResponse.fromPartial(object.response.value) };
        }
        break;
      }
    }
    return message;
  },
};

function createBaseCompare(): Compare {
  return { result: 0, target: 0, key: emptyBytes, targetUnion: undefined, rangeEnd: emptyBytes };
}

export const Compare: MessageFns<Compare> = {
  encode(message: Compare, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.result !== 0) {
      writer.uint32(8).int32(message.result);
    }
    if (message.target !== 0) {
      writer.uint32(16).int32(message.target);
    }
    if (message.key.length !== 0) {
      writer.uint32(26).bytes(message.key);
    }
    switch (message.targetUnion?.$case) {
      case "version":
        writer.uint32(32).int64(message.targetUnion.value);
        break;
      case "createRevision":
        writer.uint32(40).int64(message.targetUnion.value);
        break;
      case "modRevision":
        writer.uint32(48).int64(message.targetUnion.value);
        break;
      case "value":
        writer.uint32(58).bytes(message.targetUnion.value);
        break;
      case "lease":
        writer.uint32(64).int64(message.targetUnion.value);
        break;
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(514).bytes(message.rangeEnd);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Compare {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCompare();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.result = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.target = reader.int32() as never;
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.key = reader.bytes();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.targetUnion = { $case: "version", value: reader.int64Number() };
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.targetUnion = { $case: "createRevision", value: reader.int64Number() };
            continue;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.targetUnion = { $case: "modRevision", value: reader.int64Number() };
            continue;
          }
          case 7: {
            if (tag !== 58) {
              break;
            }

            message.targetUnion = { $case: "value", value: reader.bytes() };
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.targetUnion = { $case: "lease", value: reader.int64() };
            continue;
          }
          case 64: {
            if (tag !== 514) {
              break;
            }

            message.rangeEnd = reader.bytes();
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

  create(base?: DeepPartial<Compare>): Compare {
    return Compare.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Compare>): Compare {
    const message = createBaseCompare();
    message.result = object.result ?? 0;
    message.target = object.target ?? 0;
    message.key = object.key ?? emptyBytes;
    switch (object.targetUnion?.$case) {
      case "version": {
        if (object.targetUnion?.value !== undefined && object.targetUnion?.value !== null) {
          message.targetUnion = { $case: "version", value: object.targetUnion.value };
        }
        break;
      }
      case "createRevision": {
        if (object.targetUnion?.value !== undefined && object.targetUnion?.value !== null) {
          message.targetUnion = { $case: "createRevision", value: object.targetUnion.value };
        }
        break;
      }
      case "modRevision": {
        if (object.targetUnion?.value !== undefined && object.targetUnion?.value !== null) {
          message.targetUnion = { $case: "modRevision", value: object.targetUnion.value };
        }
        break;
      }
      case "value": {
        if (object.targetUnion?.value !== undefined && object.targetUnion?.value !== null) {
          message.targetUnion = { $case: "value", value: object.targetUnion.value };
        }
        break;
      }
      case "lease": {
        if (object.targetUnion?.value !== undefined && object.targetUnion?.value !== null) {
          message.targetUnion = { $case: "lease", value: BigInt(object.targetUnion.value) };
        }
        break;
      }
    }
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    return message;
  },
};

function createBaseTxnRequest(): TxnRequest {
  return { compare: [], success: [], failure: [] };
}

export const TxnRequest: MessageFns<TxnRequest> = {
  encode(message: TxnRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    for (const v of message.compare) {
      Compare.encode(v!, writer.uint32(10).fork()).join();
    }
    for (const v of message.success) {
      RequestOp.encode(v!, writer.uint32(18).fork()).join();
    }
    for (const v of message.failure) {
      RequestOp.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TxnRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTxnRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.compare.push(Compare.decode(reader, reader.size()));
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.success.push(RequestOp.decode(reader, reader.size()));
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.failure.push(RequestOp.decode(reader, reader.size()));
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

  create(base?: DeepPartial<TxnRequest>): TxnRequest {
    return TxnRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<TxnRequest>): TxnRequest {
    const message = createBaseTxnRequest();
    message.compare = object.compare?.map((e) => Compare.fromPartial(e)) || [];
    message.success = object.success?.map((e) => RequestOp.fromPartial(e)) || [];
    message.failure = object.failure?.map((e) => RequestOp.fromPartial(e)) || [];
    return message;
  },
};

function createBaseTxnResponse(): TxnResponse {
  return { header: undefined, succeeded: false, responses: [] };
}

export const TxnResponse: MessageFns<TxnResponse> = {
  encode(message: TxnResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.succeeded !== false) {
      writer.uint32(16).bool(message.succeeded);
    }
    for (const v of message.responses) {
      ResponseOp.encode(v!, writer.uint32(26).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): TxnResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseTxnResponse();
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

            message.succeeded = reader.bool();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.responses.push(ResponseOp.decode(reader, reader.size()));
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

  create(base?: DeepPartial<TxnResponse>): TxnResponse {
    return TxnResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<TxnResponse>): TxnResponse {
    const message = createBaseTxnResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.succeeded = object.succeeded ?? false;
    message.responses = object.responses?.map((e) => ResponseOp.fromPartial(e)) || [];
    return message;
  },
};

function createBaseCompactionRequest(): CompactionRequest {
  return { revision: 0, physical: false };
}

export const CompactionRequest: MessageFns<CompactionRequest> = {
  encode(message: CompactionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.revision !== 0) {
      writer.uint32(8).int64(message.revision);
    }
    if (message.physical !== false) {
      writer.uint32(16).bool(message.physical);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): CompactionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCompactionRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.revision = reader.int64Number();
            continue;
          }
          case 2: {
            if (tag !== 16) {
              break;
            }

            message.physical = reader.bool();
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

  create(base?: DeepPartial<CompactionRequest>): CompactionRequest {
    return CompactionRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<CompactionRequest>): CompactionRequest {
    const message = createBaseCompactionRequest();
    message.revision = object.revision ?? 0;
    message.physical = object.physical ?? false;
    return message;
  },
};

function createBaseCompactionResponse(): CompactionResponse {
  return { header: undefined };
}

export const CompactionResponse: MessageFns<CompactionResponse> = {
  encode(message: CompactionResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): CompactionResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseCompactionResponse();
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

  create(base?: DeepPartial<CompactionResponse>): CompactionResponse {
    return CompactionResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<CompactionResponse>): CompactionResponse {
    const message = createBaseCompactionResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseRangeStreamResponse(): RangeStreamResponse {
  return { rangeResponse: undefined };
}

export const RangeStreamResponse: MessageFns<RangeStreamResponse> = {
  encode(message: RangeStreamResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.rangeResponse !== undefined) {
      RangeResponse.encode(message.rangeResponse, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): RangeStreamResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRangeStreamResponse();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.rangeResponse = RangeResponse.decode(reader, reader.size());
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

  create(base?: DeepPartial<RangeStreamResponse>): RangeStreamResponse {
    return RangeStreamResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<RangeStreamResponse>): RangeStreamResponse {
    const message = createBaseRangeStreamResponse();
    message.rangeResponse = (object.rangeResponse !== undefined && object.rangeResponse !== null)
      ? RangeResponse.fromPartial(object.rangeResponse)
      : undefined;
    return message;
  },
};

export type KVDefinition = typeof KVDefinition;
export const KVDefinition = {
  name: "KV",
  fullName: "etcdserverpb.KV",
  methods: {
    /** Reads keys of one interval at one revision. */
    range: {
      name: "Range",
      requestType: RangeRequest as typeof RangeRequest,
      requestStream: false,
      responseType: RangeResponse as typeof RangeResponse,
      responseStream: false,
      options: {},
    },
    /** Range in chunks, all at the revision of the first chunk. */
    rangeStream: {
      name: "RangeStream",
      requestType: RangeRequest as typeof RangeRequest,
      requestStream: false,
      responseType: RangeStreamResponse as typeof RangeStreamResponse,
      responseStream: true,
      options: {},
    },
    /** Writes one key; makes one revision. */
    put: {
      name: "Put",
      requestType: PutRequest as typeof PutRequest,
      requestStream: false,
      responseType: PutResponse as typeof PutResponse,
      responseStream: false,
      options: {},
    },
    /** Deletes the keys of an interval; one revision, or none if nothing was there. */
    deleteRange: {
      name: "DeleteRange",
      requestType: DeleteRangeRequest as typeof DeleteRangeRequest,
      requestStream: false,
      responseType: DeleteRangeResponse as typeof DeleteRangeResponse,
      responseStream: false,
      options: {},
    },
    /** Compares, then runs one of two lists of operations in one revision. */
    txn: {
      name: "Txn",
      requestType: TxnRequest as typeof TxnRequest,
      requestStream: false,
      responseType: TxnResponse as typeof TxnResponse,
      responseStream: false,
      options: {},
    },
    /** Drops history older than a revision. */
    compact: {
      name: "Compact",
      requestType: CompactionRequest as typeof CompactionRequest,
      requestStream: false,
      responseType: CompactionResponse as typeof CompactionResponse,
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
