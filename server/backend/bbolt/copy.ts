// Takes a state out of a bbolt file: every record of the buckets
// that members have in common, in batches of bounded size.
import { text } from "#base/bytes.ts";
import type { Bucket } from "#base/state-batch.ts";
import type { BoltFile } from "#server/backend/bbolt/reader.ts";
import { commonBuckets } from "#server/backend/buckets.ts";
import type { Backend } from "#server/mvcc/backend.ts";

const batchBytes = 1 << 20;

/** Puts the file's records into an empty state, unsynced; of common buckets that `skip` lacks. */
export async function copyRecords(
  bolt: BoltFile,
  backend: Backend,
  skip: ReadonlySet<Bucket> = new Set(),
): Promise<void> {
  const wanted = new Set<string>(commonBuckets.filter((bucket) => !skip.has(bucket)));
  let batch = backend.newBatch();
  for await (const [bucket, page] of bolt.allPages()) {
    const name = text(bucket);
    if (!wanted.has(name)) continue;
    // What was read is nobody else's, and is let go with the batch.
    for (const { key, value } of page) batch.put(name as Bucket, key, value);
    if (batch.byteSize < batchBytes) continue;
    await backend.write(batch, { sync: false });
    batch = backend.newBatch();
  }
  await backend.write(batch, { sync: false });
}
