// A member's machine made hostile while it runs: hostile/hostile.c, preloaded into the member, reads
// from a shared page how slow or full its disk and how wrong its wall clock shall be.
import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** What is wrong with the machine. */
export interface Hostility {
  /** Added to the wall clock. */
  readonly wallOffsetMs?: number;
  /** How much longer a sync takes. */
  readonly syncDelayMs?: number;
  /** How much longer a write takes. */
  readonly writeDelayMs?: number;
  /** Bytes that can still be written before the disk is full; negative for no limit. */
  readonly roomBytes?: number;
}

/** A machine that is in order. */
export const peace = {
  wallOffsetMs: 0,
  syncDelayMs: 0,
  writeDelayMs: 0,
  roomBytes: -1,
} as const satisfies Hostility;

// The layout of hostile.c's struct control: six little-endian 64-bit numbers.
const controlBytes = 48;
const wishBytes = 32;
const refusedAt = 32;
const delayedAt = 40;

/** What hostile.c reads of its page. */
export function hostilityBytes(hostility: Hostility): Buffer {
  const { wallOffsetMs, syncDelayMs, writeDelayMs, roomBytes } = { ...peace, ...hostility };
  const wish = Buffer.alloc(wishBytes);
  wish.writeBigInt64LE(BigInt(wallOffsetMs) * 1_000_000n, 0);
  wish.writeBigInt64LE(BigInt(syncDelayMs) * 1_000n, 8);
  wish.writeBigInt64LE(BigInt(writeDelayMs) * 1_000n, 16);
  wish.writeBigInt64LE(BigInt(Math.floor(roomBytes)), 24);
  return wish;
}

/** The machine of one member. */
export class HostileMachine {
  private readonly file: number;
  private readonly path: string;
  private readonly root: string;
  private now: Hostility = {};

  /** `path` is the shared page, made here; `root` is where the member's files are. */
  constructor(path: string, root: string) {
    this.path = path;
    this.root = root;
    this.file = openSync(path, "w+");
    writeSync(this.file, Buffer.alloc(controlBytes), 0, controlBytes, 0);
    this.set(peace);
  }

  /** From now on the machine is like this; what is not named stays as it was. */
  set(hostility: Hostility): void {
    this.now = { ...this.now, ...hostility };
    writeSync(this.file, hostilityBytes(this.now), 0, wishBytes, 0);
  }

  /** Writes that found no room, ever. */
  get refused(): number {
    return this.counter(refusedAt);
  }

  /** Writes and syncs that were made to wait, ever. */
  get delayed(): number {
    return this.counter(delayedAt);
  }

  /** Environment of the member, which loads `libraries`: hostileLibrary's and maybe others. */
  environment(libraries: readonly string[]): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: libraries.join(":"),
      HOSTILE_CONTROL: this.path,
      HOSTILE_ROOT: this.root,
    };
  }

  close(): void {
    closeSync(this.file);
  }

  private counter(at: number): number {
    const bytes = Buffer.alloc(8);
    readSync(this.file, bytes, 0, bytes.length, at);
    return Number(bytes.readBigInt64LE(0));
  }
}
