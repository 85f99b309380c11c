// Who leads, as this member sees it, and what hangs on a change: the proposals that waited for a
// leader, the reads whose round is lost, streams that end when leadership is lost for long, and how
// a request that timed out is explained.
import { type MemberId, noMember } from "#base/ids.ts";
import { type EtcdError, etcdError } from "#proto/errors.ts";
import type { Role, SoftState } from "#server/raft/ready.ts";

export interface LeadershipPorts {
  readonly memberId: MemberId;
  readonly electionTimeoutMs: number;
  /** When this member began to look for a leader, monotonic ms. */
  readonly startedMs: number;
  /** Since when the peer answers without a failure, monotonic ms; undefined if it does not. */
  activeSince(id: MemberId): number | undefined;
}

export class Leadership {
  private readonly ports: LeadershipPorts;
  private current: SoftState = { leader: noMember, role: "follower" };
  /** When the last known leader was lost, monotonic ms. */
  private lostMs: number | undefined;
  /** When the present leader was first seen. */
  private electedMs = Number.NEGATIVE_INFINITY;
  private readonly lostWatchers = new Set<() => void>();
  private lostTold = false;
  /** How often a leader was seen that was not the one before. */
  changes = 0;

  constructor(ports: LeadershipPorts) {
    this.ports = ports;
  }

  get leader(): MemberId {
    return this.current.leader;
  }

  get role(): Role {
    return this.current.role;
  }

  get isLeader(): boolean {
    return this.current.role === "leader";
  }

  get hasLeader(): boolean {
    return this.current.leader !== noMember;
  }

  /** Takes a new state; tells what changed. */
  update(state: SoftState, nowMs: number): { readonly newLeader: boolean; readonly lost: boolean } {
    const before = this.current;
    this.current = state;
    const newLeader = state.leader !== noMember && state.leader !== before.leader;
    if (newLeader) {
      this.changes++;
      this.lostTold = false;
      this.lostMs = undefined;
      this.electedMs = nowMs;
    }
    const lost = state.leader === noMember && before.leader !== noMember;
    if (lost) this.lostMs = nowMs;
    return { newLeader, lost };
  }

  /** Calls `run` when there has been no leader for three election timeouts; returns its undoing. */
  onLost(run: () => void): () => void {
    this.lostWatchers.add(run);
    return () => {
      this.lostWatchers.delete(run);
    };
  }

  /** Call it each tick. */
  tick(nowMs: number): void {
    if (this.hasLeader || this.lostTold) return;
    if (nowMs - (this.lostMs ?? this.ports.startedMs) < this.ports.electionTimeoutMs * 3) return;
    this.lostTold = true;
    for (const run of [...this.lostWatchers]) run();
  }

  /** What a client is told whose request began at `startedMs` and timed out now (facts: apply rules §9). */
  timeoutError(nowMs: number, startedMs: number): EtcdError {
    const { activeSince, electionTimeoutMs, memberId } = this.ports;
    const recentMs = electionTimeoutMs * 2;
    const { electedMs, lostMs } = this;
    const lostLately = lostMs !== undefined && nowMs - lostMs < recentMs;
    if (lostLately || (startedMs < electedMs && startedMs > electedMs - recentMs)) {
      return etcdError("timeoutLeaderFail");
    }
    const { leader } = this.current;
    if (leader === noMember || leader === memberId) return etcdError("timeout");
    const since = activeSince(leader);
    const connected = since !== undefined && since <= startedMs;
    return etcdError(connected ? "timeout" : "timeoutConnectionLost");
  }
}
