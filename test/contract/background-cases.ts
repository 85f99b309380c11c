// Cases of what a member does by itself, and of Maintenance where nothing is wrong: compaction by time,
// a switched off quota in the status, alarms that do not stand, leadership moved to who has it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContractRunner } from "./cluster.ts";
import { b, freshPrefix, refuses, revisionOf } from "./setting.ts";
import { withOneMember } from "./small-cases.ts";

const COMPACTED = "etcdserver: mvcc: required revision has been compacted";

export function backgroundSuite(runner: ContractRunner): void {
  describe("one member that compacts by itself", () => {
    const flags = ["--auto-compaction-retention=1s", "--quota-backend-bytes=-1"];
    withOneMember(runner, flags, (wire, cluster) => {
      test("history of a second is kept, what is older goes, the newest stays", async () => {
        const { kv } = wire();
        const p = freshPrefix();
        const first = revisionOf(await kv.put({ key: b(`${p}a`), value: b("1") }));
        const last = revisionOf(await kv.put({ key: b(`${p}a`), value: b("2") }));
        for (;;) {
          const old = await kv.range({ key: b(`${p}a`), revision: first }).catch(() => undefined);
          if (old === undefined) break;
          await new Promise<void>((resolve) => void cluster().clock.after(50, resolve));
        }
        await refuses(kv.range({ key: b(`${p}a`), revision: first }), 11, COMPACTED);
        const read = await kv.range({ key: b(`${p}a`), revision: last });
        assert.equal(read.kvs[0]?.version, 2, "compacted up to it, which can be read");
      });

      test("without a quota the status says so", async () => {
        const status = await wire().maintenance.status({});
        assert.equal(status.dbSizeQuota, -1);
        assert.ok(status.dbSize >= status.dbSizeInUse && status.dbSizeInUse > 0);
        assert.deepEqual(status.downgradeInfo, { enabled: false, targetVersion: "" });
        assert.deepEqual(status.errors, []);
        assert.equal(status.isLearner, false);
        assert.match(status.storageVersion, /^3\.7\.\d+$/);
        assert.ok(status.raftAppliedIndex <= status.raftIndex);
      });

      test("alarms that do not stand, or are none, change nothing", async () => {
        const { maintenance } = wire();
        for (const action of [0, 1, 2] as const) {
          const answer = await maintenance.alarm({ action, memberID: 5n, alarm: 0 });
          assert.deepEqual(answer.alarms, [], `action ${action} with no alarm`);
          assert.ok(revisionOf(answer) > 0);
        }
        const cleared = await maintenance.alarm({ action: 2, memberID: 5n, alarm: 1 });
        assert.deepEqual(cleared.alarms, []);
      });

      test("leadership moves to who has it, and to nobody else", async () => {
        const { maintenance } = wire();
        const { leader, raftTerm } = await maintenance.status({});
        await maintenance.moveLeader({ targetID: leader });
        assert.equal((await maintenance.status({})).raftTerm, raftTerm);
        await refuses(
          maintenance.moveLeader({ targetID: 5n }),
          9,
          "etcdserver: bad leader transferee",
        );
      });

      test("a defragmentation leaves all that can be read", async () => {
        const { kv, maintenance } = wire();
        const p = freshPrefix();
        await kv.put({ key: b(`${p}a`), value: b("1") });
        const before = await maintenance.hashKV({});
        await maintenance.defragment({});
        const after = await maintenance.hashKV({ revision: revisionOf(before) });
        assert.equal(after.hash, before.hash);
      });
    });
  });
}
