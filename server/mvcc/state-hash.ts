// Maintenance.Hash: CRC-32C over all records of a state, but for those that may differ on members
// whose states are equal (facts: storage format §4).
import { text, utf8 } from "#base/bytes.ts";
import { etcdBuckets } from "#base/state-batch.ts";
import type { StateReader } from "#server/mvcc/backend.ts";

/** Each member has its own of these in bucket `meta`. */
const leftOut: ReadonlySet<string> = new Set(["consistent_index", "term", "storageVersion"]);

/** Records can be megabytes long: few at a time. */
const sliceRecords = 64;

export interface StateHashPorts {
  crc32c(bytes: Uint8Array, before?: number): number;
  /** Lets other work run between two slices. */
  pause(): Promise<void>;
}

/** The hash of what `state` holds when this is called. */
export async function hashState(state: StateReader, ports: StateHashPorts): Promise<number> {
  const view = state.scanAll();
  let hash = 0;
  let at = -1;
  // Buckets without records count by their names too.
  const enter = (bucket: string): void => {
    while (at < etcdBuckets.length - 1 && etcdBuckets[at] !== bucket) {
      hash = ports.crc32c(utf8(etcdBuckets[++at]!), hash);
    }
  };
  try {
    for (;;) {
      const slice = await view.next(sliceRecords);
      if (slice.length === 0) break;
      for (const [bucket, key, value] of slice) {
        if (etcdBuckets[at] !== bucket) enter(bucket);
        if (bucket === "meta" && leftOut.has(text(key))) continue;
        hash = ports.crc32c(value, ports.crc32c(key, hash));
      }
      await ports.pause();
    }
    enter("");
    return hash >>> 0;
  } finally {
    await view.close();
  }
}
