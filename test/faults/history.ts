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
  /** A read that saw half of a transaction, if any. */
  torn: string | undefined;
  private readonly out: WriteStream;

  constructor(path: string) {
    this.path = path;
    this.out = createWriteStream(path);
  }

  add(operation: Operation): void {
    if (operation.unknown) this.unknown++;
    else {
      this.completed++;
      if (operation.revision > 0) {
        const other = this.acknowledged.get(operation.revision);
        if (other !== undefined) this.collision ??= [other, operation];
        this.acknowledged.set(operation.revision, operation);
      }
    }
    this.out.write(`${JSON.stringify(operation)}\n`);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.out.end(resolve));
  }
}
