// The cluster behind a proxy: calls in bytes, so that what the proxy does not look into it cannot
// change. Tokens and the wish for a leader are the client's and travel with each call. Repeating a
// failed call follows the rules of etcd's own client: reads, and what was certainly not carried out.

import type { WaitLimits } from "#client/connections.ts";
import type { Codec, DuplexStream, ReadableStream, Rpc, Transport } from "#client/transport.ts";
import { EtcdError, grpcCode } from "#proto/errors.ts";
import { Utf8Error, WireError } from "#proto/wire.ts";
import type { Responder } from "#server/rpc/service-registry.ts";

/** What of a client's call goes on to the member. */
export interface Caller {
  readonly metadata: Readonly<Record<string, string>>;
  /** What its deadline left, ms. */
  readonly timeoutMs: number | undefined;
  /** Ends the call. */
  readonly signal: AbortSignal | undefined;
}

/** How long a call may wait for a connection to any member. */
const connectMs = 10_000;
/** How often a call that may be repeated is sent, if connections break under it. */
const maxAttempts = 5;

const asBytes: Codec<Uint8Array> = {
  encode: (message) => ({
    finish: () => Buffer.from(message.buffer, message.byteOffset, message.length),
  }),
  decode: (bytes) => bytes,
};

/** The RPC at `path`, in bytes. */
export function bytesRpc(path: string, repeatable: boolean): Rpc<Uint8Array, Uint8Array> {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return { path, repeatable, method: { name, requestType: asBytes, responseType: asBytes } };
}

/** The token of a call; "" without one. */
export function tokenOf(responder: Responder): string {
  return responder.metadata("token") ?? responder.metadata("authorization") ?? "";
}

/** True if the client wants to be told rather than to wait when its member has no leader. */
export function wantsLeader(responder: Responder): boolean {
  return responder.metadata("hasleader") === "true";
}

/** What goes on of the call that `responder` answers. */
export function callerOf(responder: Responder): Caller {
  const token = tokenOf(responder);
  const abort = new AbortController();
  responder.onEnded(() => abort.abort());
  return {
    metadata: {
      ...(token === "" ? {} : { token }),
      ...(wantsLeader(responder) ? { hasleader: "true" } : {}),
    },
    timeoutMs: responder.timeoutMs,
    signal: abort.signal,
  };
}

/** Ends a call because a message of its client could not be decoded, in the words of gRPC for Go. */
export function failMalformed(
  responder: Responder,
  kind: "unary" | "stream",
  thrown: unknown,
): void {
  const doing =
    kind === "unary"
      ? "grpc: error unmarshalling request"
      : "grpc: failed to unmarshal the received message";
  const text =
    thrown instanceof Utf8Error
      ? "string field contains invalid UTF-8"
      : "proto: cannot parse invalid wire-format data";
  responder.fail(grpcCode.internal, `${doing}: ${text}`);
}

/** Ends a call with what came of it upstream. */
export function failWith(responder: Responder, thrown: unknown): void {
  if (thrown instanceof EtcdError) responder.fail(thrown.code, thrown.message);
  else if (thrown instanceof WireError) failMalformed(responder, "unary", thrown);
  else responder.fail(grpcCode.internal, thrown instanceof Error ? thrown.message : String(thrown));
}

export class Upstream {
  private current: Transport;
  private readonly make: (endpoints: readonly string[]) => Transport;
  private readonly maxSendBytes: number;
  endpoints: readonly string[];

  constructor(
    endpoints: readonly string[],
    maxSendBytes: number,
    make: (endpoints: readonly string[]) => Transport,
  ) {
    this.endpoints = endpoints;
    this.make = make;
    this.maxSendBytes = maxSendBytes;
    this.current = make(endpoints);
  }

  get transport(): Transport {
    return this.current;
  }

  /** Other members from now on: calls under way end as if their connection had broken. */
  replace(endpoints: readonly string[]): void {
    const old = this.current;
    this.endpoints = endpoints;
    this.current = this.make(endpoints);
    old.close();
  }

  /**
   * One request, one answer. Rejects with EtcdError. What a member says stands: only a connection that
   * broke makes a call that may be repeated go to another; the client decides on everything else.
   */
  async unary(
    call: Rpc<Uint8Array, Uint8Array>,
    request: Uint8Array,
    caller: Caller,
  ): Promise<Uint8Array> {
    const fault = this.tooLarge(request);
    if (fault !== undefined) throw fault;
    const { clock } = this.current;
    const latestMs = clock.monotonicMs() + Math.min(connectMs, caller.timeoutMs ?? connectMs);
    const once = { ...call, repeatable: false };
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.current.unary(once, request, { ...caller, connectMs });
      } catch (thrown) {
        const { code, errorName } = thrown as EtcdError;
        const broke = code === grpcCode.unavailable && errorName === undefined;
        if (!broke || !call.repeatable || attempt >= maxAttempts) throw thrown;
        if (clock.monotonicMs() >= latestMs) throw thrown;
      }
    }
  }

  /** One request, many answers. Rejects with EtcdError; later failures are the stream's. */
  serverStream(
    call: Rpc<Uint8Array, Uint8Array>,
    request: Uint8Array,
    caller: Caller,
  ): Promise<ReadableStream<Uint8Array>> {
    const fault = this.tooLarge(request);
    if (fault !== undefined) return Promise.reject(fault);
    return this.current.serverStream(call, request, { ...caller, connectMs });
  }

  /** A stream in both directions, once there is a connection. */
  duplex<Req, Res>(
    call: Rpc<Req, Res>,
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<DuplexStream<Req, Res>> {
    const limits: WaitLimits = { deadlineMs: undefined, signal };
    return this.current.duplex(call, limits, metadata);
  }

  close(): void {
    this.current.close();
  }

  private tooLarge(request: Uint8Array): EtcdError | undefined {
    if (request.length <= this.maxSendBytes) return undefined;
    return new EtcdError(
      grpcCode.resourceExhausted,
      `trying to send message larger than max (${request.length} vs. ${this.maxSendBytes})`,
    );
  }
}
