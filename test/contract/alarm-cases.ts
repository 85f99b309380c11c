// Cases of the CORRUPT alarm, raised by hand: what is refused while it stands, what goes on, and how it
// is listed and cleared. It may name member 0, the whole cluster.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ContractRunner } from "./cluster.ts";
import { b, freshPrefix, refuses, revisionOf } from "./setting.ts";
import { withOneMember } from "./small-cases.ts";

const CORRUPT = "etcdserver: corrupt cluster";
const dataLoss = 15;
const activate = 1;
const deactivate = 2;
const corrupt = 2;

export function corruptSuite(runner: ContractRunner): void {
  describe("one member under the CORRUPT alarm", () => {
    withOneMember(runner, [], (wire, cluster) => {
      test("what changes is refused, what reads goes on, until it is disarmed", async () => {
        const p = freshPrefix();
        const { kv, lease, maintenance } = wire();
        const { ID } = await lease.leaseGrant({ TTL: 600 });
        const before = await kv.put({ key: b(`${p}a`), value: b("1") });
        const named = (answer: { alarms: { memberID: bigint; alarm: number }[] }): string[] =>
          answer.alarms.map(({ memberID, alarm }) => `${memberID} ${alarm}`).sort();
        for (const memberID of [0n, 77n, 77n]) {
          const raised = await maintenance.alarm({ action: activate, memberID, alarm: corrupt });
          assert.deepEqual(named(raised), [`${memberID} ${corrupt}`]);
        }
        const all = ["0 2", "77 2"];
        assert.deepEqual(named(await maintenance.alarm({})), all);
        assert.deepEqual(named(await maintenance.alarm({ alarm: 1 })), []);
        const { errors } = await maintenance.status({});
        assert.deepEqual(errors.map((one) => one.replaceAll(/ +/g, " ")).sort(), [
          "alarm:CORRUPT",
          "memberID:77 alarm:CORRUPT",
        ]);

        const put = {
          request: { $case: "requestPut" as const, value: { key: b(p), value: b("") } },
        };
        const read = { request: { $case: "requestRange" as const, value: { key: b(`${p}a`) } } };
        await refuses(kv.put({ key: b(`${p}a`), value: b("2") }), dataLoss, CORRUPT);
        await refuses(kv.deleteRange({ key: b(`${p}a`) }), dataLoss, CORRUPT);
        await refuses(kv.txn({ success: [put] }), dataLoss, CORRUPT);
        await refuses(kv.compact({ revision: revisionOf(before) }), dataLoss, CORRUPT);
        await refuses(lease.leaseGrant({ TTL: 600 }), dataLoss, CORRUPT);
        await refuses(lease.leaseRevoke({ ID }), dataLoss, CORRUPT);

        for (const serializable of [false, true]) {
          assert.equal((await kv.range({ key: b(`${p}a`), serializable })).count, 1);
        }
        assert.equal((await kv.txn({ success: [read] })).succeeded, true);
        assert.equal((await lease.leaseTimeToLive({ ID })).grantedTTL, 600);
        assert.equal((await maintenance.hashKV({})).header?.revision, revisionOf(before));

        const ask = async (path: string): Promise<[number, string]> => {
          const answer = await fetch(`${cluster().members[0]!.clientUrl}${path}`);
          return [answer.status, (await answer.text()).trim()];
        };
        assert.deepEqual(await ask("/health"), [
          503,
          '{"health":"false","reason":"ALARM CORRUPT"}',
        ]);
        assert.equal((await ask("/health?exclude=CORRUPT"))[0], 200);
        const [status, lines] = await ask("/readyz");
        assert.equal(status, 503);
        assert.match(lines, /\[-\]data_corruption failed: alarm activated: CORRUPT/);
        assert.deepEqual(await ask("/livez"), [200, "ok"]);

        for (const memberID of [77n, 0n]) {
          await refuses(kv.put({ key: b(`${p}a`), value: b("2") }), dataLoss, CORRUPT);
          const cleared = await maintenance.alarm({ action: deactivate, memberID, alarm: corrupt });
          assert.deepEqual(named(cleared), [`${memberID} ${corrupt}`]);
        }
        assert.deepEqual(
          named(await maintenance.alarm({ action: deactivate, memberID: 77n, alarm: corrupt })),
          [],
        );
        const after = await kv.put({ key: b(`${p}a`), value: b("2") });
        assert.equal(revisionOf(after), revisionOf(before) + 1, "nothing was changed meanwhile");
        assert.equal((await ask("/readyz"))[0], 200);
      });
    });
  });
}
