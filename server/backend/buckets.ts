// The one key space of a state: a byte for the bucket, then the record's own key. The bytes rise in
// bbolt's bucket order, so that a scan of everything meets records as Hash and exports want them.
import { assert } from "#base/assert.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";

/** Bucket of a prefix byte: etcd's are 1 to 10, ours 11 and 0x80; 0xff is the store's own bookkeeping. */
const privatePrefix = 0x80;

/** Buckets that the members of a cluster have in common, in the order of their names. */
export const commonBuckets: readonly Bucket[] = [...etcdBuckets, "shared"];

/** The first byte behind etcd's buckets. */
export const etcdPrefixEnd: number = etcdBuckets.length + 1;

/** The first byte behind the common buckets. */
export const commonPrefixEnd: number = commonBuckets.length + 1;

/** First byte of the store's own records: format and size. They belong to no bucket. */
export const ownPrefix = 0xff;

const prefixes: ReadonlyMap<Bucket, number> = new Map<Bucket, number>([
  ...commonBuckets.map((bucket, i) => [bucket, i + 1] as const),
  ["private", privatePrefix],
]);

/** Every bucket with its prefix, in the order of the key space. */
export const allBuckets: readonly (readonly [bucket: Bucket, prefix: number])[] = [...prefixes];

/** The first byte of a bucket's keys. */
export function bucketPrefix(bucket: Bucket): number {
  const prefix = prefixes.get(bucket);
  assert(prefix !== undefined, "backend: unknown bucket");
  return prefix;
}

/** The common bucket whose keys begin with `prefix`. */
export function commonBucketAt(prefix: number): Bucket {
  const bucket = commonBuckets[prefix - 1];
  assert(bucket !== undefined, "backend: not a prefix of a common bucket");
  return bucket;
}
