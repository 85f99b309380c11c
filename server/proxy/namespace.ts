// `--namespace`: clients see the keys below a prefix as if there were no others. The prefix is put
// before every key of a request, and taken off every key of an answer.

import { prefixEnd } from "#client/kv.ts";
import {
  type Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RangeStreamResponse,
  type RequestOp,
  type ResponseOp,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import { LeaseTimeToLiveResponse } from "#proto/gen/lease.ts";
import type { Event, KeyValue } from "#proto/gen/mvcc.ts";
import type { Rewriting } from "./forwarding.ts";

interface Interval {
  key: Uint8Array;
  rangeEnd: Uint8Array;
}

const noBytes: Uint8Array = new Uint8Array(0);

export class Namespace {
  private readonly prefix: Uint8Array;

  constructor(prefix: string) {
    this.prefix = Buffer.from(prefix);
  }

  get isEmpty(): boolean {
    return this.prefix.length === 0;
  }

  /** A key as the cluster has it. */
  outward(key: Uint8Array): Uint8Array {
    return this.isEmpty ? key : Buffer.concat([this.prefix, key]);
  }

  /** The end of a range as the cluster has it; "\0" stands for the end of the namespace. */
  outwardEnd(rangeEnd: Uint8Array): Uint8Array {
    if (rangeEnd.length === 0) return rangeEnd;
    if (rangeEnd.length === 1 && rangeEnd[0] === 0) {
      return this.isEmpty ? rangeEnd : prefixEnd(this.prefix);
    }
    return this.outward(rangeEnd);
  }

  /** A key as clients have it. */
  inward(key: Uint8Array): Uint8Array {
    return key.length < this.prefix.length ? key : key.subarray(this.prefix.length);
  }

  /** Takes the prefix off an event of a watch. */
  event(event: Event): void {
    this.keyValue(event.kv);
    this.keyValue(event.prevKv);
  }

  /** How the calls of KV and Lease are changed on their way; nothing without a namespace. */
  rewritings(): ReadonlyMap<string, Rewriting> {
    if (this.isEmpty) return new Map();
    const kv = "/etcdserverpb.KV/";
    return new Map<string, Rewriting>([
      [
        `${kv}Range`,
        {
          request: (bytes) => this.range(RangeRequest.decode(bytes)),
          answer: (bytes) => {
            const answer = RangeResponse.decode(bytes);
            for (const one of answer.kvs) this.keyValue(one);
            return RangeResponse.encode(answer).finish();
          },
        },
      ],
      [
        `${kv}RangeStream`,
        {
          request: (bytes) => this.range(RangeRequest.decode(bytes)),
          answer: (bytes) => {
            const answer = RangeStreamResponse.decode(bytes);
            for (const one of answer.rangeResponse?.kvs ?? []) this.keyValue(one);
            return RangeStreamResponse.encode(answer).finish();
          },
        },
      ],
      [
        `${kv}Put`,
        {
          request: (bytes) => {
            const request = PutRequest.decode(bytes);
            this.key(request);
            return PutRequest.encode(request).finish();
          },
          answer: (bytes) => {
            const answer = PutResponse.decode(bytes);
            this.keyValue(answer.prevKv);
            return PutResponse.encode(answer).finish();
          },
        },
      ],
      [
        `${kv}DeleteRange`,
        {
          request: (bytes) => {
            const request = DeleteRangeRequest.decode(bytes);
            this.interval(request);
            return DeleteRangeRequest.encode(request).finish();
          },
          answer: (bytes) => {
            const answer = DeleteRangeResponse.decode(bytes);
            for (const one of answer.prevKvs) this.keyValue(one);
            return DeleteRangeResponse.encode(answer).finish();
          },
        },
      ],
      [
        `${kv}Txn`,
        {
          request: (bytes) => {
            const request = TxnRequest.decode(bytes);
            this.txn(request);
            return TxnRequest.encode(request).finish();
          },
          answer: (bytes) => {
            const answer = TxnResponse.decode(bytes);
            this.txnAnswer(answer.responses);
            return TxnResponse.encode(answer).finish();
          },
        },
      ],
      [
        "/etcdserverpb.Lease/LeaseTimeToLive",
        {
          answer: (bytes) => {
            const answer = LeaseTimeToLiveResponse.decode(bytes);
            // Keys of others that hang on the same lease are none of this client's concern.
            answer.keys = answer.keys
              .filter((key) => Buffer.from(this.prefix).equals(key.subarray(0, this.prefix.length)))
              .map((key) => this.inward(key));
            return LeaseTimeToLiveResponse.encode(answer).finish();
          },
        },
      ],
    ]);
  }

  private range(request: RangeRequest): Uint8Array {
    this.interval(request);
    return RangeRequest.encode(request).finish();
  }

  /** A request without a key stays one: the member is to refuse it. */
  private key(request: { key: Uint8Array }): void {
    if (request.key.length > 0) request.key = this.outward(request.key);
  }

  private interval(request: Interval): void {
    request.rangeEnd = this.outwardEnd(request.rangeEnd);
    this.key(request);
  }

  private compare(one: Compare): void {
    one.rangeEnd = this.outwardEnd(one.rangeEnd);
    this.key(one);
  }

  private txn(request: TxnRequest): void {
    for (const one of request.compare) this.compare(one);
    for (const one of [...request.success, ...request.failure]) this.operation(one);
  }

  private operation({ request }: RequestOp): void {
    switch (request?.$case) {
      case "requestRange":
      case "requestDeleteRange":
        this.interval(request.value);
        break;
      case "requestPut":
        this.key(request.value);
        break;
      case "requestTxn":
        this.txn(request.value);
        break;
      default:
    }
  }

  private txnAnswer(responses: readonly ResponseOp[]): void {
    for (const { response } of responses) {
      switch (response?.$case) {
        case "responseRange":
          for (const one of response.value.kvs) this.keyValue(one);
          break;
        case "responsePut":
          this.keyValue(response.value.prevKv);
          break;
        case "responseDeleteRange":
          for (const one of response.value.prevKvs) this.keyValue(one);
          break;
        case "responseTxn":
          this.txnAnswer(response.value.responses);
          break;
        default:
      }
    }
  }

  private keyValue(one: KeyValue | undefined): void {
    if (one !== undefined) one.key = one.key.length === 0 ? noBytes : this.inward(one.key);
  }
}
