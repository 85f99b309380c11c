// What the makers of steps draw from: one seed's randomness, a few keys, so that requests meet each
// other, and what the sequence has made so far, as far as that can be known without asking.
import type { Random } from "#base/random.ts";
import { aliasAt, revisionAt } from "./mapping.ts";
import type { Bytes } from "./wire-codec.ts";

/** Text as bytes, a character a byte. */
export function b(text: string): Bytes {
  return Buffer.from(text, "latin1");
}

const keys = ["a", "ab", "b", "ba", "c", "d\xff", "d\xff\x01", "e", "f\0", "g", "\0", "\xff"];
const ends = ["\0", "\0", "b", "bb", "d", "d\xff\x02", "z", "a", "c\0", "\xff\xff"];
const explicitLeases = [1n, 2n, 3n, 7n, 0x7fff_ffff_ffff_fff0n, -5n];

/** A sequence in the making. */
export class Draw {
  readonly random: Random;
  /** About how many revisions the sequence has made. */
  writes = 0;
  /** Leases that were granted, also those that have gone since. */
  readonly leases: bigint[] = [];
  private aliases = 0;
  private names = 0;

  constructor(random: Random) {
    this.random = random;
  }

  chance(p: number): boolean {
    return this.random.chance(p);
  }

  below(n: number): number {
    return this.random.below(n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!;
  }

  /** A list of up to `max` of what `make` makes. */
  list<T>(max: number, make: () => T): T[] {
    return Array.from({ length: this.below(max + 1) }, make);
  }

  key(): Bytes {
    if (this.chance(0.02)) return b("");
    return b(this.pick(keys));
  }

  /** A key and the end of an interval, or none. */
  interval(): { readonly key: Bytes; readonly rangeEnd?: Bytes } {
    if (this.chance(0.45)) return { key: this.key() };
    if (this.chance(0.25)) return { key: b("\0"), rangeEnd: b("\0") };
    return { key: this.key(), rangeEnd: b(this.pick(ends)) };
  }

  /** An interval that is not empty by its end (differences.ts: emptyRange). */
  properInterval(): { readonly key: Bytes; readonly rangeEnd?: Bytes } {
    for (;;) {
      const interval = this.interval();
      const { key, rangeEnd } = interval;
      const isOpen = rangeEnd === undefined || (rangeEnd.length === 1 && rangeEnd[0] === 0);
      if (isOpen || Buffer.compare(key, rangeEnd) < 0) return interval;
    }
  }

  value(): Bytes {
    if (this.chance(0.004)) return Buffer.alloc(60_000 + this.below(6000), "v");
    return b(String.fromCharCode(97 + this.below(26)).repeat(this.below(40)));
  }

  /** A revision around what the sequence has made; seldom one that is none. */
  revision(): number {
    if (this.chance(0.03)) return this.pick([-1, -(2 ** 40), 2 ** 52, 1]);
    return revisionAt(this.below(this.writes + 4) - 1);
  }

  revisionOrNone(chance = 0.5): number {
    return this.chance(chance) ? this.revision() : 0;
  }

  /** A lease that may be there. */
  lease(): bigint {
    if (this.leases.length > 0 && this.chance(0.75)) return this.pick(this.leases);
    return this.pick(explicitLeases);
  }

  /** An ID to ask a lease under. */
  newLease(): bigint {
    return this.chance(0.3) ? BigInt(100 + this.below(1000)) : this.pick(explicitLeases);
  }

  /** The next number for an ID that a member chooses. */
  alias(): number {
    return this.aliases++;
  }

  aliasId(at: number): bigint {
    return aliasAt(at);
  }

  name(what: string): string {
    return `${what}${this.names++}`;
  }
}
