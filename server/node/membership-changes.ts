// What an applied change of the cluster does to this member: to its state, to raft, and to the
// connections to others; and what follows for a member that was removed.
import type { Clock, Timer } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { EtcdError } from "#proto/errors.ts";
import type { ConfChange } from "#proto/gen/raft.ts";
import { allowedDowngrade, serverVersion } from "#server/membership/cluster-version.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { type Members, membershipError, membershipFaults } from "#server/membership/members.ts";
import type { WritableBatch } from "#server/mvcc/backend.ts";
import { confStateKey } from "#server/node/apply-turn.ts";
import type { RawNode } from "#server/raft/raw-node.ts";

/** How long a removed member goes on, as in etcd. */
const removedStayMs = 1000;
/** How long the others still talk to it: until it has stopped by itself. */
const removedTalkMs = 2000;

export interface MembershipChangePorts {
  readonly memberId: MemberId;
  readonly clock: Clock;
  readonly log: Log;
  readonly members: Members;
  readonly raft: Pick<RawNode, "applyConfChange">;
  readonly peers: {
    addPeer(id: MemberId, urls: readonly string[]): void;
    updatePeer(id: MemberId, urls: readonly string[]): void;
    removePeer(id: MemberId): void;
  };
  /** A member of an older version may come, which must not be sent what the log holds now. */
  forgetLog(): void;
  /** This member is none any more, and has told so. */
  onRemoved(): void;
}

export class MembershipChanges {
  private readonly ports: MembershipChangePorts;
  private readonly timers = new Set<Timer>();
  private stopped = false;

  constructor(ports: MembershipChangePorts) {
    this.ports = ports;
  }

  /** Applies a committed change; its proposer is answered with all members after it. */
  apply(change: ConfChange, batch: WritableBatch): object | EtcdError {
    const { log, members, memberId, peers, raft } = this.ports;
    const effect = members.apply(change, batch);
    if (effect.kind === "refused") {
      raft.applyConfChange({ ...change, nodeId: 0n });
      log.warn({ fault: membershipFaults[effect.fault][0] }, "refused a change of membership");
      return membershipError(effect.fault);
    }
    batch.put("meta", confStateKey, encodeConfState(raft.applyConfChange(change)));
    switch (effect.kind) {
      case "added":
      case "promoted":
      case "updated": {
        const { id, peerUrls, isLearner } = effect.member;
        log.info({ member: formatId(id), peerUrls, isLearner }, `${effect.kind} member`);
        if (id === memberId) break;
        if (effect.kind === "updated") peers.updatePeer(id, peerUrls);
        else peers.addPeer(id, peerUrls);
        break;
      }
      case "removed":
        log.info({ member: formatId(effect.id) }, "removed member");
        this.leaves(effect.id);
        break;
    }
    return members.list();
  }

  /** The storage version has changed with it, in the same batch. */
  clusterVersionSet(before: string | undefined, now: string): void {
    const { log, members } = this.ports;
    if (before === now) return;
    log.info({ from: before, to: now }, "updated cluster version");
    // A member of the lower version may join now. It stops at the entry that raised the version, and
    // at whatever else it does not know.
    if (before !== undefined && allowedDowngrade(before) === now) this.ports.forgetLog();
    const { enabled, targetVersion } = members.downgrade;
    if (!enabled || targetVersion !== now) return;
    const fields = { "target-version": targetVersion, "server-version": serverVersion };
    log.info(fields, "The server is ready to downgrade");
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
  }

  /**
   * A removed member goes on for a little, so that those who asked it are answered, and is talked to
   * for longer, so that it learns of its removal from the log and not from a refused connection.
   */
  private leaves(id: MemberId): void {
    const { clock, log, memberId, onRemoved, peers } = this.ports;
    const isSelf = id === memberId;
    if (this.stopped) return;
    if (isSelf) log.info({}, "this member was removed; it stops in a second");
    const stay = clock.after(isSelf ? removedStayMs : removedTalkMs, () => {
      this.timers.delete(stay);
      if (isSelf) onRemoved();
      else peers.removePeer(id);
    });
    this.timers.add(stay);
  }
}
