// What comes before and around the state: alarms, quota, leases, versions, and commands that are not
// known. What KV requests do is kv.test.ts's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import type { LeaseId, MemberId } from "#base/ids.ts";
import { EtcdError } from "#proto/errors.ts";
import { PutRequest, RangeRequest, type RequestOp } from "#proto/gen/kv.ts";
import { AlarmType } from "#proto/gen/maintenance.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { Applier } from "#server/apply/applier.ts";
import type { Command, CommandKind, CommandPayloads } from "#server/apply/command.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { Lessor } from "#server/lease/lessor.ts";
import { Capabilities } from "#server/membership/capabilities.ts";
import { Members } from "#server/membership/members.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import { fakeAuthStore } from "#test/fakes/auth.ts";

const key = Buffer.from("k");
const lease = 7n as LeaseId;
const put = PutRequest.fromPartial({ key, value: Buffer.from("v") });
const putOp: RequestOp = { request: { $case: "requestPut", value: put } };
const range = RangeRequest.fromPartial({ key });
const rangeOp: RequestOp = { request: { $case: "requestRange", value: range } };

async function rig() {
  const backend = new MemoryBackend();
  const alarms = new Alarms();
  const auth = fakeAuthStore();
  const members = new Members();
  const leases = new Lessor({ minTtlSeconds: 2, expiredRetryMs: 7000 });
  const store = await MvccStore.load(backend, leases, { crc32c, pause: async () => {} });
  const told = { size: 0, overQuota: 0 };
  const applier = new Applier({
    store,
    leases,
    alarms,
    auth,
    members,
    capabilities: new Capabilities(1n as MemberId),
    v2: new V2Store(),
    quotaBytes: 1000,
    persistCheckpoints: false,
    sizeBytes: () => told.size,
    monotonicMs: () => 0,
  });
  applier.onOverQuota = () => {
    told.overQuota++;
  };
  const batch = backend.newBatch();
  /** "ok", or the name of the error. */
  const apply = <K extends CommandKind>(kind: K, payload: CommandPayloads[K]): string => {
    const command = { kind, payload, header: { id: 1n, username: "", authRevision: 0 } };
    const result = applier.apply(command as unknown as Command, batch, true, 0);
    return result instanceof EtcdError ? (result.errorName ?? "?") : "ok";
  };
  return { alarms, apply, auth, batch, leases, members, store, told };
}

type Rig = Awaited<ReturnType<typeof rig>>;

const commands: readonly [
  name: string,
  run: (one: Rig) => string,
  space: string,
  corrupt: string,
][] = [
  ["put", ({ apply }) => apply("put", put), "noSpace", "corrupt"],
  ["range", ({ apply }) => apply("range", range), "ok", "corrupt"],
  [
    "deleteRange",
    ({ apply }) => apply("deleteRange", { key, rangeEnd: Buffer.alloc(0), prevKv: false }),
    "ok",
    "corrupt",
  ],
  [
    "txn that puts",
    ({ apply }) => apply("txn", { compare: [], success: [], failure: [putOp] }),
    "noSpace",
    "corrupt",
  ],
  [
    "txn that reads",
    ({ apply }) => apply("txn", { compare: [], success: [rangeOp], failure: [] }),
    "ok",
    "corrupt",
  ],
  [
    "compaction",
    ({ apply }) => apply("compaction", { revision: 2, physical: false }),
    "ok",
    "corrupt",
  ],
  ["leaseGrant", ({ apply }) => apply("leaseGrant", { ID: 8n, TTL: 10 }), "noSpace", "corrupt"],
  ["leaseRevoke", ({ apply }) => apply("leaseRevoke", { ID: lease }), "ok", "corrupt"],
  [
    "leaseCheckpoint",
    ({ apply }) => apply("leaseCheckpoint", { checkpoints: [{ ID: lease, remainingTTL: 3 }] }),
    "ok",
    "ok",
  ],
  ["clusterVersionSet", ({ apply }) => apply("clusterVersionSet", { ver: "3.7.0" }), "ok", "ok"],
];

for (const [name, run, space, corrupt] of commands) {
  test(`${name} under alarms`, async () => {
    for (const [alarm, wanted] of [
      [AlarmType.NONE, "ok"],
      [AlarmType.NOSPACE, space],
      [AlarmType.CORRUPT, corrupt],
    ] as const) {
      const one = await rig();
      one.apply("leaseGrant", { ID: lease, TTL: 10 });
      one.apply("put", put);
      one.alarms.activate(9n, alarm, one.batch);
      const before = one.store.currentRevision;
      assert.equal(run(one), wanted, `alarm ${alarm}`);
      if (wanted !== "ok") assert.equal(one.store.currentRevision, before, "it left a trace");
    }
  });
}

test("what does not fit the quota is applied all the same, told so, and raises the alarm once", async () => {
  const one = await rig();
  one.told.size = 1000 - 256 - 2;
  assert.equal(one.apply("put", put), "noSpace");
  assert.equal(one.store.currentRevision, 2, "others, whose size differs, have applied it");
  assert.equal(one.told.overQuota, 1);
  one.told.size--;
  assert.equal(one.apply("put", put), "ok");
  one.alarms.activate(9n, AlarmType.NOSPACE, one.batch);
  one.told.size = 5000;
  one.apply("put", put);
  assert.equal(one.told.overQuota, 1, "an alarm stands");
});

test("a lease that ends takes its keys along, in one revision; without keys there is none", async () => {
  const one = await rig();
  one.apply("leaseGrant", { ID: lease, TTL: 10 });
  for (const name of ["b", "a"]) {
    one.apply("put", PutRequest.fromPartial({ key: Buffer.from(name), lease }));
  }
  assert.equal(one.apply("leaseRevoke", { ID: lease }), "ok");
  assert.equal(one.store.currentRevision, 4);
  assert.equal(one.store.keyCount, 0);
  assert.equal(one.apply("leaseRevoke", { ID: lease }), "leaseNotFound");
  one.apply("leaseGrant", { ID: lease, TTL: 10 });
  one.apply("leaseRevoke", { ID: lease });
  assert.equal(one.store.currentRevision, 4);
});

test("a lease is granted once, and never for too long", async () => {
  const one = await rig();
  assert.equal(one.apply("leaseGrant", { ID: lease, TTL: 10 }), "ok");
  assert.equal(one.apply("leaseGrant", { ID: lease, TTL: 10 }), "leaseExists");
  assert.equal(one.apply("leaseGrant", { ID: 8n, TTL: 9_000_000_001 }), "leaseTtlTooLarge");
});

test("a version that this program does not reach stops it before anything is written", async () => {
  const one = await rig();
  const before = one.batch.opCount;
  assert.throws(() => one.apply("clusterVersionSet", { ver: "3.8.0" }), {
    code: "CLUSTER_TOO_NEW",
  });
  assert.equal(one.batch.opCount, before);
  assert.equal(one.apply("clusterVersionSet", { ver: "3.6.0" }), "ok");
  assert.equal(one.members.clusterVersion, "3.6.0");
});

test("a downgrade is kept, and ended", async () => {
  const one = await rig();
  assert.equal(one.apply("downgradeInfoSet", { enabled: true, ver: "3.6.0" }), "ok");
  assert.deepEqual(one.members.downgrade, { enabled: true, targetVersion: "3.6.0" });
  one.apply("downgradeInfoSet", { enabled: false, ver: "" });
  assert.equal(one.members.downgrade.enabled, false);
});
