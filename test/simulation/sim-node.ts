// One simulated member: the real RawNode and MemoryLog, driven in the order that server/node's Ready
// loop keeps, over a disk and a network that fail.
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { type Entry, EntryType, type Message, MessageType } from "#proto/gen/raft.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import type { Ready, Role } from "#server/raft/ready.ts";
import { type AppState, applyEntry, isMember, snapshotOf, stateOf } from "./applied-state.ts";
import type { Checkers } from "./checkers.ts";
import type { CounterName, Counters } from "./counters.ts";
import { Disk, type DiskWrite } from "./disk.ts";
import type { Timeline } from "./events.ts";

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
  /** The node began to replace its log and state by those it received. */
  installing(node: SimNode, durationMs: number): void;
  /** While its disk works, the node has learned that a change is committed which it must then apply. */
  changeWaits(node: SimNode): void;
  /** True if this member's disk holds the entry of `term` at `index`. */
  holds(id: bigint, index: number, term: number): boolean;
  /** The term on this member's disk. */
  termOf(id: MemberId): number;
  /** How long a member goes on after it has applied its own removal, ms. */
  lingerMs(node: SimNode): number;
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
  /** Stopped for good, because it is no member any more. */
  gone = false;
  /** Counts starts: what an earlier life began is not heard of in a later one. */
  life = 0;
  private readonly ports: NodePorts;
  private readonly checkpointEvery: number;
  private readonly habits: NodeHabits;
  /** Set from outside: a checkpoint is due with the next turn. */
  wantsCheckpoint = false;
  private saving = false;
  private checkpointing = false;
  /** The commit index when it was last looked at. */
  private committed = 0;

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
      this.log.applySnapshot({ data: snapshotOf(app).data, metadata });
    }
    this.log.append(durable.entries);
    if (app.index > durable.base) {
      this.log.createSnapshot(app.index, app.confState, snapshotOf(app).data);
    }
    if (app.index > 0) this.ports.checkers.configurations.found(this.id, app.index, app.confState);
    const { hardState } = durable;
    this.committed = Math.max(hardState.commit, app.index);
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
    if (this.raw === undefined || this.gone) return;
    if (this.isPaused) {
      const life = this.life;
      timeline.after(this.pausedUntilMs - timeline.nowMs, () => {
        if (this.life === life) this.input(run);
      });
      return;
    }
    run(this.raw);
    if (this.raw !== undefined) this.checkCommit(this.raw);
    this.process();
  }

  /** The clock jumps ahead: so many ticks in one turn. */
  jump(ticks: number): void {
    this.input((raw) => {
      for (let tick = 0; tick < ticks; tick++) raw.tick();
    });
  }

  private tickLater(): void {
    const life = this.life;
    // Clocks of different speed, each a little unsteady.
    const periodMs = 90 + Number(this.id % 3n) * 10 + this.ports.random.below(10);
    this.ports.timeline.after(periodMs, () => {
      if (this.life !== life || this.gone) return;
      this.input((raw) => raw.tick());
      this.tickLater();
    });
  }

  private process(): void {
    while (this.raw !== undefined && !this.saving && !this.gone && this.raw.hasReady()) {
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
      writes.push({ kind: "install", app: stateOf(ready.snapshot) });
    }
    if (ready.entries.length > 0) {
      const first = ready.entries[0]!.index;
      if (first <= this.log.lastIndex()) counters.add("entries replaced by a new leader's");
      this.checkAppended(ready, first);
      writes.push({ kind: "append", entries: ready.entries });
    }
    if (ready.hardState !== undefined) {
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
    const workMs = mustSync ? 1 + random.below(12) + slow : 0;
    if (mustSync && slow > 0) this.ports.slowSync(this, slow);
    if (ready.snapshot !== undefined) this.ports.installing(this, workMs);
    timeline.after(workMs, () => {
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
      this.app = stateOf(ready.snapshot);
      this.log.applySnapshot(ready.snapshot);
      this.ports.checkers.configurations.found(this.id, this.app.index, this.app.confState);
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
    if (this.gone) return;
    raw.advance();
    this.checkCommit(raw);
    this.checkpoint(this.wantsCheckpoint ? 1 : this.checkpointEvery);
  }

  /** A leader commits what a quorum of its configuration has on the disk, and nothing else. */
  private checkCommit(raw: RawNode): void {
    const { commit, role, term } = raw.status();
    if (commit <= this.committed) return;
    this.committed = commit;
    if (role !== "leader") {
      if (this.saving && this.changesUpTo(commit)) this.ports.changeWaits(this);
      return;
    }
    const { checkers, holds } = this.ports;
    const { confState } = this.app;
    checkers.configurations.committed(this.id, commit, confState, (id) => holds(id, commit, term));
  }

  /** True if a change of membership is among the entries up to `commit` that are not applied. */
  private changesUpTo(commit: number): boolean {
    const last = Math.min(commit, this.log.lastIndex());
    if (last <= this.app.index) return false;
    const entries = this.log.entries(this.app.index + 1, last + 1, 1e9);
    return (
      typeof entries !== "string" && entries.some((entry) => entry.type !== EntryType.EntryNormal)
    );
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
    const votedFor = (id: bigint): boolean =>
      id === this.id || checkers.hasVoted(id, term, this.id);
    checkers.configurations.elected(this.id, term, this.app.confState, votedFor);
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
    if (this.role === "leader") this.checkPending(entries);
    for (const entry of entries) {
      if (previousTerm !== undefined) checkers.appended(this.id, entry, previousTerm);
      previousTerm = entry.term;
    }
  }

  /** A leader takes in no change of membership while it has one that it has not applied. */
  private checkPending(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    const applied = this.app.index;
    const held = first > applied + 1 ? this.log.entries(applied + 1, first, 1e9) : [];
    let earlier = 0;
    for (const { index, type } of [...(typeof held === "string" ? [] : held), ...entries]) {
      if (type === EntryType.EntryNormal || index <= applied) continue;
      if (earlier > 0 && index >= first) {
        this.ports.checkers.configurations.pending(this.id, index, earlier);
      }
      earlier = index;
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
      } else if (message.type === MessageType.MsgTimeoutNow) {
        counters.add("member told to take over");
        const last = this.log.lastIndex();
        const term = this.log.term(last);
        const to = message.to as MemberId;
        // What it took in since is in the log only if it leads no more; and in a later term the other one
        // may have had to give up what nobody had committed.
        const caughtUp =
          this.role !== "leader" ||
          this.ports.termOf(to) > message.term ||
          (typeof term === "number" && this.ports.holds(to, last, term));
        checkers.handedOver(this.id, message.to, caughtUp);
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
    return { ...message, snapshot: snapshotOf(this.app) };
  }

  private applyAll(raw: RawNode, entries: readonly Entry[]): void {
    const { ports } = this;
    for (const entry of entries) {
      if (this.gone) return;
      ports.checkers.applied(this.id, entry);
      const before = this.app.confState;
      this.app = applyEntry(this.app, entry, raw, ports.counters);
      const { confState } = this.app;
      if (entry.type !== EntryType.EntryNormal) {
        ports.checkers.configurations.applied(this.id, entry.index, confState);
        this.checkCommit(raw);
      } else if (entry.data.length > 0) ports.applied(this, entry.data);
      const isJoint = confState.votersOutgoing.length > 0;
      if (isJoint && before.votersOutgoing.length === 0) ports.enteredJoint(this);
      if (this.role === "leader" && entry.term < this.leadTerm) ports.appliedEarlier(this);
      if (isMember(before, this.id) && !isMember(confState, this.id)) this.leaveLater();
    }
  }

  /** Removed: it stops, as etcd does, at once or after it has said some more. */
  private leaveLater(): void {
    const { counters } = this.ports;
    if (this.role === "leader") counters.add("leader removed itself");
    const { life } = this;
    const forMs = this.ports.lingerMs(this);
    if (forMs === 0) {
      this.leave();
      return;
    }
    counters.add("removed member went on for a while");
    this.ports.timeline.after(forMs, () => {
      if (this.life === life) this.leave();
    });
  }

  /** Stops it for good. */
  leave(): void {
    this.gone = true;
    if (this.raw === undefined) return;
    this.raw = undefined;
    this.life++;
    // A process ends, not the machine: what it wrote is there for its next life.
    this.disk.settle();
  }

  /** Syncs the applied state now and then, and only after that cuts the log behind it. */
  private checkpoint(every: number): void {
    const { durable } = this.disk;
    if (this.checkpointing || this.app.index - durable.app.index < every) return;
    const { counters, random, timeline } = this.ports;
    this.checkpointing = true;
    this.wantsCheckpoint = false;
    const { app, life } = this;
    const kept = random.chance(0.5) ? 0 : random.below(20);
    const cutTo = Math.max(this.log.firstIndex() - 1, app.index - kept);
    const place = this.disk.write([{ kind: "checkpoint", app, cutTo }]);
    timeline.after(2 + random.below(30), () => {
      if (this.life !== life) return;
      this.disk.synced(place);
      this.checkpointing = false;
      if (this.log.snapshotIndex() >= app.index || this.log.firstIndex() > app.index) return;
      this.log.createSnapshot(app.index, app.confState, snapshotOf(app).data);
      if (cutTo >= this.log.firstIndex()) {
        this.log.compact(cutTo);
        counters.add("log compacted");
      }
    });
  }
}

/** A proposal's data: a number nobody else proposes. */
export function proposalData(id: number): Uint8Array {
  return utf8(`write ${id}`);
}
