// Linearizable reads: many reads share one read-index round. A read that arrives while a round is
// under way waits for the next one, since the round's answer may be older than the read. Each try
// has a fresh ID, a round without an answer is tried again every 500 ms, and answers to tries of an
// earlier term are dropped (facts: peer protocol §6).
import { equalBytes, uint64Bytes } from "#base/bytes.ts";
import type { EtcdError } from "#proto/errors.ts";

const RETRY_MS = 500;

interface Round {
  readonly waiting: { resolve: () => void; reject: (error: EtcdError) => void }[];
  readonly startedMs: number;
  triedMs: number;
  context: Uint8Array;
  /** Known once the leader answered. */
  index: number | undefined;
}

export interface ReadRoundsPorts {
  /** Starts a read-index round of raft with this context. */
  readIndex(context: Uint8Array): void;
  nextRequestId(): bigint;
  appliedIndex(): number;
}

export class ReadRounds {
  private current: Round | undefined;
  private next: Round["waiting"] = [];
  private answered: Round[] = [];
  private readonly ports: ReadRoundsPorts;
  private readonly timeoutMs: number;
  /** Tries that got no answer in time. */
  slowTries = 0;
  /** Rounds that ended without an answer in time. */
  failedRounds = 0;

  constructor(ports: ReadRoundsPorts, timeoutMs: number) {
    this.ports = ports;
    this.timeoutMs = timeoutMs;
  }

  /** True if a read waits for a round that has not begun. */
  get wanted(): boolean {
    return this.current === undefined && this.next.length > 0;
  }

  /** Resolves once everything committed before the call is applied on this member. */
  read(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.next.push({ resolve, reject });
    });
  }

  /** Begins a round for the waiting reads if none is under way. */
  begin(nowMs: number): void {
    if (!this.wanted) return;
    const waiting = this.next;
    this.next = [];
    this.current = {
      waiting,
      startedMs: nowMs,
      triedMs: nowMs,
      context: uint64Bytes(this.ports.nextRequestId()),
      index: undefined,
    };
    this.ports.readIndex(this.current.context);
  }

  /** Takes raft's answer; an answer to an earlier try is dropped. */
  answer(context: Uint8Array, index: number): void {
    const round = this.current;
    if (round === undefined || !equalBytes(round.context, context)) return;
    round.index = index;
    this.current = undefined;
    this.answered.push(round);
    this.applied();
  }

  /** Answers the reads whose index has been applied. Call it after each apply. */
  applied(): void {
    if (this.answered.length === 0) return;
    const applied = this.ports.appliedIndex();
    this.answered = this.answered.filter((round) => {
      if (round.index! > applied) return true;
      for (const one of round.waiting) one.resolve();
      return false;
    });
  }

  /** The leader changed: the round under way can no longer be answered rightly. */
  leaderChanged(error: () => EtcdError): void {
    const round = this.current;
    if (round === undefined) return;
    this.current = undefined;
    for (const one of round.waiting) one.reject(error());
  }

  /** Tries anew what is overdue, ends what is late. Call it every tick. */
  tick(
    nowMs: number,
    timedOut: (startedMs: number) => EtcdError,
    notApplied: () => EtcdError,
  ): void {
    const round = this.current;
    if (round !== undefined) {
      if (nowMs - round.startedMs >= this.timeoutMs) {
        this.current = undefined;
        this.failedRounds++;
        for (const one of round.waiting) one.reject(timedOut(round.startedMs));
      } else if (nowMs - round.triedMs >= RETRY_MS) {
        this.slowTries++;
        round.triedMs = nowMs;
        round.context = uint64Bytes(this.ports.nextRequestId());
        this.ports.readIndex(round.context);
      }
    }
    this.answered = this.answered.filter((one) => {
      if (nowMs - one.startedMs < this.timeoutMs * 2) return true;
      for (const waiting of one.waiting) waiting.reject(notApplied());
      return false;
    });
    this.begin(nowMs);
  }

  /** Rejects everything, at the end of the process. */
  rejectAll(error: () => EtcdError): void {
    for (const one of this.next) one.reject(error());
    for (const one of this.current?.waiting ?? []) one.reject(error());
    for (const round of this.answered) for (const one of round.waiting) one.reject(error());
    this.next = [];
    this.current = undefined;
    this.answered = [];
  }
}
