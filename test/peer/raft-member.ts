// A member without a state machine: our raft on a log in memory, on our transport, beside reference
// members. It keeps what was committed and can lead.

import { Buffer } from "node:buffer";
import { utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { ConfChange, type Entry, EntryType, type Message, MessageType } from "#proto/gen/raft.ts";
import { confStateOf, initialEntries } from "#server/membership/bootstrap-ids.ts";
import type { Member } from "#server/membership/member-json.ts";
import { etcdLimits } from "#server/raft/config.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import { type OwnMember, startOwnMember } from "#test/peer/own-member.ts";
import type { ReferencePair } from "#test/peer/reference-pair.ts";

export interface RaftMember extends OwnMember {
  readonly raft: RawNode;
  readonly log: MemoryLog;
  /** Committed entries behind those of the bootstrap or of the last snapshot. */
  readonly committed: readonly Entry[];
  /** The last snapshot that was received. */
  readonly snapshot: { readonly message: Message; readonly database: Buffer } | undefined;
  /** Forgets the log up to what is applied; whoever needs it gets this database. */
  compact(database: Buffer): void;
  /** How the snapshots went that were sent. */
  readonly sent: readonly boolean[];
  /** True once a peer said that this member was removed. */
  readonly removed: boolean;
}

export interface RaftMemberOptions {
  readonly seed: number;
  /** Who this member is if it joins the running cluster; its log is empty then. */
  readonly joiningAs?: Member;
}

export async function startRaftMember(
  pair: ReferencePair,
  { seed, joiningAs }: RaftMemberOptions,
): Promise<RaftMember> {
  const log = new MemoryLog();
  const founders = joiningAs === undefined ? pair.cluster.members : [];
  const self = joiningAs ?? pair.own;
  const first = initialEntries(founders);
  log.append(first);
  const hardState = { term: Math.min(first.length, 1), vote: 0n, commit: first.length };
  log.setHardState(hardState);
  const raft = new RawNode({
    ...etcdLimits,
    id: self.id,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage: log,
    applied: first.length,
    hardState,
    confState: confStateOf(founders),
    checkQuorum: true,
    preVote: true,
    random: seededRandom(seed),
  });
  const committed: Entry[] = [];
  const sent: boolean[] = [];
  let snapshot: RaftMember["snapshot"];
  let database: Buffer = Buffer.alloc(0);
  let scheduled = false;

  const sendSnapshot = (message: Message): void => {
    const bytes = database;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
    };
    void own.transport.sendSnapshot(message, body());
  };

  const turn = (): void => {
    scheduled = false;
    while (raft.hasReady()) {
      const ready = raft.ready();
      if (ready.snapshot !== undefined) {
        log.applySnapshot(ready.snapshot);
        committed.length = 0;
      }
      log.append(ready.entries);
      if (ready.hardState !== undefined) log.setHardState(ready.hardState);
      const isSnapshot = (message: Message): boolean => message.type === MessageType.MsgSnap;
      own.transport.send(ready.messages.filter((message) => !isSnapshot(message)));
      for (const message of ready.messages.filter(isSnapshot)) sendSnapshot(message);
      for (const entry of ready.committed) {
        if (entry.type === EntryType.EntryConfChange) {
          raft.applyConfChange(ConfChange.decode(entry.data));
        }
        committed.push(entry);
      }
      raft.advance();
    }
  };
  const wake = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };
  let removed = false;
  const own = await startOwnMember(
    pair,
    {
      step(message) {
        raft.step(message);
        wake();
      },
      database(message, bytes) {
        snapshot = { message, database: bytes };
      },
      reportSnapshot(id, ok) {
        sent.push(ok);
        raft.reportSnapshot(id, ok ? "finish" : "failure");
        wake();
      },
      removedFromCluster() {
        removed = true;
      },
    },
    self,
  );
  const ticks = systemClock.every(50, () => {
    raft.tick();
    wake();
  });
  return {
    ...own,
    raft,
    log,
    committed,
    sent,
    get snapshot() {
      return snapshot;
    },
    get removed() {
      return removed;
    },
    compact(bytes) {
      database = bytes;
      const { applied } = raft.status();
      log.createSnapshot(applied, confStateOf(pair.cluster.members), utf8("{}"));
      log.compact(applied);
    },
    stop: async () => {
      ticks.cancel();
      await own.stop();
    },
  };
}
