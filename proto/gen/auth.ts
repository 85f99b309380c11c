// Made from proto/etcd/auth.proto by tools/gen.ts. Do not edit.
import { emptyBytes } from "#base/bytes.ts";
import { BinaryReader, BinaryWriter } from "#proto/wire.ts";
import { Permission, UserAddOptions } from "./authdata.ts";
import { ResponseHeader } from "./header.ts";

export const protobufPackage = "etcdserverpb";

export const protobufFileName = "etcd/auth.proto";

/** Users, roles, permissions and tokens. */

export interface AuthEnableRequest {
}

export interface AuthDisableRequest {
}

export interface AuthStatusRequest {
}

export interface AuthenticateRequest {
  name: string;
  password: string;
}

export interface AuthUserAddRequest {
  name: string;
  password: string;
  options: UserAddOptions | undefined;
  hashedPassword: string;
}

export interface AuthUserGetRequest {
  name: string;
}

export interface AuthUserDeleteRequest {
  name: string;
}

export interface AuthUserChangePasswordRequest {
  name: string;
  password: string;
  hashedPassword: string;
}

export interface AuthUserGrantRoleRequest {
  user: string;
  role: string;
}

export interface AuthUserRevokeRoleRequest {
  name: string;
  role: string;
}

export interface AuthRoleAddRequest {
  name: string;
}

export interface AuthRoleGetRequest {
  role: string;
}

export interface AuthUserListRequest {
}

export interface AuthRoleListRequest {
}

export interface AuthRoleDeleteRequest {
  role: string;
}

export interface AuthRoleGrantPermissionRequest {
  name: string;
  perm: Permission | undefined;
}

export interface AuthRoleRevokePermissionRequest {
  role: string;
  key: Uint8Array;
  rangeEnd: Uint8Array;
}

export interface AuthEnableResponse {
  header: ResponseHeader | undefined;
}

export interface AuthDisableResponse {
  header: ResponseHeader | undefined;
}

export interface AuthStatusResponse {
  header: ResponseHeader | undefined;
  enabled: boolean;
  authRevision: number;
}

export interface AuthenticateResponse {
  header: ResponseHeader | undefined;
  token: string;
}

export interface AuthUserAddResponse {
  header: ResponseHeader | undefined;
}

export interface AuthUserGetResponse {
  header: ResponseHeader | undefined;
  roles: string[];
}

export interface AuthUserDeleteResponse {
  header: ResponseHeader | undefined;
}

export interface AuthUserChangePasswordResponse {
  header: ResponseHeader | undefined;
}

export interface AuthUserGrantRoleResponse {
  header: ResponseHeader | undefined;
}

export interface AuthUserRevokeRoleResponse {
  header: ResponseHeader | undefined;
}

export interface AuthRoleAddResponse {
  header: ResponseHeader | undefined;
}

export interface AuthRoleGetResponse {
  header: ResponseHeader | undefined;
  perm: Permission[];
}

export interface AuthRoleListResponse {
  header: ResponseHeader | undefined;
  roles: string[];
}

export interface AuthUserListResponse {
  header: ResponseHeader | undefined;
  users: string[];
}

export interface AuthRoleDeleteResponse {
  header: ResponseHeader | undefined;
}

export interface AuthRoleGrantPermissionResponse {
  header: ResponseHeader | undefined;
}

export interface AuthRoleRevokePermissionResponse {
  header: ResponseHeader | undefined;
}

function createBaseAuthEnableRequest(): AuthEnableRequest {
  return {};
}

export const AuthEnableRequest: MessageFns<AuthEnableRequest> = {
  encode(_: AuthEnableRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthEnableRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthEnableRequest();
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

  create(base?: DeepPartial<AuthEnableRequest>): AuthEnableRequest {
    return AuthEnableRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<AuthEnableRequest>): AuthEnableRequest {
    const message = createBaseAuthEnableRequest();
    return message;
  },
};

function createBaseAuthDisableRequest(): AuthDisableRequest {
  return {};
}

export const AuthDisableRequest: MessageFns<AuthDisableRequest> = {
  encode(_: AuthDisableRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthDisableRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthDisableRequest();
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

  create(base?: DeepPartial<AuthDisableRequest>): AuthDisableRequest {
    return AuthDisableRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<AuthDisableRequest>): AuthDisableRequest {
    const message = createBaseAuthDisableRequest();
    return message;
  },
};

function createBaseAuthStatusRequest(): AuthStatusRequest {
  return {};
}

export const AuthStatusRequest: MessageFns<AuthStatusRequest> = {
  encode(_: AuthStatusRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthStatusRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthStatusRequest();
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

  create(base?: DeepPartial<AuthStatusRequest>): AuthStatusRequest {
    return AuthStatusRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<AuthStatusRequest>): AuthStatusRequest {
    const message = createBaseAuthStatusRequest();
    return message;
  },
};

function createBaseAuthenticateRequest(): AuthenticateRequest {
  return { name: "", password: "" };
}

export const AuthenticateRequest: MessageFns<AuthenticateRequest> = {
  encode(message: AuthenticateRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.password !== "") {
      writer.uint32(18).string(message.password);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthenticateRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthenticateRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.password = reader.string();
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

  create(base?: DeepPartial<AuthenticateRequest>): AuthenticateRequest {
    return AuthenticateRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthenticateRequest>): AuthenticateRequest {
    const message = createBaseAuthenticateRequest();
    message.name = object.name ?? "";
    message.password = object.password ?? "";
    return message;
  },
};

function createBaseAuthUserAddRequest(): AuthUserAddRequest {
  return { name: "", password: "", options: undefined, hashedPassword: "" };
}

export const AuthUserAddRequest: MessageFns<AuthUserAddRequest> = {
  encode(message: AuthUserAddRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.password !== "") {
      writer.uint32(18).string(message.password);
    }
    if (message.options !== undefined) {
      UserAddOptions.encode(message.options, writer.uint32(26).fork()).join();
    }
    if (message.hashedPassword !== "") {
      writer.uint32(34).string(message.hashedPassword);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserAddRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserAddRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.password = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.options = UserAddOptions.decode(reader, reader.size());
            continue;
          }
          case 4: {
            if (tag !== 34) {
              break;
            }

            message.hashedPassword = reader.string();
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

  create(base?: DeepPartial<AuthUserAddRequest>): AuthUserAddRequest {
    return AuthUserAddRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserAddRequest>): AuthUserAddRequest {
    const message = createBaseAuthUserAddRequest();
    message.name = object.name ?? "";
    message.password = object.password ?? "";
    message.options = (object.options !== undefined && object.options !== null)
      ? UserAddOptions.fromPartial(object.options)
      : undefined;
    message.hashedPassword = object.hashedPassword ?? "";
    return message;
  },
};

function createBaseAuthUserGetRequest(): AuthUserGetRequest {
  return { name: "" };
}

export const AuthUserGetRequest: MessageFns<AuthUserGetRequest> = {
  encode(message: AuthUserGetRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserGetRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserGetRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
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

  create(base?: DeepPartial<AuthUserGetRequest>): AuthUserGetRequest {
    return AuthUserGetRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserGetRequest>): AuthUserGetRequest {
    const message = createBaseAuthUserGetRequest();
    message.name = object.name ?? "";
    return message;
  },
};

function createBaseAuthUserDeleteRequest(): AuthUserDeleteRequest {
  return { name: "" };
}

export const AuthUserDeleteRequest: MessageFns<AuthUserDeleteRequest> = {
  encode(message: AuthUserDeleteRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserDeleteRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserDeleteRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
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

  create(base?: DeepPartial<AuthUserDeleteRequest>): AuthUserDeleteRequest {
    return AuthUserDeleteRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserDeleteRequest>): AuthUserDeleteRequest {
    const message = createBaseAuthUserDeleteRequest();
    message.name = object.name ?? "";
    return message;
  },
};

function createBaseAuthUserChangePasswordRequest(): AuthUserChangePasswordRequest {
  return { name: "", password: "", hashedPassword: "" };
}

export const AuthUserChangePasswordRequest: MessageFns<AuthUserChangePasswordRequest> = {
  encode(message: AuthUserChangePasswordRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.password !== "") {
      writer.uint32(18).string(message.password);
    }
    if (message.hashedPassword !== "") {
      writer.uint32(26).string(message.hashedPassword);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserChangePasswordRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserChangePasswordRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.password = reader.string();
            continue;
          }
          case 3: {
            if (tag !== 26) {
              break;
            }

            message.hashedPassword = reader.string();
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

  create(base?: DeepPartial<AuthUserChangePasswordRequest>): AuthUserChangePasswordRequest {
    return AuthUserChangePasswordRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserChangePasswordRequest>): AuthUserChangePasswordRequest {
    const message = createBaseAuthUserChangePasswordRequest();
    message.name = object.name ?? "";
    message.password = object.password ?? "";
    message.hashedPassword = object.hashedPassword ?? "";
    return message;
  },
};

function createBaseAuthUserGrantRoleRequest(): AuthUserGrantRoleRequest {
  return { user: "", role: "" };
}

export const AuthUserGrantRoleRequest: MessageFns<AuthUserGrantRoleRequest> = {
  encode(message: AuthUserGrantRoleRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.user !== "") {
      writer.uint32(10).string(message.user);
    }
    if (message.role !== "") {
      writer.uint32(18).string(message.role);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserGrantRoleRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserGrantRoleRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.user = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.role = reader.string();
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

  create(base?: DeepPartial<AuthUserGrantRoleRequest>): AuthUserGrantRoleRequest {
    return AuthUserGrantRoleRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserGrantRoleRequest>): AuthUserGrantRoleRequest {
    const message = createBaseAuthUserGrantRoleRequest();
    message.user = object.user ?? "";
    message.role = object.role ?? "";
    return message;
  },
};

function createBaseAuthUserRevokeRoleRequest(): AuthUserRevokeRoleRequest {
  return { name: "", role: "" };
}

export const AuthUserRevokeRoleRequest: MessageFns<AuthUserRevokeRoleRequest> = {
  encode(message: AuthUserRevokeRoleRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.role !== "") {
      writer.uint32(18).string(message.role);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserRevokeRoleRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserRevokeRoleRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.role = reader.string();
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

  create(base?: DeepPartial<AuthUserRevokeRoleRequest>): AuthUserRevokeRoleRequest {
    return AuthUserRevokeRoleRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserRevokeRoleRequest>): AuthUserRevokeRoleRequest {
    const message = createBaseAuthUserRevokeRoleRequest();
    message.name = object.name ?? "";
    message.role = object.role ?? "";
    return message;
  },
};

function createBaseAuthRoleAddRequest(): AuthRoleAddRequest {
  return { name: "" };
}

export const AuthRoleAddRequest: MessageFns<AuthRoleAddRequest> = {
  encode(message: AuthRoleAddRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleAddRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleAddRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
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

  create(base?: DeepPartial<AuthRoleAddRequest>): AuthRoleAddRequest {
    return AuthRoleAddRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleAddRequest>): AuthRoleAddRequest {
    const message = createBaseAuthRoleAddRequest();
    message.name = object.name ?? "";
    return message;
  },
};

function createBaseAuthRoleGetRequest(): AuthRoleGetRequest {
  return { role: "" };
}

export const AuthRoleGetRequest: MessageFns<AuthRoleGetRequest> = {
  encode(message: AuthRoleGetRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.role !== "") {
      writer.uint32(10).string(message.role);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleGetRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleGetRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.role = reader.string();
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

  create(base?: DeepPartial<AuthRoleGetRequest>): AuthRoleGetRequest {
    return AuthRoleGetRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleGetRequest>): AuthRoleGetRequest {
    const message = createBaseAuthRoleGetRequest();
    message.role = object.role ?? "";
    return message;
  },
};

function createBaseAuthUserListRequest(): AuthUserListRequest {
  return {};
}

export const AuthUserListRequest: MessageFns<AuthUserListRequest> = {
  encode(_: AuthUserListRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserListRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserListRequest();
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

  create(base?: DeepPartial<AuthUserListRequest>): AuthUserListRequest {
    return AuthUserListRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<AuthUserListRequest>): AuthUserListRequest {
    const message = createBaseAuthUserListRequest();
    return message;
  },
};

function createBaseAuthRoleListRequest(): AuthRoleListRequest {
  return {};
}

export const AuthRoleListRequest: MessageFns<AuthRoleListRequest> = {
  encode(_: AuthRoleListRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleListRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleListRequest();
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

  create(base?: DeepPartial<AuthRoleListRequest>): AuthRoleListRequest {
    return AuthRoleListRequest.fromPartial(base ?? {});
  },
  fromPartial(_: DeepPartial<AuthRoleListRequest>): AuthRoleListRequest {
    const message = createBaseAuthRoleListRequest();
    return message;
  },
};

function createBaseAuthRoleDeleteRequest(): AuthRoleDeleteRequest {
  return { role: "" };
}

export const AuthRoleDeleteRequest: MessageFns<AuthRoleDeleteRequest> = {
  encode(message: AuthRoleDeleteRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.role !== "") {
      writer.uint32(10).string(message.role);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleDeleteRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleDeleteRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.role = reader.string();
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

  create(base?: DeepPartial<AuthRoleDeleteRequest>): AuthRoleDeleteRequest {
    return AuthRoleDeleteRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleDeleteRequest>): AuthRoleDeleteRequest {
    const message = createBaseAuthRoleDeleteRequest();
    message.role = object.role ?? "";
    return message;
  },
};

function createBaseAuthRoleGrantPermissionRequest(): AuthRoleGrantPermissionRequest {
  return { name: "", perm: undefined };
}

export const AuthRoleGrantPermissionRequest: MessageFns<AuthRoleGrantPermissionRequest> = {
  encode(message: AuthRoleGrantPermissionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.name !== "") {
      writer.uint32(10).string(message.name);
    }
    if (message.perm !== undefined) {
      Permission.encode(message.perm, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleGrantPermissionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleGrantPermissionRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.name = reader.string();
            continue;
          }
          case 2: {
            if (tag !== 18) {
              break;
            }

            message.perm = Permission.decode(reader, reader.size());
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

  create(base?: DeepPartial<AuthRoleGrantPermissionRequest>): AuthRoleGrantPermissionRequest {
    return AuthRoleGrantPermissionRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleGrantPermissionRequest>): AuthRoleGrantPermissionRequest {
    const message = createBaseAuthRoleGrantPermissionRequest();
    message.name = object.name ?? "";
    message.perm = (object.perm !== undefined && object.perm !== null)
      ? Permission.fromPartial(object.perm)
      : undefined;
    return message;
  },
};

function createBaseAuthRoleRevokePermissionRequest(): AuthRoleRevokePermissionRequest {
  return { role: "", key: emptyBytes, rangeEnd: emptyBytes };
}

export const AuthRoleRevokePermissionRequest: MessageFns<AuthRoleRevokePermissionRequest> = {
  encode(message: AuthRoleRevokePermissionRequest, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.role !== "") {
      writer.uint32(10).string(message.role);
    }
    if (message.key.length !== 0) {
      writer.uint32(18).bytes(message.key);
    }
    if (message.rangeEnd.length !== 0) {
      writer.uint32(26).bytes(message.rangeEnd);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleRevokePermissionRequest {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleRevokePermissionRequest();
      while (reader.pos < end) {
        const tag = reader.tag();
        switch (tag >>> 3) {
          case 1: {
            if (tag !== 10) {
              break;
            }

            message.role = reader.string();
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

  create(base?: DeepPartial<AuthRoleRevokePermissionRequest>): AuthRoleRevokePermissionRequest {
    return AuthRoleRevokePermissionRequest.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleRevokePermissionRequest>): AuthRoleRevokePermissionRequest {
    const message = createBaseAuthRoleRevokePermissionRequest();
    message.role = object.role ?? "";
    message.key = object.key ?? emptyBytes;
    message.rangeEnd = object.rangeEnd ?? emptyBytes;
    return message;
  },
};

function createBaseAuthEnableResponse(): AuthEnableResponse {
  return { header: undefined };
}

export const AuthEnableResponse: MessageFns<AuthEnableResponse> = {
  encode(message: AuthEnableResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthEnableResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthEnableResponse();
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

  create(base?: DeepPartial<AuthEnableResponse>): AuthEnableResponse {
    return AuthEnableResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthEnableResponse>): AuthEnableResponse {
    const message = createBaseAuthEnableResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthDisableResponse(): AuthDisableResponse {
  return { header: undefined };
}

export const AuthDisableResponse: MessageFns<AuthDisableResponse> = {
  encode(message: AuthDisableResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthDisableResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthDisableResponse();
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

  create(base?: DeepPartial<AuthDisableResponse>): AuthDisableResponse {
    return AuthDisableResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthDisableResponse>): AuthDisableResponse {
    const message = createBaseAuthDisableResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthStatusResponse(): AuthStatusResponse {
  return { header: undefined, enabled: false, authRevision: 0 };
}

export const AuthStatusResponse: MessageFns<AuthStatusResponse> = {
  encode(message: AuthStatusResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.enabled !== false) {
      writer.uint32(16).bool(message.enabled);
    }
    if (message.authRevision !== 0) {
      writer.uint32(24).uint64(message.authRevision);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthStatusResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthStatusResponse();
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

            message.enabled = reader.bool();
            continue;
          }
          case 3: {
            if (tag !== 24) {
              break;
            }

            message.authRevision = reader.uint64Number();
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

  create(base?: DeepPartial<AuthStatusResponse>): AuthStatusResponse {
    return AuthStatusResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthStatusResponse>): AuthStatusResponse {
    const message = createBaseAuthStatusResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.enabled = object.enabled ?? false;
    message.authRevision = object.authRevision ?? 0;
    return message;
  },
};

function createBaseAuthenticateResponse(): AuthenticateResponse {
  return { header: undefined, token: "" };
}

export const AuthenticateResponse: MessageFns<AuthenticateResponse> = {
  encode(message: AuthenticateResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    if (message.token !== "") {
      writer.uint32(18).string(message.token);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthenticateResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthenticateResponse();
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

            message.token = reader.string();
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

  create(base?: DeepPartial<AuthenticateResponse>): AuthenticateResponse {
    return AuthenticateResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthenticateResponse>): AuthenticateResponse {
    const message = createBaseAuthenticateResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.token = object.token ?? "";
    return message;
  },
};

function createBaseAuthUserAddResponse(): AuthUserAddResponse {
  return { header: undefined };
}

export const AuthUserAddResponse: MessageFns<AuthUserAddResponse> = {
  encode(message: AuthUserAddResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserAddResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserAddResponse();
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

  create(base?: DeepPartial<AuthUserAddResponse>): AuthUserAddResponse {
    return AuthUserAddResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserAddResponse>): AuthUserAddResponse {
    const message = createBaseAuthUserAddResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthUserGetResponse(): AuthUserGetResponse {
  return { header: undefined, roles: [] };
}

export const AuthUserGetResponse: MessageFns<AuthUserGetResponse> = {
  encode(message: AuthUserGetResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.roles) {
      writer.uint32(18).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserGetResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserGetResponse();
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

            message.roles.push(reader.string());
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

  create(base?: DeepPartial<AuthUserGetResponse>): AuthUserGetResponse {
    return AuthUserGetResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserGetResponse>): AuthUserGetResponse {
    const message = createBaseAuthUserGetResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.roles = object.roles?.map((e) => e) || [];
    return message;
  },
};

function createBaseAuthUserDeleteResponse(): AuthUserDeleteResponse {
  return { header: undefined };
}

export const AuthUserDeleteResponse: MessageFns<AuthUserDeleteResponse> = {
  encode(message: AuthUserDeleteResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserDeleteResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserDeleteResponse();
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

  create(base?: DeepPartial<AuthUserDeleteResponse>): AuthUserDeleteResponse {
    return AuthUserDeleteResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserDeleteResponse>): AuthUserDeleteResponse {
    const message = createBaseAuthUserDeleteResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthUserChangePasswordResponse(): AuthUserChangePasswordResponse {
  return { header: undefined };
}

export const AuthUserChangePasswordResponse: MessageFns<AuthUserChangePasswordResponse> = {
  encode(message: AuthUserChangePasswordResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserChangePasswordResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserChangePasswordResponse();
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

  create(base?: DeepPartial<AuthUserChangePasswordResponse>): AuthUserChangePasswordResponse {
    return AuthUserChangePasswordResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserChangePasswordResponse>): AuthUserChangePasswordResponse {
    const message = createBaseAuthUserChangePasswordResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthUserGrantRoleResponse(): AuthUserGrantRoleResponse {
  return { header: undefined };
}

export const AuthUserGrantRoleResponse: MessageFns<AuthUserGrantRoleResponse> = {
  encode(message: AuthUserGrantRoleResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserGrantRoleResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserGrantRoleResponse();
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

  create(base?: DeepPartial<AuthUserGrantRoleResponse>): AuthUserGrantRoleResponse {
    return AuthUserGrantRoleResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserGrantRoleResponse>): AuthUserGrantRoleResponse {
    const message = createBaseAuthUserGrantRoleResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthUserRevokeRoleResponse(): AuthUserRevokeRoleResponse {
  return { header: undefined };
}

export const AuthUserRevokeRoleResponse: MessageFns<AuthUserRevokeRoleResponse> = {
  encode(message: AuthUserRevokeRoleResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserRevokeRoleResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserRevokeRoleResponse();
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

  create(base?: DeepPartial<AuthUserRevokeRoleResponse>): AuthUserRevokeRoleResponse {
    return AuthUserRevokeRoleResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserRevokeRoleResponse>): AuthUserRevokeRoleResponse {
    const message = createBaseAuthUserRevokeRoleResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthRoleAddResponse(): AuthRoleAddResponse {
  return { header: undefined };
}

export const AuthRoleAddResponse: MessageFns<AuthRoleAddResponse> = {
  encode(message: AuthRoleAddResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleAddResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleAddResponse();
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

  create(base?: DeepPartial<AuthRoleAddResponse>): AuthRoleAddResponse {
    return AuthRoleAddResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleAddResponse>): AuthRoleAddResponse {
    const message = createBaseAuthRoleAddResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthRoleGetResponse(): AuthRoleGetResponse {
  return { header: undefined, perm: [] };
}

export const AuthRoleGetResponse: MessageFns<AuthRoleGetResponse> = {
  encode(message: AuthRoleGetResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.perm) {
      Permission.encode(v!, writer.uint32(18).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleGetResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleGetResponse();
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

            message.perm.push(Permission.decode(reader, reader.size()));
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

  create(base?: DeepPartial<AuthRoleGetResponse>): AuthRoleGetResponse {
    return AuthRoleGetResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleGetResponse>): AuthRoleGetResponse {
    const message = createBaseAuthRoleGetResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.perm = object.perm?.map((e) => Permission.fromPartial(e)) || [];
    return message;
  },
};

function createBaseAuthRoleListResponse(): AuthRoleListResponse {
  return { header: undefined, roles: [] };
}

export const AuthRoleListResponse: MessageFns<AuthRoleListResponse> = {
  encode(message: AuthRoleListResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.roles) {
      writer.uint32(18).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleListResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleListResponse();
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

            message.roles.push(reader.string());
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

  create(base?: DeepPartial<AuthRoleListResponse>): AuthRoleListResponse {
    return AuthRoleListResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleListResponse>): AuthRoleListResponse {
    const message = createBaseAuthRoleListResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.roles = object.roles?.map((e) => e) || [];
    return message;
  },
};

function createBaseAuthUserListResponse(): AuthUserListResponse {
  return { header: undefined, users: [] };
}

export const AuthUserListResponse: MessageFns<AuthUserListResponse> = {
  encode(message: AuthUserListResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    for (const v of message.users) {
      writer.uint32(18).string(v!);
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthUserListResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthUserListResponse();
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

            message.users.push(reader.string());
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

  create(base?: DeepPartial<AuthUserListResponse>): AuthUserListResponse {
    return AuthUserListResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthUserListResponse>): AuthUserListResponse {
    const message = createBaseAuthUserListResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    message.users = object.users?.map((e) => e) || [];
    return message;
  },
};

function createBaseAuthRoleDeleteResponse(): AuthRoleDeleteResponse {
  return { header: undefined };
}

export const AuthRoleDeleteResponse: MessageFns<AuthRoleDeleteResponse> = {
  encode(message: AuthRoleDeleteResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleDeleteResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleDeleteResponse();
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

  create(base?: DeepPartial<AuthRoleDeleteResponse>): AuthRoleDeleteResponse {
    return AuthRoleDeleteResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleDeleteResponse>): AuthRoleDeleteResponse {
    const message = createBaseAuthRoleDeleteResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthRoleGrantPermissionResponse(): AuthRoleGrantPermissionResponse {
  return { header: undefined };
}

export const AuthRoleGrantPermissionResponse: MessageFns<AuthRoleGrantPermissionResponse> = {
  encode(message: AuthRoleGrantPermissionResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleGrantPermissionResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleGrantPermissionResponse();
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

  create(base?: DeepPartial<AuthRoleGrantPermissionResponse>): AuthRoleGrantPermissionResponse {
    return AuthRoleGrantPermissionResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleGrantPermissionResponse>): AuthRoleGrantPermissionResponse {
    const message = createBaseAuthRoleGrantPermissionResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

function createBaseAuthRoleRevokePermissionResponse(): AuthRoleRevokePermissionResponse {
  return { header: undefined };
}

export const AuthRoleRevokePermissionResponse: MessageFns<AuthRoleRevokePermissionResponse> = {
  encode(message: AuthRoleRevokePermissionResponse, writer: BinaryWriter = new BinaryWriter()): BinaryWriter {
    if (message.header !== undefined) {
      ResponseHeader.encode(message.header, writer.uint32(10).fork()).join();
    }
    return writer;
  },

  decode(input: BinaryReader | Uint8Array, length?: number): AuthRoleRevokePermissionResponse {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const depth = reader.enter();
    try {
      const end = length === undefined ? reader.len : reader.pos + length;
      const message = createBaseAuthRoleRevokePermissionResponse();
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

  create(base?: DeepPartial<AuthRoleRevokePermissionResponse>): AuthRoleRevokePermissionResponse {
    return AuthRoleRevokePermissionResponse.fromPartial(base ?? {});
  },
  fromPartial(object: DeepPartial<AuthRoleRevokePermissionResponse>): AuthRoleRevokePermissionResponse {
    const message = createBaseAuthRoleRevokePermissionResponse();
    message.header = (object.header !== undefined && object.header !== null)
      ? ResponseHeader.fromPartial(object.header)
      : undefined;
    return message;
  },
};

export type AuthDefinition = typeof AuthDefinition;
export const AuthDefinition = {
  name: "Auth",
  fullName: "etcdserverpb.Auth",
  methods: {
    authEnable: {
      name: "AuthEnable",
      requestType: AuthEnableRequest as typeof AuthEnableRequest,
      requestStream: false,
      responseType: AuthEnableResponse as typeof AuthEnableResponse,
      responseStream: false,
      options: {},
    },
    authDisable: {
      name: "AuthDisable",
      requestType: AuthDisableRequest as typeof AuthDisableRequest,
      requestStream: false,
      responseType: AuthDisableResponse as typeof AuthDisableResponse,
      responseStream: false,
      options: {},
    },
    authStatus: {
      name: "AuthStatus",
      requestType: AuthStatusRequest as typeof AuthStatusRequest,
      requestStream: false,
      responseType: AuthStatusResponse as typeof AuthStatusResponse,
      responseStream: false,
      options: {},
    },
    authenticate: {
      name: "Authenticate",
      requestType: AuthenticateRequest as typeof AuthenticateRequest,
      requestStream: false,
      responseType: AuthenticateResponse as typeof AuthenticateResponse,
      responseStream: false,
      options: {},
    },
    userAdd: {
      name: "UserAdd",
      requestType: AuthUserAddRequest as typeof AuthUserAddRequest,
      requestStream: false,
      responseType: AuthUserAddResponse as typeof AuthUserAddResponse,
      responseStream: false,
      options: {},
    },
    userGet: {
      name: "UserGet",
      requestType: AuthUserGetRequest as typeof AuthUserGetRequest,
      requestStream: false,
      responseType: AuthUserGetResponse as typeof AuthUserGetResponse,
      responseStream: false,
      options: {},
    },
    userList: {
      name: "UserList",
      requestType: AuthUserListRequest as typeof AuthUserListRequest,
      requestStream: false,
      responseType: AuthUserListResponse as typeof AuthUserListResponse,
      responseStream: false,
      options: {},
    },
    userDelete: {
      name: "UserDelete",
      requestType: AuthUserDeleteRequest as typeof AuthUserDeleteRequest,
      requestStream: false,
      responseType: AuthUserDeleteResponse as typeof AuthUserDeleteResponse,
      responseStream: false,
      options: {},
    },
    userChangePassword: {
      name: "UserChangePassword",
      requestType: AuthUserChangePasswordRequest as typeof AuthUserChangePasswordRequest,
      requestStream: false,
      responseType: AuthUserChangePasswordResponse as typeof AuthUserChangePasswordResponse,
      responseStream: false,
      options: {},
    },
    userGrantRole: {
      name: "UserGrantRole",
      requestType: AuthUserGrantRoleRequest as typeof AuthUserGrantRoleRequest,
      requestStream: false,
      responseType: AuthUserGrantRoleResponse as typeof AuthUserGrantRoleResponse,
      responseStream: false,
      options: {},
    },
    userRevokeRole: {
      name: "UserRevokeRole",
      requestType: AuthUserRevokeRoleRequest as typeof AuthUserRevokeRoleRequest,
      requestStream: false,
      responseType: AuthUserRevokeRoleResponse as typeof AuthUserRevokeRoleResponse,
      responseStream: false,
      options: {},
    },
    roleAdd: {
      name: "RoleAdd",
      requestType: AuthRoleAddRequest as typeof AuthRoleAddRequest,
      requestStream: false,
      responseType: AuthRoleAddResponse as typeof AuthRoleAddResponse,
      responseStream: false,
      options: {},
    },
    roleGet: {
      name: "RoleGet",
      requestType: AuthRoleGetRequest as typeof AuthRoleGetRequest,
      requestStream: false,
      responseType: AuthRoleGetResponse as typeof AuthRoleGetResponse,
      responseStream: false,
      options: {},
    },
    roleList: {
      name: "RoleList",
      requestType: AuthRoleListRequest as typeof AuthRoleListRequest,
      requestStream: false,
      responseType: AuthRoleListResponse as typeof AuthRoleListResponse,
      responseStream: false,
      options: {},
    },
    roleDelete: {
      name: "RoleDelete",
      requestType: AuthRoleDeleteRequest as typeof AuthRoleDeleteRequest,
      requestStream: false,
      responseType: AuthRoleDeleteResponse as typeof AuthRoleDeleteResponse,
      responseStream: false,
      options: {},
    },
    roleGrantPermission: {
      name: "RoleGrantPermission",
      requestType: AuthRoleGrantPermissionRequest as typeof AuthRoleGrantPermissionRequest,
      requestStream: false,
      responseType: AuthRoleGrantPermissionResponse as typeof AuthRoleGrantPermissionResponse,
      responseStream: false,
      options: {},
    },
    roleRevokePermission: {
      name: "RoleRevokePermission",
      requestType: AuthRoleRevokePermissionRequest as typeof AuthRoleRevokePermissionRequest,
      requestStream: false,
      responseType: AuthRoleRevokePermissionResponse as typeof AuthRoleRevokePermissionResponse,
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
