// The recorded history: one JSON line an operation, as test/faults/checker reads it. All operations
// come from one process, so their times are of one clock.
import { createWriteStream, type WriteStream } from "node:fs";

/** What was asked, and what came of it. `unknown` means nobody can say whether it was carried out. */
export interface Operation {
  readonly client: number;
  /** Nanoseconds of this process's monotonic clock. */
  readonly call: number;
  return: number;
  /** `revoke` ends a lease: the key goes if its value begins with `value`. */
  readonly kind: "get" | "put" | "delete" | "cas" | "revoke";
  readonly key: string;
  /** Written by put and cas, where no two operations of a history write the same. */
  readonly value: string;
  /** What cas compares with; null for a key that does not exist. */
  readonly expect: string | null;
  /** What a get, or a cas that failed, found. */
  found: string | null;
  success: boolean;
  /** Of an acknowledged write; 0 if it changed nothing. */
  revision: number;
  unknown: boolean;
}

/** Nanoseconds since this process began to count; exact for months. */
export function nowNs(): number {
  return Number(process.hrtime.bigint() - origin);
}
const origin = process.hrtime.bigint();

/** Writes operations to a file and keeps what the last comparison needs. */
export class History {
  readonly path: string;
  completed = 0;
  unknown = 0;
  /** Acknowledged writes that changed something, by revision. */
  readonly acknowledged = new Map<number, Operation>();
  /** Two acknowledged writes that were told the same revision, if any. */
  collision: readonly [Operation, Operation] | undefined;
  /** Of unknown outcome; written at the end, when more may be known of them. */
  private readonly open: Operation[] = [];
  /** A read that saw half of a transaction, if any. */
  torn: string | undefined;
  private readonly out: WriteStream;

  constructor(path: string) {
    this.path = path;
    this.out = createWriteStream(path);
  }

  add(operation: Operation): void {
    if (operation.unknown) {
      this.unknown++;
      this.open.push(operation);
      return;
    }
    this.completed++;
    if (operation.revision > 0) {
      const other = this.acknowledged.get(operation.revision);
      if (other !== undefined) this.collision ??= [other, operation];
      this.acknowledged.set(operation.revision, operation);
    }
    this.write(operation);
  }

  /** Operations without an answer, as far as the store's own history tells what came of them. */
  resolve(written: (key: string, value: string) => number | undefined): void {
    const resolved = resolveOutcomes(this.open, this.acknowledged, written);
    this.open.splice(0, this.open.length, ...resolved);
  }

  close(): Promise<void> {
    for (const operation of this.open) this.write(operation);
    return new Promise((resolve) => this.out.end(resolve));
  }

  private write(operation: Operation): void {
    this.out.write(`${JSON.stringify(operation)}\n`);
  }
}

/**
 * What became of writes without an answer. Each writes a value of its own, so the store's history
 * tells: one that is not there was never carried out, and goes; one that is there was, at its
 * revision, and before whatever has a later one was answered. Without this the checker's work grows
 * with two to the power of their number. Deletes leave no value and stay as they are.
 */
export function resolveOutcomes(
  open: readonly Operation[],
  acknowledged: ReadonlyMap<number, Operation>,
  written: (key: string, value: string) => number | undefined,
): Operation[] {
  const revisions = [...acknowledged.keys()].sort((a, b) => a - b);
  /** The earliest answer to a write of this revision or a later one. */
  const earliest = new Array<number>(revisions.length);
  let least = Number.POSITIVE_INFINITY;
  for (let i = revisions.length - 1; i >= 0; i--) {
    least = Math.min(least, acknowledged.get(revisions[i]!)!.return);
    earliest[i] = least;
  }
  return open.flatMap((operation) => {
    if (operation.kind !== "put" && operation.kind !== "cas") return [operation];
    const revision = written(operation.key, operation.value);
    if (revision === undefined) return [];
    let low = 0;
    let high = revisions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (revisions[middle]! <= revision) low = middle + 1;
      else high = middle;
    }
    // Nothing later was answered: it stays open to the end.
    if (low === revisions.length) return [operation];
    // One that was called only after that makes the checker see revisions go back.
    const end = Math.max(operation.call, earliest[low]!);
    const success = operation.kind === "cas";
    return [{ ...operation, unknown: false, success, revision, return: end }];
  });
}
