// Puts commands into the log: checks the bounds, gives each an ID, waits for its answer. While there
// is no leader, proposals wait here, bounded, as etcd's do; their deadline ends them.
import type { Clock } from "#base/clock.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import { type CommandKind, type CommandPayloads, encodeCommand } from "#server/apply/command.ts";
import type { PendingProposals } from "#server/node/pending-proposals.ts";

/** Entries that may be committed and not applied before new proposals are refused. */
const maxApplyBacklog = 5000;
/** Proposals that may wait for a leader. */
const maxBlocked = 5000;

export interface ProposerPorts {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly pending: PendingProposals;
  readonly maxRequestBytes: number;
  nextRequestId(): bigint;
  hasLeader(): boolean;
  committedIndex(): number;
  appliedIndex(): number;
  /** Hands entry data to raft; `dropped` says why raft would not have it. */
  propose(data: Uint8Array): "ok" | { readonly dropped: string };
}

export class Proposer {
  private readonly ports: ProposerPorts;
  private blocked: { readonly id: bigint; readonly data: Uint8Array }[] = [];
  /** Proposals that ended in an error before they were applied. */
  failed = 0;

  constructor(ports: ProposerPorts) {
    this.ports = ports;
  }

  /**
   * Resolves with what apply answers. Rejects with EtcdError: requestTooLarge, tooManyRequests,
   * what apply raised, or a timeout.
   */
  propose<K extends CommandKind>(kind: K, payload: CommandPayloads[K]): Promise<unknown> {
    const { ports } = this;
    if (ports.committedIndex() - ports.appliedIndex() > maxApplyBacklog) {
      return this.refuse(etcdError("tooManyRequests"));
    }
    const id = ports.nextRequestId();
    const data = encodeCommand(kind, payload, { id, username: "", authRevision: 0 });
    if (data.length > ports.maxRequestBytes) return this.refuse(etcdError("requestTooLarge"));
    if (!ports.hasLeader()) {
      if (this.blocked.length >= maxBlocked) return this.refuse(etcdError("tooManyRequests"));
      this.blocked.push({ id, data });
      return ports.pending.wait(id, ports.clock.monotonicMs());
    }
    const waiting = ports.pending.wait(id, ports.clock.monotonicMs());
    this.hand(id, data);
    return waiting;
  }

  /** A leader is known again: hands over what waited and still has somebody waiting for it. */
  leaderKnown(): void {
    const { blocked } = this;
    if (blocked.length === 0) return;
    this.blocked = [];
    for (const one of blocked) if (this.ports.pending.has(one.id)) this.hand(one.id, one.data);
  }

  /** Forgets what waits and was given up meanwhile; call it each tick. */
  sweep(): void {
    if (this.blocked.length === 0) return;
    this.blocked = this.blocked.filter((one) => this.ports.pending.has(one.id));
  }

  private hand(id: bigint, data: Uint8Array): void {
    const result = this.ports.propose(data);
    if (result === "ok") return;
    this.failed++;
    this.ports.pending.settle(id, new EtcdError(grpcCode.unknown, "raft proposal dropped"), true);
  }

  private refuse(error: EtcdError): Promise<never> {
    this.failed++;
    return Promise.reject(error);
  }
}
