// The leader's comparisons: that all members hold the same data. Two of them, as in etcd. Over the
// hashes that members remember of compactions, which costs next to nothing, every minute; and over
// all that they hold, which reads it all, rarely. Whoever differs is named in a CORRUPT alarm, by the
// majority: a leader may be the one that is wrong. Where there is no majority the alarm names member
// 0, the whole cluster. A member that could not be compared has not passed: it is logged, and the
// next round asks again (facts: apply rules §6).
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatId, type MemberId, noMember } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import type { KvHash } from "#server/mvcc/store.ts";
import {
  type AskHash,
  askPeer,
  askPeerSince,
  oddMembers,
  type PeerAnswer,
  type Vote,
} from "#server/node/hash-answers.ts";

export interface CorruptionCheckPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly memberId: MemberId;
  isLeader(): boolean;
  /** All members but this one, learners too. */
  others(): readonly MemberRecord[];
  ask: AskHash;
  /** The hash over what this member holds now. */
  hashNow(revision: number): Promise<KvHash>;
  compactionHashes(): readonly KvHash[];
  revisions(): { readonly current: number; readonly compact: number };
  /** Resolves once all that was committed before the call is applied here. */
  linearize(): Promise<void> | undefined;
  /** Raises CORRUPT for the member; noMember for the whole cluster. */
  raise(id: MemberId): Promise<unknown>;
  /** Time between checks of everything; 0: never. */
  readonly everyMs: number;
  /** Time between checks of compaction hashes; 0: never. */
  readonly compactionEveryMs: number;
}

/** A follower that is behind by what is under way gets there within these. */
const tries = 5;
const betweenTriesMs = 500;

export class CorruptionCheck {
  private readonly ports: CorruptionCheckPorts;
  private readonly timers: Timer[] = [];
  private readonly busy = { all: false, compactions: false };
  /** The newest compaction that all members agreed on. */
  private checkedRevision = 0;
  private stopped = false;

  constructor(ports: CorruptionCheckPorts) {
    this.ports = ports;
  }

  start(): void {
    const { clock, compactionEveryMs, everyMs, log, memberId } = this.ports;
    if (everyMs > 0) {
      log.info(
        { "local-member-id": formatId(memberId), "interval-ms": everyMs },
        "enabled corruption checking",
      );
      this.timers.push(clock.every(everyMs, () => void this.round("all")));
    }
    if (compactionEveryMs > 0) {
      this.timers.push(clock.every(compactionEveryMs, () => void this.round("compactions")));
    }
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
  }

  private async round(kind: "all" | "compactions"): Promise<void> {
    const { busy, ports } = this;
    if (busy[kind] || !this.leads) return;
    busy[kind] = true;
    try {
      await (kind === "all" ? this.checkAll() : this.checkCompactions());
    } catch (error) {
      if (!this.stopped) ports.log.warn({ error: errorText(error) }, "failed to check hash KV");
    } finally {
      busy[kind] = false;
    }
  }

  private get leads(): boolean {
    return !this.stopped && this.ports.isLeader();
  }

  /** Compares all data, at a revision that every member has reached. */
  async checkAll(): Promise<void> {
    const { ask, clock, log, memberId } = this.ports;
    const others = this.ports.others();
    const own = await this.ports.hashNow(0);
    const askAll = (): Promise<PeerAnswer[]> =>
      Promise.all(
        others.map((one) => askPeerSince(ask, one, own.hashRevision, own.compactRevision)),
      );
    let answers = await askAll();
    for (let i = 1; i < tries && answers.some(({ why }) => why === "future"); i++) {
      await new Promise<void>((resolve) => clock.after(betweenTriesMs, resolve));
      if (!this.leads) return;
      answers = await askAll();
    }
    // Who was ahead of this member when it answered must not be when all is applied.
    await this.ports.linearize();
    if (!this.leads) return;
    const now = this.ports.revisions();
    const votes: Vote[] = [{ id: memberId, hash: own.hash }];
    const ahead: MemberId[] = [];
    for (const one of answers) {
      const { answer, id } = one;
      if (answer === undefined) {
        this.notCompared(id, own.hashRevision, one.error);
      } else if (answer.revision > now.current || answer.compactRevision > now.compact) {
        log.error(
          { ...fields(id, answer), "leader-revision": now.current },
          "a follower's revision is beyond the leader's",
        );
        ahead.push(id);
      } else if (answer.compactRevision !== own.compactRevision) {
        this.notCompared(id, own.hashRevision, "it hashed since another compaction");
      } else {
        votes.push({ id, hash: answer.hash });
      }
    }
    for (const id of ahead) await this.ports.raise(id);
    await this.judge(own, votes, others.length + 1, "found hash mismatch");
    log.info(
      { "number-of-peers-checked": votes.length - 1, "number-of-peers": others.length },
      "finished peer corruption check",
    );
  }

  /** Compares the newest compaction that all members remember, as far as it was not yet compared. */
  async checkCompactions(): Promise<void> {
    const { log, memberId } = this.ports;
    const hashes = this.ports
      .compactionHashes()
      .filter((one) => one.hashRevision > this.checkedRevision);
    if (hashes.length === 0) return;
    log.info({ "local-member-id": formatId(memberId) }, "starting compact hash check");
    let checked = 0;
    for (const own of hashes) {
      const others = this.ports.others();
      if (others.length === 0) break;
      const answers = await Promise.all(
        others.map((one) => askPeer(this.ports.ask, one, own.hashRevision)),
      );
      if (!this.leads) return;
      checked++;
      if (await this.compareCompaction(own, answers)) break;
    }
    log.info({ "number-of-hashes-checked": checked }, "finished compaction hash check");
  }

  /** True if older compactions need no look: all members agree, or the alarm was raised. */
  private async compareCompaction(own: KvHash, answers: readonly PeerAnswer[]): Promise<boolean> {
    const { log, memberId } = this.ports;
    const votes: Vote[] = [{ id: memberId, hash: own.hash }];
    for (const one of answers) {
      const { answer, id } = one;
      if (answer?.compactRevision === own.compactRevision) votes.push({ id, hash: answer.hash });
      else {
        const reason =
          answer === undefined ? one.error : "the peer's compact revision is not the leader's";
        this.notCompared(id, own.hashRevision, reason);
      }
    }
    const message = "detected compaction hash mismatch";
    if (await this.judge(own, votes, answers.length + 1, message)) return true;
    if (votes.length <= answers.length) return false;
    this.checkedRevision = Math.max(this.checkedRevision, own.hashRevision);
    log.info(
      { revision: own.hashRevision, "compact-revision": own.compactRevision, hash: own.hash },
      "successfully checked hash on whole cluster",
    );
    return true;
  }

  /** Raises the alarm for whoever stands out; true if somebody does. */
  private async judge(
    own: KvHash,
    votes: readonly Vote[],
    memberCount: number,
    message: string,
  ): Promise<boolean> {
    const odd = oddMembers(votes, memberCount);
    if (odd === "none") return false;
    const { log, raise } = this.ports;
    const seen = votes.map(({ id, hash }) => `${formatId(id)}=${hash}`);
    const at = { revision: own.hashRevision, "compact-revision": own.compactRevision };
    if (odd === "unknown") {
      log.error(
        { ...at, hashes: seen },
        `${message}; no majority tells which members are corrupt, so the alarm names member 0`,
      );
      await raise(noMember);
      return true;
    }
    log.error({ ...at, hashes: seen, "corrupt-members": odd.map(formatId) }, message);
    for (const id of odd) await raise(id);
    return true;
  }

  private notCompared(id: MemberId, revision: number, reason: string): void {
    const { log, memberId } = this.ports;
    log.warn(
      {
        "local-member-id": formatId(memberId),
        "remote-peer-id": formatId(id),
        revision,
        reason,
      },
      "a member's hash was not compared",
    );
  }
}

function fields(
  id: MemberId,
  answer: { readonly revision: number; readonly compactRevision: number },
): object {
  return {
    "remote-peer-id": formatId(id),
    "remote-peer-revision": answer.revision,
    "remote-peer-compact-revision": answer.compactRevision,
  };
}
