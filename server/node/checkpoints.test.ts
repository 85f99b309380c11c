import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, EntryType } from "#proto/gen/raft.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Checkpoints } from "#server/node/checkpoints.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { MemoryWal } from "#server/wal/memory-wal.ts";
import { zeroMark } from "#server/wal/wal.ts";

const entry = (index: number): Entry => ({
  index,
  term: 1,
  type: EntryType.EntryNormal,
  data: Buffer.from(`${index}`),
});

class Rig {
  backend = new MemoryBackend();
  wal = MemoryWal.create({ memberId: 1n as never, clusterId: 2n as never });
  readonly memoryLog = new MemoryLog();
  index = 0;
  holdLog = false;
  readonly steps: string[] = [];
  fatal: unknown;
  /** Called between the sync of the state and the mark. */
  onSynced: () => void = () => {};
  readonly checkpoints: Checkpoints;

  constructor(catchUp = 3) {
    this.checkpoints = new Checkpoints(
      {
        memoryLog: this.memoryLog,
        wal: {
          saveSnapshot: (mark) => {
            assert.equal(this.backend.unsyncedCount, 0, "the mark goes before the synced state");
            this.steps.push(`mark ${mark.index}`);
            return this.wal.saveSnapshot(mark);
          },
          compact: (index) => {
            this.steps.push(`compact ${index}`);
            return this.wal.compact(index);
          },
        },
        backend: () => this.backend,
        applied: () => ({ index: this.index, term: 1, confState: zeroMark.confState }),
        every: 10,
        catchUp,
        holdLog: () => {
          this.onSynced();
          return this.holdLog;
        },
        saved: () => {},
        fatal: (error) => {
          this.fatal = error;
        },
      },
      0,
    );
  }

  async apply(upTo: number): Promise<void> {
    while (this.index < upTo) {
      const one = entry(++this.index);
      await this.wal.save({ term: 1, vote: 0n, commit: one.index }, [one], true);
      this.memoryLog.append([one]);
      const batch = this.backend.newBatch();
      batch.put("key", Buffer.from(`${one.index}`), one.data);
      void this.backend.write(batch, { sync: false });
      this.checkpoints.applied(this.index);
      await new Promise(setImmediate);
    }
    assert.equal(this.fatal, undefined);
  }
}

test("each so many entries the state is synced, the log marked, and all but a tail of it dropped", async () => {
  const rig = new Rig();
  await rig.apply(9);
  assert.deepEqual(rig.steps, []);
  await rig.apply(25);
  assert.deepEqual(rig.steps, ["mark 10", "compact 7", "mark 20", "compact 17"]);
  assert.equal(rig.memoryLog.firstIndex(), 18);
  assert.equal(rig.memoryLog.snapshotIndex(), 20);
});

test("what shall be forgotten goes with the entries that follow, tail and all", async () => {
  const rig = new Rig();
  await rig.apply(4);
  rig.checkpoints.forget();
  await rig.apply(5);
  assert.deepEqual(rig.steps, ["mark 5", "compact 5"]);
  assert.equal(rig.memoryLog.firstIndex(), 6);
  await rig.apply(15);
  assert.deepEqual(rig.steps, ["mark 5", "compact 5", "mark 15", "compact 12"]);
});

test("what shall be forgotten waits for a follower that is being sent a state", async () => {
  const rig = new Rig();
  await rig.apply(4);
  rig.holdLog = true;
  rig.checkpoints.forget();
  await rig.apply(6);
  assert.deepEqual(rig.steps, []);
  rig.holdLog = false;
  await rig.apply(7);
  assert.deepEqual(rig.steps, ["mark 7", "compact 5"]);
});

test("a tail that is longer than the log keeps all of it", async () => {
  const rig = new Rig(100);
  await rig.apply(10);
  assert.deepEqual(rig.steps, ["mark 10"]);
});

test("while a state is being sent nothing is dropped", async () => {
  const rig = new Rig();
  rig.holdLog = true;
  await rig.apply(10);
  rig.holdLog = false;
  assert.equal(rig.memoryLog.firstIndex(), 1);
  await rig.apply(20);
  assert.equal(rig.memoryLog.firstIndex(), 18);
});

test("a state replaced during a checkpoint ends it: the log is no longer the one it was for", async () => {
  const rig = new Rig();
  const write = rig.backend.write.bind(rig.backend);
  rig.backend.write = async (batch, options) => {
    await write(batch, options);
    if (options.sync) rig.backend = new MemoryBackend();
  };
  await rig.apply(10);
  assert.deepEqual(rig.steps, []);
});

test("a stop waits for the checkpoint under way, and no other begins", async () => {
  const rig = new Rig();
  await rig.apply(9);
  let release = (): void => {};
  const write = rig.backend.write.bind(rig.backend);
  rig.backend.write = async (batch, options) => {
    if (options.sync) await new Promise<void>((resolve) => (release = resolve));
    return write(batch, options);
  };
  await rig.apply(10);
  let stopped = false;
  const stopping = rig.checkpoints.stop().then(() => {
    stopped = true;
  });
  await new Promise(setImmediate);
  assert.equal(stopped, false);
  release();
  await stopping;
  assert.deepEqual(rig.steps, ["mark 10", "compact 7"]);
  await rig.apply(40);
  assert.deepEqual(rig.steps, ["mark 10", "compact 7"]);
});
