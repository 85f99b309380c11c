// A collector of traces for tests: takes what is exported over OTLP on gRPC, and keeps its spans.
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { BinaryReader } from "#proto/wire.ts";

export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly scope: string;
  readonly resource: Readonly<Record<string, string>>;
  readonly attributes: Readonly<Record<string, string>>;
  readonly statusCode: number;
  readonly tookNs: number;
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

/** The fields of a message by number: bytes, or numbers. */
function fields(bytes: Uint8Array): Fields {
  const found = new Map<number, (Uint8Array | bigint)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    let value: Uint8Array | bigint;
    if ((tag & 7) === 2) value = reader.bytes();
    else if ((tag & 7) === 0) value = reader.int64();
    else if ((tag & 7) === 1) {
      value = Buffer.from(bytes).readBigUInt64LE(reader.pos);
      reader.pos += 8;
    } else {
      reader.skip(tag);
      continue;
    }
    found.set(tag >>> 3, [...(found.get(tag >>> 3) ?? []), value]);
  }
  return found;
}

const all = (of: Fields, number: number): Uint8Array[] =>
  (of.get(number) ?? []).filter((one) => one instanceof Uint8Array);
const one = (of: Fields, number: number): Uint8Array => all(of, number)[0] ?? new Uint8Array(0);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const num = (of: Fields, number: number): bigint =>
  (of.get(number)?.[0] as bigint | undefined) ?? 0n;

function attributes(of: Fields, number: number): Record<string, string> {
  return Object.fromEntries(
    all(of, number).map((bytes) => {
      const pair = fields(bytes);
      const value = fields(one(pair, 2));
      const shown = value.has(1) ? text(one(value, 1)) : String(num(value, 2) || num(value, 3));
      return [text(one(pair, 1)), shown];
    }),
  );
}

function spansOf(request: Uint8Array): ReceivedSpan[] {
  return all(fields(request), 1).flatMap((ofResource) => {
    const resourceSpans = fields(ofResource);
    const resource = attributes(fields(one(resourceSpans, 1)), 1);
    return all(resourceSpans, 2).flatMap((ofScope) => {
      const scopeSpans = fields(ofScope);
      const scope = text(one(fields(one(scopeSpans, 1)), 1));
      return all(scopeSpans, 2).map((bytes): ReceivedSpan => {
        const span = fields(bytes);
        return {
          name: text(one(span, 5)),
          kind: Number(num(span, 6)),
          traceId: hex(one(span, 1)),
          spanId: hex(one(span, 2)),
          parentId: hex(one(span, 4)),
          scope,
          resource,
          attributes: attributes(span, 9),
          statusCode: Number(num(fields(one(span, 15)), 3)),
          tookNs: Number(num(span, 8) - num(span, 7)),
        };
      });
    });
  });
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  private readonly server = new Server();
  private readonly waiting = new Set<() => void>();

  /** Listens on 127.0.0.1; resolves with `host:port`. */
  start(): Promise<string> {
    const identity = (bytes: Buffer): Buffer => bytes;
    this.server.addService(
      {
        Export: {
          path: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
          requestStream: false,
          responseStream: false,
          requestSerialize: identity,
          requestDeserialize: identity,
          responseSerialize: identity,
          responseDeserialize: identity,
        },
      },
      {
        Export: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
          this.spans.push(...spansOf(call.request));
          answer(null, Buffer.alloc(0));
          for (const run of this.waiting) run();
        },
      },
    );
    return new Promise((resolve, reject) => {
      this.server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(`127.0.0.1:${port}`);
        else reject(error);
      });
    });
  }

  /** Resolves once `test` holds of what came. */
  async until(test: (spans: readonly ReceivedSpan[]) => boolean): Promise<void> {
    while (!test(this.spans)) {
      await new Promise<void>((resolve) => {
        const run = (): void => {
          this.waiting.delete(run);
          resolve();
        };
        this.waiting.add(run);
      });
    }
  }

  stop(): void {
    this.server.forceShutdown();
  }
}
