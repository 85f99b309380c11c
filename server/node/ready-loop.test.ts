// The order of a turn: what is saved, sent and applied when (server/raft/ready.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import { noMember } from "#base/ids.ts";
import { type Entry, EntryType, Message, MessageType, type Snapshot } from "#proto/gen/raft.ts";
import { ReadyLoop } from "#server/node/ready-loop.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import type { Ready, Role } from "#server/raft/ready.ts";

function entries(from: number, to: number, type: EntryType = EntryType.EntryNormal): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({
    index: from + i,
    term: 1,
    type,
    data: Buffer.from("d"),
  }));
}

const message = Message.fromPartial({ type: MessageType.MsgAppResp, to: 2n });
const nothing: Ready = {
  softState: undefined,
  hardState: undefined,
  readStates: [],
  entries: [],
  snapshot: undefined,
  committed: [],
  messages: [],
  mustSync: false,
};

class Rig {
  readonly steps: string[] = [];
  readonly readies: Ready[] = [];
  readonly log = new MemoryLog();
  saveFails = false;
  private release: (() => void)[] = [];
  readonly loop = new ReadyLoop({
    raft: {
      hasReady: () => this.readies.length > 0,
      ready: () => this.readies.shift()!,
      advance: () => void this.steps.push("advance"),
    },
    log: this.log,
    wal: {
      save: (_hardState, saved) => {
        this.steps.push(`save ${saved.map((one) => one.index)}`);
        if (this.saveFails) return Promise.reject(new Error("the disk is full"));
        return new Promise((resolve) =>
          this.release.push(() => {
            this.steps.push("synced");
            resolve();
          }),
        );
      },
    },
    clock: { monotonicMs: () => 0 },
    send: (messages) => {
      if (messages.length > 0) this.steps.push("send");
    },
    apply: (applied) => {
      this.steps.push(`apply ${applied.map((one) => one.index)}`);
      return undefined;
    },
    install: async () => void this.steps.push("install"),
    onSoftState: ({ role }) => void this.steps.push(role),
    onReadState: () => void this.steps.push("read"),
    onHardState: () => {},
    onSynced: () => {},
    advanced: () => {},
    schedule: setImmediate,
    fatal: (error) => void this.steps.push(`fatal: ${(error as Error).message}`),
  });

  constructor(stored: number) {
    if (stored > 0) this.log.append(entries(1, stored));
  }

  async run(...readies: Ready[]): Promise<readonly string[]> {
    this.readies.push(...readies);
    this.loop.wake();
    await this.settle();
    return this.steps.splice(0);
  }

  async sync(): Promise<readonly string[]> {
    for (const release of this.release.splice(0)) release();
    await this.settle();
    return this.steps.splice(0);
  }

  private async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  }
}

const as = (role: Role): Partial<Ready> => ({ softState: { leader: noMember, role } });
const appended = (from: number, to: number): Partial<Ready> => ({
  entries: entries(from, to),
  hardState: { term: 1, vote: 0n, commit: 0 },
  mustSync: true,
});

test("a leader's messages leave before its own disk is done", async () => {
  const rig = new Rig(0);
  const before = await rig.run({
    ...nothing,
    ...as("leader"),
    ...appended(1, 2),
    messages: [message],
  });
  assert.deepEqual(before, ["leader", "send", "save 1,2"]);
  assert.deepEqual(await rig.sync(), ["synced", "advance"]);
});

for (const role of ["follower", "candidate", "pre-candidate"] as const) {
  test(`a ${role}'s messages leave only once what they promise is synced`, async () => {
    const rig = new Rig(0);
    const before = await rig.run({
      ...nothing,
      ...as(role),
      ...appended(1, 2),
      messages: [message],
    });
    assert.deepEqual(before, [role, "save 1,2"]);
    assert.deepEqual(await rig.sync(), ["synced", "send", "advance"]);
  });
}

const committedAlone = { hardState: { term: 1, vote: 0n, commit: 1 }, committed: entries(1, 1) };

test("a leader answers a lone entry before others learn that it is committed", async () => {
  const rig = new Rig(1);
  const steps = await rig.run({
    ...nothing,
    ...as("leader"),
    ...committedAlone,
    messages: [message],
  });
  assert.deepEqual(steps, ["leader", "apply 1", "advance", "send"]);
});

test("what a leader has put off leaves before what its next turn sends", async () => {
  const rig = new Rig(1);
  const steps = await rig.run(
    { ...nothing, ...as("leader"), ...committedAlone, messages: [message] },
    { ...nothing, ...appended(2, 2), messages: [message] },
  );
  assert.deepEqual(steps, ["leader", "apply 1", "advance", "send", "send", "save 2"]);
});

test("a leader tells of several committed entries while it applies them", async () => {
  const rig = new Rig(2);
  const steps = await rig.run({
    ...nothing,
    ...as("leader"),
    committed: entries(1, 2),
    messages: [message],
  });
  assert.deepEqual(steps, ["leader", "send", "apply 1,2", "advance"]);
});

test("a leader tells of a change of membership before it applies it", async () => {
  const rig = new Rig(1);
  const steps = await rig.run({
    ...nothing,
    ...as("leader"),
    committed: entries(1, 1, EntryType.EntryConfChange),
    messages: [message],
  });
  assert.deepEqual(steps, ["leader", "send", "apply 1", "advance"]);
});

test("a follower does not say twice what it has, until a tick", async () => {
  const rig = new Rig(0);
  await rig.run({ ...nothing, ...appended(1, 1), messages: [message] });
  assert.deepEqual(await rig.sync(), ["synced", "send", "advance"]);
  const steps = await rig.run({ ...nothing, ...committedAlone, messages: [message] });
  assert.deepEqual(steps, ["apply 1", "advance"]);
  rig.loop.tick();
  rig.loop.tick();
  assert.deepEqual(rig.steps, ["send"]);
});

test("what is synced is applied while the disk works on the rest, which waits for it", async () => {
  const rig = new Rig(2);
  const before = await rig.run({ ...nothing, ...appended(3, 5), committed: entries(1, 4) });
  assert.deepEqual(before, ["save 3,4,5", "apply 1,2"]);
  assert.deepEqual(await rig.sync(), ["synced", "apply 3,4", "advance"]);
});

test("entries that replace others are not taken for synced", async () => {
  const rig = new Rig(5);
  const before = await rig.run({ ...nothing, ...appended(3, 3), committed: entries(2, 3) });
  assert.deepEqual(before, ["save 3", "apply 2"]);
  assert.deepEqual(await rig.sync(), ["synced", "apply 3", "advance"]);
});

test("a follower applies a change of membership before it answers", async () => {
  const rig = new Rig(0);
  const committed = entries(1, 1, EntryType.EntryConfChange);
  await rig.run({ ...nothing, ...appended(1, 1), committed, messages: [message] });
  assert.deepEqual(await rig.sync(), ["synced", "apply 1", "send", "advance"]);
});

test("a received state is installed before anything of its turn is saved or sent", async () => {
  const rig = new Rig(0);
  const snapshot: Snapshot = { data: new Uint8Array(0), metadata: undefined };
  const hardState = { term: 2, vote: 0n, commit: 7 };
  const before = await rig.run({
    ...nothing,
    snapshot,
    hardState,
    mustSync: true,
    messages: [message],
  });
  assert.deepEqual(before, ["install", "save "]);
  assert.deepEqual(await rig.sync(), ["synced", "send", "advance"]);
});

test("a failing disk ends all: nothing is sent, applied or tried again", async () => {
  const rig = new Rig(2);
  rig.saveFails = true;
  const turn = { ...nothing, ...appended(3, 3), committed: entries(1, 3), messages: [message] };
  const steps = await rig.run(turn, nothing);
  assert.deepEqual(steps, ["save 3", "apply 1,2", "fatal: the disk is full"]);
  assert.deepEqual(await rig.run(nothing), []);
});

test("a stop waits for the turn under way and begins no other", async () => {
  const rig = new Rig(0);
  await rig.run({ ...nothing, ...appended(1, 1) }, nothing);
  let stopped = false;
  const stopping = rig.loop.stop().then(() => {
    stopped = true;
  });
  await new Promise(setImmediate);
  assert.equal(stopped, false);
  assert.deepEqual(await rig.sync(), ["synced", "advance"]);
  await stopping;
  assert.equal(rig.readies.length, 1);
  assert.deepEqual(await rig.run(nothing), []);
});

test("a stop between turns is over at once, though one was scheduled", async () => {
  const rig = new Rig(0);
  rig.readies.push(nothing);
  rig.loop.wake();
  await rig.loop.stop();
  assert.deepEqual(await rig.run(), []);
});
