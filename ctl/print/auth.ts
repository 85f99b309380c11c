// Answers about users and roles, in every format that shows them.
import { prefixEnd } from "#client/kv.ts";
import { goQuote } from "#ctl/go-text.ts";
import {
  AuthRoleAddResponse,
  AuthRoleDeleteResponse,
  AuthRoleGetResponse,
  AuthRoleGrantPermissionResponse,
  AuthRoleListResponse,
  AuthRoleRevokePermissionResponse,
  AuthStatusResponse,
  AuthUserAddResponse,
  AuthUserChangePasswordResponse,
  AuthUserDeleteResponse,
  AuthUserGetResponse,
  AuthUserGrantRoleResponse,
  AuthUserListResponse,
  AuthUserRevokeRoleResponse,
} from "#proto/gen/auth.ts";
import { type Permission, Permission_Type } from "#proto/gen/authdata.ts";

/** An answer, with the names that the command was given. */
export type AuthAnswer =
  | { readonly kind: "status"; readonly response: AuthStatusResponse }
  | { readonly kind: "userAdd"; readonly user: string; readonly response: AuthUserAddResponse }
  | {
      readonly kind: "userDelete";
      readonly user: string;
      readonly response: AuthUserDeleteResponse;
    }
  | { readonly kind: "userGet"; readonly user: string; readonly response: AuthUserGetResponse }
  | { readonly kind: "userList"; readonly response: AuthUserListResponse }
  | { readonly kind: "passwd"; readonly response: AuthUserChangePasswordResponse }
  | {
      readonly kind: "grantRole";
      readonly user: string;
      readonly role: string;
      readonly response: AuthUserGrantRoleResponse;
    }
  | {
      readonly kind: "revokeRole";
      readonly user: string;
      readonly role: string;
      readonly response: AuthUserRevokeRoleResponse;
    }
  | { readonly kind: "roleAdd"; readonly role: string; readonly response: AuthRoleAddResponse }
  | {
      readonly kind: "roleDelete";
      readonly role: string;
      readonly response: AuthRoleDeleteResponse;
    }
  | { readonly kind: "roleGet"; readonly role: string; readonly response: AuthRoleGetResponse }
  | { readonly kind: "roleList"; readonly response: AuthRoleListResponse }
  | {
      readonly kind: "grantPermission";
      readonly role: string;
      readonly response: AuthRoleGrantPermissionResponse;
    }
  | {
      readonly kind: "revokePermission";
      readonly role: string;
      /** As it was typed, while the end is what was sent. */
      readonly key: string;
      readonly rangeEnd: Uint8Array;
      readonly response: AuthRoleRevokePermissionResponse;
    };

const asText = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const isOpen = (end: Uint8Array): boolean => end.length === 1 && end[0] === 0;

/** The lines for people; keys are bytes, and leave as they are. */
export function simpleLines(answer: AuthAnswer): Uint8Array {
  switch (answer.kind) {
    case "roleGet":
      return roleLines(answer.role, answer.response);
    case "revokePermission": {
      const { key, rangeEnd, role } = answer;
      const revoked = `is revoked from role ${role}`;
      if (rangeEnd.length === 0) return Buffer.from(`Permission of key ${key} ${revoked}\n`);
      if (isOpen(rangeEnd)) {
        return Buffer.from(`Permission of range [${key}, <open ended> ${revoked}\n`);
      }
      const range = [Buffer.from(`Permission of range [${key}, `), rangeEnd];
      return Buffer.concat([...range, Buffer.from(`) ${revoked}\n`)]);
    }
    default:
      return Buffer.from(
        linesOf(answer)
          .map((line) => `${line}\n`)
          .join(""),
      );
  }
}

function linesOf(
  answer: Exclude<AuthAnswer, { kind: "roleGet" | "revokePermission" }>,
): readonly string[] {
  switch (answer.kind) {
    case "status":
      return [
        `Authentication Status: ${answer.response.enabled}`,
        `AuthRevision: ${answer.response.authRevision}`,
      ];
    case "userAdd":
      return [`User ${answer.user} created`];
    case "userDelete":
      return [`User ${answer.user} deleted`];
    case "userGet":
      return [`User: ${answer.user}`, ["Roles:", ...answer.response.roles].join(" ")];
    case "userList":
      return answer.response.users;
    case "passwd":
      return ["Password updated"];
    case "grantRole":
      return [`Role ${answer.role} is granted to user ${answer.user}`];
    case "revokeRole":
      return [`Role ${answer.role} is revoked from user ${answer.user}`];
    case "roleAdd":
      return [`Role ${answer.role} created`];
    case "roleDelete":
      return [`Role ${answer.role} deleted`];
    case "roleList":
      return answer.response.roles;
    case "grantPermission":
      return [`Role ${answer.role} updated`];
  }
}

function roleLines(role: string, { perm }: AuthRoleGetResponse): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`Role ${role}\n`)];
  const { READ, READWRITE, WRITE } = Permission_Type;
  for (const [title, type] of [
    ["KV Read:", READ],
    ["KV Write:", WRITE],
  ] as const) {
    parts.push(Buffer.from(`${title}\n`));
    const isRoot = role === "root" && perm.length === 0;
    if (isRoot) parts.push(Buffer.from("\t[, <open ended>\n"));
    for (const one of perm) {
      if (one.permType === type || one.permType === READWRITE) parts.push(permissionLine(one));
    }
  }
  return Buffer.concat(parts);
}

function permissionLine({ key, rangeEnd }: Permission): Uint8Array {
  const text = (words: string): Uint8Array => Buffer.from(words);
  if (rangeEnd.length === 0) return Buffer.concat([text("\t"), key, text("\n")]);
  const range = isOpen(rangeEnd)
    ? [text("\t["), key, text(", <open ended>")]
    : [text("\t["), key, text(", "), rangeEnd, text(")")];
  const isPrefix = key.length > 0 && Buffer.from(prefixEnd(key)).equals(rangeEnd);
  const prefix = isPrefix ? [text(" (prefix "), key, text(")")] : [];
  return Buffer.concat([...range, ...prefix, text("\n")]);
}

/** The lines that follow the header in format `fields`; undefined for what it does not show. */
export function fieldLines(answer: AuthAnswer): readonly string[] | undefined {
  switch (answer.kind) {
    case "status":
    case "userGet":
    case "userList":
      return undefined;
    case "roleGet":
      return answer.response.perm.flatMap(({ key, permType, rangeEnd }) => [
        `"PermType" :  ${permissionTypeName(permType)}`,
        `"Key" : ${goQuote(asText(key))}`,
        `"RangeEnd" : ${goQuote(asText(rangeEnd))}`,
      ]);
    case "roleList":
      return [['"Roles" :', ...answer.response.roles.map((role) => goQuote(role))].join(" ")];
    default:
      return [];
  }
}

function permissionTypeName(type: Permission_Type): string {
  return Object.entries(Permission_Type).find(([, value]) => value === type)?.[0] ?? String(type);
}

/** What follows the header in JSON, with its defaults. */
export function jsonFields(answer: AuthAnswer): Readonly<Record<string, unknown>> {
  switch (answer.kind) {
    case "status": {
      const { authRevision, enabled } = answer.response;
      return { enabled, authRevision };
    }
    case "userGet":
      return { roles: answer.response.roles };
    case "userList":
      return { users: answer.response.users };
    case "roleList":
      return { roles: answer.response.roles };
    case "roleGet":
      return {
        perm: answer.response.perm.map(({ key, permType, rangeEnd }) => ({
          ...(permType === 0 ? {} : { permType }),
          ...(key.length === 0 ? {} : { key: Buffer.from(key).toString("base64") }),
          ...(rangeEnd.length === 0 ? {} : { range_end: Buffer.from(rangeEnd).toString("base64") }),
        })),
      };
    default:
      return {};
  }
}

const codecs = {
  status: AuthStatusResponse,
  userAdd: AuthUserAddResponse,
  userDelete: AuthUserDeleteResponse,
  userGet: AuthUserGetResponse,
  userList: AuthUserListResponse,
  passwd: AuthUserChangePasswordResponse,
  grantRole: AuthUserGrantRoleResponse,
  revokeRole: AuthUserRevokeRoleResponse,
  roleAdd: AuthRoleAddResponse,
  roleDelete: AuthRoleDeleteResponse,
  roleGet: AuthRoleGetResponse,
  roleList: AuthRoleListResponse,
  grantPermission: AuthRoleGrantPermissionResponse,
  revokePermission: AuthRoleRevokePermissionResponse,
} as const;

/** The answer's own bytes. */
export function protobufBytes(answer: AuthAnswer): Uint8Array {
  const codec = codecs[answer.kind] as { encode(message: unknown): { finish(): Uint8Array } };
  return codec.encode(answer.response).finish();
}
