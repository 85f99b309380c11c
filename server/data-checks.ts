// Wires the checks that all members hold the same data: the one before a start, and the leader's.
import type { Clock } from "#base/clock.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { CorruptionCheck } from "#server/node/corruption-check.ts";
import type { AskHash } from "#server/node/hash-answers.ts";
import { InitialCheck } from "#server/node/initial-check.ts";
import type { Member } from "#server/node/member.ts";
import type { PeerClient } from "#server/peer/peer-client.ts";

/** What a peer that runs and can be reached needs for any answer. */
const greetingTimeoutMs = 1000;
/** A peer reads all that it holds for an answer, so a large one takes its time. */
const hashTimeoutMs = 60_000;

export interface DataCheckPorts {
  readonly config: Pick<ServerConfig, "featureGates" | "corruptCheckMs" | "compactHashCheckMs">;
  readonly member: Member;
  readonly peerClient: PeerClient;
  readonly clusterId: ClusterId;
  readonly clock: Clock;
  readonly log: Log;
  fatal(error: unknown): void;
}

export interface DataChecks {
  /** Undefined if it is switched off, or if this member holds nothing yet. */
  readonly initial: InitialCheck | undefined;
  readonly leading: CorruptionCheck;
}

export function dataChecks(ports: DataCheckPorts): DataChecks {
  const { clock, clusterId, config, log, member, peerClient } = ports;
  const { alarms, appliedIndex, memberId, members, store } = member.parts;
  const ask: AskHash = async (url, revision) => {
    // One that hangs must not hold up a start for as long as a large state takes.
    await peerClient.versions(url, greetingTimeoutMs);
    return await peerClient.hashKv(url, clusterId, revision, hashTimeoutMs);
  };
  const raise = async (id: MemberId): Promise<void> => {
    if (alarms.list(AlarmType.CORRUPT).some(({ memberID }) => memberID === id)) return;
    const request = { action: AlarmAction.ACTIVATE, memberID: id, alarm: AlarmType.CORRUPT };
    await member.proposer.propose("alarm", request);
  };
  const shared = {
    clock,
    log,
    memberId,
    ask,
    raise,
    others: () => members.list().filter(({ id }) => id !== memberId),
    hashNow: (revision: number) => store.hashNow(revision),
    revisions: () => ({ current: store.currentRevision, compact: store.compactRevision }),
  };
  const wanted = config.featureGates.get("InitialCorruptCheck") === true && appliedIndex > 0;
  return {
    initial: wanted ? new InitialCheck({ ...shared, fatal: ports.fatal }) : undefined,
    leading: new CorruptionCheck({
      ...shared,
      isLeader: () => member.leadership.isLeader,
      compactionHashes: () => store.compactionHashes(),
      linearize: () => member.linearize(),
      everyMs: config.corruptCheckMs,
      compactionEveryMs:
        config.featureGates.get("CompactHashCheck") === true ? config.compactHashCheckMs : 0,
    }),
  };
}
