// Keys under one name in the order of their creation, one for each lease: what the Lock and Election
// services wait by (facts: apply rules §8). The oldest key owns the lock or leads. It is the scheme of
// etcd's client libraries, so that they and these services wait in one line.
import { utf8 } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import { EtcdError } from "#proto/errors.ts";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RangeResponse,
  type RequestOp,
  TxnRequest,
  type TxnResponse,
} from "#proto/gen/kv.ts";
import { type Event, Event_EventType } from "#proto/gen/mvcc.ts";
import type { WatchCreateRequest } from "#proto/gen/watch.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import type { KeySpace } from "./access.ts";
import type { SingleRequestService } from "./method-gate.ts";

/** Seconds that a lease lives which a request did not bring along; nobody renews it. */
const leaseSeconds = 60;

/** The lease of the request, or a new one for 0. */
export async function leaseOf(member: KeySpace, lease: bigint): Promise<bigint> {
  if (lease !== 0n) return lease;
  return (await member.propose("leaseGrant", { TTL: leaseSeconds, ID: 0n })).ID;
}

/** The name as its keys begin with it. */
export function prefixOf(name: Uint8Array): Uint8Array {
  return Buffer.concat([name, utf8("/")]);
}

/** The key of a lease under a name. */
export function keyOf(prefix: Uint8Array, lease: bigint): Uint8Array {
  return Buffer.concat([prefix, utf8(lease.toString(16))]);
}

/** A put, as an operation of a transaction. */
export function putOp(key: Uint8Array, value: Uint8Array, lease: bigint): RequestOp {
  const put = PutRequest.fromPartial({ key, value, lease: lease as LeaseId });
  return { request: { $case: "requestPut", value: put } };
}

export function rangeOp(range: RangeRequest): RequestOp {
  return { request: { $case: "requestRange", value: range } };
}

export function deleteOp(key: Uint8Array): RequestOp {
  const deletion = DeleteRangeRequest.fromPartial({ key });
  return { request: { $case: "requestDeleteRange", value: deletion } };
}

/** A transaction that does `success` if the key was created at that revision, 0: if there is none. */
export function ifCreatedAt(
  key: Uint8Array,
  revision: number,
  success: RequestOp[],
  failure: RequestOp[] = [],
): TxnRequest {
  const compare = {
    result: Compare_CompareResult.EQUAL,
    target: Compare_CompareTarget.CREATE,
    key,
    targetUnion: { $case: "createRevision" as const, value: revision },
  };
  return TxnRequest.fromPartial({ compare: [compare], success, failure });
}

/**
 * A method of Lock or Election. What is refused has no code of its own: etcd's services are clients of
 * themselves here, and pass on no more than the words.
 */
export function ordered<Request>(
  service: SingleRequestService<Request>,
): SingleRequestService<Request> {
  return {
    ...service,
    async run(request, responder, call) {
      try {
        return await service.run(request, responder, call);
      } catch (error) {
        throw error instanceof EtcdError ? new Error(error.message, { cause: error }) : error;
      }
    },
  };
}

/** The one pair that an operation of a transaction has read, if it found one. */
export function pairRead(
  response: TxnResponse,
  at: number,
): RangeResponse["kvs"][number] | undefined {
  const answer = response.responses[at]?.response;
  return answer?.$case === "responseRange" ? answer.value.kvs[0] : undefined;
}

/** Reads the oldest pair under a prefix. */
export function oldest(prefix: Uint8Array): RangeRequest {
  return RangeRequest.fromPartial({
    ...intervalOf(prefix),
    limit: 1,
    sortOrder: RangeRequest_SortOrder.ASCEND,
    sortTarget: RangeRequest_SortTarget.CREATE,
  });
}

/** All keys that begin with a prefix that ends in "/". */
export function intervalOf(prefix: Uint8Array): { key: Uint8Array; rangeEnd: Uint8Array } {
  const rangeEnd = Uint8Array.from(prefix);
  rangeEnd[rangeEnd.length - 1]! += 1;
  return { key: prefix, rangeEnd };
}

/** A linearizable read. */
export async function read(member: KeySpace, request: RangeRequest): Promise<RangeResponse> {
  await member.linearize();
  return await member.range(request);
}

/** A call that may wait; made once a call, for it asks the transport to be told of the end. */
export class WaitingCall {
  private readonly responder: Responder;
  private wakeUp = (): void => {};

  constructor(responder: Responder) {
    this.responder = responder;
    responder.onEnded(() => this.wake());
  }

  get ended(): boolean {
    return this.responder.ended;
  }

  /** Ends the wait under way, if there is one. */
  wake(): void {
    this.wakeUp();
  }

  /** Resolves at the next `wake`. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.wakeUp = resolve;
    });
  }
}

/**
 * Waits until no key under the prefix is left that was created at `maxCreateRevision` or before.
 * False if the call ended first.
 */
export async function waitForOlder(
  member: KeySpace,
  call: WaitingCall,
  prefix: Uint8Array,
  maxCreateRevision: number,
): Promise<boolean> {
  const newestOfThem = RangeRequest.fromPartial({
    ...intervalOf(prefix),
    limit: 1,
    sortOrder: RangeRequest_SortOrder.DESCEND,
    sortTarget: RangeRequest_SortTarget.CREATE,
    maxCreateRevision,
  });
  while (!call.ended) {
    const { kvs, header } = await read(member, newestOfThem);
    const [pair] = kvs;
    if (pair === undefined) return !call.ended;
    const request = { key: pair.key, startRevision: header?.revision ?? 0 };
    // One that was compacted away is read anew.
    for await (const event of eventsOf(member, call, request)) {
      if (event.type === Event_EventType.DELETE) break;
    }
  }
  return false;
}

/**
 * The events of one watch, with the revision of the answer they came in, until the call ends or the
 * history that was asked for is compacted away.
 */
export async function* eventsOf(
  member: KeySpace,
  call: WaitingCall,
  request: Partial<WatchCreateRequest>,
): AsyncGenerator<Event & { readonly revision: number }> {
  const session = member.openWatch(() => call.wake());
  try {
    const whole: WatchCreateRequest = {
      key: new Uint8Array(),
      rangeEnd: new Uint8Array(),
      startRevision: 0,
      progressNotify: false,
      filters: [],
      prevKv: false,
      watchId: 0,
      fragment: false,
      ...request,
    };
    session.request({ requestUnion: { $case: "createRequest", value: whole } });
    while (!call.ended) {
      const response = session.next();
      if (response === undefined) {
        await call.wait();
        continue;
      }
      if (response.canceled) return;
      const revision = response.header?.revision ?? 0;
      for (const event of response.events) yield { ...event, revision };
    }
  } finally {
    session.close();
  }
}
