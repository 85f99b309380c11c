// What a received state does to the member that installs it, all parts wired.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import type { Clock } from "#base/clock.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { EntryType, Message, MessageType } from "#proto/gen/raft.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { openReplica } from "#server/node/replica.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { MemoryWal } from "#server/wal/memory-wal.ts";
import { zeroMark } from "#server/wal/wal.ts";
import { fakeAuthPorts } from "#test/fakes/auth.ts";

const clusterId = 9n as ClusterId;
const leader = 1n as MemberId;
const self = 2n as MemberId;
const confState = { ...zeroMark.confState, voters: [leader, self] };
const settings = {
  electionTicks: 10,
  heartbeatMs: 100,
  electionTimeoutMs: 1000,
  requestTimeoutMs: 7000,
  preVote: true,
  initialElectionTickAdvance: true,
  maxLearners: 1,
  maxRequestBytes: 1_572_864,
  quotaBytes: undefined,
  snapshotCount: 1000,
  snapshotCatchupEntries: 1000,
  snapshotLogHoldMs: 30_000,
  compactionBatchLimit: 100,
  compactionSleepMs: 10,
};
/** Time stands still: whatever happens is a message's doing. */
const clock: Clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  after: () => ({ cancel: () => {} }),
  every: () => ({ cancel: () => {} }),
};

/** A member that has nothing yet, and the steps of what it does. */
async function joiner() {
  const wal = MemoryWal.create({ memberId: self, clusterId });
  let backend = new MemoryBackend();
  const fatal = Promise.withResolvers<never>();
  /** Entries that the leader was told to be here. */
  const told: number[] = [];
  let wake = (): void => {};
  const replica = await openReplica({
    clusterId,
    memberId: self,
    settings,
    clock,
    log: silentLog,
    random: seededRandom(1),
    crc32c,
    state: {
      get backend() {
        return backend;
      },
      replace: async (mark, fill, resetLog, adopt) => {
        const fresh = new MemoryBackend();
        await fill(fresh);
        backend = fresh;
        await resetLog(mark);
        await adopt(fresh);
      },
    },
    wal,
    auth: fakeAuthPorts(),
    memoryLog: new MemoryLog(),
    markIndex: 0,
    expected: [],
    files: {
      export: () => assert.fail("it sends no state"),
      receive: async () => {},
      fill: async (index, into) => {
        const batch = into.newBatch();
        batch.put("meta", utf8("consistent_index"), uint64Bytes(index));
        batch.put("meta", utf8("term"), uint64Bytes(3));
        batch.put("meta", utf8("confState"), encodeConfState(confState));
        for (const id of [leader, self]) {
          batch.put(
            "members",
            utf8(`${id}`),
            utf8(`{"id":${id},"peerURLs":["http://p${id}:2380"]}`),
          );
        }
        await into.write(batch, { sync: true });
      },
      drop: async () => {},
    },
    peers: {
      send: (messages) => {
        for (const { index, type } of messages) {
          if (type === MessageType.MsgAppResp) told.push(index);
        }
        wake();
      },
      sendSnapshot: () => assert.fail("it sends no state"),
      addPeer: () => {},
      updatePeer: () => {},
      removePeer: () => {},
      activeSince: () => undefined,
    },
    meters: { logSynced: () => {}, applied: () => wake(), stateCopied: () => {} },
    markState: () => Promise.resolve(),
    schedule: setImmediate,
    fatal: (error) => fatal.reject(error),
    onRemoved: () => assert.fail("nobody removed it"),
  });
  fatal.promise.catch(() => {});
  replica.start();
  /** Resolves once `condition` holds; looked at after whatever the member does. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      await Promise.race([woken, fatal.promise]);
    }
  };
  return { replica, told, until };
}

test("a member goes on from the entry that a received state ends with", async () => {
  const { replica, told, until } = await joiner();
  const { member, transfer } = replica;
  const begun = { from: leader, to: self, term: 3 };
  const snapshot = { data: new Uint8Array(0), metadata: { index: 77, term: 3, confState } };
  const sent = Message.fromPartial({ ...begun, type: MessageType.MsgSnap, snapshot });
  await transfer.receive(sent, (async function* () {})());
  member.step(sent);
  await until(() => told.length > 0);
  assert.deepEqual(told, [77]);
  assert.deepEqual([member.applyTurn.appliedIndex, member.applyTurn.appliedTerm], [77, 3]);

  const entry = { index: 78, term: 3, type: EntryType.EntryNormal, data: new Uint8Array(0) };
  const next = { ...begun, index: 77, logTerm: 3, commit: 78, entries: [entry] };
  member.step(Message.fromPartial({ ...next, type: MessageType.MsgApp }));
  await until(() => told.length > 1 && member.applyTurn.appliedIndex === 78);
  assert.deepEqual(told, [77, 78]);
  await replica.stop();
});
