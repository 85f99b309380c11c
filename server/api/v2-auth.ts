// /v2/auth/users, /roles and /enable, and who may do what once authentication is on: basic
// authentication, the name of a client's certificate, or the role `guest` for who says nothing.
import { Buffer } from "node:buffer";
import { goJson } from "#base/go-json.ts";
import { formatId } from "#base/ids.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import type { Request, Response } from "#server/api/http-endpoints.ts";
import { allows, answerJson, readBody, V2Refusal } from "#server/api/v2-answer.ts";
import {
  covers,
  isEmptyPermissions,
  type Role,
  roleIn,
  roleJson,
  type User,
  userIn,
  userJson,
  V2AuthStore,
} from "#server/api/v2-auth-store.ts";
import type { V2Member } from "#server/api/v2-member.ts";

const authPath = /^\/v2\/auth\/(?:enable$|(users|roles)(\/.*)?$)/;

export function isAuthPath(path: string): boolean {
  return authPath.test(path);
}

export class V2Auth {
  private readonly member: V2Member;
  private readonly store: V2AuthStore;
  private readonly unfinished: UnfinishedBytes;

  /** Bodies under way count in `unfinished`, of all connections together. */
  constructor(member: V2Member, unfinished: UnfinishedBytes) {
    this.member = member;
    this.unfinished = unfinished;
    this.store = new V2AuthStore(member);
  }

  /** Whether who asks may read or write a key, or with `recursive` all below it. */
  async mayAccess(request: Request, key: string, recursive: boolean): Promise<boolean> {
    if (!this.store.isEnabled) return true;
    const writes = request.method !== "GET" && request.method !== "HEAD";
    const allowed = (name: string, whole: boolean): boolean => {
      if (name === "root") return true;
      const permissions = this.roleOrNone(name)?.permissions;
      return covers((writes ? permissions?.write : permissions?.read) ?? null, key, whole);
    };
    const user = await this.userOf(request);
    // etcd asks a guest for no more than the key itself.
    if (user === "guest") return allowed("guest", false);
    return user?.roles?.some((role) => allowed(role, recursive)) ?? false;
  }

  /** Whether who asks has the role `root`, or nobody needs to. */
  async isRoot(request: Request): Promise<boolean> {
    if (!this.store.isEnabled) return true;
    const user = await this.userOf(request);
    return user !== "guest" && (user?.roles?.includes("root") ?? false);
  }

  /** Answers one request to a path of these; throws V2Refusal or V2Error. */
  async serve(path: string, request: Request, response: Response): Promise<void> {
    const [, kind, rest = ""] = authPath.exec(path) ?? [];
    const name = rest.replace(/^\//, "").replace(/\/$/, "");
    if (kind === undefined) await this.serveEnable(request, response);
    else if (name === "") await this.list(kind, request, response);
    else if (name.includes("/")) throw new V2Refusal(400, "Invalid path");
    else await this.one(kind, name, request, response);
  }

  private async list(kind: string, request: Request, response: Response): Promise<void> {
    if (!allows(request, response, ["GET"])) return;
    await this.needRoot(request, response);
    const { store } = this;
    const list =
      kind === "roles"
        ? store.allRoles().map((name) => roleJson(store.role(name)))
        : store.allUsers().map((name) => this.withRoles(store.user(name), "skip"));
    const texts = list.length === 0 ? "null" : `[${list.join(",")}]`;
    answerJson(request, response, 200, `{"${kind}":${texts}}\n`);
  }

  private async one(
    kind: string,
    name: string,
    request: Request,
    response: Response,
  ): Promise<void> {
    if (!allows(request, response, ["GET", "PUT", "DELETE"])) return;
    await this.needRoot(request, response);
    const { store } = this;
    if (request.method === "GET") {
      const body =
        kind === "roles" ? roleJson(store.role(name)) : this.withRoles(store.user(name), "need");
      return answerJson(request, response, 200, `${body}\n`);
    }
    if (request.method === "DELETE") {
      await (kind === "roles" ? store.deleteRole(name) : store.deleteUser(name));
      return answerJson(request, response, 200, "");
    }
    const { body, created } =
      kind === "roles" ? await this.putRole(name, request) : await this.putUser(name, request);
    answerJson(request, response, created ? 201 : 200, `${body}\n`);
  }

  private async putRole(name: string, request: Request) {
    const role = await this.jsonIn(request, roleIn);
    if (role.role !== name) {
      throw new V2Refusal(400, "Role JSON name does not match the name in the URL");
    }
    if (isEmptyPermissions(role.grant) && isEmptyPermissions(role.revoke)) {
      await this.store.createRole(role);
      return { body: roleJson(role), created: true };
    }
    if (!isEmptyPermissions(role.permissions)) {
      throw new V2Refusal(400, "Role JSON contains both permissions and grant/revoke");
    }
    return { body: roleJson(await this.store.updateRole(role)), created: false };
  }

  private async putUser(name: string, request: Request) {
    const given = await this.jsonIn(request, userIn);
    if (given.user !== name) {
      throw new V2Refusal(400, "User JSON name does not match the name in the URL");
    }
    const hasRoles = (given.roles ?? []).length > 0;
    const changes = [given.grant, given.revoke].some((list) => (list ?? []).length > 0);
    let created = false;
    let user: User;
    if (changes) {
      if (hasRoles) throw new V2Refusal(400, "User JSON contains both roles and grant/revoke");
      user = await this.store.updateUser(given);
    } else if (hasRoles) user = await this.store.createUser(given);
    else ({ user, created } = await this.store.putUser(given));
    return { body: userJson({ ...user, password: "" }), created };
  }

  private async serveEnable(request: Request, response: Response): Promise<void> {
    if (!allows(request, response, ["GET", "PUT", "DELETE"])) return;
    if (request.method !== "GET") await this.needRoot(request, response);
    else this.nameCluster(response);
    if (request.method === "PUT") await this.store.enable();
    if (request.method === "DELETE") await this.store.disable();
    const body = request.method === "GET" ? `{"enabled":${this.store.isEnabled}}\n` : "";
    answerJson(request, response, 200, body);
  }

  private async needRoot(request: Request, response: Response): Promise<void> {
    if (!(await this.isRoot(request))) throw new V2Refusal(401, "Insufficient credentials");
    this.nameCluster(response);
  }

  private nameCluster(response: Response): void {
    response.setHeader("X-Etcd-Cluster-Id", formatId(this.member.clusterId));
  }

  /** A user with its roles; one that is not there is left out, or throws V2Refusal. */
  private withRoles(user: User, absent: "skip" | "need"): string {
    const roles = (user.roles ?? []).flatMap((name) => {
      const role = absent === "need" ? this.store.role(name) : this.roleOrNone(name);
      return role === undefined ? [] : [roleJson(role)];
    });
    const list = roles.length === 0 ? "" : `,"roles":[${roles.join(",")}]`;
    return `{"user":${goJson(user.user)}${list}}`;
  }

  private roleOrNone(name: string): Role | undefined {
    try {
      return this.store.role(name);
    } catch {
      return undefined;
    }
  }

  private async jsonIn<T>(request: Request, read: (json: string) => T): Promise<T> {
    const body = await readBody(request, this.unfinished);
    try {
      return read(body);
    } catch {
      throw new V2Refusal(400, "Invalid JSON in request body.");
    }
  }

  /** Who asks; undefined for a name or password that is wrong. */
  private async userOf(request: Request): Promise<User | "guest" | undefined> {
    const { authorization } = request.headers;
    if (authorization === undefined || authorization === "") {
      const name = this.member.namesUsers ? certificateName(request) : undefined;
      if (name === undefined) return "guest";
      try {
        return this.store.user(name);
      } catch {
        return "guest";
      }
    }
    const encoded = /^Basic ([A-Za-z0-9+/]*={0,2})$/i.exec(authorization)?.[1];
    const text = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString();
    const colon = text.indexOf(":");
    return colon < 0 ? undefined : this.store.login(text.slice(0, colon), text.slice(colon + 1));
  }
}

function certificateName(request: Request): string | undefined {
  const subject = request.socket?.getPeerX509Certificate?.()?.subject ?? "";
  return /(?:^|\n)CN=(.+)/.exec(subject)?.[1];
}
