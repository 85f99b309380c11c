// Who calls, and whether he may: what every v3 service asks before it acts, if authentication is on. The
// user comes from a token in the call's metadata, else from a verified client certificate; what is
// written is judged once more when it is applied (facts: apply rules §7).
import { EtcdError, etcdError, isEtcdError } from "#proto/errors.ts";
import type { WatchRequest } from "#proto/gen/watch.ts";
import type { Identity } from "#server/auth/tokens.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import type { ApiAuth, ApiMember, WatchSession } from "./member.ts";

/** What of a call tells who calls. */
export type Caller = Pick<Responder, "metadata" | "peerCommonName">;

const bearer = "Bearer ";

export class Access {
  private readonly auth: ApiAuth;

  constructor(auth: ApiAuth) {
    this.auth = auth;
  }

  get isOn(): boolean {
    return this.auth.isEnabled;
  }

  /**
   * The user who calls; undefined for none, or while authentication is off. Throws or rejects with
   * invalidAuthToken.
   */
  userOf(caller: Caller): Identity | undefined | Promise<Identity> {
    if (!this.auth.isEnabled) return undefined;
    const token = caller.metadata("token") ?? caller.metadata("authorization");
    if (token !== undefined) {
      return this.auth.identify(token.startsWith(bearer) ? token.slice(bearer.length) : token);
    }
    // The gateway of a member of etcd calls with the member's own certificate.
    if (caller.metadata("grpcgateway-accept") !== undefined) return undefined;
    const { peerCommonName: username } = caller;
    return username === undefined ? undefined : { username, revision: this.auth.revision };
  }

  /** As userOf; rejects with userEmpty for nobody if authentication is on. */
  async anyUser(caller: Caller): Promise<Identity | undefined> {
    const who = await this.userOf(caller);
    if (who === undefined && this.auth.isEnabled) throw etcdError("userEmpty");
    return who;
  }

  /** As userOf, for what only the role root may: rejects with EtcdError. */
  async admin(caller: Caller): Promise<Identity | undefined> {
    const who = await this.userOf(caller);
    const refused = this.auth.adminRefusal(who);
    if (refused !== undefined) throw refused;
    return who;
  }

  /** Reads if `refusal` of the caller says nothing, and no permission changed meanwhile. */
  async read<T>(
    caller: Caller,
    refusal: (auth: ApiAuth, who: Identity | undefined) => EtcdError | undefined,
    read: () => T | Promise<T>,
  ): Promise<T> {
    const who = await this.userOf(caller);
    const refused = refusal(this.auth, who);
    if (refused !== undefined) throw refused;
    const answer = await read();
    if (who !== undefined && who.revision !== this.auth.revision) {
      throw etcdError("authOldRevision");
    }
    return answer;
  }

  /** Hands a request on to a watch session, with the reason why its watch is refused. */
  watch(
    caller: Caller,
    session: Pick<WatchSession, "request">,
    request: WatchRequest,
  ): void | Promise<void> {
    const { requestUnion: union } = request;
    if (!this.auth.isEnabled || union?.$case !== "createRequest") {
      session.request(request);
      return undefined;
    }
    const { key, rangeEnd } = union.value;
    const judge = (who: Identity | undefined): void => {
      const from = key.length === 0 ? firstKey : key;
      const refused = this.auth.readRefusal(who, from, rangeEnd);
      session.request(request, refused === undefined ? undefined : reasonOf(refused));
    };
    const refuse = (error: unknown): void => {
      if (!(error instanceof EtcdError)) throw error;
      session.request(request, reasonOf(error));
    };
    let who: ReturnType<Access["userOf"]>;
    try {
      who = this.userOf(caller);
    } catch (error) {
      refuse(error);
      return undefined;
    }
    if (who instanceof Promise) return who.then(judge, refuse);
    judge(who);
    return undefined;
  }
}

const firstKey = Uint8Array.of(0);

/** In the words of Go's gRPC, as etcd puts it into the answer. */
function reasonOf(error: EtcdError): string {
  const told =
    isEtcdError(error, "invalidAuthToken") ||
    isEtcdError(error, "authOldRevision") ||
    isEtcdError(error, "userEmpty")
      ? error
      : etcdError("permissionDenied");
  return `rpc error: code = ${codeNames[told.code]} desc = ${told.message}`;
}

const codeNames: Readonly<Record<number, string>> = {
  3: "InvalidArgument",
  7: "PermissionDenied",
  16: "Unauthenticated",
};

/** What a service needs that reads, writes and watches keys on behalf of a caller. */
export type KeySpace = Pick<ApiMember, "propose" | "linearize" | "range" | "openWatch">;

/** The member as the caller may use it. */
export function onBehalfOf(member: ApiMember, access: Access, caller: Caller): KeySpace {
  return {
    async propose(kind, request) {
      // A lease is anybody's to have, but somebody's.
      const asked = kind === "leaseGrant" ? access.anyUser(caller) : access.userOf(caller);
      return member.propose(kind, request, await asked);
    },
    linearize: () => member.linearize(),
    range(request) {
      if (!access.isOn) return member.range(request);
      const { key, rangeEnd } = request;
      return access.read(
        caller,
        (auth, who) => auth.readRefusal(who, key, rangeEnd),
        () => member.range(request),
      );
    },
    openWatch(onReady) {
      const session = member.openWatch(onReady);
      return {
        request: (request) => {
          const waiting = access.watch(caller, session, request);
          // The session tells when it has something.
          void waiting;
        },
        next: () => session.next(),
        close: () => session.close(),
      };
    },
  };
}
