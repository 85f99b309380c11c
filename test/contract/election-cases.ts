// v3electionpb.Election: campaigns, what leaders proclaim, who observes them (facts: apply rules §8).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LeaderKey } from "#proto/gen/election.ts";
import {
  b,
  endsInTime,
  freshPrefix,
  interval,
  openWatch,
  readEvents,
  refuses,
  revisionOf,
  type SettingOf,
  s,
} from "./setting.ts";
import type { Wire } from "./wire.ts";

const noField = '"leader" field must be provided';

async function campaign(wire: Wire, name: string, value: string) {
  const { ID: lease } = await wire.lease.leaseGrant({ TTL: 600 });
  const won = await wire.election.campaign({ name: b(name), lease, value: b(value) });
  return { lease, header: won.header!, leader: won.leader! };
}

/** The cases of the Election service. */
export function electionSuite(setting: SettingOf): void {
  describe("Election", () => {
    test("the first candidate leads, proclaims and resigns", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      await refuses(wire.election.leader({ name: b(name) }), 2, "election: no leader");
      const { lease, leader, header } = await campaign(wire, name, "one");
      assert.deepEqual(
        { ...leader, name: s(leader.name), key: s(leader.key) },
        { name, key: `${name}/${lease.toString(16)}`, rev: header.revision, lease },
      );
      const now = await wire.election.leader({ name: b(name) });
      assert.deepEqual([s(now.kv!.value), now.kv!.lease], ["one", lease]);
      const proclaimed = await wire.election.proclaim({ leader, value: b("two") });
      assert.equal(revisionOf(proclaimed), header.revision + 1);
      assert.equal(s((await wire.election.leader({ name: b(name) })).kv!.value), "two");
      assert.equal(revisionOf(await wire.election.resign({ leader })), header.revision + 2);
      await refuses(wire.election.leader({ name: b(name) }), 2, "election: no leader");
      await refuses(wire.election.proclaim({ leader, value: b("x") }), 2, "election: not leader");
      assert.equal(
        revisionOf(await wire.election.resign({ leader })),
        header.revision + 2,
        "who resigned may resign again",
      );
    });

    test("a second campaign of one lease proclaims its value", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      const { lease, leader, header } = await campaign(wire, name, "one");
      const again = await wire.election.campaign({ name: b(name), lease, value: b("two") });
      assert.deepEqual([again.leader!.rev, s(again.leader!.key)], [leader.rev, s(leader.key)]);
      assert.equal(s((await wire.election.leader({ name: b(name) })).kv!.value), "two");
      const same = await wire.election.campaign({ name: b(name), lease, value: b("two") });
      assert.equal(revisionOf(same), header.revision + 1, "the same value is not put again");
    });

    test("the next candidate leads when the first one is gone", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      const first = await campaign(wire, name, "one");
      const { stream } = await openWatch(wire, {
        ...interval(`${name}/`),
        startRevision: first.header.revision + 1,
      });
      const second = campaign(wire, name, "two");
      await readEvents(stream, 1, `${name}/`, first.header.revision);
      assert.equal(s((await wire.election.leader({ name: b(name) })).kv!.value), "one");
      await wire.lease.leaseRevoke({ ID: first.lease });
      assert.equal((await second).leader.rev, first.header.revision + 1);
      assert.equal(s((await wire.election.leader({ name: b(name) })).kv!.value), "two");
      stream.cancel();
    });

    test("a campaign whose call ends leaves no key", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      const first = await campaign(wire, name, "one");
      const base = first.header.revision;
      const watch = { ...interval(`${name}/`), startRevision: base + 1 };
      const { stream } = await openWatch(wire, watch);
      const { ID: lease } = await wire.lease.leaseGrant({ TTL: 600 });
      const late = { name: b(name), lease, value: b("two") };
      await endsInTime(wire.election.campaign(late, { deadlineMs: 1500 }));
      const id = lease.toString(16);
      assert.deepEqual(await readEvents(stream, 2, `${name}/`, base), [
        `PUT ${id}=two @1`,
        `DELETE ${id} @2`,
      ]);
      stream.cancel();
    });

    test("an observer sees the leader, what it proclaims, and its successors", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      const observed = wire.observe(name);
      const nextSeen = async (): Promise<string> => {
        const { kv, header } = await observed.next();
        assert.ok(header!.revision >= kv!.modRevision && header!.memberId !== 0n);
        return s(kv!.value);
      };
      const first = await campaign(wire, name, "one");
      assert.equal(await nextSeen(), "one");
      await wire.election.proclaim({ leader: first.leader, value: b("more") });
      assert.equal(await nextSeen(), "more");
      const second = campaign(wire, name, "two");
      await wire.election.resign({ leader: first.leader });
      await second;
      assert.equal(await nextSeen(), "two");
      observed.cancel();
    });

    test("what names no leader, or another one, is refused", async () => {
      const { wire } = setting();
      const name = `${freshPrefix()}e`;
      await refuses(wire.election.proclaim({ value: b("x") }), 2, noField);
      await refuses(wire.election.resign({}), 2, noField);
      await refuses(
        wire.election.campaign({ name: b(name), lease: 0x7edcn, value: b("x") }),
        2,
        "etcdserver: requested lease not found",
      );
      const noKey = { name: b(name), lease: 1n };
      const notProvided = "etcdserver: key is not provided";
      await refuses(wire.election.proclaim({ leader: noKey, value: b("x") }), 2, notProvided);
      await refuses(wire.election.resign({ leader: noKey }), 2, notProvided);
      const { leader } = await campaign(wire, name, "one");
      const other: LeaderKey = { ...leader, rev: leader.rev - 1 };
      await refuses(
        wire.election.proclaim({ leader: other, value: b("x") }),
        2,
        "election: not leader",
      );
      await wire.election.resign({ leader: other });
      assert.equal(s((await wire.election.leader({ name: b(name) })).kv!.value), "one");
    });
  });
}
