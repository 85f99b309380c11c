// What /metrics shows beside etcd's: every metric that etcd has is there, of the same type, with the
// same labels and buckets, but for those that are listed here with the reason; and after the same
// requests the counters that must agree do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { ask } from "./requests.ts";

/** Metrics of etcd that are not here, and why. */
const absent: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^go_|^etcd_server_go_version$/, "of Go's runtime; nodejs_* instead"],
  [/^etcd_grpc_proxy_/, "of the grpc-proxy, which is no member"],
  [/^etcd_debugging_store_/, "of the v2 store, which 3.7 no longer has"],
  [/^etcd_debugging_disk_backend_commit_/, "phases of a bbolt commit"],
  [/^etcd_debugging_snap_save_|^etcd_snap_fsync_/, "of etcd's snapshot files"],
  [/^etcd_debugging_mvcc_index_compaction_pause_/, "the index has no compaction of its own"],
  [/^etcd_debugging_server_watch_send_loop_/, "phases of etcd's loop; there is none here"],
];

interface Shape {
  readonly type: string;
  /** Names of labels of the series there are, and their `le` values. */
  readonly labels: Set<string>;
  readonly buckets: Set<string>;
}

interface Scrape {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly values: ReadonlyMap<string, number>;
}

async function scrape(url: string): Promise<Scrape> {
  const { body } = await ask(url, { path: "/metrics", method: "GET" });
  const shapes = new Map<string, Shape>();
  const values = new Map<string, number>();
  for (const line of body.split("\n")) {
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (declared !== null) {
      shapes.set(declared[1]!, { type: declared[2]!, labels: new Set(), buckets: new Set() });
    }
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (found === null) continue;
    const [, name, labels = "", value] = found;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => {
      return [label!, text!] as const;
    });
    const sorted = pairs.map(([label, text]) => `${label}=${text}`).sort();
    values.set(`${name}{${sorted.join(",")}}`, Number(value));
    const shape = shapes.get(name!) ?? shapes.get(name!.replace(/_(bucket|sum|count)$/, ""));
    for (const [label, text] of pairs) {
      if (label === "le") shape?.buckets.add(String(Number(text === "+Inf" ? Infinity : text)));
      else shape?.labels.add(label);
    }
  }
  return { shapes, values };
}

/** Counters that the same requests bring to the same value. */
const equal = [
  "etcd_mvcc_put_total{}",
  "etcd_mvcc_delete_total{}",
  "etcd_debugging_mvcc_keys_total{}",
  "etcd_debugging_mvcc_current_revision{}",
  "etcd_debugging_mvcc_compact_revision{}",
  "etcd_debugging_mvcc_total_put_size_in_bytes{}",
  "etcd_debugging_mvcc_db_compaction_keys_total{}",
  "etcd_debugging_lease_granted_total{}",
  "etcd_debugging_lease_ttl_total_sum{}",
  "etcd_server_has_leader{}",
  "etcd_server_is_leader{}",
  "etcd_server_quota_backend_bytes{}",
  "etcd_server_health_success{}",
  "etcd_server_healthchecks_total{name=serializable_read,status=success,type=livez}",
  "etcd_server_healthcheck{name=serializable_read,type=livez}",
  "etcd_server_apply_duration_seconds_count{op=Put,success=true,version=v3}",
  "etcd_server_apply_duration_seconds_count{op=Compaction,success=false,version=v3}",
  "etcd_server_apply_duration_seconds_count{op=LeaseGrant,success=true,version=v3}",
  "etcd_server_request_duration_seconds_count{success=true,type=Put}",
  "grpc_server_started_total{grpc_method=Put,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_handled_total{grpc_code=OK,grpc_method=Put,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_handled_total{grpc_code=OutOfRange,grpc_method=Compact,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_msg_received_total{grpc_method=Range,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_msg_sent_total{grpc_method=Range,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_handling_seconds_count{grpc_method=Range,grpc_service=etcdserverpb.KV,grpc_type=unary}",
  "grpc_server_handling_seconds_count{grpc_method=LeaseKeepAlive,grpc_service=etcdserverpb.Lease,grpc_type=bidi_stream}",
  "etcd_server_feature_enabled{name=FastLeaseKeepAlive,stage=BETA}",
];

/** What etcd's dashboard and the alerts of its mixin ask for, with values that requests must have moved. */
const alive = [
  "etcd_disk_wal_fsync_duration_seconds_count{}",
  "etcd_disk_backend_commit_duration_seconds_count{}",
  "etcd_disk_wal_write_bytes_total{}",
  "etcd_mvcc_db_total_size_in_bytes{}",
  "etcd_mvcc_db_total_size_in_use_in_bytes{}",
  "etcd_mvcc_range_total{}",
  "etcd_server_request_duration_seconds_count{success=true,type=Range}",
  "etcd_network_client_grpc_received_bytes_total{}",
  "etcd_network_client_grpc_sent_bytes_total{}",
  "etcd_server_range_duration_seconds_count{success=true}",
  "etcd_disk_backend_defrag_duration_seconds_count{}",
  "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count{}",
  "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count{}",
  "etcd_server_proposals_applied_total{}",
  "etcd_server_proposals_committed_total{}",
  "process_resident_memory_bytes{}",
  "process_cpu_seconds_total{}",
  "process_open_fds{}",
  "process_max_fds{}",
  "process_start_time_seconds{}",
  "process_virtual_memory_max_bytes{}",
];

/** One series a peer. */
const ofPeers = [
  "etcd_network_active_peers{Local=",
  "etcd_network_known_peers{Local=",
  "etcd_network_peer_sent_bytes_total{To=",
  "etcd_network_peer_received_bytes_total{From=",
];

const requests: readonly (readonly [path: string, body: unknown])[] = [
  ["/v3/kv/put", { key: "YQ==", value: "YWFh" }],
  ["/v3/kv/put", { key: "YQ==", value: "YmJi" }],
  ["/v3/kv/put", { key: "Yg==", value: "YmJi" }],
  ["/v3/kv/deleterange", { key: "Yg==" }],
  ["/v3/kv/range", { key: "YQ==" }],
  ["/v3/kv/range", { key: "YQ==", serializable: true }],
  ["/v3/kv/compaction", { revision: 3, physical: true }],
  ["/v3/kv/compaction", { revision: 300 }],
  ["/v3/maintenance/defragment", {}],
  ["/v3/lease/grant", { TTL: 77 }],
  ["/v3/lease/keepalive", { ID: 5 }],
];

test("every metric of etcd is there and tells the same", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const clusters: Cluster[] = [];
  t.after(() => Promise.all(clusters.map((cluster) => cluster.stop())));
  // Two members, so that there are peers to show.
  for (const runner of ["ours", "reference"] as const)
    clusters.push(await startCluster({ runner, size: 2, flags: ["--metrics=extensive"] }));
  const scrapes: Scrape[] = [];
  for (const cluster of clusters) {
    for (const member of cluster.members)
      await ask(member.clientUrl, { path: "/health", method: "GET" });
    const leader = await leaderUrl(cluster);
    for (const [path, body] of requests) await ask(leader, { path, body: JSON.stringify(body) });
    await ask(leader, { path: "/livez", method: "GET" });
    scrapes.push(await scrape(leader));
  }
  const [ours, theirs] = scrapes as [Scrape, Scrape];
  for (const [name, shape] of theirs.shapes) {
    if (absent.some(([pattern]) => pattern.test(name))) {
      assert.ok(!ours.shapes.has(name), `${name} is listed as absent`);
      continue;
    }
    const mine = ours.shapes.get(name);
    assert.ok(mine !== undefined, `${name} is missing`);
    assert.equal(mine.type, shape.type, name);
    if (mine.labels.size > 0) assert.deepEqual(mine.labels, shape.labels, name);
    if (mine.buckets.size > 0)
      assert.deepEqual(rounded(mine.buckets), rounded(shape.buckets), name);
  }
  for (const name of equal) {
    assert.ok(theirs.values.has(name), `${name} is none of etcd's`);
    assert.equal(ours.values.get(name), theirs.values.get(name), name);
  }
  for (const name of alive) {
    assert.ok(theirs.values.has(name), `${name} is none of etcd's`);
    assert.ok(ours.values.get(name)! > 0, `${name} is ${ours.values.get(name)}`);
  }
  for (const prefix of ofPeers) {
    for (const { values } of scrapes)
      assert.ok(
        [...values.keys()].some((name) => name.startsWith(prefix)),
        prefix,
      );
  }
});

/** Bounds as numbers of few digits: powers are not the same in every last bit. */
function rounded(bounds: Set<string>): string[] {
  return [...bounds].map((text) => Number(text).toPrecision(9)).sort();
}

async function leaderUrl(cluster: Cluster): Promise<string> {
  for (const { clientUrl } of cluster.members) {
    const { values } = await scrape(clientUrl);
    if (values.get("etcd_server_is_leader{}") === 1) return clientUrl;
  }
  throw new Error("nobody leads");
}
