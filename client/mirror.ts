// Following another cluster's keys: first all of them as of one revision, then every change since, in
// order. What copies keys elsewhere is made of it.
import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { callCanceled } from "#client/errors.ts";
import { prefixEnd } from "#client/kv.ts";
import type { CallOptions } from "#client/options.ts";
import { etcdError } from "#proto/errors.ts";
import type { Event, KeyValue } from "#proto/gen/mvcc.ts";

const pageKeys = 1_000;

interface Interval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** All keys that begin with `prefix`; every key if it is empty. */
function intervalOf(prefix: string): Interval {
  if (prefix === "") return { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };
  return { key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) };
}

/** The revision that a copy of now would be of. */
export async function currentRevision(
  client: EtcdClient,
  prefix: string,
  options?: CallOptions,
): Promise<number> {
  const { header } = await client.kv.range(prefix === "" ? "foo" : prefix, {}, options);
  return header?.revision ?? 0;
}

/** All pairs under the prefix as of a revision, page by page, in the order of keys. */
export async function* pairsAt(
  client: EtcdClient,
  prefix: string,
  revision: number,
  options?: CallOptions,
): AsyncGenerator<readonly KeyValue[]> {
  const { rangeEnd, ...from } = intervalOf(prefix);
  for (let key: Uint8Array = from.key; ; ) {
    const parts = { rangeEnd, revision, limit: pageKeys };
    const { kvs, more } = await client.kv.range(key, parts, options);
    if (kvs.length > 0) yield kvs;
    const last = kvs.at(-1);
    if (!more || last === undefined) return;
    key = Buffer.concat([last.key, new Uint8Array(1)]);
  }
}

/**
 * Every change under the prefix from a revision on, as the server batches them; all of one revision are
 * in one batch. Fails with "compacted" when history that is needed is gone; ends with `signal`.
 */
export async function* changesFrom(
  client: EtcdClient,
  prefix: string,
  revision: number,
  signal?: AbortSignal,
): AsyncGenerator<readonly Event[]> {
  const { key, rangeEnd } = intervalOf(prefix);
  const watcher = client.watch.watch(key, { rangeEnd, startRevision: revision });
  const stop = (): void => watcher.cancel();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  try {
    for await (const { compactRevision, events } of watcher) {
      if (compactRevision !== 0) throw etcdError("compacted");
      if (events.length > 0) yield events;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  if (!signal?.aborted) throw watcher.error ?? callCanceled();
}
