// KV.RangeStream: one range in chunks, all read at the revision of the first; header, `more` and
// `count` come with the last. Chunks begin with 10 keys, then grow and shrink towards the request
// size limit. The next chunk is read only when the connection takes it.
import { Buffer } from "node:buffer";
import { EtcdError, grpcCode } from "#proto/errors.ts";
import {
  type RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeResponse,
} from "#proto/gen/kv.ts";
import { BinaryWriter } from "#proto/wire.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import type { ServiceContext } from "./kv.ts";
import { Room } from "./room.ts";

const firstChunkKeys = 10;
const maxChunkKeys = 10_000;

/** Answers `request` in chunks and ends the call. Rejects with EtcdError before the first chunk. */
export async function rangeStream(
  context: ServiceContext,
  request: RangeRequest,
  responder: Responder,
): Promise<void> {
  refuseUnsupported(request);
  const { access, member } = context;
  if (!request.serializable) await member.linearize();
  const send = (): Promise<void> => sendChunks(context, request, responder);
  if (!access.isOn) return send();
  const { key, rangeEnd } = request;
  return access.read(responder, (auth, who) => auth.readRefusal(who, key, rangeEnd), send);
}

async function sendChunks(
  context: ServiceContext,
  request: RangeRequest,
  responder: Responder,
): Promise<void> {
  const { member } = context;
  const room = new Room(responder);
  let revision = request.revision;
  let left = request.limit > 0 ? request.limit : Number.MAX_SAFE_INTEGER;
  // A limit below 0 is none, and asks for everything in one chunk.
  let chunkKeys = request.limit < 0 ? 0 : firstChunkKeys;
  let key = request.key;
  let count: number | undefined;
  let sent = 0;
  for (;;) {
    const limit = request.countOnly ? request.limit : Math.min(chunkKeys, left);
    const response = await member.range({ ...request, key, limit, revision });
    if (responder.ended) return;
    const current = response.header?.revision ?? 0;
    if (revision <= 0) revision = current;
    count ??= response.count;
    left -= response.kvs.length;
    sent += response.kvs.length;
    const last = !response.more || left <= 0 || response.kvs.length === 0;
    const lastKey = response.kvs.at(-1)?.key;
    if (lastKey !== undefined) key = Buffer.concat([lastKey, Buffer.of(0)]);
    if (last && request.sortTarget !== RangeRequest_SortTarget.KEY && !request.countOnly) {
      // Another target than the key is let through if no order is named. Then etcd counts what was
      // sent and what lies behind the last key, though that need not be the largest.
      const behind = { ...request, key, revision, limit: 0, countOnly: true };
      count = sent + (response.more ? (await member.range(behind)).count : 0);
    }
    const message = last
      ? encodeLast(context, response, { revision: current, count })
      : encodeChunk(response);
    const mayGoOn = responder.write(message);
    if (last) break;
    const bytes = sizeOf(response, current);
    if (bytes > context.maxRequestBytes * 2) chunkKeys = Math.max(1, chunkKeys >> 1);
    else if (bytes < Math.floor(context.maxRequestBytes / 2))
      chunkKeys = Math.min(maxChunkKeys, chunkKeys * 2);
    if (!mayGoOn) await room.wait();
    if (responder.ended) return;
  }
  responder.end();
}

function refuseUnsupported(request: RangeRequest): void {
  const { NONE, ASCEND } = RangeRequest_SortOrder;
  const keyAscending = request.sortOrder === ASCEND && request.sortTarget === 0;
  if (request.sortOrder !== NONE && !keyAscending)
    throw new EtcdError(grpcCode.unimplemented, "RangeStream does not support custom sort orders");
  if (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  )
    throw new EtcdError(grpcCode.unimplemented, "RangeStream does not support revision filters");
}

/** Bytes of a chunk as etcd counts them: with all that its last one has, and the revision in the header. */
function sizeOf(response: RangeResponse, revision: number): number {
  const header = { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
  return RangeResponse.encode({ ...response, header }).finish().length;
}

function encodeChunk(response: RangeResponse): Uint8Array {
  const chunk = { header: undefined, kvs: response.kvs, more: false, count: 0 };
  const writer = new BinaryWriter().uint32(10).fork();
  return RangeResponse.encode(chunk, writer).join().finish();
}

function encodeLast(
  context: ServiceContext,
  response: RangeResponse,
  totals: { readonly revision: number; readonly count: number },
): Uint8Array {
  const rest = { header: undefined, kvs: response.kvs, more: response.more, count: totals.count };
  const writer = context.headers.write(new BinaryWriter().uint32(10).fork(), totals.revision);
  return RangeResponse.encode(rest, writer).join().finish();
}
