// Methods that a proxy hands on as they are: bytes in, bytes out.
import { errorOfStatus } from "#client/errors.ts";
import type { Method, Responder } from "#server/rpc/service-registry.ts";
import { bytesRpc, callerOf, failWith, type Upstream } from "./upstream.ts";

/** What a generated definition says of a method. */
export interface MethodShape {
  readonly name: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export interface ServiceShape {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodShape>>;
}

/** Requests and answers that are changed on their way; both in bytes. */
export interface Rewriting {
  readonly request?: (bytes: Uint8Array) => Uint8Array;
  readonly answer?: (bytes: Uint8Array) => Uint8Array;
}

/** What may be sent again after it failed as Unavailable, by the rules of etcd's own client. */
const repeatable = new Set([
  "/etcdserverpb.KV/Range",
  "/etcdserverpb.Lease/LeaseGrant",
  "/etcdserverpb.Lease/LeaseRevoke",
  "/etcdserverpb.Lease/LeaseTimeToLive",
  "/etcdserverpb.Lease/LeaseLeases",
  "/etcdserverpb.Cluster/MemberList",
  "/etcdserverpb.Maintenance/Status",
  "/etcdserverpb.Maintenance/Hash",
  "/etcdserverpb.Maintenance/HashKV",
  "/etcdserverpb.Auth/Authenticate",
  "/etcdserverpb.Auth/AuthStatus",
  "/etcdserverpb.Auth/UserGet",
  "/etcdserverpb.Auth/UserList",
  "/etcdserverpb.Auth/RoleGet",
  "/etcdserverpb.Auth/RoleList",
]);

/** The RPC of a method, with its rule for repeating it. */
export function rpcAt(path: string): ReturnType<typeof bytesRpc> {
  return bytesRpc(path, repeatable.has(path));
}

/** Every method of `service` but those in `without`, handed on; `rewritings` are by full path. */
export function forwarded(
  upstream: Upstream,
  service: ServiceShape,
  options: {
    readonly without?: ReadonlySet<string>;
    readonly rewritings?: ReadonlyMap<string, Rewriting>;
  } = {},
): Method[] {
  const methods: Method[] = [];
  for (const shape of Object.values(service.methods)) {
    const path = `/${service.fullName}/${shape.name}`;
    if (options.without?.has(path) || shape.requestStream) continue;
    const rewriting = options.rewritings?.get(path) ?? {};
    methods.push({
      path,
      requestStream: false,
      responseStream: shape.responseStream,
      handle: shape.responseStream
        ? (request, responder) => void handOnStream(upstream, path, request, responder, rewriting)
        : (request, responder) => handOn(upstream, path, request, responder, rewriting),
    });
  }
  return methods;
}

function handOn(
  upstream: Upstream,
  path: string,
  request: Uint8Array,
  responder: Responder,
  rewriting: Rewriting,
): void {
  let sent: Uint8Array;
  try {
    // Kept beyond this turn: a copy.
    sent = rewriting.request?.(request) ?? Buffer.from(request);
  } catch (error) {
    failWith(responder, error);
    return;
  }
  upstream
    .unary(rpcAt(path), sent, callerOf(responder))
    .then((answer) => responder.reply(rewriting.answer?.(answer) ?? answer))
    .catch((error: unknown) => failWith(responder, error));
}

async function handOnStream(
  upstream: Upstream,
  path: string,
  request: Uint8Array,
  responder: Responder,
  rewriting: Rewriting,
): Promise<void> {
  try {
    const sent = rewriting.request?.(request) ?? Buffer.from(request);
    const stream = await upstream.serverStream(rpcAt(path), sent, callerOf(responder));
    responder.onEnded(() => stream.cancel());
    // A client that does not read holds its member back, by flow control.
    responder.onDrain(() => stream.resume());
    stream.on("data", (bytes: Uint8Array) => {
      if (!responder.write(rewriting.answer?.(bytes) ?? bytes)) stream.pause();
    });
    stream.on("end", () => responder.end());
    stream.on("error", (error: { readonly code?: number; readonly details?: string }) => {
      failWith(responder, errorOfStatus(error.code ?? 2, error.details ?? "the stream failed"));
    });
  } catch (error) {
    failWith(responder, error);
  }
}
