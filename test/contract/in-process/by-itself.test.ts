// What a member proposes by itself, for no user, while authentication is on, under simulated time:
// revocations of leases that ended, checkpoints of those that live, compactions, the NOSPACE alarm,
// and with --auto-disarm the end of that alarm.
import assert from "node:assert/strict";
import { test } from "node:test";
import { b, createWatch, readEvents, refuses, revisionOf } from "../setting.ts";
import { type CallOptions, Wire } from "../wire.ts";
import { startInProcessCluster } from "./cluster.ts";

const value = Buffer.alloc(100_000, "v");
const tries = 200;

test("with authentication on, a member's own proposals are applied", async () => {
  const cluster = await startInProcessCluster({
    size: 1,
    flags: [
      "--bcrypt-cost=4",
      "--quota-backend-bytes=1000000",
      "--auto-disarm",
      "--auto-compaction-mode=periodic",
      "--auto-compaction-retention=5s",
      "--feature-gates=LeaseCheckpoint=true",
    ],
    settings: { leaseCheckpointMs: 2000 },
  });
  const wire = new Wire(cluster.endpoints()[0]!);
  const { auth, kv, lease, maintenance } = wire;
  const login = async (): Promise<CallOptions> => {
    const { token } = await auth.authenticate({ name: "root", password: "root" });
    return { metadata: { token } };
  };
  const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
    for (let i = 0; i < tries; i++) {
      if (await isSo()) return;
      await new Promise<void>((resolve) => void cluster.clock.after(1000, resolve));
    }
    throw new Error(`${what}: not within ${tries} seconds`);
  };
  try {
    await auth.userAdd({ name: "root", password: "root" });
    await auth.userGrantRole({ user: "root", role: "root" });
    await auth.authEnable({});
    await refuses(kv.put({ key: b("a") }), 3, "etcdserver: user name is empty");
    let root = await login();

    const { ID: long } = await lease.leaseGrant({ TTL: 6000 }, root);
    const { ID: short } = await lease.leaseGrant({ TTL: 2 }, root);
    const watch = wire.watch(root);
    await createWatch(watch, { key: b("leased") });
    const first = revisionOf(await kv.put({ key: b("leased"), lease: short }, root));
    assert.deepEqual(await readEvents(watch, 2, "", first), ["PUT leased= @0", "DELETE leased @1"]);
    watch.cancel();

    await until("it compacts", () =>
      kv.range({ key: b("a"), revision: first }, root).then(
        () => false,
        ({ code }) => code === 11,
      ),
    );

    const full = await (async () => {
      for (let i = 0; i < 20; i++) {
        try {
          await kv.put({ key: b(`full-${i}`), value }, root);
        } catch (error) {
          return error as { code: number };
        }
      }
      return undefined;
    })();
    assert.equal(full?.code, 8);
    const raised = async (): Promise<readonly number[]> =>
      (await maintenance.alarm({}, root)).alarms.map(({ alarm }) => alarm);
    await until("it raises NOSPACE", async () => (await raised()).length === 1);
    assert.deepEqual(await raised(), [1]);
    await kv.deleteRange({ key: b("full-"), rangeEnd: b("full.") }, root);
    await maintenance.defragment({}, root);
    await until("it takes NOSPACE back", async () => (await raised()).length === 0);
    await kv.put({ key: b("again"), value }, root);

    await cluster.members[0]!.kill("SIGKILL");
    await cluster.members[0]!.start();
    root = await login();
    const { TTL } = await lease.leaseTimeToLive({ ID: long }, root);
    // It was full for half a minute at least.
    assert.ok(TTL > 0 && TTL <= 6000 - 25, `${TTL} s left of what was noted`);
  } finally {
    wire.close();
    await cluster.stop();
  }
});
