// Traces over OTLP, with --enable-distributed-tracing: one span a gRPC call, and below it etcd's own of
// what was asked. The packages of OpenTelemetry are loaded here and nowhere else, when it is on.
import type { Attributes, Context, Span, Tracer } from "@opentelemetry/api";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { LeaseGrantRequest, LeaseRevokeRequest } from "#proto/gen/lease.ts";
import type { CallObserver } from "#server/api/call-observer.ts";
import { isReadOnly } from "#server/apply/validate.ts";
import type { TracingSettings } from "#server/config/server-config.ts";
import type { Responder } from "#server/rpc/service-registry.ts";

export interface Tracing {
  readonly observe: CallObserver;
  /** Sends what is left, for a second at most. */
  stop(): Promise<void>;
}

const rpcScope = "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc";
const ownScope = "go.etcd.io/etcd";
const perMillion = 1_000_000;
const stopMs = 1000;

type Api = typeof import("@opentelemetry/api");

/** Loads OpenTelemetry, and sends spans to the collector of the settings. */
export async function openTracing(
  settings: TracingSettings,
  local: { readonly host: string; readonly port: number },
): Promise<Tracing> {
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/resources"),
    import("@opentelemetry/exporter-trace-otlp-grpc"),
  ]);
  const exporter = new OTLPTraceExporter({ url: `http://${settings.address}` });
  const { instanceId, samplesPerMillion, serviceName } = settings;
  const root =
    samplesPerMillion === 0
      ? new sdk.AlwaysOffSampler()
      : new sdk.TraceIdRatioBasedSampler(samplesPerMillion / perMillion);
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({
      "service.name": serviceName,
      ...(instanceId === "" ? {} : { "service.instance.id": instanceId }),
    }),
    sampler: new sdk.ParentBasedSampler({ root }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter })],
  });
  const calls = provider.getTracer(rpcScope);
  const own = provider.getTracer(ownScope);
  return {
    observe(method, responder, request) {
      const name = method.path.slice(1);
      const parent = parentOf(api, responder);
      const span = calls.startSpan(
        name,
        {
          kind: api.SpanKind.SERVER,
          attributes: {
            "rpc.system.name": "grpc",
            "rpc.method": name,
            "server.address": local.host,
            "server.port": local.port,
          },
        },
        parent,
      );
      if (!span.isRecording()) return responder;
      const context = api.trace.setSpan(parent, span);
      return new TracedResponder(api, own, span, context, { name, responder, request });
    },
    async stop() {
      const timer = new Promise<void>((resolve) => setTimeout(resolve, stopMs).unref());
      await Promise.race([provider.shutdown().catch(() => {}), timer]);
    },
  };
}

/** The span of the client, of the W3C's header traceparent. */
function parentOf(api: Api, responder: Responder): Context {
  const text = responder.metadata("traceparent") ?? "";
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text);
  if (match === null) return api.ROOT_CONTEXT;
  const [, traceId, spanId, flags] = match;
  const spanContext = {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: Number.parseInt(flags!, 16) & 1,
    isRemote: true,
  };
  if (!api.isSpanContextValid(spanContext)) return api.ROOT_CONTEXT;
  return api.trace.setSpanContext(api.ROOT_CONTEXT, spanContext);
}

interface TracedCall {
  readonly name: string;
  readonly responder: Responder;
  readonly request: Uint8Array | undefined;
}

const codeNames = new Map<number, string>(
  Object.entries(grpcCode).map(([name, code]) => [
    code,
    name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

/** Codes that are the server's fault. */
const faults = new Set<GrpcCode>([
  grpcCode.unknown,
  grpcCode.deadlineExceeded,
  grpcCode.unimplemented,
  grpcCode.internal,
  grpcCode.unavailable,
  grpcCode.dataLoss,
]);

/** Passes everything on, and ends the span with the call. */
class TracedResponder implements Responder {
  private readonly inner: Responder;
  private code: GrpcCode | undefined;
  private message = "";

  constructor(api: Api, own: Tracer, span: Span, context: Context, call: TracedCall) {
    this.inner = call.responder;
    const startTime = Date.now();
    this.inner.onEnded(() => {
      const code = this.code ?? grpcCode.canceled;
      span.setAttribute("rpc.response.status_code", codeNames.get(code) ?? String(code));
      if (faults.has(code))
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: this.message });
      // A request that was refused unseen is no work of etcd's own.
      const work = code === grpcCode.invalidArgument ? undefined : workOf(call);
      if (work !== undefined)
        own.startSpan(work.name, { attributes: work.attributes, startTime }, context).end();
      span.end();
    });
  }

  get peer(): string {
    return this.inner.peer;
  }

  get peerCommonName(): string | undefined {
    return this.inner.peerCommonName;
  }

  get timeoutMs(): number | undefined {
    return this.inner.timeoutMs;
  }

  get ended(): boolean {
    return this.inner.ended;
  }

  metadata(name: string): string | undefined {
    return this.inner.metadata(name);
  }

  addMetadata(part: "initial" | "trailing", name: string, value: string | Uint8Array): void {
    this.inner.addMetadata(part, name, value);
  }

  onEnded(run: () => void): void {
    this.inner.onEnded(run);
  }

  reply(message: Uint8Array): void {
    this.code ??= grpcCode.ok;
    this.inner.reply(message);
  }

  write(message: Uint8Array): boolean {
    return this.inner.write(message);
  }

  onDrain(run: () => void): void {
    this.inner.onDrain(run);
  }

  end(): void {
    this.code ??= grpcCode.ok;
    this.inner.end();
  }

  fail(code: GrpcCode, message: string): void {
    this.code ??= code;
    this.message = message;
    this.inner.fail(code, message);
  }

  holdRequests(hold: boolean): void {
    this.inner.holdRequests(hold);
  }
}

interface Work {
  readonly name: string;
  readonly attributes: Attributes;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** What etcd calls its own span of a request, and tells of it. */
const works: Readonly<Record<string, (request: Uint8Array) => Work>> = {
  "etcdserverpb.KV/Range": (bytes) => ({ name: "range", attributes: rangeAttributes(bytes) }),
  "etcdserverpb.KV/RangeStream": (bytes) => ({
    name: "range_streaming",
    attributes: rangeAttributes(bytes),
  }),
  "etcdserverpb.KV/Put": (bytes) => ({
    name: "put",
    attributes: { key: text(PutRequest.decode(bytes).key) },
  }),
  "etcdserverpb.KV/DeleteRange": (bytes) => {
    const { key, rangeEnd } = DeleteRangeRequest.decode(bytes);
    return {
      name: "delete_range",
      attributes: { range_begin: text(key), range_end: text(rangeEnd) },
    };
  },
  "etcdserverpb.KV/Txn": (bytes) => ({ name: "txn", attributes: txnAttributes(bytes) }),
  "etcdserverpb.KV/Compact": (bytes) => {
    const { physical, revision } = CompactionRequest.decode(bytes);
    return { name: "compact", attributes: { is_physical: physical, rev: revision } };
  },
  "etcdserverpb.Lease/LeaseGrant": (bytes) => {
    const { ID, TTL } = LeaseGrantRequest.decode(bytes);
    return { name: "lease_grant", attributes: { id: String(ID), ttl: Number(TTL) } };
  },
  "etcdserverpb.Lease/LeaseRevoke": (bytes) => ({
    name: "lease_revoke",
    attributes: { id: String(LeaseRevokeRequest.decode(bytes).ID) },
  }),
};

function workOf({ name, request }: TracedCall): Work | undefined {
  const read = works[name];
  if (read === undefined || request === undefined) return undefined;
  try {
    return read(request);
  } catch {
    // Malformed, as the call itself was told.
    return undefined;
  }
}

function rangeAttributes(bytes: Uint8Array): Attributes {
  const request = RangeRequest.decode(bytes);
  return {
    range_begin: text(request.key),
    range_end: text(request.rangeEnd),
    rev: request.revision,
    limit: request.limit,
    count_only: request.countOnly,
    keys_only: request.keysOnly,
  };
}

const operationNames: Readonly<Record<string, string>> = {
  requestRange: "range",
  requestPut: "put",
  requestDeleteRange: "delete_range",
  requestTxn: "txn",
};

function txnAttributes(bytes: Uint8Array): Attributes {
  const txn = TxnRequest.decode(bytes);
  const operations = txn.success.map(({ request }) => request);
  const keys = operations.map((one) =>
    one === undefined || one.$case === "requestTxn" ? "" : text(one.value.key),
  );
  const put = operations.find((one) => one?.$case === "requestPut");
  return {
    compare_first_key: txn.compare.map(({ key }) => text(key)).find((key) => key !== "") ?? "",
    success_first_key: keys.find((key) => key !== "") ?? "",
    success_first_type: operationNames[operations[0]?.$case ?? ""] ?? "",
    success_first_lease: String(put?.value.lease ?? -1n),
    compare_len: txn.compare.length,
    success_len: txn.success.length,
    failure_len: txn.failure.length,
    read_only: isReadOnly(txn),
  };
}
