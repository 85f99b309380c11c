// Keep-alives and TimeToLive, asked of a member that is primary, was, or never was.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { NodeApi } from "#server/node/api-member.ts";
import type { Member } from "#server/node/member.ts";
import { PeerServices } from "#server/node/peer-services.ts";
import { Reconfiguration } from "#server/node/reconfiguration.ts";
import { sha1 } from "#server/sha1.ts";
import { promptPasswords } from "#test/fakes/auth.ts";

const lease = 7n as LeaseId;

class Rig {
  nowMs = 0;
  readonly lessor = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
  prove: () => Promise<void> = () => Promise.resolve();
  readonly forwarded: bigint[] = [];
  readonly api: NodeApi;
  readonly services: PeerServices;

  constructor() {
    const batch = new MemoryBackend().newBatch();
    this.lessor.grant(batch, lease, 10, 0);
    this.lessor.promote(0, 1000);
    const member = {
      parts: {
        clusterId: 1n,
        memberId: 2n,
        lessor: this.lessor,
        clock: { monotonicMs: () => this.nowMs, after: (_ms: number, run: () => void) => run() },
        store: { currentRevision: 1 },
      },
      raftTerm: 3,
      committedIndex: 0,
      applyTurn: { appliedIndex: 0 },
      linearize: () => this.prove(),
      caughtUp: () => Promise.resolve(),
    } as unknown as Member;
    const forwarder = {
      renew: async (id: LeaseId) => {
        this.forwarded.push(id);
        return 99;
      },
      timeToLive: () => Promise.reject(new Error("not asked")),
    };
    const reconfiguration = new Reconfiguration({
      member,
      peers: { promote: () => Promise.reject(new Error("not asked")) },
      sha1,
      isStrict: true,
    });
    const copies = { export: () => Promise.reject(new Error("not asked")) };
    this.api = new NodeApi(member, forwarder, reconfiguration, copies, promptPasswords);
    this.services = new PeerServices(member, this.api, { receive: () => Promise.resolve() });
  }
}

test("a primary renews only once it has proved that it leads", async () => {
  const rig = new Rig();
  let prove = (): void => {};
  rig.prove = () => new Promise((resolve) => (prove = resolve));
  const renewal = rig.api.leaseRenew(lease);
  rig.nowMs = 5000;
  assert.equal(rig.lessor.view(lease, 5000)?.remainingSeconds, 6, "not yet renewed");
  prove();
  assert.equal(await renewal, 10);
  assert.equal(rig.lessor.view(lease, 5000)?.remainingSeconds, 10);
});

test("a former leader that wakes up does not promise life to a lease, it asks the new one", async () => {
  const rig = new Rig();
  rig.prove = () => {
    rig.lessor.demote();
    return Promise.reject(etcdError("leaderChanged"));
  };
  assert.equal(await rig.api.leaseRenew(lease), 99);
  assert.deepEqual(rig.forwarded, [7n]);
});

test("no proof, no renewal", async () => {
  const rig = new Rig();
  rig.prove = () => Promise.reject(etcdError("timeout"));
  await assert.rejects(rig.api.leaseRenew(lease), /timed out/);
  assert.deepEqual(rig.forwarded, []);
});

test("an unknown lease has no TTL, and nobody else is asked", async () => {
  const rig = new Rig();
  assert.equal(await rig.api.leaseRenew(8n as LeaseId), 0);
  assert.deepEqual(rig.forwarded, []);
});

test("a keep-alive of an expired lease waits for its revocation", async () => {
  const rig = new Rig();
  rig.nowMs = 20_000;
  const renewal = rig.api.leaseRenew(lease);
  await new Promise(setImmediate);
  rig.lessor.revoke(new MemoryBackend().newBatch(), lease);
  assert.equal(await renewal, 0);
});

test("what peers ask is never passed on", async () => {
  const rig = new Rig();
  assert.equal(await rig.services.leaseRenew(lease), 10);
  rig.lessor.demote();
  const notPrimary = { code: "NOT_PRIMARY_LESSOR" };
  await assert.rejects(rig.services.leaseRenew(lease), notPrimary);
  await assert.rejects(rig.services.leaseTimeToLive({ ID: lease, keys: false }), notPrimary);
  await assert.rejects(
    rig.services.leaseTimeToLive({ ID: 8n, keys: false }),
    { message: etcdError("leaseNotFound").message },
    "unknown on any member",
  );
  assert.deepEqual(rig.forwarded, []);
});
