// etcdserverpb.KV through a proxy: handed on, but for serializable ranges that are remembered
// (range-cache.ts). What is remembered belongs to one token: nobody reads what only another may.
import type { Clock } from "#base/clock.ts";
import { ResponseHeader } from "#proto/gen/header.ts";
import {
  CompactionRequest,
  DeleteRangeRequest,
  KVDefinition,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { BinaryReader } from "#proto/wire.ts";
import type { Method, Responder } from "#server/rpc/service-registry.ts";
import { forwarded, type Rewriting, rpcAt } from "./forwarding.ts";
import { intervalOf, type KeyInterval, type RangeCache } from "./range-cache.ts";
import { type Caller, callerOf, failWith, tokenOf, type Upstream } from "./upstream.ts";

export interface KvSetup {
  readonly upstream: Upstream;
  readonly cache: RangeCache;
  readonly clock: Clock;
  /** By path: how requests and answers are changed on their way. */
  readonly rewritings: ReadonlyMap<string, Rewriting>;
  /** Let no serializable read show an older revision than one before. */
  readonly ordered: boolean;
}

const service = "/etcdserverpb.KV/";
const rangePath = `${service}Range`;

/** The revision in the header of an answer; every answer of KV has it as its first field. */
function revisionOf(answer: Uint8Array): number {
  const reader = new BinaryReader(answer);
  if (answer.length === 0 || reader.uint32() !== 10) return 0;
  return ResponseHeader.decode(reader, reader.uint32()).revision;
}

/** All methods of the KV service. */
export function kvMethods(setup: KvSetup): Method[] {
  const { upstream, cache, rewritings } = setup;
  const reader = new RangeReader(setup);
  const writing = (
    name: string,
    touched: (request: Uint8Array) => readonly KeyInterval[],
    done?: (request: Uint8Array) => void,
  ): Method => ({
    path: `${service}${name}`,
    requestStream: false,
    responseStream: false,
    handle(bytes, responder) {
      void write(`${service}${name}`, bytes, responder, touched, done);
    },
  });
  const write = async (
    path: string,
    bytes: Uint8Array,
    responder: Responder,
    touched: (request: Uint8Array) => readonly KeyInterval[],
    done?: (request: Uint8Array) => void,
  ): Promise<void> => {
    const rewriting = rewritings.get(path);
    let intervals: readonly KeyInterval[] = [];
    // Before, lest an old answer be given while it is carried out; behind, lest one read meanwhile stay.
    const forget = (): void => {
      for (const interval of intervals) cache.invalidate(interval);
    };
    try {
      const request = rewriting?.request?.(bytes) ?? Buffer.from(bytes);
      intervals = touched(request);
      forget();
      const answer = await upstream.unary(rpcAt(path), request, callerOf(responder));
      done?.(request);
      forget();
      responder.reply(rewriting?.answer?.(answer) ?? answer);
    } catch (error) {
      // It may have been carried out all the same.
      forget();
      failWith(responder, error);
    }
  };
  const own = ["Range", "Put", "DeleteRange", "Txn", "Compact"].map((name) => `${service}${name}`);
  return [
    {
      path: rangePath,
      requestStream: false,
      responseStream: false,
      handle: (bytes, responder) => void reader.read(bytes, responder),
    },
    writing("Put", (bytes) => [intervalOf(PutRequest.decode(bytes).key, new Uint8Array(0))]),
    writing("DeleteRange", (bytes) => {
      const { key, rangeEnd } = DeleteRangeRequest.decode(bytes);
      return [intervalOf(key, rangeEnd)];
    }),
    writing("Txn", (bytes) => written(TxnRequest.decode(bytes))),
    writing(
      "Compact",
      () => [],
      (bytes) => cache.compact(CompactionRequest.decode(bytes).revision),
    ),
    ...forwarded(upstream, KVDefinition, { without: new Set(own), rewritings }),
  ];
}

/** What either branch of a transaction may write. */
function written(request: TxnRequest): KeyInterval[] {
  const found: KeyInterval[] = [];
  const look = ({ request: union }: RequestOp): void => {
    if (union?.$case === "requestPut") {
      found.push(intervalOf(union.value.key, new Uint8Array(0)));
    } else if (union?.$case === "requestDeleteRange") {
      found.push(intervalOf(union.value.key, union.value.rangeEnd));
    } else if (union?.$case === "requestTxn") found.push(...written(union.value));
  };
  for (const one of [...request.success, ...request.failure]) look(one);
  return found;
}

class RangeReader {
  private readonly setup: KvSetup;
  /** The newest revision that was shown. */
  private shown = 0;

  constructor(setup: KvSetup) {
    this.setup = setup;
  }

  async read(bytes: Uint8Array, responder: Responder): Promise<void> {
    const { rewritings, ordered } = this.setup;
    const rewriting = rewritings.get(rangePath);
    try {
      const request = rewriting?.request?.(bytes) ?? Buffer.from(bytes);
      const parsed = RangeRequest.decode(request);
      const answer = await this.answer(request, parsed, responder);
      if (ordered) this.shown = Math.max(this.shown, revisionOf(answer));
      responder.reply(rewriting?.answer?.(answer) ?? answer);
    } catch (error) {
      failWith(responder, error);
    }
  }

  private async answer(
    request: Uint8Array,
    parsed: RangeRequest,
    responder: Responder,
  ): Promise<Uint8Array> {
    const { cache, clock, ordered, upstream } = this.setup;
    const { serializable } = parsed;
    parsed.serializable = false;
    const linearizable = RangeRequest.encode(parsed).finish();
    const name = `${tokenOf(responder)} ${linearizable.toString("latin1")}`;
    const least = ordered ? this.shown : 0;
    if (serializable) {
      const known = cache.get(name, clock.monotonicMs(), least);
      if (known !== undefined) return known.answer;
    }
    const caller: Caller = callerOf(responder);
    const reading = cache.begin(name, intervalOf(parsed.key, parsed.rangeEnd), parsed.revision);
    let found: { readonly answer: Uint8Array; readonly revision: number } | undefined;
    try {
      let answer = await upstream.unary(rpcAt(rangePath), request, caller);
      let revision = revisionOf(answer);
      if (serializable && revision < least) {
        // This member lags behind another: all of them together do not.
        answer = await upstream.unary(rpcAt(rangePath), linearizable, caller);
        revision = revisionOf(answer);
      }
      found = { answer, revision };
      return answer;
    } finally {
      cache.finished(reading, found, clock.monotonicMs());
    }
  }
}
