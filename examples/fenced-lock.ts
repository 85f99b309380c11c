// A lock whose holder cannot do harm once it has lost it: what it writes is compared with the lock in the
// same transaction, and a store outside refuses whoever comes with an older number than it has seen.
import type { EtcdClient } from "#client/client.ts";
import { Mutex } from "#client/mutex.ts";
import type { Session } from "#client/session.ts";
import { PutRequest } from "#proto/gen/kv.ts";

/** Runs `work` under the lock; it is given back however `work` ends. */
export async function underLock<T>(
  session: Session,
  name: string,
  work: (lock: Mutex) => Promise<T>,
): Promise<T> {
  const lock = new Mutex(session, name);
  await lock.lock();
  try {
    return await work(lock);
  } finally {
    if (!session.ended.aborted) await lock.unlock();
  }
}

/** Writes a key if the lock is still held; false if it was lost, and nothing was written. */
export async function putIfHeld(
  client: EtcdClient,
  lock: Mutex,
  pair: { readonly key: string; readonly value: string },
): Promise<boolean> {
  const value = PutRequest.fromPartial({
    key: Buffer.from(pair.key),
    value: Buffer.from(pair.value),
  });
  const success = [{ request: { $case: "requestPut" as const, value } }];
  return (await client.kv.txn({ compare: [lock.held()], success })).succeeded;
}

/** Stands for a store outside the cluster, which knows of the lock no more than its numbers. */
export class FencedStore {
  content = "";
  private newest = 0;

  /** False for a writer whose lock somebody else has taken since. */
  write(content: string, fence: number): boolean {
    if (fence < this.newest) return false;
    this.newest = fence;
    this.content = content;
    return true;
  }
}
