// What a member finds in its state when it starts or has installed another one.
import { emptyBytes, text, utf8 } from "#base/bytes.ts";
import type { Bucket } from "#base/state-batch.ts";
import type { Alarms } from "#server/apply/alarms.ts";
import type { AuthStore } from "#server/auth/auth-store.ts";
import type { Lessor } from "#server/lease/lessor.ts";
import type { Capabilities } from "#server/membership/capabilities.ts";
import { storageVersionKey, storageVersionRecord } from "#server/membership/cluster-version.ts";
import type { Members } from "#server/membership/members.ts";
import type { Backend, StateReader, StateRecord } from "#server/mvcc/backend.ts";
import { damagedRecord } from "#server/mvcc/damaged-record.ts";
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

/**
 * Puts the auth revision into a state that lacks it: etcd's has one from the first start on. Unsynced: the
 * next start would do it again.
 */
export async function settleAuthRevision(backend: Backend, auth: AuthStore): Promise<void> {
  const [key, value] = auth.revisionRecord;
  const [stored] = await backend.getMany("auth", [key]);
  if (stored !== undefined) return;
  const batch = backend.newBatch();
  batch.put("auth", key, value);
  await backend.write(batch, { sync: false });
}

/**
 * Loads members, alarms, users and roles, leases and what is private from the state; keys are the store's to load
 * afterwards. Rejects with DATA_DAMAGED if one of them is none.
 */
export async function loadSmallBuckets(
  state: StateReader,
  into: {
    readonly members: Members;
    readonly alarms: Alarms;
    readonly auth: AuthStore;
    readonly lessor: Lessor;
    readonly capabilities: Capabilities;
    readonly v2: V2Store;
  },
): Promise<void> {
  const members = {
    members: await readBucket(state, "members"),
    membersRemoved: await readBucket(state, "members_removed"),
    cluster: await readBucket(state, "cluster"),
  };
  taking("members", () => into.members.load(members));
  const alarms = (await readBucket(state, "alarm")).map(([key]) => key);
  taking("alarm", () => into.alarms.load(alarms));
  const auth = {
    auth: await readBucket(state, "auth"),
    users: await readBucket(state, "authUsers"),
    roles: await readBucket(state, "authRoles"),
  };
  taking("auth", () => into.auth.load(auth));
  const leases = await readBucket(state, "lease");
  taking("lease", () => into.lessor.load(leases));
  const kept = await readBucket(state, "shared");
  taking("shared", () => {
    into.capabilities.load(kept);
    into.v2.load(kept);
  });
}

function taking(bucket: Bucket, load: () => void): void {
  try {
    load();
  } catch (error) {
    throw damagedRecord(bucket, undefined, error);
  }
}
