// What a fuzzer is here: rounds that follow from a seed, against something that is opened once. A
// round fails by throwing a Finding or anything else; the driver adds how to play it again.
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "#base/random.ts";
import { seededRandom } from "#base/random.ts";

/** Something that must not happen did. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** What rounds did, by name: shows that a fuzzer reaches what it is for. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  /** Sorted, most frequent first. */
  toString(): string {
    return [...this.counts]
      .sort((a, b) => b[1] - a[1])
      .map(([what, count]) => `${what} ${count}`)
      .join(", ");
  }
}

/** An opened target. */
export interface Rounds extends AsyncDisposable {
  play(random: Random, tally: Tally): Promise<void> | void;
  /** Bytes of memory that what is fuzzed holds; left out, this process's own. */
  heldBytes?(): number;
}

export interface Target {
  readonly name: string;
  /** For `npm run fuzz` without a name. */
  readonly about: string;
  /** How many rounds `npm test` plays: a moment's; 0 for those that need a process of their own. */
  readonly rounds: number;
  open(): Promise<Rounds>;
}

/** A round that takes longer hangs. */
const hangMs = 60_000;
/** More than this, and growing, is taken for a leak. */
const heldLimitBytes = 2 ** 31;

export interface FuzzOptions {
  readonly seed: number;
  /** Asked before each round. */
  isOver(rounds: number): boolean;
  /** Told after each round. */
  progress?(rounds: number, tally: Tally, heldBytes: number): void;
}

export interface FuzzOutcome {
  readonly rounds: number;
  readonly tally: Tally;
  /** The most memory that was held after a round. */
  readonly mostBytes: number;
}

/** Plays rounds from a seed on; rejects with the first finding, and with how to see it again. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzOutcome> {
  const tally = new Tally();
  let mostBytes = 0;
  let round = 0;
  const rounds = await target.open();
  try {
    for (; !options.isOver(round); round++) {
      const seed = (options.seed + round) >>> 0;
      try {
        await withinLimit(Promise.resolve(rounds.play(seededRandom(seed), tally)));
        const held = rounds.heldBytes?.() ?? process.memoryUsage().rss;
        mostBytes = Math.max(mostBytes, held);
        if (held > heldLimitBytes) throw new Finding(`${held} bytes of memory are held`);
        options.progress?.(round + 1, tally, held);
      } catch (error) {
        const replay = `npm run fuzz -- ${target.name} --seed`;
        throw new Finding(
          `round ${round + 1}: ${replay} ${seed} --rounds 1; with all before it: ${replay} ${options.seed} --rounds ${round + 1}`,
          { cause: error },
        );
      }
    }
  } catch (error) {
    // What was found counts; a member that died of it may not stop in order.
    await Promise.resolve(rounds[Symbol.asyncDispose]()).catch(() => {});
    throw error;
  }
  await rounds[Symbol.asyncDispose]();
  return { rounds: round, tally, mostBytes };
}

async function withinLimit(playing: Promise<void>): Promise<void> {
  const limit = new AbortController();
  try {
    await Promise.race([
      playing,
      delay(hangMs, undefined, { signal: limit.signal }).then(() => {
        throw new Finding(`it hangs: no end within ${hangMs} ms`);
      }),
    ]);
  } finally {
    limit.abort();
  }
}

/** Words of an error that was never meant for the one who reads it. */
const inner =
  /InvariantError|TypeError|RangeError|ReferenceError|SyntaxError|Cannot read propert|is not a function|is not iterable|undefined \(reading|\bat .*\.ts:\d+|Maximum call stack|Invalid array length|Cannot (convert|mix)|\[object Object\]|ERR_[A-Z_]+/;

/** Throws if a text that a stranger gets to see speaks of our insides. */
export function assertClear(text: string, where: string): void {
  if (inner.test(text))
    throw new Finding(`${where} answers with our insides: ${text.slice(0, 500)}`);
}
