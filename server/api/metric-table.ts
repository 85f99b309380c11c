// The metrics of a member, by etcd's names (facts: server config §5). Components keep plain numbers
// and are asked for them when metrics are scraped; only durations are observed as they happen.

/** name → [kind, help] of metrics without labels. */
export const scalarMetrics = {
  etcd_server_has_leader: ["gauge", "1 if this member knows a leader, 0 if not."],
  etcd_server_is_leader: ["gauge", "1 if this member leads, 0 if not."],
  etcd_server_is_learner: ["gauge", "1 if this member is a learner, 0 if not."],
  etcd_server_leader_changes_seen_total: ["counter", "Changes of the leader that were seen."],
  etcd_server_heartbeat_send_failures_total: ["counter", "Heartbeats of a leader sent too late."],
  etcd_server_proposals_committed_total: ["gauge", "Committed proposals."],
  etcd_server_proposals_applied_total: ["gauge", "Applied proposals."],
  etcd_server_proposals_pending: ["gauge", "Proposals that wait for their commit."],
  etcd_server_proposals_failed_total: ["counter", "Proposals that failed."],
  etcd_server_slow_apply_total: ["counter", "Applies that took too long."],
  etcd_server_slow_read_indexes_total: ["counter", "Read-index rounds that took too long."],
  etcd_server_read_indexes_failed_total: ["counter", "Read-index rounds that failed."],
  etcd_server_quota_backend_bytes: ["gauge", "Quota of the database in bytes."],
  etcd_server_snapshot_apply_in_progress_total: ["gauge", "1 while a snapshot is installed."],
  etcd_server_learner_promote_successes: ["counter", "Learners promoted by this leader."],
  etcd_server_health_success: ["counter", "Health checks passed."],
  etcd_server_health_failures: ["counter", "Health checks failed."],
  etcd_disk_wal_write_bytes_total: ["gauge", "Bytes written to the log."],
  etcd_disk_defrag_inflight: ["gauge", "1 while the database is defragmented."],
  etcd_mvcc_db_total_size_in_bytes: ["gauge", "Bytes that the database occupies."],
  etcd_mvcc_db_total_size_in_use_in_bytes: ["gauge", "Bytes that the database uses."],
  etcd_mvcc_db_open_read_transactions: ["gauge", "Reads under way."],
  etcd_mvcc_put_total: ["counter", "Puts applied."],
  etcd_mvcc_delete_total: ["counter", "Deletes applied."],
  etcd_mvcc_range_total: ["counter", "Ranges read."],
  etcd_mvcc_txn_total: ["counter", "Transactions applied."],
  etcd_network_client_grpc_received_bytes_total: ["counter", "Bytes received from gRPC clients."],
  etcd_network_client_grpc_sent_bytes_total: ["counter", "Bytes sent to gRPC clients."],
  etcd_debugging_mvcc_keys_total: ["gauge", "Keys."],
  etcd_debugging_mvcc_current_revision: ["gauge", "Current revision."],
  etcd_debugging_mvcc_compact_revision: ["gauge", "Revision of the last compaction."],
  etcd_debugging_mvcc_watch_stream_total: ["gauge", "Watch streams."],
  etcd_debugging_mvcc_watcher_total: ["gauge", "Watchers."],
  etcd_debugging_mvcc_slow_watcher_total: ["gauge", "Watchers that have to catch up."],
  etcd_debugging_mvcc_pending_events_total: ["gauge", "Events waiting to be sent."],
  etcd_debugging_mvcc_events_total: ["counter", "Events sent."],
  etcd_debugging_mvcc_total_put_size_in_bytes: ["gauge", "Bytes of keys and values put."],
  etcd_debugging_mvcc_db_compaction_keys_total: ["counter", "Records removed by compaction."],
  etcd_debugging_mvcc_db_compaction_last: ["gauge", "Unix time of the last compaction."],
  etcd_debugging_auth_revision: ["gauge", "Current revision of the auth store."],
  etcd_debugging_lease_granted_total: ["counter", "Leases granted."],
  etcd_debugging_lease_revoked_total: ["counter", "Leases revoked."],
  etcd_debugging_lease_renewed_total: ["counter", "Leases renewed by this leader."],
  etcd_debugging_server_lease_expired_total: ["counter", "Leases expired."],
  process_virtual_memory_max_bytes: ["gauge", "Bytes of address space allowed."],
  process_network_receive_bytes_total: ["counter", "Bytes received by the machine's network."],
  process_network_transmit_bytes_total: ["counter", "Bytes sent by the machine's network."],
  promhttp_metric_handler_requests_in_flight: ["gauge", "Scrapes under way."],
  os_fd_used: ["gauge", "File descriptors in use."],
  os_fd_limit: ["gauge", "File descriptors allowed."],
} as const satisfies Record<string, readonly ["gauge" | "counter", string]>;

export type ScalarName = keyof typeof scalarMetrics;

/** name → [help, first bucket, factor, count]; durations in seconds unless the name says otherwise. */
export const durationMetrics = {
  etcd_disk_wal_fsync_duration_seconds: ["Syncs of the log.", 0.001, 2, 14],
  etcd_disk_wal_write_duration_seconds: ["Writes of the log, syncs included.", 0.001, 2, 14],
  etcd_disk_backend_commit_duration_seconds: ["Commits of the database.", 0.001, 2, 14],
  etcd_disk_backend_snapshot_duration_seconds: ["Snapshots of the database.", 0.01, 2, 17],
  etcd_snap_db_fsync_duration_seconds: ["Syncs of received databases.", 0.001, 2, 14],
  etcd_snap_db_save_total_duration_seconds: ["Received databases saved.", 0.1, 2, 10],
  etcd_mvcc_hash_duration_seconds: ["Hashes of the store.", 0.01, 2, 15],
  etcd_mvcc_hash_rev_duration_seconds: ["Hashes of the store at a revision.", 0.01, 2, 15],
  etcd_disk_backend_defrag_duration_seconds: ["Defragmentations of the database.", 0.1, 2, 13],
  etcd_debugging_lease_ttl_total: ["TTLs of leases granted, in seconds.", 1, 2, 24],
  etcd_debugging_mvcc_db_compaction_total_duration_milliseconds: ["Compactions.", 100, 2, 14],
  etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds: [
    "Pauses of the store by compaction.",
    1,
    2,
    13,
  ],
} as const satisfies Record<string, readonly [string, number, number, number]>;

export type DurationName = keyof typeof durationMetrics;

/** Numbers of one component, by name; asked for at each scrape. */
export type MetricSource = () => { readonly [Name in ScalarName]?: number };
