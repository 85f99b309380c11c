// Keys under one name in the order of their creation, one for each lease, `NAME/LEASE` with the lease in
// hexadecimal: what locks and elections wait by. The oldest owns the lock or leads. The scheme is that
// of etcd's own client libraries and of its Lock and Election services, so that all wait in one line.
import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { callCanceled } from "#client/errors.ts";
import { prefixEnd } from "#client/kv.ts";
import type { CallOptions } from "#client/options.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import {
  type Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RangeResponse,
  type RequestOp,
  type TxnResponse,
} from "#proto/gen/kv.ts";
import { Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";

/** The lease's key under a name. */
export function keyUnder(name: string, lease: bigint): string {
  return `${name}/${lease.toString(16)}`;
}

/** Holds if the key was created at that revision; at 0: if there is no such key. */
export function createdAt(key: string, revision: number): Compare {
  return {
    result: Compare_CompareResult.EQUAL,
    target: Compare_CompareTarget.CREATE,
    key: utf8(key),
    targetUnion: { $case: "createRevision", value: revision },
    rangeEnd: new Uint8Array(),
  };
}

/** A put under a lease, as a part of a transaction. */
export function putOp(key: string, value: Uint8Array, lease: bigint): RequestOp {
  const put = PutRequest.fromPartial({ key: utf8(key), value, lease });
  return { request: { $case: "requestPut", value: put } };
}

export function deleteOp(key: string): RequestOp {
  const deletion = DeleteRangeRequest.fromPartial({ key: utf8(key) });
  return { request: { $case: "requestDeleteRange", value: deletion } };
}

export function readOp(key: string): RequestOp {
  return {
    request: { $case: "requestRange", value: RangeRequest.fromPartial({ key: utf8(key) }) },
  };
}

function ordered(name: string, order: RangeRequest["sortOrder"]): RangeRequest {
  const key = utf8(`${name}/`);
  return RangeRequest.fromPartial({
    key,
    rangeEnd: prefixEnd(key),
    limit: 1,
    sortOrder: order,
    sortTarget: RangeRequest_SortTarget.CREATE,
  });
}

/** Reads the oldest key under a name. */
export function oldest(name: string): RangeRequest {
  return ordered(name, RangeRequest_SortOrder.ASCEND);
}

export function oldestOp(name: string): RequestOp {
  return { request: { $case: "requestRange", value: oldest(name) } };
}

/** What the range at that place of a transaction found, if anything. */
export function pairAt(response: TxnResponse, at: number): KeyValue | undefined {
  const answer = response.responses[at]?.response;
  return answer?.$case === "responseRange" ? answer.value.kvs[0] : undefined;
}

/** Resolves when the key is deleted, from `revision` on; fails when the watch ends before. */
async function waitForDelete(
  client: EtcdClient,
  key: Uint8Array,
  revision: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const watcher = client.watch.watch(key, { startRevision: revision });
  const stop = (): void => watcher.cancel();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  try {
    for await (const { events } of watcher) {
      if (events.some(({ type }) => type === Event_EventType.DELETE)) return;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  if (signal?.aborted) throw callCanceled();
  throw watcher.error ?? new EtcdError(grpcCode.unavailable, "lost watcher waiting for delete");
}

/**
 * Waits until no key under the name is left that was created before `revision`. Each waits for the one
 * before it only, so that a release wakes one waiter and not all. Fails with what ended the wait.
 */
export async function waitForOlder(
  client: EtcdClient,
  name: string,
  revision: number,
  options: CallOptions,
): Promise<void> {
  const before = {
    ...ordered(name, RangeRequest_SortOrder.DESCEND),
    maxCreateRevision: revision - 1,
  };
  for (;;) {
    const { kvs, header }: RangeResponse = await client.kv.range(before.key, before, options);
    const [pair] = kvs;
    if (pair === undefined) return;
    try {
      await waitForDelete(client, pair.key, (header?.revision ?? 0) + 1, options.signal);
    } catch (thrown) {
      // The history was dropped while the stream was broken: what is there now counts.
      const compacted = etcdError("compacted").message;
      if (!(thrown instanceof EtcdError) || thrown.message !== compacted) throw thrown;
    }
  }
}

/** A signal that ends with either; `dispose` lets go of both. */
export function eitherSignal(
  one: AbortSignal,
  other: AbortSignal | undefined,
): { readonly signal: AbortSignal; dispose(): void } {
  if (other === undefined) return { signal: one, dispose: () => {} };
  const both = new AbortController();
  const abort = (): void => both.abort();
  for (const each of [one, other]) {
    if (each.aborted) both.abort();
    each.addEventListener("abort", abort, { once: true });
  }
  return {
    signal: both.signal,
    dispose() {
      for (const each of [one, other]) each.removeEventListener("abort", abort);
    },
  };
}
