// What a request may add to the state, against the quota (facts: apply rules §6).
import type { RequestOp, TxnRequest } from "#proto/gen/kv.ts";
import type { Command } from "#server/apply/command.ts";

const leaseCostBytes = 64;
const putOverheadBytes = 256;

function putCost(key: Uint8Array, value: Uint8Array): number {
  return putOverheadBytes + key.length + value.length;
}

function opsCost(ops: readonly RequestOp[]): number {
  let cost = 0;
  for (const { request } of ops) {
    if (request?.$case === "requestPut") cost += putCost(request.value.key, request.value.value);
    else if (request?.$case === "requestTxn") cost += txnCost(request.value);
  }
  return cost;
}

/** The larger branch's puts, nested ones included. */
export function txnCost(txn: TxnRequest): number {
  return Math.max(opsCost(txn.success), opsCost(txn.failure));
}

/** Bytes that a command may add; 0 for one that is allowed whatever the size. */
export function commandCost(command: Pick<Command, "kind" | "payload">): number {
  const one = command as Command;
  switch (one.kind) {
    case "put":
      return putCost(one.payload.key, one.payload.value);
    case "txn":
      return txnCost(one.payload);
    case "leaseGrant":
      return leaseCostBytes;
    case "v2": {
      const { method, path, value } = one.payload;
      return method === "PUT" || method === "POST"
        ? putOverheadBytes + path.length + value.length
        : 0;
    }
    default:
      return 0;
  }
}
