// v3lockpb.Lock: a lock is the oldest key under its name; whoever wants it puts a key under a lease and
// waits until the older ones are gone (facts: apply rules §8). A call that ends while it waits takes its
// key along.
import { DeleteRangeRequest, RangeRequest } from "#proto/gen/kv.ts";
import { LockRequest, LockResponse, UnlockRequest, UnlockResponse } from "#proto/gen/lock.ts";
import { checkDeleteRange } from "#server/apply/validate.ts";
import type { Responder, SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { type KeySpace, onBehalfOf } from "./access.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import { singleRequest } from "./method-gate.ts";
import {
  ifCreatedAt,
  keyOf,
  leaseOf,
  oldest,
  ordered,
  pairRead,
  prefixOf,
  putOp,
  rangeOp,
  read,
  WaitingCall,
  waitForOlder,
} from "./ordered-keys.ts";

const service = "/v3lockpb.Lock/";

/** The methods of the Lock service. */
export function lockMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, gate, headers } = context;
  const as = (caller: Responder): KeySpace => onBehalfOf(context.member, access, caller);
  return [
    singleRequest(
      gate,
      ordered({
        path: `${service}Lock`,
        endless: true,
        decode: (bytes) => LockRequest.decode(bytes),
        async run(request, responder) {
          const held = await lock(as(responder), new WaitingCall(responder), request);
          if (held === undefined) return undefined;
          return encodeAnswer(
            headers,
            LockResponse,
            { header: undefined, key: held.key },
            held.revision,
          );
        },
      }),
    ),
    singleRequest(
      gate,
      ordered({
        path: `${service}Unlock`,
        decode: (bytes) => UnlockRequest.decode(bytes),
        async run({ key }, responder) {
          const deletion = DeleteRangeRequest.fromPartial({ key });
          const refused = checkDeleteRange(deletion);
          if (refused !== undefined) throw refused;
          const { header } = await as(responder).propose("deleteRange", deletion);
          return encodeAnswer(headers, UnlockResponse, { header }, header?.revision ?? 0);
        },
      }),
    ),
  ];
}

interface HeldLock {
  readonly key: Uint8Array;
  readonly revision: number;
}

/** Resolves when the lock is held; undefined if the call ended first. */
async function lock(
  member: KeySpace,
  call: WaitingCall,
  request: LockRequest,
): Promise<HeldLock | undefined> {
  const lease = await leaseOf(member, request.lease);
  const prefix = prefixOf(request.name);
  const key = keyOf(prefix, lease);
  const own = RangeRequest.fromPartial({ key });
  const entered = await member.propose(
    "txn",
    ifCreatedAt(
      key,
      0,
      [putOp(key, new Uint8Array(), lease), rangeOp(oldest(prefix))],
      [rangeOp(own), rangeOp(oldest(prefix))],
    ),
  );
  const revision = entered.header?.revision ?? 0;
  const created = entered.succeeded ? revision : (pairRead(entered, 0)?.createRevision ?? 0);
  const owner = pairRead(entered, 1);
  if (owner === undefined || owner.createRevision === created) return { key, revision };
  try {
    if (await waitForOlder(member, call, prefix, created - 1)) {
      const { kvs, header } = await read(member, own);
      if (kvs.length === 0) throw new Error("mutex: session is expired");
      return { key, revision: header?.revision ?? 0 };
    }
  } catch (error) {
    await leave(member, key);
    throw error;
  }
  await leave(member, key);
  return undefined;
}

/** Takes the key away; should that fail its lease will. */
async function leave(member: KeySpace, key: Uint8Array): Promise<void> {
  await member.propose("deleteRange", DeleteRangeRequest.fromPartial({ key })).catch(() => {});
}
