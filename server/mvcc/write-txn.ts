// STUB of the public surface; the implementation follows within minutes.
import type { LeaseId } from "#base/ids.ts";

export declare class WriteTxn {
  /** The revision that the first change gets. */
  readonly main: number;
  readonly changeCount: number;
  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void;
  /** Deletes what exists of [key, rangeEnd) in key order; the number deleted. */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array): number;
  /** Deletes single keys that exist, in the order given (lease revocation). */
  deleteKeys(keys: readonly Uint8Array[]): number;
  /** main if anything changed, else the revision before. */
  readonly revision: number;
  end(): void;
}
