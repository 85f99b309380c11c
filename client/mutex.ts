// A lock by name, shared with every client that follows etcd's recipe: whoever's key is the oldest holds
// it. Keep other keys out of `NAME/`: they would be waited for as holders. A lock can be lost, when the
// session's lease ends while its holder believes to hold it. Where that may not happen, guard what you
// write: in the same transaction by `held`, elsewhere by `fence`.
import type { CallOptions } from "#client/options.ts";
import {
  createdAt,
  eitherSignal,
  keyUnder,
  oldestOp,
  pairAt,
  putOp,
  readOp,
  waitForOlder,
} from "#client/ordered-keys.ts";
import type { Session } from "#client/session.ts";
import type { Compare } from "#proto/gen/kv.ts";

/** Why a lock is not held. */
export class LockError extends Error {
  readonly reason: "locked" | "session expired" | "released";

  constructor(reason: LockError["reason"]) {
    super(messages[reason]);
    this.reason = reason;
  }
}

const messages = {
  locked: "mutex: Locked by another session",
  "session expired": "mutex: session is expired",
  released: "mutex: lock has already been released",
} as const;

/** One session's part in a lock; it may be taken and given back many times. */
export class Mutex {
  readonly session: Session;
  readonly name: string;
  /** The key that stands for this session in the line. */
  readonly key: string;
  /** When that key was created: see `fence`. 0 while there is none. */
  private createRevision = 0;
  /** The revision of the answer by which the lock was taken; 0 while it is not held. */
  private takenRevision = 0;

  constructor(session: Session, name: string) {
    this.session = session;
    this.name = name;
    this.key = keyUnder(name, session.lease);
  }

  /** The revision at which the lock was known to be held; 0 while it is not. */
  get revision(): number {
    return this.takenRevision;
  }

  /**
   * A number that grows from holder to holder. A store outside the cluster that refuses a smaller
   * number than it has seen is safe from a holder that does not know yet that it lost the lock.
   */
  get fence(): number {
    return this.takenRevision === 0 ? 0 : this.createRevision;
  }

  /** To be compared in a transaction: it then does nothing if the lock was lost. */
  held(): Compare {
    return createdAt(this.key, this.takenRevision === 0 ? -1 : this.createRevision);
  }

  /** Takes the lock if nobody else holds it; throws LockError "locked" at once if somebody does. */
  async tryLock(options: CallOptions = {}): Promise<void> {
    if (await this.standInLine(options)) return;
    await this.session.client.kv.delete(this.key, {}, options);
    this.createRevision = 0;
    throw new LockError("locked");
  }

  /**
   * Waits for the lock, as long as `options.signal` allows; each call in between has the timeout of
   * `options`. A wait that fails leaves the line. Throws LockError when the session ends meanwhile.
   */
  async lock(options: CallOptions = {}): Promise<void> {
    if (await this.standInLine(options)) return;
    const { client, ended } = this.session;
    const until = eitherSignal(ended, options.signal);
    try {
      const limits = { ...options, signal: until.signal };
      await waitForOlder(client, this.name, this.createRevision, limits);
      // The lease may have ended in the meantime, and the key with it.
      const { kvs, header } = await client.kv.range(this.key, {}, limits);
      if (kvs[0]?.createRevision !== this.createRevision) throw new LockError("session expired");
      this.takenRevision = header?.revision ?? 0;
    } catch (thrown) {
      await this.leave();
      throw ended.aborted ? new LockError("session expired") : thrown;
    } finally {
      until.dispose();
    }
  }

  /** Gives the lock back; throws LockError "released" if it was not taken. */
  async unlock(options: CallOptions = {}): Promise<void> {
    if (this.createRevision === 0) throw new LockError("released");
    await this.session.client.kv.delete(this.key, {}, options);
    this.createRevision = 0;
    this.takenRevision = 0;
  }

  /** Puts the key unless it is there; true if it is the oldest. */
  private async standInLine(options: CallOptions): Promise<boolean> {
    const { client, lease } = this.session;
    const response = await client.kv.txn(
      {
        compare: [createdAt(this.key, 0)],
        success: [putOp(this.key, new Uint8Array(), lease), oldestOp(this.name)],
        failure: [readOp(this.key), oldestOp(this.name)],
      },
      options,
    );
    const revision = response.header?.revision ?? 0;
    this.createRevision = response.succeeded
      ? revision
      : (pairAt(response, 0)?.createRevision ?? 0);
    const owner = pairAt(response, 1);
    const isMine = owner === undefined || owner.createRevision === this.createRevision;
    this.takenRevision = isMine ? revision : 0;
    return isMine;
  }

  /** Best effort: what cannot be deleted now ends with the lease. */
  private async leave(): Promise<void> {
    await this.unlock({ timeoutMs: this.session.ttlSeconds * 1_000 }).catch(() => {});
    this.createRevision = 0;
    this.takenRevision = 0;
  }
}
