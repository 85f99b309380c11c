// One raft node under a test's hands: its disk is a memory log, its peers are the test.
import { emptyBytes, utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { ConfState, Entry, HardState, Message } from "#proto/gen/raft.ts";
import { ConfChange, ConfChangeV2, EntryType, MessageType } from "#proto/gen/raft.ts";
import { etcdLimits, type RaftConfig } from "#server/raft/config.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { newMessage } from "#server/raft/message.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import type { Ready } from "#server/raft/ready.ts";

export interface SingleOptions extends Partial<RaftConfig> {
  readonly voters?: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  /** Terms of the entries in the log, from index 1 on. */
  readonly terms?: readonly number[];
}

/** Entries from `first` on, one of each term. */
export function entriesOf(first: number, terms: readonly number[]): Entry[] {
  return terms.map((term, i) => ({
    type: EntryType.EntryNormal,
    term,
    index: first + i,
    data: utf8(`${term}/${first + i}`),
  }));
}

export class Single {
  readonly log = new MemoryLog();
  readonly node: RawNode;
  readonly applied: Entry[] = [];
  readonly readies: Ready[] = [];

  constructor(options: SingleOptions = {}) {
    const { voters = [1n, 2n, 3n], learners = [], terms = [], ...config } = options;
    const confState: ConfState = {
      voters: [...voters],
      learners: [...learners],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    this.log.append(entriesOf(1, terms));
    const hardState: HardState = { term: terms.at(-1) ?? 0, vote: 0n, commit: 0 };
    this.node = new RawNode({
      id: 1n,
      electionTicks: 10,
      heartbeatTicks: 1,
      storage: this.log,
      applied: 0,
      hardState,
      confState,
      ...etcdLimits,
      checkQuorum: false,
      preVote: false,
      random: seededRandom(1),
      ...config,
    });
  }

  /** Steps a message to this node, from member 2 unless said otherwise. */
  receive(name: keyof typeof MessageType, fields: Partial<Message>): string {
    const message = newMessage(MessageType[name], { from: 2n, to: 1n, term: 0 });
    return this.node.step({ ...message, ...fields });
  }

  /** Carries out one Ready; the answer is what it sends. */
  turn(): readonly Message[] {
    const ready = this.node.ready();
    this.readies.push(ready);
    if (ready.hardState !== undefined) this.log.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) this.log.applySnapshot(ready.snapshot);
    this.log.append(ready.entries);
    for (const entry of ready.committed) {
      this.applied.push(entry);
      if (entry.type === EntryType.EntryConfChange) {
        this.node.applyConfChange(ConfChange.decode(entry.data));
      } else if (entry.type === EntryType.EntryConfChangeV2) {
        this.node.applyConfChange(ConfChangeV2.decode(entry.data));
      }
    }
    this.node.advance();
    return ready.messages;
  }

  /** Turns until there is nothing to do; the answer is all that was sent. */
  settle(): Message[] {
    const sent: Message[] = [];
    while (this.node.hasReady()) sent.push(...this.turn());
    return sent;
  }

  /** Makes this node the leader, with the votes of `voters`; it has sent its empty entry. */
  lead(voters: readonly MemberId[] = [2n, 3n]): Message[] {
    this.node.campaign();
    this.settle();
    const { term } = this.node.status();
    for (const from of voters) this.receive("MsgVoteResp", { from, term });
    return this.settle();
  }

  /** `from` acknowledges the log up to `index`. */
  acknowledge(from: MemberId, index: number): void {
    this.receive("MsgAppResp", { from, index, term: this.node.status().term });
  }

  propose(data: string): string {
    return this.node.propose(utf8(data));
  }
}

/** Data of no bytes; for entries and contexts. */
export const nothing: Uint8Array = emptyBytes;
