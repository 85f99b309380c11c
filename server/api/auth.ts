// etcdserverpb.Auth. Everything goes through Raft, the questions too, as in etcd; passwords are hashed
// here before they are proposed, so that no log ever holds one.
import { Buffer } from "node:buffer";
import {
  AuthDisableRequest,
  AuthDisableResponse,
  AuthEnableRequest,
  AuthEnableResponse,
  AuthenticateRequest,
  AuthenticateResponse,
  AuthRoleAddRequest,
  AuthRoleAddResponse,
  AuthRoleDeleteRequest,
  AuthRoleDeleteResponse,
  AuthRoleGetRequest,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionRequest,
  AuthRoleGrantPermissionResponse,
  AuthRoleListRequest,
  AuthRoleListResponse,
  AuthRoleRevokePermissionRequest,
  AuthRoleRevokePermissionResponse,
  AuthStatusRequest,
  AuthStatusResponse,
  AuthUserAddRequest,
  AuthUserAddResponse,
  AuthUserChangePasswordRequest,
  AuthUserChangePasswordResponse,
  AuthUserDeleteRequest,
  AuthUserDeleteResponse,
  AuthUserGetRequest,
  AuthUserGetResponse,
  AuthUserGrantRoleRequest,
  AuthUserGrantRoleResponse,
  AuthUserListRequest,
  AuthUserListResponse,
  AuthUserRevokeRoleRequest,
  AuthUserRevokeRoleResponse,
} from "#proto/gen/auth.ts";
import type { BinaryWriter } from "#proto/wire.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import type { ApiMember, Proposals } from "./member.ts";
import { singleRequest } from "./method-gate.ts";

const service = "/etcdserverpb.Auth/";

type AuthKind = Exclude<Extract<keyof Proposals, `auth${string}`>, "authenticate">;

interface Method<K extends AuthKind> {
  readonly kind: K;
  readonly request: { decode(bytes: Uint8Array): Proposals[K][0] };
  readonly response: {
    encode(response: Proposals[K][1], writer: BinaryWriter): BinaryWriter;
  };
  /** What becomes of the request before it is proposed. */
  prepare?(member: ApiMember, request: Proposals[K][0]): Promise<Proposals[K][0]>;
}

/** The methods of the Auth service. */
export function authMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, member, gate, headers } = context;

  const proposed = <K extends AuthKind>(
    name: string,
    { kind, request: codec, response, prepare }: Method<K>,
  ): SingleRequestMethod =>
    singleRequest(gate, {
      path: `${service}${name}`,
      decode: (bytes) => codec.decode(bytes),
      async run(request, responder) {
        const ready = prepare === undefined ? request : await prepare(member, request);
        const answer = await member.propose(kind, ready, await access.userOf(responder));
        return encodeAnswer(headers, response, answer, answer.header?.revision ?? 0);
      },
    });

  return [
    proposed("AuthEnable", {
      kind: "authEnable",
      request: AuthEnableRequest,
      response: AuthEnableResponse,
    }),
    proposed("AuthDisable", {
      kind: "authDisable",
      request: AuthDisableRequest,
      response: AuthDisableResponse,
    }),
    proposed("AuthStatus", {
      kind: "authStatus",
      request: AuthStatusRequest,
      response: AuthStatusResponse,
    }),
    singleRequest(gate, {
      path: `${service}Authenticate`,
      decode: (bytes) => AuthenticateRequest.decode(bytes),
      async run(request) {
        const answer = await authenticate(member, request);
        return encodeAnswer(headers, AuthenticateResponse, answer, answer.header?.revision ?? 0);
      },
    }),
    proposed("UserAdd", {
      kind: "authUserAdd",
      request: AuthUserAddRequest,
      response: AuthUserAddResponse,
      async prepare({ auth }, request) {
        if (request.options?.noPassword === true) return { ...request, password: "" };
        const hashedPassword = base64(await auth.hashPassword(request.password));
        return { ...request, password: "", hashedPassword };
      },
    }),
    proposed("UserGet", {
      kind: "authUserGet",
      request: AuthUserGetRequest,
      response: AuthUserGetResponse,
    }),
    proposed("UserList", {
      kind: "authUserList",
      request: AuthUserListRequest,
      response: AuthUserListResponse,
    }),
    proposed("UserDelete", {
      kind: "authUserDelete",
      request: AuthUserDeleteRequest,
      response: AuthUserDeleteResponse,
    }),
    proposed("UserChangePassword", {
      kind: "authUserChangePassword",
      request: AuthUserChangePasswordRequest,
      response: AuthUserChangePasswordResponse,
      async prepare({ auth }, request) {
        if (request.password === "") return request;
        const hashedPassword = base64(await auth.hashPassword(request.password));
        return { ...request, password: "", hashedPassword };
      },
    }),
    proposed("UserGrantRole", {
      kind: "authUserGrantRole",
      request: AuthUserGrantRoleRequest,
      response: AuthUserGrantRoleResponse,
    }),
    proposed("UserRevokeRole", {
      kind: "authUserRevokeRole",
      request: AuthUserRevokeRoleRequest,
      response: AuthUserRevokeRoleResponse,
    }),
    proposed("RoleAdd", {
      kind: "authRoleAdd",
      request: AuthRoleAddRequest,
      response: AuthRoleAddResponse,
    }),
    proposed("RoleGet", {
      kind: "authRoleGet",
      request: AuthRoleGetRequest,
      response: AuthRoleGetResponse,
    }),
    proposed("RoleList", {
      kind: "authRoleList",
      request: AuthRoleListRequest,
      response: AuthRoleListResponse,
    }),
    proposed("RoleDelete", {
      kind: "authRoleDelete",
      request: AuthRoleDeleteRequest,
      response: AuthRoleDeleteResponse,
    }),
    proposed("RoleGrantPermission", {
      kind: "authRoleGrantPermission",
      request: AuthRoleGrantPermissionRequest,
      response: AuthRoleGrantPermissionResponse,
    }),
    proposed("RoleRevokePermission", {
      kind: "authRoleRevokePermission",
      request: AuthRoleRevokePermissionRequest,
      response: AuthRoleRevokePermissionResponse,
    }),
  ];
}

/** Repeated if users or permissions changed between the check and its entry: perhaps the password did. */
async function authenticate(
  member: ApiMember,
  { name, password }: AuthenticateRequest,
): Promise<AuthenticateResponse> {
  const { auth } = member;
  await member.linearize();
  for (;;) {
    const revision = await auth.checkPassword(name, password);
    const request = { name, password: "", simpleToken: auth.tokenPrefix() };
    const answer = await member.propose("authenticate", request);
    if (revision === auth.revision) return answer;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
