// The compares of a transaction, all evaluated on the state before it, all the way down the branches
// taken (facts: apply rules §3, Txn).
import { compareBytes, emptyBytes } from "#base/bytes.ts";
import {
  type Compare,
  type RequestOp,
  Compare_CompareResult as Result,
  Compare_CompareTarget as Target,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import type { CurrentPair, MvccStore } from "#server/mvcc/store.ts";

/** The branch that a transaction takes; `nested[i]` is that of `ops[i]` if it is a transaction. */
export interface Choice {
  readonly succeeded: boolean;
  readonly ops: readonly RequestOp[];
  readonly nested: readonly (Choice | undefined)[];
}

const missing: CurrentPair = {
  createRevision: 0,
  modRevision: 0,
  version: 0,
  lease: 0n,
  value: emptyBytes,
};

/** Evaluates; the records that VALUE compares read must be in memory. */
export function choose(store: MvccStore, request: TxnRequest): Choice {
  const succeeded = request.compare.every((compare) => holds(store, compare));
  const ops = succeeded ? request.success : request.failure;
  const nested = ops.map(({ request: op }) =>
    op?.$case === "requestTxn" ? choose(store, op.value) : undefined,
  );
  return { succeeded, ops, nested };
}

function holds(store: MvccStore, compare: Compare): boolean {
  const onValue = compare.target === Target.VALUE;
  const visited = store.every(compare, onValue, (pair) => matches(compare, pair));
  if (visited < 0) return false;
  // A value compare of what does not exist never holds; other targets take a missing key for zero.
  return visited > 0 || (!onValue && matches(compare, missing));
}

function matches(compare: Compare, pair: CurrentPair): boolean {
  const order = orderOf(compare, pair);
  switch (compare.result) {
    case Result.EQUAL:
      return order === 0;
    case Result.NOT_EQUAL:
      return order !== 0;
    case Result.GREATER:
      return order > 0;
    case Result.LESS:
      return order < 0;
    default:
      return true;
  }
}

/** The pair against the operand; an operand of another kind than the target counts as missing: zero. */
function orderOf({ target, targetUnion: operand }: Compare, pair: CurrentPair): number {
  switch (target) {
    case Target.VERSION:
      return pair.version - (operand?.$case === "version" ? operand.value : 0);
    case Target.CREATE:
      return pair.createRevision - (operand?.$case === "createRevision" ? operand.value : 0);
    case Target.MOD:
      return pair.modRevision - (operand?.$case === "modRevision" ? operand.value : 0);
    case Target.VALUE:
      return compareBytes(pair.value, operand?.$case === "value" ? operand.value : emptyBytes);
    case Target.LEASE: {
      const lease = operand?.$case === "lease" ? operand.value : 0n;
      return pair.lease < lease ? -1 : pair.lease > lease ? 1 : 0;
    }
    default:
      return 0;
  }
}
