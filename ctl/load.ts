// Writes under load, for `check`: so many at once, at most so many a second, and how long each took.
import { Buffer } from "node:buffer";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { errorLine } from "#client/errors.ts";

/** A client that puts one key after the other; a PutLine. */
export interface Writer {
  put(key: Uint8Array, value: Uint8Array): Promise<unknown>;
}

export interface Load {
  readonly clients: readonly Writer[];
  readonly prefix: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Writes a second; undefined for as many as there can be. */
  readonly rate: number | undefined;
  /** Ends when so much time has passed, or so many writes were begun. */
  readonly untilMs: number | undefined;
  readonly count: number | undefined;
  readonly signal: AbortSignal;
  readonly onWritten?: () => void;
}

export interface LoadResult {
  /** Seconds that each successful write took. */
  readonly seconds: readonly number[];
  readonly totalSeconds: number;
  readonly errors: ReadonlyMap<string, number>;
}

/** A key behind the prefix: a random number, then zeros. */
function keyBytes(random: Random, size: number): Uint8Array {
  const key = Buffer.alloc(size);
  for (let i = 0; i < 9; i++) key[i] = random.below(256);
  return key;
}

/** Each client has one write under way; those that wait for their turn wait in line. */
export async function runLoad(load: Load, clock: Clock, random: Random): Promise<LoadResult> {
  const { clients, count, rate, signal, untilMs } = load;
  const seconds: number[] = [];
  const errors = new Map<string, number>();
  const startMs = clock.monotonicMs();
  const value = new Uint8Array(load.valueBytes);
  let begun = 0;
  const stepMs = rate === undefined ? 0 : 1_000 / rate;
  let nextMs = startMs;
  /** When the next write may begin; false if there is none. */
  const turn = async (): Promise<boolean> => {
    if (signal.aborted || (count !== undefined && begun >= count)) return false;
    begun++;
    const nowMs = clock.monotonicMs();
    if (rate !== undefined) {
      // What was missed is made up for, but for no more than one write a client.
      const dueMs = Math.max(nextMs, nowMs - clients.length * stepMs);
      nextMs = dueMs + stepMs;
      if (untilMs !== undefined && dueMs - startMs >= untilMs) return false;
      if (dueMs > nowMs) await new Promise<void>((resolve) => clock.after(dueMs - nowMs, resolve));
    }
    return untilMs === undefined || clock.monotonicMs() - startMs < untilMs;
  };
  const work = async (client: Writer): Promise<void> => {
    while (await turn()) {
      if (signal.aborted) return;
      const key = Buffer.concat([Buffer.from(load.prefix), keyBytes(random, load.keyBytes)]);
      const beginMs = clock.monotonicMs();
      try {
        await client.put(key, value);
        seconds.push((clock.monotonicMs() - beginMs) / 1_000);
      } catch (thrown) {
        const line = errorLine(thrown);
        errors.set(line, (errors.get(line) ?? 0) + 1);
      }
      load.onWritten?.();
    }
  };
  await Promise.all(clients.map(work));
  return { seconds, totalSeconds: (clock.monotonicMs() - startMs) / 1_000, errors };
}

/** Standard deviation, of all. */
export function deviation(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
  const squares = values.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  return Math.sqrt(squares / values.length);
}
