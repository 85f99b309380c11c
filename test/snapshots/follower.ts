// A member of one kind that joins a cluster of the other and is sent its state: both then hold the same
// to the byte, whatever lies in the state.
import assert from "node:assert/strict";
import { AlarmRequest_AlarmAction as AlarmAction } from "#proto/gen/maintenance.ts";
import { startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { b } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import { fillStore, picture } from "./restored.ts";

/** `joiner` joins a member of kind `leader` whose log does not reach back to the start. */
export async function sendToJoiner(leader: MemberKind, joiner: MemberKind): Promise<void> {
  const cluster = await startCluster({
    runner: leader === "ours" ? "ours" : "reference",
    runners: [leader],
    size: 1,
    flags: ["--snapshot-count=20", "--snapshot-catchup-entries=5"],
  });
  const wires: Wire[] = [];
  try {
    const [first] = cluster.members;
    const wire = new Wire(first!.endpoint);
    wires.push(wire);
    await fillStore(wire, 1000);
    const { alarms } = await wire.maintenance.alarm({ action: AlarmAction.GET });
    for (const { alarm, memberID } of alarms) {
      await wire.maintenance.alarm({ action: AlarmAction.DEACTIVATE, alarm, memberID });
    }
    for (let i = 0; i < 60; i++) await wire.kv.put({ key: b(`late/${i}`), value: b("v") });
    const fresh = await cluster.newMember(joiner, [first!]);
    await wire.cluster.memberAdd({ peerURLs: [fresh.peerUrl], isLearner: true });
    await fresh.start();
    const joined = new Wire(fresh.endpoint);
    wires.push(joined);
    const { header } = await joined.maintenance.status({});
    await eventually("a learner that has caught up is promoted", () =>
      wire.cluster.memberPromote({ ID: header!.memberId }),
    );
    await wire.kv.put({ key: b("together"), value: b("v") });
    // Both hold all: what each of them announced of itself, too.
    await eventually(`${leader} and ${joiner} hold the same`, async () => {
      const [one, other] = await Promise.all(wires.map((each) => each.maintenance.hash({})));
      assert.equal(other!.hash, one!.hash);
      assert.deepEqual(await picture(joined), await picture(wire));
    });
    assert.ok(
      fresh.log().some((line) => /receiving (a )?database snapshot/.test(line)),
      "it was sent a state, and not the log",
    );
  } finally {
    for (const wire of wires) wire.close();
    await cluster.stop();
  }
}
