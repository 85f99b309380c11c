// Made from proto/etcd/watch.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { ResponseHeader } from "./header.ts";
import { Event } from "./mvcc.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/watch.proto";

/** Watches: one bidirectional stream carries any number of them. */

export interface WatchRequest {
  requestUnion:
    | { $case: "createRequest"; value: WatchCreateRequest }
    | { $case: "cancelRequest"; value: WatchCancelRequest }
    | { $case: "progressRequest"; value: WatchProgressRequest }
    | undefined;
}

export interface WatchCreateRequest {
  key: Uint8Array;
  rangeEnd: Uint8Array;
  startRevision: number;
  progressNotify: boolean;
  filters: WatchCreateRequest_FilterType[];
  prevKv: boolean;
  watchId: number;
  fragment: boolean;
}

export const WatchCreateRequest_FilterType = { NOPUT: 0, NODELETE: 1 } as const;

export type WatchCreateRequest_FilterType =
  typeof WatchCreateRequest_FilterType[keyof typeof WatchCreateRequest_FilterType];

export namespace WatchCreateRequest_FilterType {
  export type NOPUT = typeof WatchCreateRequest_FilterType.NOPUT;
  export type NODELETE = typeof WatchCreateRequest_FilterType.NODELETE;
}

export interface WatchCancelRequest {
  watchId: number;
}

export interface WatchProgressRequest {
}

export interface WatchResponse {
  header: ResponseHeader | undefined;
  watchId: number;
  created: boolean;
  canceled: boolean;
  compactRevision: number;
  cancelReason: string;
  fragment: boolean;
  events: Event[];
}

function createBaseWatchRequest(): WatchRequest {
  return { requestUnion: undefined };
}

export const WatchRequest: MessageFns<WatchRequest> = {
  encode(message: WatchRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    switch (message.requestUnion?.$case) {
      case "createRequest":
        WatchCreateRequest.encode(message.requestUnion.value, writer.uint32(10).fork()).join();
        break;
      case "cancelRequest":
        WatchCancelRequest.encode(message.requestUnion.value, writer.uint32(18).fork()).join();
        break;
      case "progressRequest":
        WatchProgressRequest.encode(message.requestUnion.value, writer.uint32(26).fork()).join();
        break;
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WatchRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWatchRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.requestUnion = {
              $case: "createRequest",
              value: WatchCreateRequest.decode(reader, reader.size()),
            };
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.requestUnion = {
              $case: "cancelRequest",
              value: WatchCancelRequest.decode(reader, reader.size()),
            };
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.requestUnion = {
              $case: "progressRequest",
              value: WatchProgressRequest.decode(reader, reader.size()),
            };
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

  create(base?: DeepPartial<WatchRequest>): WatchRequest {
    return WatchRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WatchRequest>): WatchRequest {
    const message = createBaseWatchRequest();
    switch (object.requestUnion?.$case) {
      case "createRequest": {
        if (object.requestUnion?.value !== undefined && object.requestUnion?.value !== null) {
          message.requestUnion = {
            $case: "createRequest",
            value: WatchCreateRequest.fromPartial(object.requestUnion.value),
          };
        }
        break;
      }
      case "cancelRequest": {
        if (object.requestUnion?.value !== undefined && object.requestUnion?.value !== null) {
          message.requestUnion = {
            $case: "cancelRequest",
            value: WatchCancelRequest.fromPartial(object.requestUnion.value),
          };
        }
        break;
      }
      case "progressRequest": {
        if (object.requestUnion?.value !== undefined && object.requestUnion?.value !== null) {
          message.requestUnion = {
            $case: "progressRequest",
            value: WatchProgressRequest.fromPartial(object.requestUnion.value),
          };
        }
        break;
      }
    }
    return message;
  },
};

function createBaseWatchCreateRequest(): WatchCreateRequest {
  return {
    key: emptyBytes,
    rangeEnd: emptyBytes,
    startRevision: 0,
    progressNotify: false,
    filters: [],
    prevKv: false,
    watchId: 0,
    fragment: false,
  };
}

export const WatchCreateRequest: MessageFns<WatchCreateRequest> = {
  encode(message: WatchCreateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.key.length !== 0) {
      writer.uint32(10).bytes(message.key);
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(18).bytes(message.rangeEnd);
    }
    if (message.startRevision !== 0) {
      writer.uint32(24).int64(message.startRevision);
    }
    if (message.progressNotify !== false) {
      writer.uint32(32).bool(message.progressNotify);
    }
    if (message.filters.length !== 0) {
      writer.uint32(42).fork();
      for (const v of message.filters) {
        writer.int32(v);
      }
      writer.join();
    }
    if (message.prevKv !== false) {
      writer.uint32(48).bool(message.prevKv);
    }
    if (message.watchId !== 0) {
      writer.uint32(56).int64(message.watchId);
    }
    if (message.fragment !== false) {
      writer.uint32(64).bool(message.fragment);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WatchCreateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWatchCreateRequest();
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

            message.startRevision = reader.int64Number();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.progressNotify = reader.bool();
            continue;
          }
          case 5: {
            if (tag === 40) {
              message.filters.push(reader.int32() as never);

              continue;
            }

            if (tag === 42) {
              const end2 = reader.size() + reader.pos;
              while (reader.pos < end2) {
                message.filters.push(reader.int32() as never);
              }
              reader.endAt(end2);

              continue;
            }

            break;
          }
          case 6: {
            if (tag !== 48) {
              break;
            }

            message.prevKv = reader.bool();
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.watchId = reader.int64Number();
            continue;
          }
          case 8: {
            if (tag !== 64) {
              break;
            }

            message.fragment = reader.bool();
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

  create(base?: DeepPartial<WatchCreateRequest>): WatchCreateRequest {
    return WatchCreateRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WatchCreateRequest>): WatchCreateRequest {
    const message = createBaseWatchCreateRequest();
    message.key = object.key ?? emptyBytes;
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    message.startRevision = object.startRevision ?? 0;
    message.progressNotify = object.progressNotify ?? false;
    message.filters = object.filters?.map((e) => e) || [];
    message.prevKv = object.prevKv ?? false;
    message.watchId = object.watchId ?? 0;
    message.fragment = object.fragment ?? false;
    return message;
  },
};

function createBaseWatchCancelRequest(): WatchCancelRequest {
  return { watchId: 0 };
}

export const WatchCancelRequest: MessageFns<WatchCancelRequest> = {
  encode(message: WatchCancelRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.watchId !== 0) {
      writer.uint32(8).int64(message.watchId);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WatchCancelRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWatchCancelRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.watchId = reader.int64Number();
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

  create(base?: DeepPartial<WatchCancelRequest>): WatchCancelRequest {
    return WatchCancelRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WatchCancelRequest>): WatchCancelRequest {
    const message = createBaseWatchCancelRequest();
    message.watchId = object.watchId ?? 0;
    return message;
  },
};

function createBaseWatchProgressRequest(): WatchProgressRequest {
  return {};
}

export const WatchProgressRequest: MessageFns<WatchProgressRequest> = {
  encode(_: WatchProgressRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WatchProgressRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWatchProgressRequest();
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

  create(base?: DeepPartial<WatchProgressRequest>): WatchProgressRequest {
    return WatchProgressRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<WatchProgressRequest>): WatchProgressRequest {
    const message = createBaseWatchProgressRequest();
    return message;
  },
};

function createBaseWatchResponse(): WatchResponse {
  return {
    header: undefined,
    watchId: 0,
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: "",
    fragment: false,
    events: [],
  };
}

export const WatchResponse: MessageFns<WatchResponse> = {
  encode(message: WatchResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.watchId !== 0) {
      writer.uint32(16).int64(message.watchId);
    }
    if (message.created !== false) {
      writer.uint32(24).bool(message.created);
    }
    if (message.canceled !== false) {
      writer.uint32(32).bool(message.canceled);
    }
    if (message.compactRevision !== 0) {
      writer.uint32(40).int64(message.compactRevision);
    }
    if (message.cancelReason !== "") {
      writer.uint32(50).string(message.cancelReason);
    }
    if (message.fragment !== false) {
      writer.uint32(56).bool(message.fragment);
    }
    for (const v of message.events) {
      Event.encode(v!, writer.uint32(90).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): WatchResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseWatchResponse();
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

            message.watchId = reader.int64Number();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.created = reader.bool();
            continue;
          }
          case 4: {
            if (tag !== 32) {
              break;
            }

            message.canceled = reader.bool();
            continue;
          }
          case 5: {
            if (tag !== 40) {
              break;
            }

            message.compactRevision = reader.int64Number();
            continue;
          }
          case 6: {
            if (tag !== 50) {
              break;
            }

            message.cancelReason = reader.string();
            continue;
          }
          case 7: {
            if (tag !== 56) {
              break;
            }

            message.fragment = reader.bool();
            continue;
          }
          case 11: {
            if (tag !== 90) {
              break;
            }

            message.events.push(Event.decode(reader, reader.size()));
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

  create(base?: DeepPartial<WatchResponse>): WatchResponse {
    return WatchResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<WatchResponse>): WatchResponse {
    const message = createBaseWatchResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.watchId = object.watchId ?? 0;
    message.created = object.created ?? false;
    message.canceled = object.canceled ?? false;
    message.compactRevision = object.compactRevision ?? 0;
    message.cancelReason = object.cancelReason ?? "";
    message.fragment = object.fragment ?? false;
    message.events = object.events?.map((e) => Event.fromPartial(e)) || [];
    return message;
  },
};

export type WatchDefinition = typeof WatchDefinition;
export const WatchDefinition = {
  name: "Watch",
  fullName: "etcdserverpb.Watch",
  methods: {
    /** Creates, cancels and feeds watches. */
    watch: {
      name: "Watch",
      requestType: WatchRequest as typeof WatchRequest,
      requestStream: true,
      responseType: WatchResponse as typeof WatchResponse,
      responseStream: true,
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
