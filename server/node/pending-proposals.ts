// Proposals that wait for their entry to be applied. All wait equally long, so their deadlines lie
// in one queue in order of arrival, and one coarse sweep ends those that are late: no timer a
// request.
import type { EtcdError } from "#proto/errors.ts";

/** Whoever proposed something; told exactly once. */
export interface ProposalWaiter {
  /** What apply answered. */
  settled(result: unknown): void;
  failed(error: EtcdError): void;
}

/** Who waits by a promise. */
export class PromisedProposal implements ProposalWaiter {
  readonly promise: Promise<unknown>;
  settled!: (result: unknown) => void;
  failed!: (error: EtcdError) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.settled = resolve;
      this.failed = reject;
    });
  }
}

interface Pending {
  readonly id: bigint;
  readonly deadlineMs: number;
  readonly waiter: ProposalWaiter;
}

export class PendingProposals {
  private readonly byId = new Map<bigint, Pending>();
  private queue: Pending[] = [];
  private head = 0;
  private readonly timeoutMs: number;

  /** `timeoutMs` is etcd's request timeout: 5 s and two election timeouts. */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.byId.size;
  }

  /** `waiter` is told what apply answers to the command of this ID. */
  wait(id: bigint, nowMs: number, waiter: ProposalWaiter): void {
    const pending = { id, deadlineMs: nowMs + this.timeoutMs, waiter };
    this.byId.set(id, pending);
    this.queue.push(pending);
  }

  /** True if a request on this member waits for this command. */
  has(id: bigint): boolean {
    return this.byId.has(id);
  }

  /** Hands over the answer, an EtcdError or a response; unknown IDs are other members' requests. */
  settle(id: bigint, result: unknown, failed: boolean): void {
    const pending = this.byId.get(id);
    if (pending === undefined) return;
    this.byId.delete(id);
    if (failed) pending.waiter.failed(result as EtcdError);
    else pending.waiter.settled(result);
  }

  /** Rejects everything whose deadline has passed, with what `error` says of one that began then. */
  sweep(nowMs: number, error: (startedMs: number) => EtcdError): void {
    const { queue } = this;
    while (this.head < queue.length) {
      const pending = queue[this.head]!;
      const waiting = this.byId.get(pending.id) === pending;
      if (waiting && pending.deadlineMs > nowMs) break;
      this.head++;
      if (!waiting) continue;
      this.byId.delete(pending.id);
      pending.waiter.failed(error(pending.deadlineMs - this.timeoutMs));
    }
    if (this.head > 1024 && this.head * 2 > queue.length) {
      this.queue = queue.slice(this.head);
      this.head = 0;
    }
  }

  /** Rejects everything, at the end of the process. */
  rejectAll(error: () => EtcdError): void {
    const waiting = [...this.byId.values()];
    this.byId.clear();
    this.queue = [];
    this.head = 0;
    for (const { waiter } of waiting) waiter.failed(error());
  }
}
