// Users, roles, and whether authentication is on: replicated, so each change is made at apply and goes
// into the turn's batch, in etcd's own records (facts: apply rules §7, storage format §3). Every member
// decides alike. Changes answer with an EtcdError if they were refused, and then nothing has changed.
import { Buffer } from "node:buffer";
import { compareBytes, text, uint64Bytes, utf8 } from "#base/bytes.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import type {
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
} from "#proto/gen/auth.ts";
import { type Permission, Permission_Type, Role, User } from "#proto/gen/authdata.ts";
import { type Access, isGrantable, UserPermissions } from "./permissions.ts";
import { type Identity, nobody, type TokenProvider } from "./tokens.ts";

const enabledKey = utf8("authEnabled");
const revisionKey = utf8("authRevision");
const root = "root";
const noBytes = new Uint8Array(0);

type StateRecord = readonly [key: Uint8Array, value: Uint8Array];

/** What a state holds of authentication, by bucket. */
export interface AuthRecords {
  readonly auth: readonly StateRecord[];
  readonly users: readonly StateRecord[];
  readonly roles: readonly StateRecord[];
}

export interface AuthPorts {
  readonly tokens: TokenProvider;
  /** The hash of a password that a member of etcd 3.4 proposed as it is; salted, so each member's own. */
  hashPassword(password: string): string;
}

/** The password of a user, as far as somebody may log in with it. */
export interface StoredPassword {
  /** As bcrypt writes it; empty if the user has never had one. */
  readonly hash: string;
  /** The auth revision at which it was read. */
  readonly revision: number;
}

export class AuthStore {
  readonly #ports: AuthPorts;
  #enabled = false;
  #revision = 1;
  #users = new Map<string, User>();
  #roles = new Map<string, Role>();
  /** Made when first asked for; forgotten at every change. */
  readonly #permissions = new Map<string, UserPermissions>();

  constructor(ports: AuthPorts) {
    this.#ports = ports;
  }

  get isEnabled(): boolean {
    return this.#enabled;
  }

  /** Rises with every change of users, roles or permissions. */
  get revision(): number {
    return this.#revision;
  }

  get tokens(): TokenProvider {
    return this.#ports.tokens;
  }

  /** Takes the place of all that was known before. */
  load(records: AuthRecords): void {
    let enabled = false;
    this.#revision = 1;
    for (const [key, value] of records.auth) {
      const name = text(key);
      if (name === "authEnabled") enabled = value.length === 1 && value[0] === 1;
      else if (name === "authRevision") this.#revision = readRevision(value);
    }
    this.#users = new Map(records.users.map(([key, value]) => [text(key), User.decode(value)]));
    this.#roles = new Map(records.roles.map(([key, value]) => [text(key), Role.decode(value)]));
    this.#permissions.clear();
    this.#enabled = enabled;
    if (enabled) this.tokens.enable();
    else this.tokens.disable();
  }

  /** The record that a state has from its first start on; see node/boot-state.ts. */
  get revisionRecord(): StateRecord {
    return [revisionKey, uint64Bytes(this.#revision)];
  }

  // What is allowed. All of it while authentication is off.

  /** Why `who` may not read or write that interval; undefined if he may. */
  refusal(
    who: Identity | undefined,
    access: Access,
    key: Uint8Array,
    rangeEnd: Uint8Array = noBytes,
  ): EtcdError | undefined {
    if (!this.#enabled) return undefined;
    const { username, revision } = who ?? nobody;
    if (revision === 0) return etcdError("userEmpty");
    if (revision < this.#revision) return etcdError("authOldRevision");
    const user = this.#users.get(username);
    if (user === undefined) return etcdError("permissionDenied");
    if (hasRootRole(user) || this.#permissionsOf(username, user).allow(access, key, rangeEnd)) {
      return undefined;
    }
    return etcdError("permissionDenied");
  }

  /** Why `who` may not do what only the role root may; undefined if he may. */
  adminRefusal(who: Identity | undefined): EtcdError | undefined {
    if (!this.#enabled) return undefined;
    if (who === undefined || who.username === "") return etcdError("userEmpty");
    const user = this.#users.get(who.username);
    if (user === undefined) return etcdError("userNotFound");
    return hasRootRole(user) ? undefined : etcdError("permissionDenied");
  }

  hasRole(username: string, role: string): boolean {
    return this.#users.get(username)?.roles.includes(role) ?? false;
  }

  #permissionsOf(username: string, { roles }: User): UserPermissions {
    const known = this.#permissions.get(username);
    if (known !== undefined) return known;
    const granted = roles.flatMap((role) => this.#roles.get(role)?.keyPermission ?? []);
    const permissions = new UserPermissions(granted);
    this.#permissions.set(username, permissions);
    return permissions;
  }

  // Logging in.

  /** The stored password of a user who wants to log in, or why he cannot. */
  passwordOf(username: string): StoredPassword | EtcdError {
    if (!this.#enabled) return etcdError("authNotEnabled");
    const user = this.#users.get(username);
    if (user === undefined) return etcdError("authFailed");
    if (user.options?.noPassword === true) return passwordOfNone();
    return { hash: text(user.password), revision: this.#revision };
  }

  /** The token of a user whose password was checked before this was proposed. */
  authenticate(
    username: string,
    proposed: { readonly prefix: string; readonly index: number; readonly answers: boolean },
  ): string | EtcdError {
    if (!this.#enabled) return etcdError("authNotEnabled");
    const user = this.#users.get(username);
    if (user === undefined || user.options?.noPassword === true) return etcdError("authFailed");
    try {
      return this.tokens.assign({ username, revision: this.#revision, ...proposed });
    } catch (error) {
      if (error instanceof EtcdError) return error;
      throw error;
    }
  }

  // Changes.

  enable(batch: StateBatch): EtcdError | undefined {
    if (this.#enabled) return undefined;
    const user = this.#users.get(root);
    if (user === undefined) return etcdError("rootUserNotExist");
    if (!hasRootRole(user)) return etcdError("rootRoleNotGranted");
    batch.put("auth", enabledKey, Uint8Array.of(1));
    this.#enabled = true;
    this.tokens.enable();
    return undefined;
  }

  disable(batch: StateBatch): void {
    if (!this.#enabled) return;
    batch.put("auth", enabledKey, Uint8Array.of(0));
    this.#commit(batch);
    this.#enabled = false;
    this.tokens.disable();
  }

  addUser(request: AuthUserAddRequest, batch: StateBatch): EtcdError | undefined {
    const { name } = request;
    if (name === "") return etcdError("userEmpty");
    if (this.#users.has(name)) return etcdError("userAlreadyExists");
    const options = request.options ?? { noPassword: false };
    const password = options.noPassword ? noBytes : this.#passwordIn(request);
    if (password === undefined) return passwordOfNone();
    this.#putUser({ name: utf8(name), password, roles: [], options }, batch);
    this.#commit(batch);
    return undefined;
  }

  deleteUser(name: string, batch: StateBatch): EtcdError | undefined {
    if (this.#enabled && name === root) return etcdError("invalidAuthManagement");
    if (!this.#users.delete(name)) return etcdError("userNotFound");
    batch.delete("authUsers", utf8(name));
    this.#commit(batch);
    this.tokens.invalidateUser(name);
    return undefined;
  }

  changePassword(request: AuthUserChangePasswordRequest, batch: StateBatch): EtcdError | undefined {
    const user = this.#users.get(request.name);
    if (user === undefined) return etcdError("userNotFound");
    const password = user.options?.noPassword === true ? noBytes : this.#passwordIn(request);
    if (password === undefined) return passwordOfNone();
    this.#putUser({ ...user, password }, batch);
    this.#commit(batch);
    this.tokens.invalidateUser(request.name);
    return undefined;
  }

  /** A role that the user has already is no change. */
  grantRole(username: string, role: string, batch: StateBatch): EtcdError | undefined {
    const user = this.#users.get(username);
    if (user === undefined) return etcdError("userNotFound");
    if (role !== root && !this.#roles.has(role)) return etcdError("roleNotFound");
    if (user.roles.includes(role)) return undefined;
    this.#putUser({ ...user, roles: [...user.roles, role].sort(compareNames) }, batch);
    this.#commit(batch);
    return undefined;
  }

  revokeRole(username: string, role: string, batch: StateBatch): EtcdError | undefined {
    if (this.#enabled && username === root && role === root) {
      return etcdError("invalidAuthManagement");
    }
    const user = this.#users.get(username);
    if (user === undefined) return etcdError("userNotFound");
    if (!user.roles.includes(role)) return etcdError("roleNotGranted");
    this.#putUser({ ...user, roles: user.roles.filter((one) => one !== role) }, batch);
    this.#commit(batch);
    return undefined;
  }

  /** The roles of a user, sorted. */
  userRoles(name: string): string[] | EtcdError {
    const user = this.#users.get(name);
    return user === undefined ? etcdError("userNotFound") : [...user.roles];
  }

  /** All users, sorted. */
  userNames(): string[] {
    return [...this.#users.keys()].sort(compareNames);
  }

  addRole(name: string, batch: StateBatch): EtcdError | undefined {
    if (name === "") return etcdError("roleEmpty");
    if (this.#roles.has(name)) return etcdError("roleAlreadyExists");
    this.#putRole({ name: utf8(name), keyPermission: [] }, batch);
    this.#commit(batch);
    return undefined;
  }

  /** Takes the role from all users, too. */
  deleteRole(name: string, batch: StateBatch): EtcdError | undefined {
    if (this.#enabled && name === root) return etcdError("invalidAuthManagement");
    if (!this.#roles.delete(name)) return etcdError("roleNotFound");
    batch.delete("authRoles", utf8(name));
    for (const user of this.#users.values()) {
      if (!user.roles.includes(name)) continue;
      this.#putUser({ ...user, roles: user.roles.filter((one) => one !== name) }, batch);
    }
    this.#commit(batch);
    return undefined;
  }

  /** What a role may, sorted by key; root may everything, whatever it was granted. */
  rolePermissions(name: string): Permission[] | EtcdError {
    const role = this.#roles.get(name);
    if (role === undefined) return etcdError("roleNotFound");
    if (name !== root) return [...role.keyPermission];
    return [{ permType: Permission_Type.READWRITE, key: noBytes, rangeEnd: Uint8Array.of(0) }];
  }

  /** All roles, sorted. */
  roleNames(): string[] {
    return [...this.#roles.keys()].sort(compareNames);
  }

  grantPermission(
    { name, perm }: AuthRoleGrantPermissionRequest,
    batch: StateBatch,
  ): EtcdError | undefined {
    if (perm === undefined) return etcdError("permissionNotGiven");
    if (!isGrantable(perm.key, perm.rangeEnd)) return etcdError("invalidAuthManagement");
    const role = this.#roles.get(name);
    if (role === undefined) return etcdError("roleNotFound");
    const granted: Permission = {
      permType: perm.permType,
      key: Uint8Array.from(perm.key),
      rangeEnd: Uint8Array.from(perm.rangeEnd),
    };
    const permissions = [...role.keyPermission];
    // As etcd, which looks only at the first permission of that key: others it grants twice.
    const first = permissions.findIndex((one) => compareBytes(one.key, perm.key) >= 0);
    const known = permissions[first];
    if (known !== undefined && isOn(known, perm.key, perm.rangeEnd)) permissions[first] = granted;
    else permissions.push(granted);
    permissions.sort((a, b) => compareBytes(a.key, b.key));
    this.#putRole({ ...role, keyPermission: permissions }, batch);
    this.#commit(batch);
    return undefined;
  }

  revokePermission(
    { role: name, key, rangeEnd }: AuthRoleRevokePermissionRequest,
    batch: StateBatch,
  ): EtcdError | undefined {
    const role = this.#roles.get(name);
    if (role === undefined) return etcdError("roleNotFound");
    const kept = role.keyPermission.filter((one) => !isOn(one, key, rangeEnd));
    if (kept.length === role.keyPermission.length) return etcdError("permissionNotGranted");
    this.#putRole({ ...role, keyPermission: kept }, batch);
    this.#commit(batch);
    return undefined;
  }

  #passwordIn(request: {
    readonly password: string;
    readonly hashedPassword: string;
  }): Uint8Array | undefined {
    const { password, hashedPassword } = request;
    if (password !== "" && hashedPassword === "") return utf8(this.#ports.hashPassword(password));
    return decodeBase64(hashedPassword);
  }

  #putUser(user: User, batch: StateBatch): void {
    this.#users.set(text(user.name), user);
    batch.put("authUsers", user.name, User.encode(user).finish());
  }

  #putRole(role: Role, batch: StateBatch): void {
    this.#roles.set(text(role.name), role);
    batch.put("authRoles", role.name, Role.encode(role).finish());
  }

  #commit(batch: StateBatch): void {
    this.#revision++;
    batch.put("auth", ...this.revisionRecord);
    this.#permissions.clear();
  }
}

function hasRootRole(user: User): boolean {
  return user.roles.includes(root);
}

function isOn(permission: Permission, key: Uint8Array, rangeEnd: Uint8Array): boolean {
  return (
    compareBytes(permission.key, key) === 0 && compareBytes(permission.rangeEnd, rangeEnd) === 0
  );
}

/** Names in the order of their bytes, as etcd's buckets have them. */
function compareNames(a: string, b: string): number {
  return compareBytes(utf8(a), utf8(b));
}

/** etcd has no code of its own for this one. */
function passwordOfNone(): EtcdError {
  const words = "auth: authentication failed, password was given for no password user";
  return new EtcdError(grpcCode.unknown, words);
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Undefined for what is none. Line ends do not count. */
function decodeBase64(given: string): Uint8Array | undefined {
  const plain = given.replace(/[\r\n]/g, "");
  return base64.test(plain) ? Uint8Array.from(Buffer.from(plain, "base64")) : undefined;
}

function readRevision(bytes: Uint8Array): number {
  if (bytes.length !== 8) return 1;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  // 0 is what etcd has before its first start is done.
  return Math.max(1, Number(view.getBigUint64(0)));
}
