// Raft's view of its log: the storage, and behind it the unstable part that is not on disk yet.
//
//   storage …  | #entries: accepted (in a Ready, being written) | not yet accepted
//              ^ #offset                                        ^ #accepted
//
// Invariants: applied ≤ applying ≤ committed ≤ lastIndex; #entries[i].index = #offset + i;
// #offset ≤ #accepted ≤ #offset + #entries.length. With a snapshot pending, the log begins behind it.
import { assert } from "#base/assert.ts";
import type { Entry, Snapshot } from "#proto/gen/raft.ts";
import { countWithin, entryBytes, noEntries } from "#server/raft/message.ts";
import type { LogGap, RaftStorage } from "#server/raft/storage.ts";

export class RaftLog {
  readonly #storage: RaftStorage;
  #entries: Entry[] = [];
  #offset: number;
  #accepted: number;
  #snapshot: Snapshot | undefined;
  #snapshotAccepted = false;
  /** On the disks of a quorum. */
  committed: number;
  /** Handed out for applying in a Ready. */
  applying: number;
  /** Taken over by the state machine: that Ready was advanced. */
  applied: number;

  constructor(
    storage: RaftStorage,
    start: { readonly committed: number; readonly applied: number },
  ) {
    this.#storage = storage;
    this.#offset = storage.lastIndex() + 1;
    this.#accepted = this.#offset;
    const base = storage.firstIndex() - 1;
    const applied = Math.max(start.applied, base);
    // What was applied was committed, even if the commit index on disk is older: it is not synced.
    const committed = Math.max(start.committed, applied);
    assert(
      committed <= storage.lastIndex(),
      `raft: commit index ${committed} is behind the end of the log, ${storage.lastIndex()}: entries were lost`,
    );
    assert(
      start.applied === 0 || start.applied >= base,
      `raft: applied index ${start.applied}, but the log begins behind ${base}`,
    );
    this.committed = committed;
    this.applying = applied;
    this.applied = applied;
  }

  firstIndex(): number {
    const snapshot = this.#snapshot;
    return snapshot === undefined ? this.#storage.firstIndex() : snapshot.metadata!.index + 1;
  }

  lastIndex(): number {
    const count = this.#entries.length;
    if (count > 0) return this.#offset + count - 1;
    const snapshot = this.#snapshot;
    return snapshot === undefined ? this.#storage.lastIndex() : snapshot.metadata!.index;
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex());
    assert(typeof term === "number", "raft: the term of the last entry is unknown");
    return term;
  }

  /** The term at `index`, or why it is unknown. */
  term(index: number): number | LogGap {
    if (index >= this.#offset) {
      const entry = this.#entries[index - this.#offset];
      if (entry !== undefined) return entry.term;
    }
    const snapshot = this.#snapshot?.metadata;
    if (snapshot !== undefined) {
      if (index === snapshot.index) return snapshot.term;
      return index < snapshot.index ? "compacted" : "unavailable";
    }
    if (index >= this.#offset) return "unavailable";
    return this.#storage.term(index);
  }

  /** True if the log holds an entry of `term` at `index`; then all before it match too (Raft §5.3). */
  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** True if a log that ends there is at least as complete as this one (Raft §5.4.1). */
  isUpToDate(last: { readonly index: number; readonly term: number }): boolean {
    const ourTerm = this.lastTerm();
    return last.term > ourTerm || (last.term === ourTerm && last.index >= this.lastIndex());
  }

  /** Adds the leader's own entries, whose index and term are set. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.#replaceFrom(first.index, entries, 0);
  }

  /**
   * A follower's append (Raft §5.3). Returns the index up to which the log now equals the leader's,
   * or undefined if it holds no entry of `prevTerm` at `prevIndex`. `entries` follow on prevIndex.
   */
  tryAppend(message: {
    readonly index: number;
    readonly logTerm: number;
    readonly entries: readonly Entry[];
    readonly commit: number;
  }): number | undefined {
    const { index: prevIndex, logTerm: prevTerm, entries, commit } = message;
    if (!this.matches(prevIndex, prevTerm)) return undefined;
    const lastNew = prevIndex + entries.length;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!;
      if (this.matches(entry.index, entry.term)) continue;
      assert(
        entry.index > this.committed,
        `raft: entry ${entry.index} of term ${entry.term} conflicts with a committed one (commit ${this.committed})`,
      );
      this.#replaceFrom(entry.index, entries, i);
      break;
    }
    this.commitTo(Math.min(commit, lastNew));
    return lastNew;
  }

  /**
   * The highest entry at or before `index` whose term is at most `term`: where two logs, one of which
   * has `term` at `index`, may match at best. Term 0 means unknown.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (typeof ours !== "number") return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Never goes back. */
  commitTo(index: number): void {
    if (index <= this.committed) return;
    const last = this.lastIndex();
    assert(
      index <= last,
      `raft: told to commit ${index}, but the log ends at ${last}: it was damaged, cut or lost`,
    );
    this.committed = index;
  }

  /** A leader commits only entries of its own term by counting (Raft §5.4.2). True if it advanced. */
  tryCommit(index: number, term: number): boolean {
    if (index <= this.committed || !this.matches(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** Entries from `low` to the end, as many as fit into `maxBytes`, at least one if there is one. */
  entriesFrom(low: number, maxBytes: number): Entry[] | "compacted" {
    const last = this.lastIndex();
    return low > last ? noEntries : this.slice(low, last + 1, maxBytes);
  }

  /** Entries of [low, high), as many as fit into `maxBytes` but at least one. The array is new. */
  slice(low: number, high: number, maxBytes: number): Entry[] | "compacted" {
    assert(low < high && high <= this.lastIndex() + 1, `raft: no entries in [${low}, ${high})`);
    if (low < this.firstIndex()) return "compacted";
    const offset = this.#offset;
    if (low >= offset) return this.#unstableSlice(low, high, maxBytes);
    const cut = Math.min(high, offset);
    const stable = this.#storage.entries(low, cut, maxBytes);
    if (stable === "compacted") return "compacted";
    assert(stable !== "unavailable", `raft: the storage lacks entries of [${low}, ${cut})`);
    if (high <= offset || stable.length < cut - low) return stable;
    let room = maxBytes;
    for (const entry of stable) room -= entryBytes(entry);
    if (room <= 0 || entryBytes(this.#entries[0]!) > room) return stable;
    for (const entry of this.#unstableSlice(offset, high, room)) stable.push(entry);
    return stable;
  }

  #unstableSlice(low: number, high: number, maxBytes: number): Entry[] {
    const from = low - this.#offset;
    const count = countWithin(this.#entries, { from, to: high - this.#offset }, maxBytes);
    return this.#entries.slice(from, from + count);
  }

  /** A snapshot to send, the pending one included. */
  snapshot(): Snapshot | "temporarily-unavailable" {
    return this.#snapshot ?? this.#storage.snapshot();
  }

  /** The whole log is replaced by a snapshot; its state is committed. */
  restore(snapshot: Snapshot): void {
    const { index } = snapshot.metadata!;
    this.committed = index;
    this.#entries = [];
    this.#offset = index + 1;
    this.#accepted = this.#offset;
    this.#snapshot = snapshot;
    this.#snapshotAccepted = false;
  }

  get hasPendingSnapshot(): boolean {
    return this.#snapshot !== undefined;
  }

  get hasUnaccepted(): boolean {
    return this.#accepted < this.#offset + this.#entries.length || this.#unacceptedSnapshot();
  }

  get hasCommittedToApply(): boolean {
    return this.applying < this.committed && this.#snapshot === undefined;
  }

  /** True if `test` holds for a committed entry that is not applied yet. */
  someUnapplied(test: (entry: Entry) => boolean): boolean {
    let low = this.applied + 1;
    while (low <= this.committed) {
      const page = this.slice(low, this.committed + 1, unappliedPageBytes);
      assert(page !== "compacted", `raft: unapplied entry ${low} was compacted`);
      if (page.some(test)) return true;
      low += page.length;
    }
    return false;
  }

  /** Hands out what is to be written. The second call gives only what came since. */
  acceptUnstable(): { entries: Entry[]; snapshot: Snapshot | undefined } {
    const from = this.#accepted - this.#offset;
    const entries = from === this.#entries.length ? noEntries : this.#entries.slice(from);
    this.#accepted = this.#offset + this.#entries.length;
    const snapshot = this.#unacceptedSnapshot() ? this.#snapshot : undefined;
    this.#snapshotAccepted = this.#snapshot !== undefined;
    return { entries, snapshot };
  }

  /** Hands out committed entries to apply, accepted ones included: they are written before. */
  acceptCommitted(maxBytes: number): Entry[] {
    if (!this.hasCommittedToApply) return noEntries;
    const entries = this.slice(this.applying + 1, this.committed + 1, maxBytes);
    assert(entries !== "compacted", `raft: unapplied entry ${this.applying + 1} was compacted`);
    this.applying += entries.length;
    return entries;
  }

  /** The storage now holds the entry of `term` at `index` and all before it. */
  stableTo(index: number, term: number): void {
    // Meanwhile a new leader may have replaced it: then the unstable part stays until that is written.
    if (index < this.#offset || this.#entries[index - this.#offset]?.term !== term) return;
    const count = index + 1 - this.#offset;
    this.#entries = count === this.#entries.length ? [] : this.#entries.slice(count);
    this.#offset = index + 1;
    this.#accepted = Math.max(this.#accepted, this.#offset);
  }

  /** The storage now holds the snapshot at `index`, and the state machine is that. */
  snapshotStable(index: number): void {
    if (this.#snapshot?.metadata?.index === index) {
      this.#snapshot = undefined;
      this.#snapshotAccepted = false;
    }
    this.appliedTo(Math.max(this.applied, index));
  }

  appliedTo(index: number): void {
    assert(
      index >= this.applied && index <= this.committed,
      `raft: applied index ${index} is outside of [${this.applied}, ${this.committed}]`,
    );
    this.applied = index;
    this.applying = Math.max(this.applying, index);
  }

  #unacceptedSnapshot(): boolean {
    return this.#snapshot !== undefined && !this.#snapshotAccepted;
  }

  /** Drops the log from `index` on and puts entries[from…] there. */
  #replaceFrom(index: number, entries: readonly Entry[], from: number): void {
    assert(
      index > this.committed && index <= this.lastIndex() + 1,
      `raft: append at ${index}, log is committed to ${this.committed} and ends at ${this.lastIndex()}`,
    );
    if (index < this.#offset) {
      this.#entries = [];
      this.#offset = index;
      this.#accepted = index;
    } else if (index < this.#offset + this.#entries.length) {
      // A new array: what was handed out keeps its own, but this one shrinks.
      this.#entries = this.#entries.slice(0, index - this.#offset);
      this.#accepted = Math.min(this.#accepted, index);
    }
    for (let i = from; i < entries.length; i++) this.#entries.push(entries[i]!);
  }
}

/** Unapplied entries are looked through in pages of so many bytes, so that memory stays bounded. */
const unappliedPageBytes = 1024 * 1024;
