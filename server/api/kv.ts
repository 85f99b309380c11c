// etcdserverpb.KV: decode, validate, make linearizable, read or propose, encode. The member's
// answers belong to this file from then on; their headers are replaced on the way out.

import type { Clock } from "#base/clock.ts";
import type { EtcdError } from "#proto/errors.ts";
import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import { BinaryWriter } from "#proto/wire.ts";
import {
  checkDeleteRange,
  checkPut,
  checkRange,
  checkTxn,
  isReadOnly,
} from "#server/apply/validate.ts";
import type { SingleRequestMethod } from "#server/rpc/service-registry.ts";
import type { Access, Caller } from "./access.ts";
import type { HeaderEncoder } from "./header-encoder.ts";
import type { ServingStatus } from "./health.ts";
import type { ApiMember } from "./member.ts";
import { type MethodGate, singleRequest } from "./method-gate.ts";
import { rangeStream } from "./range-stream.ts";

const service = "/etcdserverpb.KV/";

/** What the v3 services share. */
export interface ServiceContext {
  readonly clock: Clock;
  readonly member: ApiMember;
  readonly gate: MethodGate;
  readonly access: Access;
  readonly headers: HeaderEncoder;
  readonly serving: ServingStatus;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
}

interface Answer {
  header: { revision: number } | undefined;
}

interface Codec<Response> {
  encode(response: Response, writer: BinaryWriter): BinaryWriter;
}

/** An answer with its full header in front; takes the answer's own header away. */
export function encodeAnswer<Response extends Answer>(
  headers: HeaderEncoder,
  codec: Codec<Response>,
  response: Response,
  revision: number,
): Uint8Array {
  const writer = headers.write(new BinaryWriter(), revision);
  response.header = undefined;
  return codec.encode(response, writer).finish();
}

/** The methods of the KV service. */
export function kvMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, member, gate, headers, maxTxnOps } = context;

  const encodeRange = (response: RangeResponse): Uint8Array =>
    encodeAnswer(headers, RangeResponse, response, revisionOf(response));
  const encodePut = (response: PutResponse): Uint8Array =>
    response.prevKv === undefined
      ? headers.alone(revisionOf(response))
      : encodeAnswer(headers, PutResponse, response, revisionOf(response));
  const putAs = async (request: PutRequest, caller: Caller): Promise<Uint8Array> => {
    const who = await access.userOf(caller);
    return encodePut(await member.propose("put", request, who));
  };
  const readRange = (
    request: RangeRequest,
    caller: Caller,
  ): RangeResponse | Promise<RangeResponse> => {
    if (!access.isOn) return member.range(request);
    const { key, rangeEnd } = request;
    return access.read(
      caller,
      (auth, who) => auth.readRefusal(who, key, rangeEnd),
      () => member.range(request),
    );
  };

  return [
    singleRequest(gate, {
      path: `${service}Range`,
      decode: (bytes) => RangeRequest.decode(bytes),
      learnerMay: (request) => request.serializable,
      run(request, responder) {
        refuseIf(checkRange(request));
        const proof = request.serializable ? undefined : member.linearize();
        const reading =
          proof === undefined
            ? readRange(request, responder)
            : proof.then(() => readRange(request, responder));
        return reading instanceof Promise ? reading.then(encodeRange) : encodeRange(reading);
      },
    }),
    singleRequest(gate, {
      path: `${service}RangeStream`,
      responseStream: true,
      decode: (bytes) => RangeRequest.decode(bytes),
      async run(request, responder) {
        refuseIf(checkRange(request));
        await rangeStream(context, request, responder);
        return undefined;
      },
    }),
    singleRequest(gate, {
      path: `${service}Put`,
      decode: (bytes) => PutRequest.decode(bytes),
      encode: (answer) => encodePut(answer as PutResponse),
      run(request, responder, call) {
        refuseIf(checkPut(request));
        if (access.isOn) return putAs(request, responder);
        member.proposeFor(call, "put", request);
        return undefined;
      },
    }),
    singleRequest(gate, {
      path: `${service}DeleteRange`,
      decode: (bytes) => DeleteRangeRequest.decode(bytes),
      async run(request, responder) {
        refuseIf(checkDeleteRange(request));
        const who = access.isOn ? await access.userOf(responder) : undefined;
        const response = await member.propose("deleteRange", request, who);
        return encodeAnswer(headers, DeleteRangeResponse, response, revisionOf(response));
      },
    }),
    singleRequest(gate, {
      path: `${service}Txn`,
      decode: (bytes) => TxnRequest.decode(bytes),
      async run(request, responder) {
        refuseIf(checkTxn(request, maxTxnOps));
        const response = await runTxn(context, request, responder);
        return encodeAnswer(headers, TxnResponse, response, revisionOf(response));
      },
    }),
    singleRequest(gate, {
      path: `${service}Compact`,
      decode: (bytes) => CompactionRequest.decode(bytes),
      async run(request, responder) {
        const who = await access.admin(responder);
        const response = await member.propose("compaction", request, who);
        if (request.physical) await member.physicalCompaction(request.revision);
        return encodeAnswer(headers, CompactionResponse, response, revisionOf(response));
      },
    }),
  ];
}

function refuseIf(error: EtcdError | undefined): void {
  if (error !== undefined) throw error;
}

function revisionOf(answer: Answer): number {
  return answer.header?.revision ?? 0;
}

async function runTxn(
  { access, member }: ServiceContext,
  request: TxnRequest,
  caller: Caller,
): Promise<TxnResponse> {
  if (!isReadOnly(request)) {
    const who = access.isOn ? await access.userOf(caller) : undefined;
    return member.propose("txn", request, who);
  }
  if (!isSerializable(request)) await member.linearize();
  if (!access.isOn) return member.readOnlyTxn(request);
  return access.read(
    caller,
    (auth, who) => auth.txnRefusal(who, request),
    () => member.readOnlyTxn(request),
  );
}

function isSerializable(request: TxnRequest): boolean {
  return request.success.every(isSerializableRange) && request.failure.every(isSerializableRange);
}

function isSerializableRange(operation: RequestOp): boolean {
  return operation.request?.$case === "requestRange" && operation.request.value.serializable;
}
