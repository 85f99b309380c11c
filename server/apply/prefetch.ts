// What committed commands will read: cold records are fetched and pinned before, so that apply never
// waits. Both branches of a transaction are looked at, since which one is taken depends on commands
// that are applied before it.
import {
  Compare_CompareTarget,
  type PutRequest,
  type RequestOp,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import type { Command } from "#server/apply/command.ts";
import type { MvccStore, Pins } from "#server/mvcc/store.ts";

/**
 * Fetches and pins what the commands will read; undefined if all is in memory. Call it for a whole
 * batch, then again with each single command right before it is applied: earlier commands may have
 * shifted what it reads, and it may (rarely) be a promise once more, so loop until it is undefined.
 * Hold all pins until the batch is applied.
 */
export function prefetch(
  store: MvccStore,
  commands: readonly Pick<Command, "kind" | "payload">[],
): Promise<Pins> | undefined {
  for (const command of commands) {
    const { kind, payload } = command as Command;
    switch (kind) {
      case "put":
        wantPut(store, payload);
        break;
      case "deleteRange":
        if (payload.prevKv) store.wantRange(payload.key, payload.rangeEnd);
        else store.wantPrevious(payload.key, payload.rangeEnd);
        break;
      case "txn":
        wantTxn(store, payload);
        break;
      case "range":
        store.wantRangeRequest(payload, 0);
        break;
      default:
    }
  }
  return store.fetchWanted();
}

const noRangeEnd = new Uint8Array(0);

function wantPut(store: MvccStore, request: PutRequest): void {
  if (request.prevKv || request.ignoreValue) store.wantKey(request.key);
  else store.wantPrevious(request.key, noRangeEnd);
}

/** Wants all that either branch reads; fetch with store.fetchWanted. */
export function wantTxn(store: MvccStore, request: TxnRequest): void {
  wantNested(store, request, deletionsOf(store, request));
}

/** `deletions`: how many keys the whole transaction may delete, which shifts limited ranges. */
function wantNested(store: MvccStore, request: TxnRequest, deletions: number): void {
  for (const compare of request.compare) {
    if (compare.target === Compare_CompareTarget.VALUE) {
      store.wantRange(compare.key, compare.rangeEnd);
    }
  }
  wantOps(store, request.success, deletions);
  wantOps(store, request.failure, deletions);
}

function wantOps(store: MvccStore, ops: readonly RequestOp[], deletions: number): void {
  for (const { request } of ops) {
    switch (request?.$case) {
      case "requestRange":
        store.wantRangeRequest(request.value, deletions);
        break;
      case "requestPut":
        wantPut(store, request.value);
        break;
      case "requestDeleteRange":
        if (request.value.prevKv) store.wantRange(request.value.key, request.value.rangeEnd);
        else store.wantPrevious(request.value.key, request.value.rangeEnd);
        break;
      case "requestTxn":
        wantNested(store, request.value, deletions);
        break;
      default:
    }
  }
}

function deletionsOf(store: MvccStore, request: TxnRequest): number {
  let deletions = 0;
  for (const ops of [request.success, request.failure]) {
    for (const { request: op } of ops) {
      if (op?.$case === "requestDeleteRange") {
        deletions += store.countLive(op.value.key, op.value.rangeEnd);
      } else if (op?.$case === "requestTxn") deletions += deletionsOf(store, op.value);
    }
  }
  return deletions;
}
