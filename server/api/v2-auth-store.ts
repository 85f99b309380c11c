// Users and roles of the v2 API, as JSON in a part of the v2 tree that requests to /v2/keys cannot name
// (facts: v2 API §5). Rules and texts are etcd's; that root may do all and needs no role, too.
import { goJson } from "#base/go-json.ts";
import { V2Request } from "#proto/gen/extension.ts";
import { V2Refusal } from "#server/api/v2-answer.ts";
import type { V2Member } from "#server/api/v2-member.ts";
import { V2Error } from "#server/v2store/errors.ts";
import { reservedPath } from "#server/v2store/reserved.ts";

type Texts = readonly string[] | null;

export interface Permissions {
  readonly read: Texts;
  readonly write: Texts;
}

export interface Role {
  readonly role: string;
  readonly permissions: Permissions;
  readonly grant?: Permissions;
  readonly revoke?: Permissions;
}

export interface User {
  readonly user: string;
  /** In a request as given, in the store as a hash of bcrypt. */
  readonly password: string;
  readonly roles: Texts;
  readonly grant: Texts;
  readonly revoke: Texts;
}

const everything: Permissions = { read: ["/*"], write: ["/*"] };
const rootRole: Role = { role: "root", permissions: everything };
const guestRole: Role = { role: "guest", permissions: everything };

const isEmpty = (permissions: Permissions | undefined): boolean =>
  (permissions?.read ?? []).length === 0 && (permissions?.write ?? []).length === 0;

const textsJson = (texts: Texts): string => (texts === null ? "null" : goJson(texts));
const kvJson = ({ read, write }: Permissions): string =>
  `{"kv":{"read":${textsJson(read)},"write":${textsJson(write)}}}`;

export function roleJson({ role, permissions, grant, revoke }: Role): string {
  const more = [
    ...(grant === undefined ? [] : [`,"grant":${kvJson(grant)}`]),
    ...(revoke === undefined ? [] : [`,"revoke":${kvJson(revoke)}`]),
  ];
  return `{"role":${goJson(role)},"permissions":${kvJson(permissions)}${more.join("")}}`;
}

/** Without the password if it is empty, as lists that are. */
export function userJson({ user, password, roles, grant, revoke }: User): string {
  const list = (name: string, texts: Texts): string =>
    (texts ?? []).length === 0 ? "" : `,"${name}":${textsJson(texts)}`;
  const secret = password === "" ? "" : `,"password":${goJson(password)}`;
  return `{"user":${goJson(user)}${secret},"roles":${textsJson(roles)}${list("grant", grant)}${list("revoke", revoke)}}`;
}

function textsIn(value: unknown): Texts {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) throw new TypeError("no list");
  return value.map(textIn);
}

function textIn(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw new TypeError("no text");
  return value;
}

type Json = Readonly<Record<string, unknown>>;

function objectIn(value: unknown): Json {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new TypeError("no object");
  return value as Json;
}

function permissionsIn(value: unknown): Permissions {
  const { read, write } = objectIn(objectIn(value)["kv"]);
  return { read: textsIn(read), write: textsIn(write) };
}

/** Throws TypeError or SyntaxError. */
export function roleIn(json: string): Role {
  const { role, permissions, grant, revoke } = objectIn(JSON.parse(json));
  return {
    role: textIn(role),
    permissions: permissionsIn(permissions),
    ...(grant === undefined || grant === null ? {} : { grant: permissionsIn(grant) }),
    ...(revoke === undefined || revoke === null ? {} : { revoke: permissionsIn(revoke) }),
  };
}

/** Throws TypeError or SyntaxError. */
export function userIn(json: string): User {
  const { user, password, roles, grant, revoke } = objectIn(JSON.parse(json));
  return {
    user: textIn(user),
    password: textIn(password),
    roles: textsIn(roles),
    grant: textsIn(grant),
    revoke: textsIn(revoke),
  };
}

function refusal(status: number, text: string): V2Refusal {
  return new V2Refusal(status, `auth: ${text}`);
}

/** What a pattern lets in: a path, or all that begins with what stands before its `*`. */
export function covers(patterns: Texts, key: string, recursive: boolean): boolean {
  return (patterns ?? []).some((pattern) =>
    pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : !recursive && key === pattern,
  );
}

export class V2AuthStore {
  private readonly member: V2Member;

  constructor(member: V2Member) {
    this.member = member;
  }

  get isEnabled(): boolean {
    return this.read("/enabled") === "true";
  }

  allUsers(): string[] {
    return this.names("/users");
  }

  allRoles(): string[] {
    return ["root", ...this.names("/roles")].sort();
  }

  /** Throws V2Refusal for one that is not there. */
  user(name: string): User {
    const json = this.read(`/users/${name}`);
    if (json === undefined) throw refusal(404, `User ${name} does not exist.`);
    const user = userIn(json);
    return user.user === "root" ? withRootRole(user) : user;
  }

  /** Throws V2Refusal for one that is not there. */
  role(name: string): Role {
    if (name === "root") return rootRole;
    const json = this.read(`/roles/${name}`);
    if (json === undefined) throw refusal(404, `Role ${name} does not exist.`);
    return roleIn(json);
  }

  /** Throws V2Refusal, V2Error. */
  async putUser(user: User): Promise<{ readonly user: User; readonly created: boolean }> {
    await this.member.linearize();
    if (this.read(`/users/${user.user}`) !== undefined) {
      return { user: await this.updateUser(user), created: false };
    }
    return { user: await this.createUser(user), created: true };
  }

  async createUser(given: User): Promise<User> {
    const user = given.user === "root" ? withRootRole(given) : given;
    if (user.password === "") {
      throw refusal(400, `Cannot create user ${user.user} with an empty password`);
    }
    const kept = { ...user, password: await this.member.passwords.hash(user.password) };
    const failed = await this.put(`/users/${user.user}`, userJson(kept), false);
    if (failed?.name === "nodeExist") throw refusal(409, `User ${user.user} already exists.`);
    if (failed !== undefined) throw failed;
    return kept;
  }

  async updateUser(change: User): Promise<User> {
    await this.member.linearize();
    const old = this.user(change.user);
    const { password, grant, revoke } = change;
    const roles = new Set(old.roles);
    for (const role of grant ?? []) {
      if (roles.has(role)) {
        throw refusal(409, `Granting duplicate role ${role} for user ${change.user}`);
      }
      roles.add(role);
    }
    for (const role of revoke ?? []) {
      if (!roles.delete(role)) {
        throw refusal(409, `Revoking ungranted role ${role} for user ${change.user}`);
      }
    }
    const updated: User = {
      user: old.user,
      password: password === "" ? old.password : await this.member.passwords.hash(password),
      roles: [...roles].sort(),
      grant: null,
      revoke: null,
    };
    if (userJson(updated) === userJson(old)) {
      throw refusal(400, "User not updated. Use grant/revoke/password to update the user.");
    }
    await this.change(`/users/${change.user}`, userJson(updated));
    return updated;
  }

  async deleteUser(name: string): Promise<void> {
    if (this.isEnabled && name === "root") {
      throw refusal(403, "Cannot delete root user while auth is enabled.");
    }
    await this.delete(`/users/${name}`, `User ${name} does not exist`);
  }

  async createRole(role: Role): Promise<void> {
    if (role.role === "root") throw rootIsFixed();
    const failed = await this.put(`/roles/${role.role}`, roleJson(role), false);
    if (failed?.name === "nodeExist") throw refusal(409, `Role ${role.role} already exists.`);
    if (failed !== undefined) throw failed;
  }

  async updateRole(change: Role): Promise<Role> {
    if (change.role === "root") throw rootIsFixed();
    await this.member.linearize();
    const old = this.role(change.role);
    const { read, write } = old.permissions;
    const permissions = {
      read: merged(read, change.grant?.read, change.revoke?.read, "read", change),
      write: merged(write, change.grant?.write, change.revoke?.write, "write", change),
    };
    const updated: Role = { role: old.role, permissions };
    if (roleJson(updated) === roleJson(old)) {
      throw refusal(400, "Role not updated. Use grant/revoke to update the role.");
    }
    await this.change(`/roles/${change.role}`, roleJson(updated));
    return updated;
  }

  async deleteRole(name: string): Promise<void> {
    if (name === "root") throw rootIsFixed();
    await this.delete(`/roles/${name}`, `Role ${name} doesn't exist.`);
  }

  async enable(): Promise<void> {
    if (this.isEnabled) throw refusal(409, "already enabled");
    await this.member.linearize();
    if (this.read("/users/root") === undefined) {
      throw refusal(409, "No root user available, please create one");
    }
    if (this.read("/roles/guest") === undefined) await this.createRole(guestRole);
    await this.change("/enabled", "true");
  }

  async disable(): Promise<void> {
    if (!this.isEnabled) throw refusal(409, "already disabled");
    await this.change("/enabled", "false");
  }

  /** Whether a password is that user's; undefined for one that is not there. */
  async login(name: string, password: string): Promise<User | undefined> {
    let user: User;
    try {
      user = this.user(name);
    } catch {
      return undefined;
    }
    return (await this.member.passwords.matches(password, user.password)) ? user : undefined;
  }

  private read(path: string): string | undefined {
    const how = { recursive: false, sorted: false };
    const node = this.member.store.get(reservedPath + path, how, 0);
    return node instanceof V2Error || node.dir ? undefined : node.value;
  }

  private names(path: string): string[] {
    const how = { recursive: false, sorted: true };
    const node = this.member.store.get(reservedPath + path, how, 0);
    if (node instanceof V2Error) return [];
    return (node.nodes ?? []).map(({ key }) => key.slice(key.lastIndexOf("/") + 1)).sort();
  }

  /** The first write makes what etcd makes: three directories, and that it is off. */
  private async ensure(): Promise<void> {
    if (this.read("/enabled") !== undefined) return;
    for (const path of ["", "/users", "/roles"])
      await this.write(path, { dir: true, prevExist: false });
    await this.write("/enabled", { value: "false", prevExist: false });
  }

  private async put(path: string, value: string, prevExist: boolean): Promise<V2Error | undefined> {
    await this.ensure();
    return this.write(path, { value, prevExist });
  }

  private async change(path: string, value: string): Promise<void> {
    const failed = await this.put(path, value, true);
    if (failed !== undefined) throw failed;
  }

  private async delete(path: string, absent: string): Promise<void> {
    await this.ensure();
    const failed = await this.write(path, { method: "DELETE", prevExist: true });
    if (failed?.name === "keyNotFound") throw refusal(404, absent);
    if (failed !== undefined) throw failed;
  }

  private async write(path: string, request: Partial<V2Request>): Promise<V2Error | undefined> {
    const timeMs = this.member.wallMs();
    const whole = V2Request.create({
      method: "PUT",
      ...request,
      path: reservedPath + path,
      timeMs,
    } as V2Request);
    const written = await this.member.write(whole);
    return written instanceof V2Error ? written : undefined;
  }
}

function withRootRole(user: User): User {
  const roles = user.roles ?? [];
  return roles.includes("root") ? user : { ...user, roles: [...roles, "root"] };
}

function rootIsFixed(): V2Refusal {
  return refusal(403, "Cannot modify role root: is root role.");
}

/** The patterns of a role after a change; what was not granted is revoked without a word. */
function merged(
  old: Texts,
  grant: Texts | undefined,
  revoke: Texts | undefined,
  kind: "read" | "write",
  change: Role,
): Texts {
  if (change.grant === undefined && change.revoke === undefined) return old;
  const patterns = new Set(old);
  for (const pattern of grant ?? []) {
    if (patterns.has(pattern)) {
      throw refusal(409, `Granting duplicate ${kind} permission ${pattern}`);
    }
    patterns.add(pattern);
  }
  for (const pattern of revoke ?? []) patterns.delete(pattern);
  return [...patterns].sort();
}

export { isEmpty as isEmptyPermissions };
