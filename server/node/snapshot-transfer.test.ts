import assert from "node:assert/strict";
import { test } from "node:test";
import { text, uint64Bytes, utf8 } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import { Message, MessageType, type Snapshot } from "#proto/gen/raft.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import { RecordsLoading } from "#server/mvcc/store-loading.ts";
import { StoreState } from "#server/mvcc/store-state.ts";
import {
  type ReceivedState,
  SnapshotTransfer,
  type StateFiles,
} from "#server/node/snapshot-transfer.ts";
import { zeroMark } from "#server/wal/wal.ts";

const confState = { ...zeroMark.confState, voters: [1n, 2n] };

function message(index: number): Message {
  const snapshot: Snapshot = {
    data: new Uint8Array(0),
    metadata: { index, term: 3, confState },
  };
  return Message.fromPartial({ type: MessageType.MsgSnap, to: 2n, from: 1n, snapshot });
}

const noLeases = { exists: () => false, attach: () => {}, detach: () => {} };

class Rig {
  readonly steps: string[] = [];
  applied = 50;
  data = "";
  exportFails = false;
  removeFails = false;
  bodyFails = false;
  sendFails = false;
  holdSends = false;
  shares = false;
  takesTables = false;
  hasTables = true;
  arrives = true;
  installed: Pick<ReceivedState, "folder" | "loading"> | undefined;
  onExport = (): void => {};
  release = (): void => {};
  receiving = (): Promise<void> => Promise.resolve();
  nowMs = 1000;
  receivedKeys: readonly (readonly [Uint8Array, Uint8Array])[] = [];
  folder: string | undefined;
  readonly stateFiles: StateFiles = {
    export: async (_, options) => {
      this.onExport();
      if (options?.withShared === true) this.steps.push("exported all");
      if (this.exportFails) throw new Error("no room");
      return {
        records: {
          meta: [
            [utf8("consistent_index"), uint64Bytes(77)],
            [utf8("term"), uint64Bytes(3)],
            [utf8("confState"), encodeConfState(confState)],
          ],
          members: [[utf8("2"), utf8('{"id":2,"peerURLs":["http://b:2380"]}')]],
          members_removed: [],
          cluster: [[utf8("clusterVersion"), utf8("3.5.0")]],
        },
        bytes: 0,
        body: () => {
          if (this.bodyFails) throw new Error("cannot be read");
          return nothing();
        },
        remove: async () => {
          if (this.removeFails) throw new Error("cannot be removed");
          this.steps.push("removed");
        },
      };
    },
    exportTables: async () => {
      if (!this.hasTables) return undefined;
      return await this.stateFiles.export(new MemoryBackend(), { withShared: false });
    },
    receive: async (index, _, check) => {
      await this.receiving();
      for (const [key, value] of this.receivedKeys) check("key", key, value);
      this.steps.push(`received ${index}`);
    },
    folderOf: () => this.folder,
    fill: async (index) => void this.steps.push(`filled ${index}`),
    drop: async (index) => void this.steps.push(`dropped ${index}`),
  };
  readonly transfer = new SnapshotTransfer({
    monotonicMs: () => this.nowMs,
    logHoldMs: 30_000,
    log: silentLog,
    files: this.stateFiles,
    backend: () => new MemoryBackend(),
    sharesOwnRecords: () => this.shares,
    appliedIndex: () => this.applied,
    takesTables: () => this.takesTables,
    sendSnapshot: async (sent, _, form) => {
      if (this.sendFails) throw new Error("cannot be written");
      this.data = text(sent.snapshot!.data);
      this.steps.push(
        `sent ${sent.snapshot?.metadata?.index}${form === "tables" ? " in tables" : ""}`,
      );
      if (this.holdSends) await new Promise<void>((resolve) => (this.release = resolve));
      return this.arrives;
    },
    beginLoading: () => {
      const options = { crc32c: () => 0, pause: () => Promise.resolve() };
      return new RecordsLoading(new StoreState(new MemoryBackend(), noLeases, options));
    },
    reportFailure: (to) => void this.steps.push(`failed to ${to}`),
    exchange: async (mark, { fill, folder, loading }) => {
      this.installed = { folder, loading };
      await fill(new MemoryBackend());
      this.steps.push(`exchanged ${mark.index}`);
    },
  });

  async send(): Promise<readonly string[]> {
    this.transfer.send(message(10));
    await new Promise(setImmediate);
    return this.steps.splice(0);
  }
}

async function* nothing(): AsyncIterable<Uint8Array> {}

test("what is sent is the state of now, and its own records say so", async () => {
  const rig = new Rig();
  assert.deepEqual(await rig.send(), ["sent 77", "removed"]);
  assert.equal(rig.transfer.wantsLog, false);
  const { Root } = JSON.parse(rig.data);
  const { members, version } = Root.Children[0].Children;
  assert.equal(version.Value, "3.5.0");
  const told = members.Children["2"].Children["raftAttributes"].Value;
  assert.equal(told, '{"peerURLs":["http://b:2380"]}', "what etcd 3.5 and 3.6 parse");
});

test("raft hears of each send once, whatever fails", async () => {
  const rig = new Rig();
  rig.exportFails = true;
  assert.deepEqual(await rig.send(), ["failed to 2"]);
  rig.exportFails = false;
  rig.bodyFails = true;
  assert.deepEqual(await rig.send(), ["removed", "failed to 2"]);
  rig.bodyFails = false;
  rig.sendFails = true;
  assert.deepEqual(await rig.send(), ["removed", "failed to 2"], "it has not told raft");
  rig.sendFails = false;
  rig.removeFails = true;
  assert.deepEqual(await rig.send(), ["sent 77"], "sendSnapshot has told raft");
  assert.equal(rig.transfer.wantsLog, false);
});

test("no more than four are sent at a time", async () => {
  const rig = new Rig();
  rig.holdSends = true;
  for (let i = 0; i < 4; i++) assert.deepEqual(await rig.send(), ["sent 77"]);
  assert.deepEqual(await rig.send(), ["failed to 2"]);
  assert.equal(rig.transfer.wantsLog, true);
});

test("a received state is installed, then its file is dropped", async () => {
  const rig = new Rig();
  await rig.transfer.receive(message(77), nothing());
  await rig.transfer.install(message(77).snapshot!);
  assert.deepEqual(rig.steps, ["received 77", "filled 77", "exchanged 77", "dropped 77"]);
});

test("received states that raft did not want are dropped once others come", async () => {
  const rig = new Rig();
  await rig.transfer.receive(message(60), nothing());
  await rig.transfer.receive(message(70), nothing());
  rig.applied = 65;
  rig.steps.length = 0;
  await rig.transfer.receive(message(80), nothing());
  assert.deepEqual(rig.steps, ["dropped 60", "received 80"]);
});

test("a state that got its first own records while it was copied is copied again", async () => {
  const rig = new Rig();
  assert.deepEqual(await rig.send(), ["sent 77", "removed"]);
  rig.onExport = () => {
    rig.shares = true;
  };
  assert.deepEqual(await rig.send(), ["removed", "exported all", "sent 77", "removed"]);
  assert.deepEqual(await rig.send(), ["exported all", "sent 77", "removed"]);
});

test("a second state waits for the first, a fifth is refused, and so are more than raft decides on", async () => {
  const rig = new Rig();
  rig.applied = 0;
  let began = 0;
  let release = (): void => {};
  rig.receiving = () => {
    began++;
    return new Promise<void>((resolve) => (release = resolve));
  };
  const received = [60, 61, 62, 63].map((index) => rig.transfer.receive(message(index), nothing()));
  await new Promise(setImmediate);
  assert.equal(began, 1);
  await assert.rejects(rig.transfer.receive(message(64), nothing()), { code: "TOO_MANY_STATES" });
  for (let i = 0; i < 4; i++) {
    release();
    await received[i];
    await new Promise(setImmediate);
    assert.equal(began, Math.min(4, i + 2));
  }
  await assert.rejects(rig.transfer.receive(message(65), nothing()), { code: "TOO_MANY_STATES" });
  rig.applied = 60;
  const later = rig.transfer.receive(message(65), nothing());
  await new Promise(setImmediate);
  release();
  await later;
  assert.deepEqual(rig.steps, [
    ...["received 60", "received 61", "received 62", "received 63"],
    ...["dropped 60", "received 65"],
  ]);
});

test("an install under way is told, and a failed receipt makes room for the next", async () => {
  const rig = new Rig();
  rig.receiving = () => Promise.reject(new Error("the sender went away"));
  for (let i = 0; i < 6; i++) {
    await assert.rejects(rig.transfer.receive(message(77), nothing()), /went away/);
  }
  rig.receiving = () => Promise.resolve();
  await rig.transfer.receive(message(77), nothing());
  const installing = rig.transfer.install(message(77).snapshot!);
  assert.equal(rig.transfer.isInstalling, true);
  await installing;
  assert.equal(rig.transfer.isInstalling, false);
});

test("a member that takes tables is sent them; after two failures the file, until one arrived", async () => {
  const rig = new Rig();
  rig.takesTables = true;
  rig.hasTables = false;
  assert.deepEqual(await rig.send(), ["sent 77", "removed"], "no tables can be had");
  rig.hasTables = true;
  assert.deepEqual(await rig.send(), ["sent 77 in tables", "removed"]);
  rig.arrives = false;
  assert.deepEqual(await rig.send(), ["sent 77 in tables", "removed"]);
  assert.deepEqual(await rig.send(), ["sent 77 in tables", "removed"]);
  assert.deepEqual(await rig.send(), ["sent 77", "removed"]);
  rig.arrives = true;
  assert.deepEqual(await rig.send(), ["sent 77", "removed"]);
  assert.deepEqual(await rig.send(), ["sent 77 in tables", "removed"]);
});

test("keys are taken in while a state is received, and serve its install alone", async () => {
  const rig = new Rig();
  rig.folder = "/received/77";
  const record = Buffer.from("0a01611002180220012a0176", "hex");
  const keys = (...revisions: number[]) =>
    revisions.map((main) => [revisionKey(main, 0, false), record] as const);
  rig.receivedKeys = keys(2, 3);
  await rig.transfer.receive(message(77), nothing());
  await rig.transfer.install(message(77).snapshot!);
  assert.equal(rig.installed?.loading?.newestRevision, 3);
  assert.equal(rig.installed?.folder, "/received/77");
  await rig.transfer.receive(message(78), nothing());
  await rig.transfer.receive(message(78), nothing());
  await rig.transfer.install(message(78).snapshot!);
  assert.equal(rig.installed?.loading, undefined, "which of two lies there is not known");
  rig.receivedKeys = keys(3, 2);
  await assert.rejects(rig.transfer.receive(message(79), nothing()), { code: "STATE_ORDER" });
  await rig.transfer.install(message(79).snapshot!);
  assert.equal(rig.installed?.loading, undefined);
});

test("the log is held for a while behind a state that has arrived", () => {
  const rig = new Rig();
  assert.equal(rig.transfer.wantsLog, false);
  rig.transfer.arrived();
  rig.nowMs += 29_999;
  assert.equal(rig.transfer.wantsLog, true);
  rig.nowMs += 1;
  assert.equal(rig.transfer.wantsLog, false);
});
