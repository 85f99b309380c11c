// Who may apply what, and the commands of authentication (facts: apply rules §7). The user and the auth
// revision stand in the command's header, so every member comes to the same answer.
import type { LeaseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { EtcdError } from "#proto/errors.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from "#proto/gen/kv.ts";
import type { Command, CommandHeader } from "#server/apply/command.ts";
import type { AuthStore } from "#server/auth/auth-store.ts";
import type { Identity } from "#server/auth/tokens.ts";

/** The keys of a lease; server/lease's lessor has them. */
export interface LeaseKeys {
  /** Undefined if there is no such lease. */
  keysOf(id: LeaseId): readonly Uint8Array[] | undefined;
}

/** What a check reads. */
export interface AuthContext {
  readonly auth: AuthStore;
  readonly leases: LeaseKeys;
}

/** Why the command's user may not apply it; undefined if he may. Ask only while authentication is on. */
export function commandRefusal(context: AuthContext, command: Command): EtcdError | undefined {
  const { auth } = context;
  const who = identityOf(command.header);
  switch (command.kind) {
    case "range":
      return auth.refusal(who, "read", command.payload.key, command.payload.rangeEnd);
    case "put":
      return putRefusal(context, who, command.payload);
    case "deleteRange":
      return deletionRefusal(auth, who, command.payload);
    case "txn":
      return txnRefusal(context, who, command.payload);
    case "leaseRevoke":
      return leaseWriteRefusal(context, who, command.payload.ID as LeaseId);
    case "authEnable":
    case "authDisable":
    case "authUserAdd":
    case "authUserDelete":
    case "authUserChangePassword":
    case "authUserGrantRole":
    case "authUserRevokeRole":
    case "authUserList":
    case "authRoleAdd":
    case "authRoleDelete":
    case "authRoleGrantPermission":
    case "authRoleRevokePermission":
    case "authRoleList":
      return auth.adminRefusal(who);
    case "authUserGet":
      return command.payload.name === who.username ? undefined : auth.adminRefusal(who);
    case "authRoleGet":
      return auth.hasRole(who.username, command.payload.role) ? undefined : auth.adminRefusal(who);
    default:
      return undefined;
  }
}

function identityOf(header: CommandHeader): Identity {
  return { username: header.username, revision: header.authRevision };
}

function putRefusal(
  context: AuthContext,
  who: Identity,
  { key, lease, prevKv }: PutRequest,
): EtcdError | undefined {
  const { auth } = context;
  return (
    auth.refusal(who, "write", key) ??
    // Who may not revoke a lease must not hang keys on it either.
    leaseWriteRefusal(context, who, lease as LeaseId) ??
    (prevKv ? auth.refusal(who, "read", key) : undefined)
  );
}

/** Why `who` may not end or renew a lease: it holds a key that he may not write. */
export function leaseWriteRefusal(
  { auth, leases }: AuthContext,
  who: Identity | undefined,
  lease: LeaseId,
): EtcdError | undefined {
  if (lease === 0n || auth.adminRefusal(who) === undefined) return undefined;
  for (const key of leases.keysOf(lease) ?? []) {
    const refused = auth.refusal(who, "write", key);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function deletionRefusal(
  auth: AuthStore,
  who: Identity,
  { key, rangeEnd, prevKv }: DeleteRangeRequest,
): EtcdError | undefined {
  const refused = auth.refusal(who, "write", key, rangeEnd);
  return refused ?? (prevKv ? auth.refusal(who, "read", key, rangeEnd) : undefined);
}

/** Why `who` may not do this: all compares and both branches count, whichever will be taken. */
export function txnRefusal(
  context: AuthContext,
  who: Identity,
  request: TxnRequest,
): EtcdError | undefined {
  for (const { key, rangeEnd } of request.compare) {
    const refused = context.auth.refusal(who, "read", key, rangeEnd);
    if (refused !== undefined) return refused;
  }
  for (const ops of [request.success, request.failure]) {
    for (const op of ops) {
      const refused = opRefusal(context, who, op);
      if (refused !== undefined) return refused;
    }
  }
  return undefined;
}

function opRefusal(
  context: AuthContext,
  who: Identity,
  { request }: RequestOp,
): EtcdError | undefined {
  switch (request?.$case) {
    case "requestRange":
      return context.auth.refusal(who, "read", request.value.key, request.value.rangeEnd);
    case "requestPut":
      return putRefusal(context, who, request.value);
    case "requestDeleteRange":
      return deletionRefusal(context.auth, who, request.value);
    case "requestTxn":
      return txnRefusal(context, who, request.value);
    default:
      return undefined;
  }
}

/** What applying needs beside the store. */
export interface AuthTurn {
  readonly auth: AuthStore;
  readonly batch: StateBatch;
  readonly header: ResponseHeader;
  /** What had been applied before this command. */
  readonly appliedIndex: number;
  /** False if nobody here waits for the answer. */
  readonly answers: boolean;
}

/** Applies a command of authentication; undefined if it is none. */
export function applyAuth(turn: AuthTurn, command: Command): object | undefined {
  const { auth, batch, header } = turn;
  const done = (error: EtcdError | undefined): object => error ?? { header };
  const listed = <T>(name: string, list: T[] | EtcdError): object =>
    list instanceof EtcdError ? list : { header, [name]: list };
  switch (command.kind) {
    case "authEnable":
      return done(auth.enable(batch));
    case "authDisable":
      auth.disable(batch);
      return { header };
    case "authStatus":
      return { header, enabled: auth.isEnabled, authRevision: auth.revision };
    case "authenticate": {
      const { name, simpleToken: prefix } = command.payload;
      const { appliedIndex: index, answers } = turn;
      const token = auth.authenticate(name, { prefix, index, answers });
      return token instanceof EtcdError ? token : { header, token };
    }
    case "authUserAdd":
      return done(auth.addUser(command.payload, batch));
    case "authUserDelete":
      return done(auth.deleteUser(command.payload.name, batch));
    case "authUserChangePassword":
      return done(auth.changePassword(command.payload, batch));
    case "authUserGrantRole":
      return done(auth.grantRole(command.payload.user, command.payload.role, batch));
    case "authUserRevokeRole":
      return done(auth.revokeRole(command.payload.name, command.payload.role, batch));
    case "authUserGet":
      return listed("roles", auth.userRoles(command.payload.name));
    case "authUserList":
      return listed("users", auth.userNames());
    case "authRoleAdd":
      return done(auth.addRole(command.payload.name, batch));
    case "authRoleDelete":
      return done(auth.deleteRole(command.payload.role, batch));
    case "authRoleGet":
      return listed("perm", auth.rolePermissions(command.payload.role));
    case "authRoleList":
      return listed("roles", auth.roleNames());
    case "authRoleGrantPermission":
      return done(auth.grantPermission(command.payload, batch));
    case "authRoleRevokePermission":
      return done(auth.revokePermission(command.payload, batch));
    default:
      return undefined;
  }
}
