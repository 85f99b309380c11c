// What a member counts, under etcd's names.
import type { Metrics } from "#server/api/metrics.ts";
import type { Member, MemberMeters } from "#server/node/member.ts";

/** Meters that begin to count once the metrics exist. */
export type DurationMeters = { -readonly [Name in keyof MemberMeters]: MemberMeters[Name] };

/** Shows the member's numbers, and points its meters at the histograms. */
export function addMemberMetrics(metrics: Metrics, member: Member, meters: DurationMeters): void {
  const { hub, store } = member.parts;
  metrics.addSource(() => ({
    etcd_server_leader_changes_seen_total: member.leadership.changes,
    etcd_server_proposals_pending: member.pending.size,
    etcd_server_proposals_failed_total: member.proposer.failed,
    etcd_server_slow_read_indexes_total: member.reads.slowTries,
    etcd_debugging_mvcc_compact_revision: store.compactRevision,
    etcd_debugging_mvcc_watcher_total: hub.watcherCount,
    etcd_debugging_server_lease_expired_total: member.leaseExpiry.expiredTotal,
  }));
  const sync = metrics.duration("etcd_disk_wal_fsync_duration_seconds");
  meters.logSynced = (durationMs) => sync.observe(durationMs / 1000);
}
