// What really happened, and whether what clients were told agrees with it.
//
// Every member reports its events, revision by revision; all must report the same, and that is the
// history. Each operation has a place in it: a write its revision, a read the revision in its
// header. The history is linearizable if each operation saw what its place implies, and no operation
// lies before one that had ended when it began.
import { Violation } from "../violation.ts";

export interface ChangeSeen {
  readonly key: string;
  /** Undefined for a deletion. */
  readonly value: string | undefined;
}

/** One operation of a client that was answered. Times are counted, not measured: no two are alike. */
export interface Operation {
  readonly kind: "get" | "put" | "delete" | "cas";
  readonly member: bigint;
  readonly key: string;
  /** What put and cas write; written by no other operation. */
  readonly value: string;
  /** What a cas expects to find; undefined for no key. */
  readonly expect: string | undefined;
  /** What a get found. */
  found: string | undefined;
  /** True if it changed something. */
  changed: boolean;
  /** Header revision. */
  revision: number;
  readonly called: number;
  returned: number;
}

/** A range over an interval of keys at one revision, not later than when it was asked for. */
export interface RangeSeen {
  readonly member: bigint;
  readonly from: string;
  readonly to: string;
  readonly revision: number;
  readonly found: ReadonlyMap<string, string>;
}

export class Ledger {
  /** By revision; revision 1 is the empty store. */
  readonly history = new Map<number, readonly ChangeSeen[]>();
  /** When a revision was first seen, virtual ms. */
  readonly seenMs = new Map<number, number>();
  readonly operations: Operation[] = [];
  readonly ranges: RangeSeen[] = [];
  private clock = 0;

  now(): number {
    return ++this.clock;
  }

  /** A member delivered these changes of one revision. */
  report(member: bigint, revision: number, changes: readonly ChangeSeen[], nowMs: number): void {
    const known = this.history.get(revision);
    if (known === undefined) {
      this.history.set(revision, changes);
      this.seenMs.set(revision, nowMs);
      return;
    }
    if (show(known) !== show(changes)) {
      throw new Violation(
        "state machine safety",
        `member ${member} has ${show(changes)} at revision ${revision}, another one ${show(known)}`,
      );
    }
  }

  /** Checks all operations against the history, which must be complete. */
  check(): void {
    const last = Math.max(1, ...this.history.keys());
    const values = new Map<string, { revision: number; value: string | undefined }[]>();
    const written = new Set<string>();
    for (let revision = 2; revision <= last; revision++) {
      const changes = this.history.get(revision);
      if (changes === undefined)
        throw new Violation("history", `revision ${revision} was never seen`);
      for (const { key, value } of changes) {
        let list = values.get(key);
        if (list === undefined) {
          list = [];
          values.set(key, list);
        }
        list.push({ revision, value });
        if (value === undefined || value === "") continue;
        if (written.has(value)) throw new Violation("once", `${key}=${value} was written twice`);
        written.add(value);
      }
    }
    const at = (key: string, revision: number): string | undefined => {
      const list = values.get(key) ?? [];
      for (let i = list.length - 1; i >= 0; i--) {
        if (list[i]!.revision <= revision) return list[i]!.value;
      }
      return undefined;
    };
    for (const one of this.operations) checkSeen(one, at, this.history);
    for (const one of this.ranges) checkRange(one, [...values.keys()], at);
    this.checkOrder();
  }

  private checkOrder(): void {
    const byCall = [...this.operations].sort((a, b) => a.called - b.called);
    const byReturn = [...this.operations].sort((a, b) => a.returned - b.returned);
    let ended = 0;
    let latest: Operation | undefined;
    for (const one of byCall) {
      while (ended < byReturn.length && byReturn[ended]!.returned < one.called) {
        const before = byReturn[ended++]!;
        if (latest === undefined || before.revision > latest.revision) latest = before;
      }
      if (latest === undefined) continue;
      const tooOld = one.changed ? one.revision <= latest.revision : one.revision < latest.revision;
      if (tooOld) {
        throw new Violation(
          "linearizability",
          `${text(one)} came after ${text(latest)} had been answered`,
        );
      }
    }
  }
}

function checkRange(
  { found, from, member, revision, to }: RangeSeen,
  keys: readonly string[],
  at: (key: string, revision: number) => string | undefined,
): void {
  for (const key of keys) {
    if (key < from || key >= to || at(key, revision) === found.get(key)) continue;
    throw new Violation(
      "reads of the past",
      `member ${member} showed ${key}=${found.get(key)} at revision ${revision}, where ${at(key, revision)} is`,
    );
  }
}

function checkSeen(
  one: Operation,
  at: (key: string, revision: number) => string | undefined,
  history: ReadonlyMap<number, readonly ChangeSeen[]>,
): void {
  const wrong = (what: string): Violation =>
    new Violation("linearizability", `${text(one)}: ${what}`);
  if (one.changed) {
    const changes = history.get(one.revision) ?? [];
    const value = one.kind === "delete" ? undefined : one.value;
    if (changes.length !== 1 || changes[0]!.key !== one.key || changes[0]!.value !== value) {
      throw wrong(`revision ${one.revision} holds ${show(changes)}`);
    }
    const before = at(one.key, one.revision - 1);
    if (one.kind === "cas" && before !== one.expect) throw wrong(`${before} was there`);
    return;
  }
  const there = at(one.key, one.revision);
  if (one.kind === "get" && there !== one.found) throw wrong(`${there} is there`);
  if (one.kind === "delete" && there !== undefined) throw wrong(`${there} is there`);
  if (one.kind === "cas" && there === one.expect) throw wrong(`${there} is there, as it expects`);
}

function show(changes: readonly ChangeSeen[]): string {
  return changes.map(({ key, value }) => `${key}=${value ?? "gone"}`).join(" ") || "nothing";
}

function text(one: Operation): string {
  const { kind, key, value, expect, found, changed, revision, member } = one;
  const parts = { get: `→${found}`, put: value, delete: "", cas: `${expect}→${value}` }[kind];
  return `${kind} ${key} ${parts} (${changed ? "changed" : "saw"} revision ${revision}, member ${member})`;
}
