import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { seededRandom } from "#base/random.ts";
import { deviation, type Load, runLoad, type Writer } from "#ctl/load.ts";

/** Time that jumps to the next timer whenever nothing else is left to do. */
class JumpingClock implements Clock {
  private nowMs = 0;
  private timers: { readonly atMs: number; readonly run: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void) {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.timers.push(timer);
    setImmediate(() => this.jump());
    return { cancel: () => (this.timers = this.timers.filter((each) => each !== timer)) };
  }

  every(): never {
    throw new Error("not used here");
  }

  private jump(): void {
    this.timers.sort((a, b) => a.atMs - b.atMs);
    const next = this.timers.shift();
    if (next === undefined) return;
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.run();
  }
}

/** Clients whose writes take `ms`; every `failing`-th fails. */
function clients(clock: Clock, count: number, ms: number, failing = 0): Writer[] {
  let writes = 0;
  const put = async (): Promise<void> => {
    const isBad = failing > 0 && ++writes % failing === 0;
    await new Promise<void>((resolve) => clock.after(ms, resolve));
    if (isBad) throw new Error("refused");
  };
  return Array.from({ length: count }, () => ({ put }));
}

const base = (over: Partial<Load> & Pick<Load, "clients">): Load => ({
  prefix: "p/",
  keyBytes: 16,
  valueBytes: 1,
  rate: undefined,
  untilMs: undefined,
  count: undefined,
  signal: new AbortController().signal,
  ...over,
});

for (const [name, over, ms, expected] of [
  ["as many as the rate says", { rate: 10, untilMs: 2_000 }, 50, { writes: 20, failed: 0 }],
  [
    "fewer where the clients are too slow",
    { rate: 100, untilMs: 1_000 },
    250,
    { writes: 16, failed: 0 },
  ],
  ["as many as asked for", { count: 33 }, 10, { writes: 33, failed: 0 }],
] as const) {
  test(`writes: ${name}`, async () => {
    const clock = new JumpingClock();
    const load = base({ clients: clients(clock, 4, ms), ...over });
    const { errors, seconds } = await runLoad(load, clock, seededRandom(1));
    assert.deepEqual({ writes: seconds.length, failed: errors.size }, expected);
    assert.ok(seconds.every((each) => Math.abs(each - ms / 1_000) < 1e-9));
  });
}

test("what a stall of the cluster held up is made up for by one write a client", async () => {
  const clock = new JumpingClock();
  let begun = 0;
  const put = (): Promise<void> =>
    new Promise((resolve) => clock.after(begun++ < 4 ? 1_000 : 1, resolve));
  const stalled = [{ put }, { put }, { put }, { put }];
  const load = base({ clients: stalled, rate: 100, untilMs: 2_000 });
  const { seconds } = await runLoad(load, clock, seededRandom(1));
  // Of the first second four, of the next one those that were due, and four that were late.
  assert.ok(seconds.length >= 100 && seconds.length <= 110, String(seconds.length));
});

test("failed writes are counted by their words, and are no throughput", async () => {
  const clock = new JumpingClock();
  let told = 0;
  const onWritten = (): void => void told++;
  const load = base({ clients: clients(clock, 2, 1, 5), count: 20, onWritten });
  const { errors, seconds } = await runLoad(load, clock, seededRandom(1));
  assert.deepEqual([...errors], [["refused", 4]]);
  assert.deepEqual([seconds.length, told], [16, 20]);
});

test("a signal ends it", async () => {
  const clock = new JumpingClock();
  const stop = new AbortController();
  let writes = 0;
  const onWritten = (): void => {
    if (++writes === 3) stop.abort();
  };
  const load = base({
    clients: clients(clock, 1, 1),
    count: 1_000,
    signal: stop.signal,
    onWritten,
  });
  assert.equal((await runLoad(load, clock, seededRandom(1))).seconds.length, 3);
});

test("the standard deviation is that of all values", () => {
  assert.equal(deviation([]), 0);
  assert.equal(deviation([2, 4, 4, 4, 5, 5, 7, 9]), 2);
});
