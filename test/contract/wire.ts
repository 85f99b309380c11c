// etcd's wire for tests: @grpc/grpc-js under the generated definitions, nothing in between.
//
// The project's own client is not used: what it hides (retries, id bookkeeping, resuming) is what
// the contract is about. Every call has a deadline, so that a server that never answers is a failed
// case and not a hang.
import * as grpc from "@grpc/grpc-js";
import { AuthDefinition } from "#proto/gen/auth.ts";
import { ClusterDefinition } from "#proto/gen/cluster.ts";
import { ElectionDefinition } from "#proto/gen/election.ts";
import { HealthDefinition } from "#proto/gen/health.ts";
import { KVDefinition } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import { LockDefinition } from "#proto/gen/lock.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { WatchDefinition } from "#proto/gen/watch.ts";

/** Longest that a call or an awaited message may take unless a case says otherwise. */
export const CALL_LIMIT_MS = 20_000;

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  fromPartial(object: unknown): unknown;
}

interface MethodDefinition {
  readonly name: string;
  readonly requestType: { fromPartial(object: never): unknown };
  readonly responseType: { decode(input: Uint8Array): unknown };
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

type RequestOf<M extends MethodDefinition> = Parameters<M["requestType"]["fromPartial"]>[0];
type ResponseOf<M extends MethodDefinition> = ReturnType<M["responseType"]["decode"]>;

/** What may be said with a call. */
export interface CallOptions {
  readonly deadlineMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

type UnaryCalls<S extends ServiceDefinition> = {
  readonly [K in keyof S["methods"] as S["methods"][K]["requestStream"] extends true
    ? never
    : S["methods"][K]["responseStream"] extends true
      ? never
      : K]: (
    request: RequestOf<S["methods"][K]>,
    options?: CallOptions,
  ) => Promise<ResponseOf<S["methods"][K]>>;
};

function metadataOf(options: CallOptions | undefined): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(options?.metadata ?? {})) metadata.set(key, value);
  return metadata;
}

function deadlineOf(options: CallOptions | undefined): Date {
  return new Date(Date.now() + (options?.deadlineMs ?? CALL_LIMIT_MS));
}

/** A bidirectional or server stream whose messages are read one by one. */
export class MessageStream<Request, Response> {
  private readonly call: grpc.ClientDuplexStream<Request, Response>;
  private readonly ready: Response[] = [];
  private waiting: { resolve: (r: Response) => void; reject: (e: unknown) => void } | undefined;
  private failure: grpc.ServiceError | undefined;
  /** Resolves with the status that ended the stream. */
  readonly ended: Promise<grpc.StatusObject>;

  constructor(call: grpc.ClientDuplexStream<Request, Response>) {
    this.call = call;
    this.ended = new Promise((resolve) => call.once("status", resolve));
    call.on("data", (message: Response) => {
      if (this.waiting === undefined) {
        this.ready.push(message);
        return;
      }
      const { resolve } = this.waiting;
      this.waiting = undefined;
      resolve(message);
    });
    call.on("error", (error: grpc.ServiceError) => {
      this.failure = error;
      this.waiting?.reject(error);
      this.waiting = undefined;
    });
    call.on("end", () => {
      this.waiting?.reject(new Error("the stream ended"));
      this.waiting = undefined;
    });
  }

  send(request: Request): void {
    this.call.write(request);
  }

  /** The next message, in the order of arrival; rejects when the stream ends first. */
  next(): Promise<Response> {
    const message = this.ready.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting = undefined;
        reject(new Error(`no message within ${CALL_LIMIT_MS} ms`));
      }, CALL_LIMIT_MS);
      this.waiting = {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  /** Reads no more, so that the window of the stream closes, or reads on. */
  hold(hold: boolean): void {
    if (hold) this.call.pause();
    else this.call.resume();
  }

  /** Says that no more requests come. */
  finish(): void {
    this.call.end();
  }

  cancel(): void {
    this.call.cancel();
  }
}

/** One connection to one member. */
export class Wire {
  readonly endpoint: string;
  readonly auth: UnaryCalls<typeof AuthDefinition>;
  readonly kv: UnaryCalls<typeof KVDefinition>;
  readonly lease: UnaryCalls<typeof LeaseDefinition>;
  readonly cluster: UnaryCalls<typeof ClusterDefinition>;
  readonly maintenance: UnaryCalls<typeof MaintenanceDefinition>;
  readonly health: UnaryCalls<typeof HealthDefinition>;
  readonly lock: UnaryCalls<typeof LockDefinition>;
  readonly election: UnaryCalls<typeof ElectionDefinition>;
  private readonly client: grpc.Client;

  constructor(endpoint: string, options: grpc.ClientOptions = {}) {
    this.endpoint = endpoint;
    this.client = new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      // A connection of its own, not one shared with other clients of this process.
      "grpc.use_local_subchannel_pool": 1,
      // Members are killed and started again: do not wait seconds between two tries.
      "grpc.initial_reconnect_backoff_ms": 50,
      "grpc.min_reconnect_backoff_ms": 50,
      "grpc.max_reconnect_backoff_ms": 250,
      ...options,
    });
    this.auth = this.bind(AuthDefinition);
    this.kv = this.bind(KVDefinition);
    this.lease = this.bind(LeaseDefinition);
    this.cluster = this.bind(ClusterDefinition);
    this.maintenance = this.bind(MaintenanceDefinition);
    this.health = this.bind(HealthDefinition);
    this.lock = this.bind(LockDefinition);
    this.election = this.bind(ElectionDefinition);
  }

  watch(
    options?: CallOptions,
  ): MessageStream<
    RequestOf<typeof WatchDefinition.methods.watch>,
    ResponseOf<typeof WatchDefinition.methods.watch>
  > {
    return this.stream(WatchDefinition, WatchDefinition.methods.watch, options);
  }

  keepAlive(
    options?: CallOptions,
  ): MessageStream<
    RequestOf<typeof LeaseDefinition.methods.leaseKeepAlive>,
    ResponseOf<typeof LeaseDefinition.methods.leaseKeepAlive>
  > {
    return this.stream(LeaseDefinition, LeaseDefinition.methods.leaseKeepAlive, options);
  }

  healthWatch(
    service: string,
  ): MessageStream<never, ResponseOf<typeof HealthDefinition.methods.watch>> {
    return this.serverStream(HealthDefinition, HealthDefinition.methods.watch, { service });
  }

  observe(
    name: string,
  ): MessageStream<never, ResponseOf<typeof ElectionDefinition.methods.observe>> {
    const { observe } = ElectionDefinition.methods;
    return this.serverStream(ElectionDefinition, observe, { name: Buffer.from(name) });
  }

  snapshot(
    options?: CallOptions,
  ): MessageStream<never, ResponseOf<typeof MaintenanceDefinition.methods.snapshot>> {
    const { snapshot } = MaintenanceDefinition.methods;
    return this.serverStream(MaintenanceDefinition, snapshot, {}, options);
  }

  rangeStream(
    request: RequestOf<typeof KVDefinition.methods.rangeStream>,
    options?: CallOptions,
  ): MessageStream<never, ResponseOf<typeof KVDefinition.methods.rangeStream>> {
    return this.serverStream(KVDefinition, KVDefinition.methods.rangeStream, request, options);
  }

  /** A unary call of any path with any bytes. */
  raw(path: string, body: Uint8Array, options?: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest(
        path,
        (request: Uint8Array) => Buffer.from(request),
        (bytes: Buffer) => bytes,
        body,
        metadataOf(options),
        { deadline: deadlineOf(options) },
        (error, response) => (error === null ? resolve(response as Buffer) : reject(error)),
      );
    });
  }

  close(): void {
    this.client.close();
  }

  private bind<S extends ServiceDefinition>(service: S): UnaryCalls<S> {
    const calls: Record<string, unknown> = {};
    for (const [key, method] of Object.entries(service.methods)) {
      if (method.requestStream || method.responseStream) continue;
      calls[key] = (request: never, options?: CallOptions) =>
        new Promise((resolve, reject) => {
          this.client.makeUnaryRequest(
            `/${service.fullName}/${method.name}`,
            (partial: never) => serialize(method, partial),
            (bytes: Buffer) => method.responseType.decode(bytes),
            request,
            metadataOf(options),
            { deadline: deadlineOf(options) },
            (error, response) => (error === null ? resolve(response) : reject(error)),
          );
        });
    }
    return calls as UnaryCalls<S>;
  }

  private serverStream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    options?: CallOptions,
  ): MessageStream<never, ResponseOf<M>> {
    const call = this.client.makeServerStreamRequest(
      `/${service.fullName}/${method.name}`,
      (partial: RequestOf<M>) => serialize(method, partial),
      (bytes: Buffer) => method.responseType.decode(bytes) as ResponseOf<M>,
      request,
      metadataOf(options),
      { deadline: deadlineOf(options) },
    );
    return new MessageStream(call as unknown as grpc.ClientDuplexStream<never, ResponseOf<M>>);
  }

  private stream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    options: CallOptions | undefined,
  ): MessageStream<RequestOf<M>, ResponseOf<M>> {
    const call = this.client.makeBidiStreamRequest(
      `/${service.fullName}/${method.name}`,
      (request: RequestOf<M>) => serialize(method, request as never),
      (bytes: Buffer) => method.responseType.decode(bytes) as ResponseOf<M>,
      metadataOf(options),
      { deadline: deadlineOf({ deadlineMs: 120_000, ...options }) },
    );
    return new MessageStream(call);
  }
}

function serialize(method: { readonly requestType: unknown }, partial: unknown): Buffer {
  const codec = method.requestType as Codec;
  return Buffer.from(codec.encode(codec.fromPartial(partial)).finish());
}
