// One simulated member: the real RawNode and MemoryLog, driven in the order that server/node's Ready
// loop keeps, over a disk and a network that fail.
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { type Random, seededRandom } from "#base/random.ts";
import {
  ConfChange,
  ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  type Snapshot,
} from "#proto/gen/raft.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import type { Ready, Role } from "#server/raft/ready.ts";
import { type Checkers, digestOf } from "./checkers.ts";
import type { CounterName, Counters } from "./counters.ts";
import { type AppState, Disk, type DiskWrite } from "./disk.ts";
import type { Timeline } from "./events.ts";

export const noConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** What the node needs of the world around it. */
export interface NodePorts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly checkers: Checkers;
  readonly counters: Counters;
  send(from: MemberId, message: Message): void;
  /** The node applied a normal entry with this data. */
  applied(node: SimNode, data: Uint8Array): void;
  readAnswered(node: SimNode, context: Uint8Array, index: number): void;
  elected(node: SimNode): void;
  /** The node leads and applied an entry that an earlier leader began. */
  appliedEarlier(node: SimNode): void;
  /** The node applied the begin of a joint configuration. */
  enteredJoint(node: SimNode): void;
  /** The node began a sync that takes long. */
  slowSync(node: SimNode, durationMs: number): void;
}

/** In what worlds differ. */
export interface NodeHabits {
  /** Encoded size of the entries in one MsgApp; 0 sends them one by one. */
  readonly maxMessageBytes: number;
  /** How often a sync takes up to `slowSyncMs` longer. */
  readonly slowSyncChance: number;
  readonly slowSyncMs: number;
}

export class SimNode {
  readonly id: MemberId;
  readonly disk: Disk;
  /** Undefined while the member is down. */
  raw: RawNode | undefined;
  log = new MemoryLog();
  app: AppState;
  role: Role = "follower";
  /** The term in which it leads or last led. */
  leadTerm = 0;
  pausedUntilMs = 0;
  removed = false;
  /** Counts starts: what an earlier life began is not heard of in a later one. */
  life = 0;
  private readonly ports: NodePorts;
  private readonly checkpointEvery: number;
  private readonly habits: NodeHabits;
  private saving = false;
  private checkpointing = false;

  constructor(id: MemberId, initial: AppState, habits: NodeHabits, ports: NodePorts) {
    this.habits = habits;
    this.id = id;
    this.ports = ports;
    this.app = initial;
    this.disk = new Disk(initial);
    this.checkpointEvery = 4 + ports.random.below(60);
  }

  get isPaused(): boolean {
    return this.pausedUntilMs > this.ports.timeline.nowMs;
  }

  start(): void {
    const { durable } = this.disk;
    const { app } = durable;
    this.life++;
    this.app = app;
    this.role = "follower";
    this.saving = false;
    this.checkpointing = false;
    this.log = new MemoryLog();
    if (durable.base > 0) {
      const metadata = { confState: app.confState, index: durable.base, term: durable.baseTerm };
      this.log.applySnapshot({ data: uint64Bytes(app.digest), metadata });
    }
    this.log.append(durable.entries);
    if (app.index > durable.base) {
      this.log.createSnapshot(app.index, app.confState, uint64Bytes(app.digest));
    }
    const { hardState } = durable;
    this.raw = new RawNode({
      id: this.id,
      electionTicks: 10,
      heartbeatTicks: 1,
      storage: this.log,
      applied: app.index,
      hardState: { ...hardState, commit: Math.max(hardState.commit, app.index) },
      confState: app.confState,
      maxMessageBytes: this.habits.maxMessageBytes,
      maxInflightMessages: 8,
      maxInflightBytes: 0,
      maxUncommittedBytes: 4096,
      maxCommittedBytesPerReady: 512,
      checkQuorum: true,
      preVote: true,
      random: seededRandom(this.ports.random.uint32()),
    });
    this.tickLater();
    this.process();
  }

  crash(): void {
    if (this.raw === undefined) return;
    const { counters, random } = this.ports;
    this.raw = undefined;
    this.life++;
    counters.add("crash");
    const { lost, kept } = this.disk.crash(random);
    if (lost > 0) counters.add("crash that lost unsynced writes");
    if (kept > 0) counters.add("crash that kept part of its unsynced writes");
  }

  /** Does something with raft once the member is not paused, then works off what came of it. */
  input(run: (raw: RawNode) => void): void {
    const { timeline } = this.ports;
    if (this.raw === undefined || this.removed) return;
    if (this.isPaused) {
      const life = this.life;
      timeline.after(this.pausedUntilMs - timeline.nowMs, () => {
        if (this.life === life) this.input(run);
      });
      return;
    }
    run(this.raw);
    this.process();
  }

  private tickLater(): void {
    const life = this.life;
    // Clocks of different speed, each a little unsteady.
    const periodMs = 90 + Number(this.id % 3n) * 10 + this.ports.random.below(10);
    this.ports.timeline.after(periodMs, () => {
      if (this.life !== life || this.removed) return;
      this.input((raw) => raw.tick());
      this.tickLater();
    });
  }

  private process(): void {
    while (this.raw !== undefined && !this.saving && !this.removed && this.raw.hasReady()) {
      this.turn(this.raw, this.raw.ready());
    }
  }

  private turn(raw: RawNode, ready: Ready): void {
    const { counters, random, timeline } = this.ports;
    if (ready.softState !== undefined) this.changeRole(raw, ready.softState.role);
    for (const read of ready.readStates) {
      this.ports.readAnswered(this, read.context, read.index);
    }
    const leads = this.role === "leader";
    if (leads) this.sendAll(ready.messages);
    const writes: DiskWrite[] = [];
    if (ready.snapshot !== undefined) {
      const app = appOf(ready.snapshot);
      writes.push({ kind: "install", app, hardState: ready.hardState });
    }
    if (ready.entries.length > 0) {
      const first = ready.entries[0]!.index;
      if (first <= this.log.lastIndex()) counters.add("entries replaced by a new leader's");
      this.checkAppended(ready, first);
      writes.push({ kind: "append", entries: ready.entries });
    }
    if (ready.hardState !== undefined && ready.snapshot === undefined) {
      writes.push({ kind: "hard-state", hardState: ready.hardState });
    }
    const firstNew = ready.entries[0]?.index ?? Number.POSITIVE_INFINITY;
    const held = ready.snapshot === undefined ? Math.min(this.log.lastIndex(), firstNew - 1) : 0;
    const ahead = ready.committed.filter((entry) => entry.index <= held);
    const rest = ready.committed.slice(ahead.length);
    this.applyAll(raw, ahead);
    if (writes.length === 0) {
      this.finish(raw, ready, leads, rest);
      return;
    }
    this.saving = true;
    const place = this.disk.write(writes);
    const life = this.life;
    const mustSync = ready.mustSync || ready.snapshot !== undefined;
    const { slowSyncChance, slowSyncMs } = this.habits;
    const slow = random.chance(slowSyncChance) ? random.below(slowSyncMs) : 0;
    if (mustSync && slow > 0) this.ports.slowSync(this, slow);
    timeline.after(mustSync ? 1 + random.below(12) + slow : 0, () => {
      if (this.life !== life) return;
      if (mustSync) this.disk.synced(place);
      this.input(() => {
        this.saving = false;
        if (this.raw === raw) this.finish(raw, ready, leads, rest);
      });
    });
  }

  private finish(raw: RawNode, ready: Ready, leads: boolean, rest: readonly Entry[]): void {
    if (ready.snapshot !== undefined) {
      this.app = appOf(ready.snapshot);
      this.log.applySnapshot(ready.snapshot);
      this.ports.counters.add("snapshot installed");
    }
    this.log.append(ready.entries);
    if (!leads) {
      const changes = ready.committed.some((entry) => entry.type !== EntryType.EntryNormal);
      if (changes) this.applyAll(raw, rest);
      this.sendAll(ready.messages);
      if (!changes) this.applyAll(raw, rest);
    } else {
      this.applyAll(raw, rest);
    }
    if (this.removed) return;
    raw.advance();
    this.checkpoint();
  }

  private changeRole(raw: RawNode, role: Role): void {
    if (role === this.role) return;
    const { checkers, counters } = this.ports;
    const change = `${this.role} → ${role}`;
    if (counters.counts.has(change as CounterName)) counters.add(change as CounterName);
    this.role = role;
    if (role !== "leader") return;
    const { term } = raw.status();
    this.leadTerm = term;
    checkers.elected(term, this.id);
    checkers.leads(this.id, term, (index) => {
      if (index < this.log.firstIndex() - 1) return undefined;
      const held = this.log.term(index);
      return typeof held === "number" ? held : -1;
    });
    this.ports.elected(this);
  }

  private checkAppended(ready: Ready, first: number): void {
    const { checkers } = this.ports;
    const { snapshot, entries } = ready;
    const mark = snapshot?.metadata;
    let previousTerm = mark?.index === first - 1 ? mark.term : undefined;
    if (previousTerm === undefined) {
      const held = this.log.term(first - 1);
      if (typeof held === "number") previousTerm = held;
    }
    for (const entry of entries) {
      if (previousTerm !== undefined) checkers.appended(this.id, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  private sendAll(messages: readonly Message[]): void {
    const { checkers, counters } = this.ports;
    const { durable } = this.disk;
    for (const message of messages) {
      if (message.type === MessageType.MsgAppResp) {
        if (message.reject) counters.add("append refused");
        else if (durable.hardState.term <= message.term) {
          // What an older term wrote may have been replaced before it ever reached the disk.
          checkers.acknowledged(this.id, message.index, durable.lastIndex);
        }
      } else if (message.type === MessageType.MsgVoteResp && !message.reject) {
        checkers.voted(this.id, message.term, message.to);
      } else if (message.type === MessageType.MsgVote) {
        checkers.voted(this.id, message.term, this.id);
      } else if (message.type === MessageType.MsgProp) {
        counters.add("proposal forwarded");
      } else if (message.type === MessageType.MsgSnap) {
        counters.add("snapshot sent");
        this.ports.send(this.id, this.withState(message));
        continue;
      }
      this.ports.send(this.id, message);
    }
  }

  /** As the server does: what is sent is the state of now, not that of the last checkpoint. */
  withState(message: Message): Message {
    const { confState, digest, index, term } = this.app;
    const snapshot = { data: uint64Bytes(digest), metadata: { confState, index, term } };
    return { ...message, snapshot };
  }

  private applyAll(raw: RawNode, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (this.removed) return;
      this.ports.checkers.applied(this.id, entry);
      let { confState, digest } = this.app;
      if (entry.type === EntryType.EntryNormal) {
        digest = digestOf(entry.data, digest);
        if (entry.data.length > 0) this.ports.applied(this, entry.data);
      } else {
        confState = this.applyConfChange(raw, entry);
      }
      const wasMember = isMember(this.app.confState, this.id);
      const wasJoint = this.app.confState.votersOutgoing.length > 0;
      this.app = { index: entry.index, term: entry.term, digest, confState };
      if (!wasJoint && confState.votersOutgoing.length > 0) this.ports.enteredJoint(this);
      if (this.role === "leader" && entry.term < this.leadTerm) this.ports.appliedEarlier(this);
      if (wasMember && !isMember(confState, this.id)) this.leave();
    }
  }

  private applyConfChange(raw: RawNode, entry: Entry): ConfState {
    const { counters } = this.ports;
    const before = this.app.confState;
    const after = raw.applyConfChange(
      entry.type === EntryType.EntryConfChange
        ? ConfChange.decode(entry.data)
        : ConfChangeV2.decode(entry.data),
    );
    if (after.votersOutgoing.length > 0 && before.votersOutgoing.length === 0) {
      counters.add("joint change entered");
    }
    if (after.votersOutgoing.length === 0 && before.votersOutgoing.length > 0) {
      counters.add("joint change left");
    }
    for (const id of after.voters) {
      if (before.learners.includes(id)) counters.add("learner promoted");
      else if (!isMember(before, id)) counters.add("member added");
    }
    if (after.learners.some((id) => !isMember(before, id))) counters.add("learner added");
    for (const id of [...before.voters, ...before.learners]) {
      if (!isMember(after, id)) counters.add("member removed");
    }
    return after;
  }

  /** Removed for good: it stops, as etcd does. */
  private leave(): void {
    this.removed = true;
    this.raw = undefined;
    this.life++;
  }

  /** Syncs the applied state now and then, and only after that cuts the log behind it. */
  private checkpoint(): void {
    const { durable } = this.disk;
    if (this.checkpointing || this.app.index - durable.app.index < this.checkpointEvery) return;
    const { counters, random, timeline } = this.ports;
    this.checkpointing = true;
    const { app, life } = this;
    const kept = random.chance(0.5) ? 0 : random.below(20);
    const cutTo = Math.max(this.log.firstIndex() - 1, app.index - kept);
    const place = this.disk.write([{ kind: "checkpoint", app, cutTo }]);
    timeline.after(2 + random.below(30), () => {
      if (this.life !== life) return;
      this.disk.synced(place);
      this.checkpointing = false;
      if (this.log.snapshotIndex() >= app.index || this.log.firstIndex() > app.index) return;
      this.log.createSnapshot(app.index, app.confState, uint64Bytes(app.digest));
      if (cutTo >= this.log.firstIndex()) {
        this.log.compact(cutTo);
        counters.add("log compacted");
      }
    });
  }
}

function isMember(confState: ConfState, id: bigint): boolean {
  return (
    confState.voters.includes(id) ||
    confState.learners.includes(id) ||
    confState.votersOutgoing.includes(id) ||
    confState.learnersNext.includes(id)
  );
}

function appOf(snapshot: Snapshot): AppState {
  const { confState, index, term } = snapshot.metadata!;
  const view = new DataView(snapshot.data.buffer, snapshot.data.byteOffset, 8);
  return { index, term, digest: Number(view.getBigUint64(0)), confState: confState ?? noConfState };
}

/** A proposal's data: a number nobody else proposes. */
export function proposalData(id: number): Uint8Array {
  return utf8(`write ${id}`);
}
