import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseId } from "#base/ids.ts";
import { LeaseExpiry } from "#server/node/lease-expiry.ts";

interface Settling {
  resolve(): void;
  reject(error: Error): void;
}

class Rig {
  leads = true;
  readonly expired: LeaseId[] = [];
  readonly alive = new Set<LeaseId>();
  readonly proofs: Settling[] = [];
  readonly revokes = new Map<LeaseId, Settling>();
  readonly order: LeaseId[] = [];
  readonly expiry = new LeaseExpiry({
    isLeader: () => this.leads,
    linearize: () => new Promise((resolve, reject) => this.proofs.push({ resolve, reject })),
    expired: (_nowMs, max) => this.expired.splice(0, max),
    hasExpired: (lease) => !this.alive.has(lease),
    revoke: (lease) => {
      this.order.push(lease);
      return new Promise<void>((resolve, reject) => this.revokes.set(lease, { resolve, reject }));
    },
  });

  name(from: number, to: number): void {
    for (let id = from; id <= to; id++) this.expired.push(BigInt(id) as LeaseId);
  }

  async round(proof: "proved" | "refused" | "pending" = "proved"): Promise<void> {
    const done = this.expiry.round(0);
    if (proof === "proved") this.proofs.shift()?.resolve();
    if (proof === "refused") this.proofs.shift()?.reject(new Error("no quorum"));
    if (proof !== "pending") await done;
  }

  async settle(lease: number, outcome: "revoked" | "failed"): Promise<void> {
    const settling = this.revokes.get(BigInt(lease) as LeaseId)!;
    if (outcome === "revoked") settling.resolve();
    else settling.reject(new Error("timed out"));
    await new Promise(setImmediate);
  }
}

test("at most 16 are revoked at a time, first ended first", async () => {
  const rig = new Rig();
  rig.name(1, 20);
  await rig.round();
  assert.deepEqual(
    rig.order.map(Number),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
  await rig.settle(3, "revoked");
  assert.equal(rig.order.at(-1), 17n);
  assert.equal(rig.expiry.expiredTotal, 1);
});

test("nothing is revoked without a proof of leadership", async () => {
  const rig = new Rig();
  rig.name(1, 1);
  await rig.round("refused");
  assert.deepEqual(rig.order, []);
  rig.leads = false;
  rig.name(1, 1);
  await rig.round();
  assert.equal(rig.proofs.length, 0, "a follower does not even ask");
});

test("leadership lost during the proof: nothing is revoked", async () => {
  const rig = new Rig();
  rig.name(1, 1);
  const round = rig.round("pending");
  rig.leads = false;
  rig.proofs.shift()?.resolve();
  await round;
  await new Promise(setImmediate);
  assert.deepEqual(rig.order, []);
});

test("a lease that counts anew by the time of the proof is spared", async () => {
  const rig = new Rig();
  rig.name(1, 2);
  void rig.round("pending");
  rig.alive.add(1n as LeaseId);
  rig.proofs.shift()?.resolve();
  await new Promise(setImmediate);
  assert.deepEqual(rig.order, [2n]);
});

test("after failures the next round goes on with those that still wait", async () => {
  const rig = new Rig();
  rig.name(1, 18);
  await rig.round();
  for (let lease = 1; lease <= 16; lease++) await rig.settle(lease, "failed");
  assert.equal(rig.order.length, 16);
  await rig.round();
  assert.deepEqual(rig.order.slice(16), [17n, 18n]);
});

test("a second round does not forget whom the first has yet to revoke", async () => {
  const rig = new Rig();
  rig.name(1, 17);
  await rig.round();
  rig.name(100, 100);
  await rig.round();
  await rig.settle(1, "revoked");
  await rig.settle(2, "revoked");
  assert.deepEqual(rig.order.slice(16), [17n, 100n]);
});
