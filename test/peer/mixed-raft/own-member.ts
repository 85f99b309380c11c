// A member of ours in the mixed group: the real RawNode over a log in memory, whose writes never fail.
import { emptyBytes } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import {
  ConfChange,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  Message,
} from "#proto/gen/raft.ts";
import { etcdLimits } from "#server/raft/config.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";

/** What a member does to the world; both kinds tell it. */
export interface Outcome {
  send(from: number, to: number, type: number, bytes: Uint8Array): void;
  apply(member: number, entry: { index: number; term: number; type: number; data: string }): void;
  read(member: number, index: number, context: string): void;
  installed(member: number, index: number): void;
  now(member: number, state: { term: number; leads: boolean; voters: readonly number[] }): void;
}

export class OwnMember {
  readonly id: number;
  readonly log = new MemoryLog();
  node: RawNode;
  private config: ConfState;
  private applied = 1;
  private readonly random: Random;
  private readonly outcome: Outcome;

  constructor(id: number, voters: readonly number[], random: Random, outcome: Outcome) {
    this.id = id;
    this.random = random;
    this.outcome = outcome;
    this.config = {
      voters: voters.map(BigInt),
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const metadata = { confState: this.config, index: 1, term: 1 };
    this.log.applySnapshot({ data: emptyBytes, metadata });
    this.log.setHardState({ term: 1, vote: 0n, commit: 1 });
    this.node = this.make();
  }

  /** What a process started anew would have. */
  restart(): void {
    this.node = this.make();
  }

  compact(): void {
    if (this.applied <= 20) return;
    this.log.createSnapshot(this.applied, this.config, emptyBytes);
    this.log.compact(this.applied - 5);
  }

  step(bytes: Uint8Array): void {
    this.node.step(Message.decode(bytes));
  }

  /** Works off what the last input led to. */
  drain(): void {
    const { id, log, node, outcome } = this;
    while (node.hasReady()) {
      const { hardState, snapshot, entries, messages, readStates, committed } = node.ready();
      if (hardState !== undefined) log.setHardState(hardState);
      if (snapshot !== undefined) {
        log.applySnapshot(snapshot);
        const metadata = snapshot.metadata!;
        this.applied = metadata.index;
        this.config = metadata.confState ?? this.config;
        outcome.installed(id, metadata.index);
      }
      log.append(entries);
      for (const message of messages) {
        outcome.send(id, Number(message.to), message.type, Message.encode(message).finish());
      }
      for (const { index, context } of readStates) {
        outcome.read(id, index, Buffer.from(context).toString());
      }
      for (const entry of committed) this.apply(entry);
      node.advance();
    }
    const { term, role } = node.status();
    outcome.now(id, { term, leads: role === "leader", voters: this.config.voters.map(Number) });
  }

  private apply({ index, term, type, data }: Entry): void {
    this.applied = index;
    if (type === EntryType.EntryConfChange) {
      const change = ConfChange.decode(data);
      const { voters } = this.config;
      // A change that would leave nobody to vote is applied as none, as a server does with one it refuses.
      const leavesNobody =
        change.type === ConfChangeType.ConfChangeAddLearnerNode &&
        voters.length === 1 &&
        voters[0] === change.nodeId;
      this.config = this.node.applyConfChange(leavesNobody ? { ...change, nodeId: 0n } : change);
    }
    this.outcome.apply(this.id, { index, term, type, data: Buffer.from(data).toString("base64") });
  }

  private make(): RawNode {
    return new RawNode({
      id: BigInt(this.id) as MemberId,
      electionTicks: 10,
      heartbeatTicks: 1,
      storage: this.log,
      applied: this.applied,
      hardState: this.log.hardState,
      confState: this.config,
      ...etcdLimits,
      checkQuorum: true,
      preVote: true,
      random: this.random,
    });
  }
}
