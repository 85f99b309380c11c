import assert from "node:assert/strict";
import { test } from "node:test";
import type { StateBatch } from "#base/state-batch.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import type { HashPace } from "#server/mvcc/kv-hash.ts";
import type { CompactionProgress, MvccStore } from "#server/mvcc/store.ts";
import { CompactionDriver } from "#server/node/compaction-driver.ts";

class Rig {
  readonly steps: string[] = [];
  readonly backend = new MemoryBackend();
  progress: CompactionProgress[] = [];
  hashes: ("wanted" | "blocked")[] = [];
  applyWaits = false;
  readonly timers: { run: () => void; delayMs: number }[] = [];
  readonly driver: CompactionDriver;

  constructor() {
    const rig = this;
    const store = {
      get compacting() {
        return rig.progress.length > 0;
      },
      get compactionHash() {
        return rig.hashes[0] ?? "none";
      },
      computeCompactionHash: async (pace: HashPace) => {
        rig.steps.push("hashes");
        await pace.pause();
        rig.steps.push(pace.isOver() ? "cut short" : "hashed");
        rig.hashes.shift();
      },
      compactStep: (batch: StateBatch) => {
        const progress = rig.progress.shift()!;
        rig.steps.push(progress);
        if (progress !== "blocked") batch.put("meta", Buffer.from("m"), Buffer.from("v"));
        return progress;
      },
      compactionWritten: () => void rig.steps.push("written"),
    } as unknown as MvccStore;
    this.driver = new CompactionDriver({
      clock: {
        monotonicMs: () => 0,
        wallMs: () => 0,
        every: () => assert.fail("no clock"),
        after: (delayMs, run) => {
          this.timers.push({ run, delayMs });
          return { cancel() {} };
        },
      },
      store,
      backend: () => this.backend,
      isApplyWaiting: () => this.applyWaits,
      sliceRecords: 10,
      pauseMs: 7,
      fatal: (error) => void this.steps.push(`fatal: ${(error as Error).message}`),
    });
  }

  async taken(): Promise<readonly string[]> {
    await new Promise(setImmediate);
    return this.steps.splice(0);
  }

  pass(): number | undefined {
    const timer = this.timers.shift();
    timer?.run();
    return timer?.delayMs;
  }
}

test("slices follow each other with a pause in between, each reported once written", async () => {
  const rig = new Rig();
  rig.progress = ["more", "blocked", "finished"];
  rig.driver.wake();
  rig.driver.wake();
  assert.deepEqual(await rig.taken(), ["more", "written"]);
  assert.equal(rig.pass(), 7);
  assert.deepEqual(await rig.taken(), ["blocked", "written"]);
  assert.equal(rig.pass(), 10);
  assert.deepEqual(await rig.taken(), ["finished", "written"]);
  assert.equal(rig.pass(), undefined);
});

test("nothing is deleted while an apply waits midway", async () => {
  const rig = new Rig();
  rig.progress = ["finished"];
  rig.applyWaits = true;
  rig.driver.wake();
  assert.deepEqual(await rig.taken(), []);
  rig.applyWaits = false;
  rig.pass();
  assert.deepEqual(await rig.taken(), ["finished", "written"]);
});

test("a hold resolves when no step is under way; the release goes on", async () => {
  const rig = new Rig();
  rig.progress = ["more", "finished"];
  rig.driver.wake();
  await rig.taken();
  let held = false;
  const holding = rig.driver.hold().then(() => {
    held = true;
  });
  await rig.taken();
  assert.equal(held, false, "its pause is not over");
  rig.pass();
  await holding;
  rig.driver.wake();
  assert.deepEqual(await rig.taken(), []);
  rig.driver.release();
  assert.deepEqual(await rig.taken(), ["finished", "written"]);
  await rig.driver.hold();
});

test("a failing write is fatal, unless the member is stopping", async () => {
  for (const [stops, told] of [
    [false, ["more", "fatal: the state could not be written"]],
    [true, ["more"]],
  ] as const) {
    const rig = new Rig();
    rig.progress = ["more", "finished"];
    rig.backend.breakDisk();
    rig.driver.wake();
    if (stops) rig.driver.stop();
    assert.deepEqual(await rig.taken(), told);
  }
});

test("the hash comes before the first deletion, in slices with pauses, and a stop cuts it short", async () => {
  for (const stops of [false, true]) {
    const rig = new Rig();
    rig.progress = ["finished"];
    rig.hashes = ["wanted"];
    rig.driver.wake();
    assert.deepEqual(await rig.taken(), ["hashes"]);
    if (stops) rig.driver.stop();
    assert.equal(rig.pass(), 7);
    const want = stops ? ["cut short"] : ["hashed", "finished", "written"];
    assert.deepEqual(await rig.taken(), want);
  }
});

test("the hash waits until what it covers has been written", async () => {
  const rig = new Rig();
  rig.progress = ["finished"];
  rig.hashes = ["blocked"];
  rig.driver.wake();
  assert.deepEqual(await rig.taken(), []);
  rig.hashes = [];
  assert.equal(rig.pass(), 10);
  assert.deepEqual(await rig.taken(), ["finished", "written"]);
});
