// What a member counts, under etcd's names.

import { growingBounds, OutcomeDurations } from "#base/duration-counts.ts";
import type { MemberId } from "#base/ids.ts";
import { EtcdError } from "#proto/errors.ts";
import type { LeaseGrantResponse } from "#proto/gen/lease.ts";
import type { DurationSeries } from "#server/api/histogram-text.ts";
import type { Metrics } from "#server/api/metrics.ts";
import type { PeerSample, SnapshotDirection } from "#server/api/peer-metrics.ts";
import type { Member } from "#server/node/member.ts";
import type { MemberMeters } from "#server/node/member-parts.ts";

/** Meters that begin to count once the metrics exist. */
export type DurationMeters = { -readonly [Name in keyof MemberMeters]: MemberMeters[Name] } & {
  /** A whole state begins to come or go; what this returns is called when it has ended. */
  snapshot(direction: SnapshotDirection, peer: MemberId): (ok: boolean) => void;
  /** A received state was written and synced. */
  stateReceived(times: { readonly saveMs: number; readonly syncMs: number }): void;
  /** A probe of a peer was answered. */
  roundTrip(to: MemberId, seconds: number): void;
};

/** Meters that count nothing yet. */
export function silentMeters(): DurationMeters {
  return {
    logSynced: () => {},
    applied: () => {},
    stateCopied: () => {},
    snapshot: () => () => {},
    stateReceived: () => {},
    roundTrip: () => {},
  };
}

/** What the transport counts of a peer; server/peer's has it. */
export interface CountedPeers {
  activeSince(id: MemberId): number | undefined;
  counters(id: MemberId): Omit<PeerSample, "id" | "isActive"> | undefined;
}

export interface MeteredParts {
  readonly member: Member;
  readonly meters: DurationMeters;
  readonly peers: CountedPeers;
  /** Sends and installs whole states. */
  readonly transfer: { readonly isInstalling: boolean };
  /** Reads of clients that took as long as a slow apply. */
  slowReads(): number;
  /** Ranges read. */
  rangeCount(): number;
  readonly rangeTimes: OutcomeDurations;
}

/** Shows the member's numbers, and points its meters at the histograms. */
export function addMemberMetrics(metrics: Metrics, parts: MeteredParts): void {
  const { member, meters, peers } = parts;
  const { auth, hub, lessor, members, memberId, store } = member.parts;
  let logBytes = 0;
  let lastCompactionSeconds = 0;
  metrics.addSource(() => ({
    etcd_server_leader_changes_seen_total: member.leadership.changes,
    etcd_server_proposals_pending: member.pending.size,
    etcd_server_proposals_failed_total: member.proposer.failed,
    etcd_server_slow_apply_total: member.slowApplies.count + parts.slowReads(),
    etcd_server_snapshot_apply_in_progress_total: parts.transfer.isInstalling ? 1 : 0,
    etcd_server_slow_read_indexes_total: member.reads.slowTries,
    etcd_server_read_indexes_failed_total: member.reads.failedRounds,
    etcd_mvcc_put_total: member.applier.counts.put,
    etcd_mvcc_delete_total: member.applier.counts.deleteRange,
    etcd_mvcc_txn_total: member.applier.counts.txn,
    etcd_mvcc_range_total: parts.rangeCount(),
    etcd_disk_wal_write_bytes_total: logBytes,
    etcd_debugging_mvcc_keys_total: store.keyCount,
    etcd_debugging_mvcc_pending_events_total: hub.pendingEvents,
    etcd_debugging_mvcc_total_put_size_in_bytes: store.putBytes,
    etcd_debugging_mvcc_db_compaction_keys_total: store.compactedRecords,
    etcd_debugging_mvcc_db_compaction_last: lastCompactionSeconds,
    etcd_debugging_mvcc_compact_revision: store.compactRevision,
    etcd_debugging_mvcc_watch_stream_total: hub.streamCount,
    etcd_debugging_mvcc_watcher_total: hub.watcherCount,
    etcd_debugging_mvcc_slow_watcher_total: hub.slowWatcherCount,
    etcd_debugging_auth_revision: auth.revision,
    etcd_debugging_lease_granted_total: lessor.granted,
    etcd_debugging_lease_revoked_total: lessor.revoked,
    etcd_debugging_lease_renewed_total: lessor.renewed,
    etcd_debugging_server_lease_expired_total: member.leaseExpiry.expiredTotal,
  }));
  const peerMetrics = metrics.addPeers(() =>
    members.list().flatMap(({ id }) => {
      const counters = id === memberId ? undefined : peers.counters(id);
      if (counters === undefined) return [];
      return [{ ...counters, id, isActive: peers.activeSince(id) !== undefined }];
    }),
  );
  const sync = metrics.duration("etcd_disk_wal_fsync_duration_seconds");
  const written = metrics.duration("etcd_disk_wal_write_duration_seconds");
  meters.logSynced = (durationMs, bytes) => {
    logBytes += bytes;
    sync.observe(durationMs / 1000);
    written.observe(durationMs / 1000);
  };
  const committed = metrics.duration("etcd_disk_backend_commit_duration_seconds");
  meters.stateWritten = (durationMs) => committed.observe(durationMs / 1000);
  const compacted = metrics.duration(
    "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
  );
  meters.compacted = (durationMs) => {
    compacted.observe(durationMs);
    lastCompactionSeconds = Math.floor(member.parts.clock.wallMs() / 1000);
  };
  const pause = metrics.duration("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds");
  meters.compactionPaused = (durationMs) => pause.observe(durationMs);
  const defragmented = metrics.duration("etcd_disk_backend_defrag_duration_seconds");
  meters.defragmented = (durationMs) => defragmented.observe(durationMs / 1000);
  metrics.addDurations("etcd_server_range_duration_seconds", "Reads of the store.", () => [
    { labels: { success: "true" }, durations: parts.rangeTimes.ok },
    { labels: { success: "false" }, durations: parts.rangeTimes.failed },
  ]);
  addApplyTimes(metrics, meters);
  const copied = metrics.duration("etcd_disk_backend_snapshot_duration_seconds");
  meters.stateCopied = (durationMs) => copied.observe(durationMs / 1000);
  const keysHashed = metrics.duration("etcd_mvcc_hash_rev_duration_seconds");
  const stateHashed = metrics.duration("etcd_mvcc_hash_duration_seconds");
  meters.hashed = (what, durationMs) =>
    (what === "keys" ? keysHashed : stateHashed).observe(durationMs / 1000);
  const saved = metrics.duration("etcd_snap_db_save_total_duration_seconds");
  const synced = metrics.duration("etcd_snap_db_fsync_duration_seconds");
  meters.stateReceived = ({ saveMs, syncMs }) => {
    saved.observe(saveMs / 1000);
    synced.observe(syncMs / 1000);
  };
  meters.snapshot = (direction, peer) => {
    const start = member.parts.clock.monotonicMs();
    const ended = peerMetrics.snapshot(direction, peer);
    return (ok) => ended(ok, (member.parts.clock.monotonicMs() - start) / 1000);
  };
  meters.roundTrip = (to, seconds) => peerMetrics.roundTrip(to, seconds);
}

/** How long commands took to apply, by kind, and the times that granted leases live. */
function addApplyTimes(metrics: Metrics, meters: DurationMeters): void {
  const bounds = growingBounds(0.0001, 2, 20);
  const byKind = new Map<string, OutcomeDurations>();
  const ttl = metrics.duration("etcd_debugging_lease_ttl_total");
  meters.commandApplied = ({ kind }, result, tookMs) => {
    let durations = byKind.get(kind);
    if (durations === undefined) {
      durations = new OutcomeDurations(bounds);
      byKind.set(kind, durations);
    }
    const ok = !(result instanceof EtcdError);
    durations.observe(tookMs / 1000, ok);
    if (kind === "leaseGrant" && ok) ttl.observe(Number((result as LeaseGrantResponse).TTL));
  };
  function* series(): Iterable<DurationSeries> {
    for (const [kind, { ok, failed }] of byKind) {
      const op = kind.charAt(0).toUpperCase() + kind.slice(1);
      yield { labels: { op, success: "true", version: "v3" }, durations: ok };
      yield { labels: { op, success: "false", version: "v3" }, durations: failed };
    }
  }
  metrics.addDurations("etcd_server_apply_duration_seconds", "Commands applied.", series);
}
