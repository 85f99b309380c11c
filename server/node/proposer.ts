// Puts commands into the log: checks the bounds, gives each an ID, waits for its answer. While there
// is no leader, proposals wait here, bounded, as etcd's do; their deadline ends them.
import { emptyBytes } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import { EtcdError, type EtcdErrorName, etcdError, grpcCode } from "#proto/errors.ts";
import type { ConfChange } from "#proto/gen/raft.ts";
import { type CommandKind, type CommandPayloads, encodeCommand } from "#server/apply/command.ts";
import { type Identity, nobody } from "#server/auth/tokens.ts";
import {
  type PendingProposals,
  PromisedProposal,
  type ProposalWaiter,
} from "#server/node/pending-proposals.ts";
import type { ProposeResult } from "#server/raft/status.ts";

/** Entries that may be committed and not applied before new proposals are refused. */
const maxApplyBacklog = 5000;
/** The same for revocations of leases, with gate PriorityRequest: they free memory and end what is over. */
const maxPriorityBacklog = 10_000;
/** Proposals that may wait for a leader, and their bytes. */
const maxBlocked = 5000;
const maxBlockedBytes = 64 * 1024 * 1024;

export interface ProposerPorts {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly pending: PendingProposals;
  readonly maxRequestBytes: number;
  /** Gate PriorityRequest. */
  readonly leasesFirst?: boolean;
  nextRequestId(): bigint;
  hasLeader(): boolean;
  committedIndex(): number;
  appliedIndex(): number;
  /** Hands entry data to raft, which may drop it. */
  propose(data: Uint8Array): ProposeResult;
  /** As `propose`, for a change of membership. */
  proposeChange(change: ConfChange): ProposeResult;
}

interface Blocked {
  readonly id: bigint;
  /** Empty for a change of membership. */
  readonly data: Uint8Array;
  readonly change: ConfChange | undefined;
}

export class Proposer {
  private readonly ports: ProposerPorts;
  private blocked: Blocked[] = [];
  private blockedBytes = 0;
  private stopped = false;
  /** Proposals that ended in an error before they were applied. */
  failed = 0;

  constructor(ports: ProposerPorts) {
    this.ports = ports;
  }

  /**
   * Resolves with what apply answers. Rejects with EtcdError: requestTooLarge, tooManyRequests,
   * what apply raised, a timeout, or stopped. `who` is the user that apply will judge by.
   */
  propose<K extends CommandKind>(
    kind: K,
    payload: CommandPayloads[K],
    who: Identity = nobody,
  ): Promise<unknown> {
    const waiter = new PromisedProposal();
    this.proposeFor(waiter, kind, payload, who);
    return waiter.promise;
  }

  /** As `propose`, and tells `waiter`: a promise and its closures are a tenth of a put. */
  proposeFor<K extends CommandKind>(
    waiter: ProposalWaiter,
    kind: K,
    payload: CommandPayloads[K],
    who: Identity = nobody,
  ): void {
    const { ports } = this;
    if (this.stopped) {
      this.refuse(waiter, "stopped");
      return;
    }
    const backlog = ports.committedIndex() - ports.appliedIndex();
    if (backlog > maxApplyBacklog && !(backlog <= maxPriorityBacklog && this.hasPriority(kind))) {
      this.refuse(waiter, "tooManyRequests");
      return;
    }
    const id = ports.nextRequestId();
    const header = { id, username: who.username, authRevision: who.revision };
    const data = encodeCommand(kind, payload, header);
    if (data.length > ports.maxRequestBytes) this.refuse(waiter, "requestTooLarge");
    else this.submit(waiter, id, data, undefined);
  }

  private hasPriority(kind: CommandKind): boolean {
    return this.ports.leasesFirst === true && kind === "leaseRevoke";
  }

  /** As `propose`, for a change of membership; its ID is given here. */
  proposeChange(change: Omit<ConfChange, "id">): Promise<unknown> {
    const waiter = new PromisedProposal();
    const id = this.ports.nextRequestId();
    if (this.stopped) this.refuse(waiter, "stopped");
    else this.submit(waiter, id, emptyBytes, { ...change, id });
    return waiter.promise;
  }

  private submit(
    waiter: ProposalWaiter,
    id: bigint,
    data: Uint8Array,
    change: ConfChange | undefined,
  ): void {
    const { ports } = this;
    const waits = !ports.hasLeader();
    if (waits && !this.hasRoom(data)) {
      this.refuse(waiter, "tooManyRequests");
      return;
    }
    ports.pending.wait(id, ports.clock.monotonicMs(), waiter);
    if (waits) this.block(id, data, change);
    else this.hand(id, data, change);
  }

  /** A leader is known again: hands over what waited and still has somebody waiting for it. */
  leaderKnown(): void {
    const { blocked } = this;
    if (blocked.length === 0) return;
    this.blocked = [];
    this.blockedBytes = 0;
    for (const { id, data, change } of blocked)
      if (this.ports.pending.has(id)) this.hand(id, data, change);
  }

  /** Forgets what waits and was given up meanwhile; call it each tick. */
  sweep(): void {
    if (this.blocked.length === 0) return;
    this.blocked = this.blocked.filter((one) => this.ports.pending.has(one.id));
    this.blockedBytes = this.blocked.reduce((sum, one) => sum + one.data.length, 0);
  }

  /** Refuses whatever comes from now on: nothing would answer it any more. */
  stop(): void {
    this.stopped = true;
  }

  private hand(id: bigint, data: Uint8Array, change: ConfChange | undefined): void {
    const { ports } = this;
    const result = change === undefined ? ports.propose(data) : ports.proposeChange(change);
    if (result === "ok") return;
    // Raft may have lost the leader that the last turn still knew: then this waits as well.
    if (result === "dropped-no-leader" && this.hasRoom(data)) {
      this.block(id, data, change);
      return;
    }
    this.failed++;
    const error = new EtcdError(grpcCode.unknown, "raft proposal dropped");
    ports.pending.settle(id, error, true);
  }

  private hasRoom(data: Uint8Array): boolean {
    return this.blocked.length < maxBlocked && this.blockedBytes + data.length <= maxBlockedBytes;
  }

  private block(id: bigint, data: Uint8Array, change: ConfChange | undefined): void {
    this.blocked.push({ id, data, change });
    this.blockedBytes += data.length;
  }

  private refuse(waiter: ProposalWaiter, name: EtcdErrorName): void {
    this.failed++;
    waiter.failed(etcdError(name));
  }
}
