// What a member finds in its state when it starts or has installed another one.
import { emptyBytes, text, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import type { Bucket } from "#base/state-batch.ts";
import type { Alarms } from "#server/apply/alarms.ts";
import type { Lessor } from "#server/lease/lessor.ts";
import type { Capabilities } from "#server/membership/capabilities.ts";
import { storageVersionKey, storageVersionRecord } from "#server/membership/cluster-version.ts";
import type { Members } from "#server/membership/members.ts";
import type { Backend, StateReader, StateRecord } from "#server/mvcc/backend.ts";
import { consistentIndexKey, termKey } from "#server/node/apply-turn.ts";
import type { V2Store } from "#server/v2store/v2-store.ts";

const sliceRecords = 1000;

/** The last entry whose effects the state holds; 0 for none. */
export interface AppliedPosition {
  readonly index: number;
  readonly term: number;
}

async function readBucket(state: StateReader, bucket: Bucket): Promise<StateRecord[]> {
  const view = state.scan(bucket, emptyBytes);
  const records: StateRecord[] = [];
  try {
    for (;;) {
      const slice = await view.next(sliceRecords);
      if (slice.length === 0) return records;
      records.push(...slice);
    }
  } finally {
    await view.close();
  }
}

function readNumber(bytes: Uint8Array | undefined): number {
  if (bytes === undefined || bytes.length !== 8) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return Number(view.getBigUint64(0));
}

/** Index and term that the state's last batch carried. */
export async function readApplied(state: StateReader): Promise<AppliedPosition> {
  const [index, term] = await state.getMany("meta", [consistentIndexKey, termKey]);
  return { index: readNumber(index), term: readNumber(term) };
}

/**
 * Puts the storage version into a state that lacks the one of its cluster version, as earlier versions
 * of this program left it. Unsynced: the next start would do it again.
 */
export async function settleStorageVersion(
  backend: Backend,
  clusterVersion: string | undefined,
): Promise<void> {
  const wanted = clusterVersion === undefined ? undefined : storageVersionRecord(clusterVersion);
  const [stored] = await backend.getMany("meta", [storageVersionKey]);
  if (wanted === undefined || (stored !== undefined && text(stored) === wanted)) return;
  const batch = backend.newBatch();
  batch.put("meta", storageVersionKey, utf8(wanted));
  await backend.write(batch, { sync: false });
}

const authEnabledKey = utf8("authEnabled");

/**
 * Throws OperatingError AUTH_UNSUPPORTED if the state is one of a cluster with authentication on: this
 * version has none, so it would show everybody what they may not see.
 */
async function refuseAuth(state: StateReader): Promise<void> {
  const [enabled] = await state.getMany("auth", [authEnabledKey]);
  if (enabled?.[0] !== 1) return;
  throw new OperatingError(
    "AUTH_UNSUPPORTED",
    "the cluster has authentication enabled, which this version cannot enforce: disable it (etcdctl auth disable) before a member of this version joins, or stay with etcd",
  );
}

/** Loads members, alarms, leases and what is private from the state; keys are the store's to load afterwards. */
export async function loadSmallBuckets(
  state: StateReader,
  into: {
    readonly members: Members;
    readonly alarms: Alarms;
    readonly lessor: Lessor;
    readonly capabilities: Capabilities;
    readonly v2: V2Store;
  },
): Promise<void> {
  await refuseAuth(state);
  into.members.load({
    members: await readBucket(state, "members"),
    membersRemoved: await readBucket(state, "members_removed"),
    cluster: await readBucket(state, "cluster"),
  });
  into.alarms.load((await readBucket(state, "alarm")).map(([key]) => key));
  into.lessor.load(await readBucket(state, "lease"));
  const kept = await readBucket(state, "shared");
  into.capabilities.load(kept);
  into.v2.load(kept);
}
