// Cases that need flags of their own: one member with small limits and quick timers, one with a
// small quota, and a cluster that has lost its majority.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ContractCluster, type ContractRunner, startContractCluster } from "./cluster.ts";
import {
  b,
  createWatch,
  freshPrefix,
  interval,
  openWatch,
  plain,
  readEvents,
  refuses,
  revisionOf,
  s,
  type Watches,
} from "./setting.ts";
import { limitsStreams } from "./stream-limit.ts";
import { Wire } from "./wire.ts";

const NO_SPACE = "etcdserver: mvcc: database space exceeded";

/** Cases of one member of their own, with these flags. */
export function withOneMember(
  runner: ContractRunner,
  flags: readonly string[],
  cases: (wire: () => Wire, cluster: () => ContractCluster) => void,
): void {
  let cluster: ContractCluster | undefined;
  let wire: Wire | undefined;
  before(async () => {
    cluster = await startContractCluster(runner, { size: 1, flags });
    wire = new Wire(cluster.endpoints()[0]!);
  });
  after(async () => {
    wire?.close();
    await cluster?.stop();
  });
  cases(
    () => wire!,
    () => cluster!,
  );
}

/** Expects an error with one of these codes. */
async function endsWith(codes: readonly number[], call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: { readonly code: number; readonly details: string }) => {
    assert.ok(codes.includes(error.code), `${error.code} ${error.details}`);
    return true;
  });
}

/** The cases of the bounds of requests and connections, and of --watch-progress-notify-interval. */
export function limitSuite(runner: ContractRunner): void {
  describe("one member with small limits", () => {
    const flags = [
      "--max-txn-ops=3",
      "--max-request-bytes=65536",
      "--watch-progress-notify-interval=100ms",
      "--max-concurrent-streams=8",
    ];
    withOneMember(runner, flags, (wire, cluster) => {
      test("--max-concurrent-streams", () => limitsStreams(cluster().endpoints()[0]!, 8));
      test("--max-txn-ops", async () => {
        const p = freshPrefix();
        const puts = (count: number): unknown[] =>
          Array.from({ length: count }, (_, i) => ({
            request: { $case: "requestPut", value: { key: b(`${p}${i}`), value: b("1") } },
          }));
        await wire().kv.txn({ success: puts(3) as never[] });
        await refuses(
          wire().kv.txn({ success: puts(4) as never[] }),
          3,
          "etcdserver: too many operations in txn request",
        );
      });
      test("--max-request-bytes", async () => {
        const p = freshPrefix();
        await wire().kv.put({ key: b(`${p}a`), value: Buffer.alloc(65_000) });
        await refuses(
          wire().kv.put({ key: b(`${p}a`), value: Buffer.alloc(65_536) }),
          3,
          "etcdserver: request is too large",
        );
        await refuses(
          wire().kv.put({ key: b(`${p}a`), value: Buffer.alloc(65_536 + 512 * 1024) }),
          8,
          /received message larger than max/,
        );
        assert.equal((await wire().kv.range({ key: b(`${p}a`) })).kvs[0]?.value.length, 65_000);
      });
      test("progress_notify sends an empty answer with the current revision", async () => {
        const p = freshPrefix();
        const { stream, created } = await openWatch(wire(), {
          key: b(`${p}a`),
          progressNotify: true,
        });
        const first = await stream.next();
        assert.equal(first.watchId, created.watchId);
        assert.deepEqual(first.events, []);
        assert.equal(revisionOf(first), revisionOf(created));
        const r = revisionOf(await wire().kv.put({ key: b(`${p}other`), value: b("1") }));
        let answer = await stream.next();
        while (revisionOf(answer) < r) answer = await stream.next();
        assert.equal(revisionOf(answer), r);
        assert.deepEqual(answer.events, []);
        stream.cancel();
      });
      test("without progress_notify nothing is sent", async () => {
        const p = freshPrefix();
        const { stream } = await openWatch(wire(), { key: b(`${p}a`) });
        const noisy = await createWatch(stream, { key: b(`${p}b`), progressNotify: true });
        for (let i = 0; i < 4; i++) assert.equal((await stream.next()).watchId, noisy.watchId);
        stream.cancel();
      });
    });
  });
}

/** The cases of --quota-backend-bytes and the NOSPACE alarm. */
export function quotaSuite(runner: ContractRunner): void {
  describe("one member with a small quota", () => {
    withOneMember(runner, ["--quota-backend-bytes=8388608"], (wire, cluster) => {
      test("it fills up, refuses what takes space, and recovers by disarming", async () => {
        const p = freshPrefix();
        const { kv, lease, maintenance } = wire();
        const value = Buffer.alloc(1_000_000, "v");
        const { ID } = await lease.leaseGrant({ TTL: 600 });
        await kv.put({ key: b(`${p}0`), value, lease: ID });
        let refused = 0;
        for (let i = 0; i < 20 && refused === 0; i++) {
          await kv.put({ key: b(`${p}${i}`), value }).catch(async (error: unknown) => {
            refused = i;
            await refuses(Promise.reject(error), 8, NO_SPACE);
          });
        }
        assert.ok(refused > 2, `refused after ${refused} megabytes`);
        const raised = await maintenance.alarm({});
        assert.deepEqual(
          raised.alarms.map(({ alarm }) => alarm),
          [1],
        );
        assert.equal(raised.alarms[0]?.memberID, raised.header?.memberId);
        const status = await maintenance.status({});
        assert.equal(status.dbSizeQuota, 8_388_608);
        assert.equal(status.errors.length, 1);
        assert.match(status.errors[0]!, /alarm:NOSPACE/);

        await refuses(kv.put({ key: b(`${p}small`), value: b("1") }), 8, NO_SPACE);
        await refuses(
          kv.txn({
            success: [
              { request: { $case: "requestPut", value: { key: b(`${p}t`), value: b("1") } } },
            ],
          }),
          8,
          NO_SPACE,
        );
        await refuses(lease.leaseGrant({ TTL: 600 }), 8, NO_SPACE);
        const health = async (query: string): Promise<[number, string]> => {
          const answer = await fetch(`${cluster().members[0]!.clientUrl}/health${query}`);
          return [answer.status, (await answer.text()).trim()];
        };
        assert.deepEqual(await health(""), [503, '{"health":"false","reason":"ALARM NOSPACE"}']);
        assert.deepEqual(await health("?exclude=NOSPACE"), [200, '{"health":"true","reason":""}']);

        const read = await kv.range({ ...interval(p), keysOnly: true });
        assert.ok(read.count > 2, "reads go on");
        await kv.txn({
          success: [{ request: { $case: "requestRange", value: { key: b(`${p}0`) } } }],
        });
        const gone = await kv.deleteRange(interval(p));
        assert.equal(gone.deleted, read.count, "deletes go on");
        await lease.leaseRevoke({ ID });
        await kv.compact({ revision: revisionOf(gone), physical: true });
        // Where the size is that of a file, only this makes it smaller; elsewhere it may be missing.
        await maintenance.defragment({}).catch((error: { readonly code: number }) => {
          assert.equal(error.code, 12);
        });
        const disarmed = await maintenance.alarm({
          action: 2,
          alarm: 1,
          memberID: raised.alarms[0]!.memberID,
        });
        assert.deepEqual(
          disarmed.alarms.map(({ alarm }) => alarm),
          [1],
          "the answer names what was disarmed",
        );
        assert.deepEqual((await maintenance.alarm({})).alarms, []);
        await kv.put({ key: b(`${p}again`), value: b("1") });
        assert.deepEqual(await health(""), [200, '{"health":"true","reason":""}']);
      });
    });
  });
}

/** The cases of a member that has lost its majority and of one that comes back. */
export function majoritySuite(runner: ContractRunner): void {
  describe("three members, two of them down", () => {
    let cluster: ContractCluster | undefined;
    let needsLeader: Watches | undefined;
    let needsNone: Watches | undefined;
    const wires: Wire[] = [];
    before(async () => {
      cluster = await startContractCluster(runner, { size: 3 });
      for (const endpoint of cluster.endpoints()) wires.push(new Wire(endpoint));
      await wires[0]!.kv.put({ key: b("kept"), value: b("1") });
      for (const wire of wires) await wire.kv.range({ key: b("kept") });
      needsLeader = wires[0]!.watch({ metadata: { hasleader: "true" } });
      needsNone = wires[0]!.watch();
      for (const stream of [needsLeader, needsNone]) await createWatch(stream, { key: b("after") });
      await Promise.all([cluster.members[1]!.kill(), cluster.members[2]!.kill()]);
    });
    after(async () => {
      for (const wire of wires) wire.close();
      await cluster?.stop();
    });

    test("a serializable read is answered", async () => {
      const answer = await wires[0]!.kv.range({ key: b("kept"), serializable: true });
      assert.equal(answer.count, 1);
    });
    test("a write and a linearizable read end at the caller's deadline", async () => {
      // The server knows the deadline too, and may be the first to say so, in its own words.
      await endsWith([1, 4, 14], wires[0]!.kv.put({ key: b("lost") }, { deadlineMs: 500 }));
      await endsWith([1, 4, 14], wires[0]!.kv.range({ key: b("kept") }, { deadlineMs: 500 }));
    });
    test("a call that needs a leader is refused once it is known to be gone", async () => {
      const wire = wires[0]!;
      for (;;) {
        const { leader } = await wire.maintenance.status({});
        if (leader === 0n) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await refuses(
        wire.kv.put({ key: b("lost"), value: b("1") }, { metadata: { hasleader: "true" } }),
        14,
        "etcdserver: no leader",
      );
      const status = await wire.maintenance.status({});
      assert.deepEqual(status.errors, ["etcdserver: no leader"]);
      const health = await fetch(`${cluster!.members[0]!.clientUrl}/health`);
      assert.equal(health.status, 503);
      assert.equal((await health.text()).trim(), '{"health":"false","reason":"RAFT NO LEADER"}');
      const local = await fetch(`${cluster!.members[0]!.clientUrl}/health?serializable=true`);
      assert.equal(local.status, 200);
    });
    test("a watch that asks for a leader ends when there is none", async () => {
      await refuses(needsLeader!.next(), 14, "etcdserver: no leader");
    });
    test("a write and a linearizable read without the caller's deadline end at the server's", async () => {
      const limit = { deadlineMs: 60_000 };
      // A proposal that waits for a leader gives what ended its context (4), one that waits for
      // its majority says that it timed out (14).
      const proposals = [
        wires[0]!.kv.put({ key: b("lost"), value: b("1") }, limit),
        wires[0]!.lease.leaseGrant({ TTL: 60 }, limit),
      ];
      const { cluster: members, maintenance } = wires[0]!;
      const timedOut = "etcdserver: request timed out";
      const unhealthy = "etcdserver: unhealthy cluster";
      await Promise.all([
        refuses(members.memberPromote({ ID: 1n }, limit), 14, "etcdserver: no leader"),
        refuses(members.memberAdd({ peerURLs: ["http://127.0.0.1:1"] }, limit), 14, unhealthy),
        refuses(members.memberList({ linearizable: true }, limit), 14, timedOut),
        refuses(maintenance.moveLeader({ targetID: 1n }, limit), 9, "etcdserver: not leader"),
        refuses(maintenance.downgrade({ action: 0, version: "3.6" }, limit), 14, timedOut),

        ...proposals.map((proposal) => endsWith([4, 14], proposal)),
        refuses(wires[0]!.kv.range({ key: b("kept") }, limit), 14, "etcdserver: request timed out"),
      ]);
    });
    test("with one back, writes go on, and nothing acknowledged is lost", async () => {
      await cluster!.members[1]!.start();
      await wires[0]!.kv.put({ key: b("after"), value: b("1") });
      const read = await wires[1]!.kv.range({ key: b("kept") });
      assert.equal(read.count, 1);
      assert.equal((await wires[1]!.kv.range({ key: b("after") })).count, 1);
      const seen = await needsNone!.next();
      assert.equal(seen.events.length, 1, "the watch that asked for no leader went on");
      needsNone!.cancel();
    });
  });
}

/** The cases of a member that is killed and started again on its data. */
export function restartSuite(runner: ContractRunner): void {
  describe("one member, killed and started again", () => {
    let cluster: ContractCluster | undefined;
    let wire: Wire | undefined;
    const p = freshPrefix();
    let first = 0;
    let lease = 0n;
    let before1: Awaited<ReturnType<Wire["maintenance"]["hashKV"]>> | undefined;
    before(async () => {
      cluster = await startContractCluster(runner, { size: 1 });
      wire = new Wire(cluster.endpoints()[0]!);
      const { kv } = wire;
      await kv.put({ key: b(`${p}a`), value: b("0") });
      first = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
      await kv.put({ key: b(`${p}a`), value: b("2") });
      await kv.put({ key: b(`${p}b`), value: b("1") });
      await kv.deleteRange({ key: b(`${p}b`) });
      lease = (await wire.lease.leaseGrant({ TTL: 600 })).ID;
      await kv.put({ key: b(`${p}leased`), value: b("1"), lease });
      await kv.compact({ revision: first, physical: true });
      before1 = await wire.maintenance.hashKV({});
      await cluster.members[0]!.kill("SIGKILL");
      await cluster.members[0]!.start();
    });
    after(async () => {
      wire?.close();
      await cluster?.stop();
    });

    test("keys, versions and revisions are as they were", async () => {
      const { kv } = wire!;
      const read = await kv.range(interval(p));
      assert.equal(revisionOf(read), first + 4);
      assert.deepEqual(read.kvs.map(plain), [
        { key: `${p}a`, value: "2", create: first - 1, mod: first + 1, version: 3, lease: 0n },
        { key: `${p}leased`, value: "1", create: first + 4, mod: first + 4, version: 1, lease },
      ]);
    });
    test("history is as it was, down to the compaction", async () => {
      const { kv } = wire!;
      const old = await kv.range({ key: b(`${p}a`), revision: first });
      assert.equal(Buffer.from(old.kvs[0]!.value).toString(), "1");
      await refuses(
        kv.range({ key: b(`${p}a`), revision: first - 1 }),
        11,
        "etcdserver: mvcc: required revision has been compacted",
      );
      const { stream } = await openWatch(wire!, { ...interval(p), startRevision: first + 1 });
      assert.deepEqual(await readEvents(stream, 4, p, first), [
        "PUT a=2 @1",
        "PUT b=1 @2",
        "DELETE b @3",
        "PUT leased=1 @4",
      ]);
      stream.cancel();
    });
    test("the hash of the history is as it was", async () => {
      const after1 = await wire!.maintenance.hashKV({});
      assert.deepEqual(
        [after1.hash, after1.hashRevision, after1.compactRevision],
        [before1!.hash, before1!.hashRevision, before1!.compactRevision],
      );
    });
    test("the lease still owns its key", async () => {
      const left = await wire!.lease.leaseTimeToLive({ ID: lease, keys: true });
      assert.equal(left.grantedTTL, 600);
      assert.deepEqual(left.keys.map(s), [`${p}leased`]);
      await wire!.lease.leaseRevoke({ ID: lease });
      assert.equal((await wire!.kv.range({ key: b(`${p}leased`) })).count, 0);
    });
    test("the next write is the next revision", async () => {
      const now = revisionOf(await wire!.kv.range({ key: b(p) }));
      assert.equal(revisionOf(await wire!.kv.put({ key: b(`${p}c`), value: b("1") })), now + 1);
    });
    test("the member is who it was, and a clean stop loses nothing either", async () => {
      const status = await wire!.maintenance.status({});
      const exit = await cluster!.members[0]!.kill("SIGTERM");
      assert.deepEqual(exit, { code: null, signal: "SIGTERM" });
      await cluster!.members[0]!.start();
      const again = await wire!.maintenance.status({});
      assert.equal(again.header?.memberId, status.header?.memberId);
      assert.equal(again.header?.clusterId, status.header?.clusterId);
      assert.equal(revisionOf(again), revisionOf(status));
      assert.ok(again.raftTerm > status.raftTerm);
    });
  });
}
