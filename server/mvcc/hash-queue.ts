// Hashes of the whole store, one at a time: each reads everything, so many at once would only take
// the disk and the memory from others. Who asks for what is being computed shares it.
import { etcdError } from "#proto/errors.ts";
import { hashKv, type KvHash } from "#server/mvcc/kv-hash.ts";
import type { StoreState } from "#server/mvcc/store-state.ts";

/** Waiting for their turn; more are refused. */
const maxWaiting = 16;

interface Asked {
  readonly revision: number;
  readonly compactRevision: number;
  readonly epoch: number;
  readonly result: Promise<KvHash>;
}

export class HashQueue {
  private readonly state: StoreState;
  private readonly asked: Asked[] = [];

  constructor(state: StoreState) {
    this.state = state;
  }

  /** HashKV at `revision`, 0 for the current one, of nothing below. Rejects compacted, futureRevision or tooManyRequests. */
  hash(revision: number): Promise<KvHash> {
    const { compactRevision, currentRevision, epoch } = this.state;
    if (revision > currentRevision) return Promise.reject(etcdError("futureRevision"));
    const at = revision === 0 ? currentRevision : revision;
    const shared = this.asked.find(
      (one) =>
        one.revision === at && one.compactRevision === compactRevision && one.epoch === epoch,
    );
    if (shared !== undefined) {
      return shared.result.then((hash) => ({
        ...hash,
        currentRevision: this.state.currentRevision,
      }));
    }
    if (this.asked.length >= maxWaiting) return Promise.reject(etcdError("tooManyRequests"));
    const before = this.asked.at(-1)?.result;
    const result = (before ?? Promise.resolve())
      .catch(() => {})
      .then(() => hashKv(this.state, at))
      .finally(() => {
        const place = this.asked.findIndex((one) => one.result === result);
        this.asked.splice(place, 1);
      });
    this.asked.push({ revision: at, compactRevision, epoch, result });
    return result;
  }
}
