// Membership, status, hashes, health, and the plain HTTP paths of the client port.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { b, freshPrefix, refuses, revisionOf, type SettingOf } from "./setting.ts";

function firstEight(hash: Buffer): bigint {
  return hash.readBigUInt64BE(0);
}

/** The member ID that etcd derives from its peer URL and the cluster's token. */
function memberIdOf(peerUrl: string): bigint {
  return firstEight(createHash("sha1").update(peerUrl).update("etcd-ts-test").digest());
}

function clusterIdOf(members: readonly bigint[]): bigint {
  const hash = createHash("sha1");
  for (const id of [...members].sort((x, y) => (x < y ? -1 : 1))) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(id);
    hash.update(bytes);
  }
  return firstEight(hash.digest());
}

/** The cases of Cluster.MemberList, Maintenance and the health service. */
export function memberSuite(setting: SettingOf): void {
  describe("Cluster.MemberList", () => {
    for (const linearizable of [true, false]) {
      test(`every member, ${linearizable ? "linearizable" : "local"}`, async () => {
        const { cluster, wires } = setting();
        for (const wire of wires) {
          const { members } = await wire.cluster.memberList({ linearizable });
          const got = members.map((member) => [
            member.name,
            member.peerURLs,
            member.clientURLs,
            member.isLearner,
          ]);
          const expected = cluster.members.map((member) => [
            member.name,
            [member.peerUrl],
            [member.clientUrl],
            false,
          ]);
          assert.deepEqual(got.sort(), expected.sort());
        }
      });
    }

    test("IDs are those of the peer URLs and the token, in ascending order", async () => {
      const { cluster, wire } = setting();
      const { members, header } = await wire.cluster.memberList({ linearizable: true });
      const expected = cluster.members.map((member) => memberIdOf(member.peerUrl));
      expected.sort((x, y) => (x < y ? -1 : 1));
      assert.deepEqual(
        members.map((member) => member.ID),
        expected,
      );
      assert.equal(header?.clusterId, clusterIdOf(expected));
    });

    test("the header has no revision", async () => {
      const { header } = await setting().wire.cluster.memberList({ linearizable: true });
      assert.equal(header?.revision, 0);
      assert.ok((header?.raftTerm ?? 0) > 1);
    });
  });

  describe("Maintenance", () => {
    test("status: one leader, one term, one version, of all members", async () => {
      const { wires, cluster } = setting();
      const statuses = await Promise.all(wires.map((wire) => wire.maintenance.status({})));
      assert.equal(new Set(statuses.map((status) => status.leader)).size, 1);
      assert.equal(new Set(statuses.map((status) => status.raftTerm)).size, 1);
      assert.equal(new Set(statuses.map((status) => status.header?.clusterId)).size, 1);
      for (const [i, status] of statuses.entries()) {
        assert.equal(status.header?.memberId, memberIdOf(cluster.members[i]!.peerUrl));
        assert.match(status.version, /^3\.7\.\d+$/);
        assert.equal(status.storageVersion, "3.7.0");
        assert.equal(status.isLearner, false);
        assert.deepEqual(status.errors, []);
        assert.ok(status.dbSize > 0);
        assert.ok(status.dbSizeInUse > 0 && status.dbSizeInUse <= status.dbSize);
        assert.equal(status.dbSizeQuota, 2 * 1024 ** 3);
        assert.ok(status.raftAppliedIndex > 0 && status.raftAppliedIndex <= status.raftIndex);
        assert.equal(status.header?.raftTerm, status.raftTerm);
        assert.equal(status.downgradeInfo?.enabled ?? false, false);
      }
    });

    test("status: a write moves the indexes and the revision", async () => {
      const { wire } = setting();
      const before = await wire.maintenance.status({});
      await wire.kv.put({ key: b(`${freshPrefix()}a`), value: b("1") });
      const after = await wire.maintenance.status({});
      assert.ok(after.raftIndex > before.raftIndex);
      assert.ok(after.raftAppliedIndex > before.raftAppliedIndex);
      assert.equal(revisionOf(after), revisionOf(before) + 1);
    });

    test("hash_kv: equal on all members at one revision", async () => {
      const { wire, wires } = setting();
      const p = freshPrefix();
      await wire.kv.put({ key: b(`${p}a`), value: b("1") });
      const revision = revisionOf(await wire.kv.deleteRange({ key: b(`${p}a`) }));
      for (const other of wires) await other.kv.range({ key: b(p) }); // all have applied it
      const hashes = await Promise.all(
        wires.map((other) => other.maintenance.hashKV({ revision })),
      );
      assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 1);
      for (const answer of hashes) assert.equal(answer.hashRevision, revision);
      assert.equal(new Set(hashes.map((answer) => answer.compactRevision)).size, 1);
    });

    test("hash_kv: below revision 0 there is nothing", async () => {
      const { wire } = setting();
      const { hash, hashRevision } = await wire.maintenance.hashKV({ revision: -1 });
      assert.deepEqual([hash, hashRevision], [1_084_519_789, -1]);
    });

    test("hash_kv: a future and a compacted revision are refused", async () => {
      const { wire } = setting();
      const p = freshPrefix();
      const revision = revisionOf(await wire.kv.put({ key: b(`${p}a`), value: b("1") }));
      await wire.kv.put({ key: b(`${p}a`), value: b("2") });
      await refuses(
        wire.maintenance.hashKV({ revision: revision + 100 }),
        11,
        "etcdserver: mvcc: required revision is a future revision",
      );
      await wire.kv.compact({ revision: revision + 1, physical: true });
      await refuses(
        wire.maintenance.hashKV({ revision: revision - 1 }),
        11,
        "etcdserver: mvcc: required revision has been compacted",
      );
    });

    test("no alarms", async () => {
      const answer = await setting().wire.maintenance.alarm({});
      assert.deepEqual(answer.alarms, []);
    });
  });

  describe("grpc.health.v1", () => {
    test("the server is serving", async () => {
      for (const wire of setting().wires) assert.equal((await wire.health.check({})).status, 1);
    });
    test("watch begins with serving", async () => {
      const stream = setting().wire.healthWatch("");
      assert.equal((await stream.next()).status, 1);
      stream.cancel();
    });
    test("an unknown service is not found", async () => {
      await refuses(setting().wire.health.check({ service: "no.such" }), 5, "unknown service");
    });
  });

  describe("headers of all answers", () => {
    test("cluster, member and term are those of the member that was asked", async () => {
      const { cluster, wires } = setting();
      const key = b(`${freshPrefix()}a`);
      for (const [i, wire] of wires.entries()) {
        const id = memberIdOf(cluster.members[i]!.peerUrl);
        const grant = await wire.lease.leaseGrant({ TTL: 600 });
        const answers = [
          await wire.kv.put({ key, value: b("1") }),
          await wire.kv.range({ key }),
          await wire.kv.range({ key, serializable: true }),
          await wire.kv.txn({}),
          await wire.kv.deleteRange({ key }),
          await wire.cluster.memberList({}),
          grant,
          await wire.lease.leaseTimeToLive({ ID: grant.ID }),
          await wire.lease.leaseLeases({}),
          await wire.lease.leaseRevoke({ ID: grant.ID }),
        ];
        for (const { header } of answers) {
          assert.equal(header?.memberId, id);
          assert.equal(
            header?.clusterId,
            clusterIdOf(cluster.members.map((m) => memberIdOf(m.peerUrl))),
          );
          assert.ok((header?.raftTerm ?? 0) > 1);
        }
      }
    });
  });
}

/** The cases of HTTP/1.1 on the client port. */
export function httpSuite(setting: SettingOf): void {
  const get = async (
    path: string,
    init?: RequestInit,
  ): Promise<{ status: number; text: string; headers: Headers }> => {
    const { cluster, follower } = setting();
    const url = cluster.members[follower]!.clientUrl + path;
    const answer = await fetch(url, { signal: AbortSignal.timeout(20_000), ...init });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };

  describe("HTTP", () => {
    for (const path of [
      "/health",
      "/health?serializable=true",
      "/health?exclude=NOSPACE",
      "/health?exclude=NOSPACE&exclude=CORRUPT",
    ]) {
      test(path, async () => {
        const { status, text, headers } = await get(path);
        assert.equal(status, 200);
        assert.equal(text, '{"health":"true","reason":""}');
        assert.match(headers.get("content-type") ?? "", /^text\/plain/);
      });
    }
    test("/health takes GET only", async () => {
      const { status, text, headers } = await get("/health", { method: "POST" });
      assert.equal(status, 405);
      assert.equal(headers.get("allow"), "GET");
      assert.equal(text.trim(), "Method Not Allowed");
    });
    test("/version", async () => {
      const { status, text, headers } = await get("/version");
      assert.equal(status, 200);
      assert.equal(headers.get("content-type"), "application/json");
      const version: unknown = JSON.parse(text);
      assert.deepEqual(Object.keys(version as object), ["etcdserver", "etcdcluster", "storage"]);
      assert.match(
        text,
        /^\{"etcdserver":"3\.7\.\d+","etcdcluster":"3\.7\.0","storage":"3\.7\.0"\}$/,
      );
    });
    test("/metrics names what dashboards ask for", async () => {
      const { status, text, headers } = await get("/metrics");
      assert.equal(status, 200);
      assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
      for (const pattern of [
        /^etcd_server_has_leader 1$/m,
        /^etcd_server_is_leader 0$/m,
        /^etcd_server_leader_changes_seen_total \d/m,
        /^etcd_server_proposals_committed_total \d/m,
        /^etcd_server_proposals_applied_total \d/m,
        /^etcd_server_proposals_pending \d/m,
        /^etcd_server_proposals_failed_total \d/m,
        /^etcd_mvcc_db_total_size_in_bytes [1-9]/m,
        /^etcd_mvcc_put_total \d/m,
        /^etcd_debugging_mvcc_keys_total \d/m,
        /^etcd_disk_wal_fsync_duration_seconds_count \d/m,
        /^etcd_disk_backend_commit_duration_seconds_count \d/m,
        /^etcd_network_peer_sent_bytes_total\{To="[0-9a-f]+"\} \d/m,
        /^etcd_server_version\{server_version="3\.7\.\d+"\} 1$/m,
        /^etcd_cluster_version\{cluster_version="3\.7"\} 1$/m,
        /^process_resident_memory_bytes [1-9]/m,
        /^grpc_server_handled_total\{/m,
      ]) {
        assert.match(text, pattern);
      }
    });
    test("an unknown path", async () => {
      const { status, text } = await get("/nope");
      assert.equal(status, 404);
      assert.equal(text, "404 page not found\n");
    });
    test("browsers may ask from anywhere", async () => {
      const { headers } = await get("/version");
      assert.equal(headers.get("access-control-allow-origin"), "*");
      assert.equal(headers.get("access-control-allow-methods"), "POST, GET, OPTIONS, PUT, DELETE");
      assert.equal(
        headers.get("access-control-allow-headers"),
        "accept, content-type, authorization",
      );
      assert.equal((await get("/health", { method: "OPTIONS" })).status, 200);
    });
  });
}
