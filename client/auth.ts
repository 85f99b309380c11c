// Users, roles and permissions, and whether authentication is on.
import type { CallOptions } from "#client/options.ts";
import { type Rpc, rpc, type Transport } from "#client/transport.ts";
import {
  AuthDefinition,
  type AuthDisableResponse,
  type AuthEnableResponse,
  type AuthRoleAddResponse,
  type AuthRoleDeleteResponse,
  type AuthRoleGetResponse,
  type AuthRoleGrantPermissionResponse,
  type AuthRoleListResponse,
  type AuthRoleRevokePermissionResponse,
  type AuthStatusResponse,
  type AuthUserAddResponse,
  type AuthUserChangePasswordResponse,
  type AuthUserDeleteResponse,
  type AuthUserGetResponse,
  type AuthUserGrantRoleResponse,
  type AuthUserListResponse,
  type AuthUserRevokeRoleResponse,
} from "#proto/gen/auth.ts";
import type { Permission } from "#proto/gen/authdata.ts";

const { methods } = AuthDefinition;
const reading = { repeatable: true };
const writing = { repeatable: false };
const enableRpc = rpc(AuthDefinition, methods.authEnable, writing);
const disableRpc = rpc(AuthDefinition, methods.authDisable, writing);
const statusRpc = rpc(AuthDefinition, methods.authStatus, reading);
const userAddRpc = rpc(AuthDefinition, methods.userAdd, writing);
const userDeleteRpc = rpc(AuthDefinition, methods.userDelete, writing);
const userGetRpc = rpc(AuthDefinition, methods.userGet, reading);
const userListRpc = rpc(AuthDefinition, methods.userList, reading);
const changePasswordRpc = rpc(AuthDefinition, methods.userChangePassword, writing);
const grantRoleRpc = rpc(AuthDefinition, methods.userGrantRole, writing);
const revokeRoleRpc = rpc(AuthDefinition, methods.userRevokeRole, writing);
const roleAddRpc = rpc(AuthDefinition, methods.roleAdd, writing);
const roleDeleteRpc = rpc(AuthDefinition, methods.roleDelete, writing);
const roleGetRpc = rpc(AuthDefinition, methods.roleGet, reading);
const roleListRpc = rpc(AuthDefinition, methods.roleList, reading);
const grantPermissionRpc = rpc(AuthDefinition, methods.roleGrantPermission, writing);
const revokePermissionRpc = rpc(AuthDefinition, methods.roleRevokePermission, writing);

export class AuthClient {
  private readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  private ask<Req, Res>(call: Rpc<Req, Res>, request: Req, options?: CallOptions): Promise<Res> {
    return this.transport.unary(call, request, options);
  }

  enable(options?: CallOptions): Promise<AuthEnableResponse> {
    return this.ask(enableRpc, {}, options);
  }

  disable(options?: CallOptions): Promise<AuthDisableResponse> {
    return this.ask(disableRpc, {}, options);
  }

  status(options?: CallOptions): Promise<AuthStatusResponse> {
    return this.ask(statusRpc, {}, options);
  }

  /** Without a password the user can only come by a client certificate. */
  userAdd(
    name: string,
    password: string | undefined,
    options?: CallOptions,
  ): Promise<AuthUserAddResponse> {
    const request = {
      name,
      password: password ?? "",
      options: { noPassword: password === undefined },
      hashedPassword: "",
    };
    return this.ask(userAddRpc, request, options);
  }

  userDelete(name: string, options?: CallOptions): Promise<AuthUserDeleteResponse> {
    return this.ask(userDeleteRpc, { name }, options);
  }

  userGet(name: string, options?: CallOptions): Promise<AuthUserGetResponse> {
    return this.ask(userGetRpc, { name }, options);
  }

  userList(options?: CallOptions): Promise<AuthUserListResponse> {
    return this.ask(userListRpc, {}, options);
  }

  userChangePassword(
    name: string,
    password: string,
    options?: CallOptions,
  ): Promise<AuthUserChangePasswordResponse> {
    return this.ask(changePasswordRpc, { name, password, hashedPassword: "" }, options);
  }

  userGrantRole(
    user: string,
    role: string,
    options?: CallOptions,
  ): Promise<AuthUserGrantRoleResponse> {
    return this.ask(grantRoleRpc, { user, role }, options);
  }

  userRevokeRole(
    name: string,
    role: string,
    options?: CallOptions,
  ): Promise<AuthUserRevokeRoleResponse> {
    return this.ask(revokeRoleRpc, { name, role }, options);
  }

  roleAdd(name: string, options?: CallOptions): Promise<AuthRoleAddResponse> {
    return this.ask(roleAddRpc, { name }, options);
  }

  roleDelete(role: string, options?: CallOptions): Promise<AuthRoleDeleteResponse> {
    return this.ask(roleDeleteRpc, { role }, options);
  }

  roleGet(role: string, options?: CallOptions): Promise<AuthRoleGetResponse> {
    return this.ask(roleGetRpc, { role }, options);
  }

  roleList(options?: CallOptions): Promise<AuthRoleListResponse> {
    return this.ask(roleListRpc, {}, options);
  }

  roleGrantPermission(
    name: string,
    perm: Permission,
    options?: CallOptions,
  ): Promise<AuthRoleGrantPermissionResponse> {
    return this.ask(grantPermissionRpc, { name, perm }, options);
  }

  roleRevokePermission(
    role: string,
    { key, rangeEnd }: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array },
    options?: CallOptions,
  ): Promise<AuthRoleRevokePermissionResponse> {
    return this.ask(revokePermissionRpc, { role, key, rangeEnd }, options);
  }
}
