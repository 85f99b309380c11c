// Keys: range, put, delete, transactions, compaction. Requests are given as parts of the wire's own
// messages; what is not given has its default.
import { utf8 } from "#base/bytes.ts";
import { errorOfStatus } from "#client/errors.ts";
import type { CallOptions } from "#client/options.ts";
import { rpc, type Transport } from "#client/transport.ts";
import { grpcCode } from "#proto/errors.ts";
import {
  CompactionRequest,
  type CompactionResponse,
  DeleteRangeRequest,
  type DeleteRangeResponse,
  KVDefinition,
  PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  TxnRequest,
  type TxnResponse,
} from "#proto/gen/kv.ts";

/** A key or value: text is taken as UTF-8. */
export type Bytes = string | Uint8Array;

export type RangeParts = Partial<Omit<RangeRequest, "key">>;
export type PutParts = Partial<Omit<PutRequest, "key" | "value">>;
export type DeleteParts = Partial<Omit<DeleteRangeRequest, "key">>;

const { methods } = KVDefinition;
const rangeRpc = rpc(KVDefinition, methods.range, { repeatable: true });
const rangeStreamRpc = rpc(KVDefinition, methods.rangeStream, { repeatable: true });
/** Of PutLine, too. */
export const putRpc = rpc(KVDefinition, methods.put, { repeatable: false });
const deleteRpc = rpc(KVDefinition, methods.deleteRange, { repeatable: false });
const txnRpc = rpc(KVDefinition, methods.txn, { repeatable: false });
const readTxnRpc = rpc(KVDefinition, methods.txn, { repeatable: true });
const compactRpc = rpc(KVDefinition, methods.compact, { repeatable: false });

/** The bytes of a key or value. */
export function bytesOf(value: Bytes): Uint8Array {
  return typeof value === "string" ? utf8(value) : value;
}

/** The end of the interval of all keys that begin with `prefix`; one zero byte if there is no end. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0xff;
    if (byte === 0xff) continue;
    // A copy: Buffer's slice would share the prefix's own bytes.
    const end = Uint8Array.from(prefix.subarray(0, i + 1));
    end[i] = byte + 1;
    return end;
  }
  return new Uint8Array(1);
}

/** True if nothing in the transaction writes, so that it may be sent twice. */
function onlyReads(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    ({ request: op }) =>
      op === undefined ||
      op.$case === "requestRange" ||
      (op.$case === "requestTxn" && onlyReads(op.value)),
  );
}

export class KvClient {
  private readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** The keys of an interval; linearizable unless `serializable`. */
  range(key: Bytes, parts: RangeParts = {}, options?: CallOptions): Promise<RangeResponse> {
    const request = RangeRequest.fromPartial({ ...parts, key: bytesOf(key) });
    return this.transport.unary(rangeRpc, request, options);
  }

  /** As range, fetched in chunks and put together. */
  async rangeStream(
    key: Bytes,
    parts: RangeParts = {},
    options: CallOptions = {},
  ): Promise<RangeResponse> {
    const request = RangeRequest.fromPartial({ ...parts, key: bytesOf(key) });
    const stream = await this.transport.serverStream(rangeStreamRpc, request, options);
    let whole: RangeResponse = { header: undefined, kvs: [], more: false, count: 0 };
    const kvs: RangeResponse["kvs"] = [];
    try {
      for await (const chunk of stream) {
        const part = (chunk as { rangeResponse: RangeResponse | undefined }).rangeResponse;
        if (part === undefined) continue;
        for (const kv of part.kvs) kvs.push(kv);
        whole = {
          header: whole.header ?? part.header,
          kvs,
          more: whole.more || part.more,
          count: Math.max(whole.count, part.count),
        };
      }
    } catch (thrown) {
      const { code = grpcCode.unknown, details = String(thrown) } = thrown as {
        code?: number;
        details?: string;
      };
      throw errorOfStatus(code, details);
    }
    return whole;
  }

  put(key: Bytes, value: Bytes, parts: PutParts = {}, options?: CallOptions): Promise<PutResponse> {
    const request = PutRequest.fromPartial({ ...parts, key: bytesOf(key), value: bytesOf(value) });
    return this.transport.unary(putRpc, request, options);
  }

  delete(key: Bytes, parts: DeleteParts = {}, options?: CallOptions): Promise<DeleteRangeResponse> {
    const request = DeleteRangeRequest.fromPartial({ ...parts, key: bytesOf(key) });
    return this.transport.unary(deleteRpc, request, options);
  }

  txn(parts: Partial<TxnRequest>, options?: CallOptions): Promise<TxnResponse> {
    const request = TxnRequest.fromPartial(parts);
    return this.transport.unary(onlyReads(request) ? readTxnRpc : txnRpc, request, options);
  }

  /** Drops history below `revision`; with `physical` answers only when it is gone from the disk. */
  compact(
    revision: number,
    parts: { readonly physical?: boolean } = {},
    options?: CallOptions,
  ): Promise<CompactionResponse> {
    const request = CompactionRequest.fromPartial({ revision, physical: parts.physical ?? false });
    return this.transport.unary(compactRpc, request, options);
  }
}
