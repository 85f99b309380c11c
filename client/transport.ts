// One call on the wire: picks a connection, encodes, sets deadline and metadata, decodes, and retries
// as etcd's own client does. Reads are repeated while the cluster says Unavailable. Writes are
// repeated only when they were certainly not carried out: no connection was found, or a learner refused.
import {
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { type Connection, Connections, type WaitLimits } from "#client/connections.ts";
import { callCanceled, deadlineExceeded, errorOfStatus } from "#client/errors.ts";
import { LeanConnection } from "#client/lean-connection.ts";
import type { CallOptions, ClientOptions, TlsOptions } from "#client/options.ts";
import { EtcdError, grpcCode } from "#proto/errors.ts";

/** The streams that a transport gives, for those who are to know no gRPC library. */
export type DuplexStream<Req, Res> = ClientDuplexStream<Req, Res>;
export type ReadableStream<Res> = ClientReadableStream<Res>;
export type StreamError = ServiceError;

/** What the generated codecs offer. */
export interface Codec<T> {
  encode(message: T): { finish(): Buffer };
  decode(bytes: Uint8Array): T;
}

/** One method of a generated service definition. */
export interface Method<Req, Res> {
  readonly name: string;
  readonly requestType: Codec<Req>;
  readonly responseType: Codec<Res>;
}

/** A method with its service and its rule for retries. */
export interface Rpc<Req, Res> {
  readonly path: string;
  readonly method: Method<Req, Res>;
  /** True if sending it twice does no harm: reads. */
  readonly repeatable: boolean;
}

/** The RPC of a generated definition. */
export function rpc<Req, Res>(
  service: { readonly fullName: string },
  method: Method<Req, Res>,
  rule: { readonly repeatable: boolean },
): Rpc<Req, Res> {
  return { path: `/${service.fullName}/${method.name}`, method, repeatable: rule.repeatable };
}

const maxAttempts = 100;
/** How often one call may log in anew: more than once only if users keep changing meanwhile. */
const maxLogIns = 5;
const backoffMs = 25;
const backoffJitter = 0.1;
const defaultMaxSendBytes = 2 * 1024 * 1024;
const defaultMaxReceiveBytes = 2_147_483_647;
const keepAliveOffMs = 2_147_483_647;
// Servers end connections that ping more often than each five seconds; gRPC for Go has the same floor.
const minKeepAliveTimeMs = 10_000;
const apiVersion = "3.7";

const serializer =
  <T>(codec: Codec<T>) =>
  (message: T): Buffer =>
    codec.encode(message).finish();

/** Another token would do: it has expired, its user has changed, or it has gone. */
export function isStaleToken({ errorName }: EtcdError): boolean {
  return (
    errorName === "invalidAuthToken" || errorName === "authOldRevision" || errorName === "userEmpty"
  );
}

/** See the head of the file. */
export class Transport {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly random: Random;
  /** Sent with every call. */
  token: string | undefined;
  /** Takes a new token; undefined for a client that has no password to show. */
  logIn: ((options?: CallOptions) => Promise<void>) | undefined;
  private readonly callTimeoutMs: number | undefined;
  private readonly tls: TlsOptions | undefined;
  private readonly keepAlive: { readonly timeMs: number; readonly timeoutMs: number };

  constructor(options: ClientOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.callTimeoutMs = options.callTimeoutMs;
    this.token = options.token;
    this.tls = options.tls;
    this.keepAlive = {
      timeMs: Math.max(options.keepAliveTimeMs ?? keepAliveOffMs, minKeepAliveTimeMs),
      timeoutMs: options.keepAliveTimeoutMs ?? 20_000,
    };
    this.connections = new Connections({
      endpoints: options.endpoints,
      tls: options.tls,
      clock: options.clock,
      keepAliveTimeMs: this.keepAlive.timeMs,
      keepAliveTimeoutMs: this.keepAlive.timeoutMs,
      keepAliveIdle: options.keepAliveIdle ?? false,
      maxSendBytes: options.maxSendBytes || defaultMaxSendBytes,
      maxReceiveBytes: options.maxReceiveBytes || defaultMaxReceiveBytes,
    });
  }

  /** One request, one answer; fails with EtcdError. `at` pins the call to one endpoint. */
  async unary<Req, Res>(
    call: Rpc<Req, Res>,
    request: Req,
    options: CallOptions = {},
    at?: Connection,
  ): Promise<Res> {
    const limits = this.limits(options);
    let logIns = 0;
    for (let attempt = 1; ; attempt++) {
      const connection = at ?? (await this.pick(limits, options.connectMs));
      if (limits.signal?.aborted) throw callCanceled();
      try {
        return await this.once(call, request, connection, limits, options.metadata);
      } catch (thrown) {
        const error = thrown as EtcdError;
        if (this.logIn !== undefined && isStaleToken(error) && logIns++ < maxLogIns) {
          await this.logIn(this.left(limits));
          continue;
        }
        if (attempt >= maxAttempts || !this.mayRepeat(call, error)) throw error;
        await this.backoff(limits);
      }
    }
  }

  /** A stream in both directions, on any connected endpoint. */
  async duplex<Req, Res>(
    call: Rpc<Req, Res>,
    limits: WaitLimits,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<ClientDuplexStream<Req, Res>> {
    const { channel } = await this.connections.pick(limits);
    await this.logIn?.(this.left(limits));
    const { requestType, responseType } = call.method;
    return channel.makeBidiStreamRequest(
      call.path,
      serializer(requestType),
      (bytes: Buffer) => responseType.decode(bytes),
      this.metadata(metadata),
    );
  }

  /** One request, many answers, on any connected endpoint; never repeated. */
  async serverStream<Req, Res>(
    call: Rpc<Req, Res>,
    request: Req,
    options: CallOptions,
  ): Promise<ClientReadableStream<Res>> {
    const limits = this.limits(options);
    const { channel } = await this.pick(limits, options.connectMs);
    await this.logIn?.(this.left(limits));
    const { requestType, responseType } = call.method;
    const stream = channel.makeServerStreamRequest(
      call.path,
      serializer(requestType),
      (bytes: Buffer) => responseType.decode(bytes),
      request,
      this.metadata(options.metadata),
      this.deadline(limits),
    );
    options.signal?.addEventListener("abort", () => stream.cancel(), { once: true });
    return stream;
  }

  /** Lean connections for calls of one method, to all endpoints that let themselves be reached. */
  async openLean<Req, Res>(call: Rpc<Req, Res>, connectMs: number): Promise<LeanConnection[]> {
    const { token } = this;
    const opening = this.connections.all.map(({ endpoint }) =>
      LeanConnection.open({
        endpoint,
        tls: this.tls,
        path: call.path,
        metadata: { "client-api-version": apiVersion, ...(token === undefined ? {} : { token }) },
        connectMs,
        keepAliveTimeMs: this.keepAlive.timeMs,
        keepAliveTimeoutMs: this.keepAlive.timeoutMs,
      }),
    );
    const opened = await Promise.allSettled(opening);
    return opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  }

  /** Ends every connection; calls under way fail. */
  close(): void {
    this.connections.close();
  }

  private limits(options: CallOptions): WaitLimits {
    const timeoutMs = options.timeoutMs ?? this.callTimeoutMs;
    const isLimited = timeoutMs !== undefined && Number.isFinite(timeoutMs);
    return {
      deadlineMs: isLimited ? this.clock.monotonicMs() + timeoutMs : undefined,
      signal: options.signal,
    };
  }

  private async pick(limits: WaitLimits, connectMs: number | undefined): Promise<Connection> {
    if (connectMs === undefined) return this.connections.pick(limits);
    const latestMs = this.clock.monotonicMs() + connectMs;
    const { deadlineMs = Number.POSITIVE_INFINITY, signal } = limits;
    if (deadlineMs <= latestMs) return this.connections.pick(limits);
    try {
      return await this.connections.pick({ deadlineMs: latestMs, signal });
    } catch (thrown) {
      if ((thrown as EtcdError).code !== grpcCode.deadlineExceeded) throw thrown;
      throw new EtcdError(grpcCode.unavailable, "no endpoint of the cluster can be reached");
    }
  }

  /** The same limits for a call within the call. */
  private left({ deadlineMs, signal }: WaitLimits): CallOptions {
    return {
      ...(deadlineMs === undefined ? {} : { timeoutMs: deadlineMs - this.clock.monotonicMs() }),
      ...(signal === undefined ? {} : { signal }),
    };
  }

  private deadline(limits: WaitLimits): { deadline: number } | Record<string, never> {
    if (limits.deadlineMs === undefined) return {};
    // grpc-js counts in wall time.
    const left = limits.deadlineMs - this.clock.monotonicMs();
    return { deadline: this.clock.wallMs() + left };
  }

  private metadata(more: CallOptions["metadata"] = {}): Metadata {
    const metadata = new Metadata();
    metadata.set("client-api-version", apiVersion);
    if (this.token !== undefined) metadata.set("token", this.token);
    for (const [name, value] of Object.entries(more)) metadata.set(name, value);
    return metadata;
  }

  private once<Req, Res>(
    call: Rpc<Req, Res>,
    request: Req,
    { channel }: Connection,
    limits: WaitLimits,
    metadata: CallOptions["metadata"],
  ): Promise<Res> {
    return new Promise((resolve, reject) => {
      const { requestType, responseType } = call.method;
      const onAbort = (): void => sent.cancel();
      const sent = channel.makeUnaryRequest(
        call.path,
        serializer(requestType),
        (bytes: Buffer) => responseType.decode(bytes),
        request,
        this.metadata(metadata),
        this.deadline(limits),
        (error: ServiceError | null, response?: Res) => {
          limits.signal?.removeEventListener("abort", onAbort);
          if (error === null && response !== undefined) resolve(response);
          else if (limits.signal?.aborted) reject(callCanceled());
          else
            reject(errorOfStatus(error?.code ?? grpcCode.internal, error?.details ?? "no answer"));
        },
      );
      limits.signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  private mayRepeat<Req, Res>(call: Rpc<Req, Res>, error: EtcdError): boolean {
    if (error.errorName === "notSupportedForLearner") return this.connections.all.length > 1;
    return call.repeatable && error.code === grpcCode.unavailable;
  }

  private backoff(limits: WaitLimits): Promise<void> {
    const jitter = 1 + backoffJitter * ((this.random.below(2001) - 1000) / 1000);
    const waitMs = backoffMs * jitter;
    return new Promise((resolve, reject) => {
      const late =
        limits.deadlineMs !== undefined && this.clock.monotonicMs() + waitMs > limits.deadlineMs;
      if (late) reject(deadlineExceeded());
      else this.clock.after(waitMs, resolve);
    });
  }
}
