// Made from proto/etcd/authdata.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";

export const protobufPackage = "authpb";

export const protobufFileName = "etcd/authdata.proto";

/** Users, roles and permissions as they are kept in the state. */

export interface UserAddOptions {
  noPassword: boolean;
}

export interface User {
  name: Uint8Array;
  password: Uint8Array;
  roles: string[];
  options: UserAddOptions | undefined;
}

export interface Permission {
  permType: Permission_Type;
  key: Uint8Array;
  rangeEnd: Uint8Array;
}

export const Permission_Type = { READ: 0, WRITE: 1, READWRITE: 2 } as const;

export type Permission_Type = typeof Permission_Type[keyof typeof Permission_Type];

export namespace Permission_Type {
  export type READ = typeof Permission_Type.READ;
  export type WRITE = typeof Permission_Type.WRITE;
  export type READWRITE = typeof Permission_Type.READWRITE;
}

export interface Role {
  name: Uint8Array;
  keyPermission: Permission[];
}

function createBaseUserAddOptions(): UserAddOptions {
  return { noPassword: false };
}

export const UserAddOptions: MessageFns<UserAddOptions> = {
  encode(message: UserAddOptions, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.noPassword !== false) {
      writer.uint32(8).bool(message.noPassword);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): UserAddOptions {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUserAddOptions();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.noPassword = reader.bool();
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

  create(base?: DeepPartial<UserAddOptions>): UserAddOptions {
    return UserAddOptions.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<UserAddOptions>): UserAddOptions {
    const message = createBaseUserAddOptions();
    message.noPassword = object.noPassword ?? false;
    return message;
  },
};

function createBaseUser(): User {
  return { name: emptyBytes, password: emptyBytes, roles: [], options: undefined };
}

export const User: MessageFns<User> = {
  encode(message: User, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    if (message.password.length !== 0) {
      writer.uint32(18).bytes(message.password);
    }
    for (const v of message.roles) {
      writer.uint32(26).string(v!);
    }
    if (message.options !== undefined) {
      UserAddOptions.encode(message.options, writer.uint32(34).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): User {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseUser();
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
            if (tag !== 18) {
              break;
            }

            message.password = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.roles.push(reader.string());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.options = UserAddOptions.decode(reader, reader.size());
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

  create(base?: DeepPartial<User>): User {
    return User.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<User>): User {
    const message = createBaseUser();
    message.name = object.name ?? emptyBytes;
    message.password = object.password ?? emptyBytes;
    message.roles = object.roles?.map((e) => e) || [];
    message.options = (object.options !== undefined && object.options !== null)
      ? UserAddOptions.fromPartial(object.options)
      : undefined;
    return message;
  },
};

function createBasePermission(): Permission {
  return { permType: 0, key: emptyBytes, rangeEnd: emptyBytes };
}

export const Permission: MessageFns<Permission> = {
  encode(message: Permission, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.permType !== 0) {
      writer.uint32(8).int32(message.permType);
    }
    if (message.key.length !== 0) {
      writer.uint32(18).bytes(message.key);
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(26).bytes(message.rangeEnd);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Permission {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBasePermission();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 8) {
              break;
            }

            message.permType = reader.int32() as never;
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.key = reader.bytes();
            continue;
          }
          case 3: {
            if (tag !== 26) {
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

  create(base?: DeepPartial<Permission>): Permission {
    return Permission.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Permission>): Permission {
    const message = createBasePermission();
    message.permType = object.permType ?? 0;
    message.key = object.key ?? emptyBytes;
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    return message;
  },
};

function createBaseRole(): Role {
  return { name: emptyBytes, keyPermission: [] };
}

export const Role: MessageFns<Role> = {
  encode(message: Role, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name.length !== 0) {
      writer.uint32(10).bytes(message.name);
    }
    for (const v of message.keyPermission) {
      Permission.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): Role {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseRole();
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
            if (tag !== 18) {
              break;
            }

            message.keyPermission.push(Permission.decode(reader, reader.size()));
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

  create(base?: DeepPartial<Role>): Role {
    return Role.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<Role>): Role {
    const message = createBaseRole();
    message.name = object.name ?? emptyBytes;
    message.keyPermission = object.keyPermission?.map((e) => Permission.fromPartial(e)) || [];
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
