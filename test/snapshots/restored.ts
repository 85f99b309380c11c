// Snapshot files on their way between this store and etcd: what a server holds, as a client sees it;
// both kinds of etcdutl and etcdctl; and members that begin with a restored folder.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { referenceReleases } from "#test/cluster/launchers.ts";
import { b, interval, s } from "#test/contract/setting.ts";
import type { Wire } from "#test/contract/wire.ts";
import { locateReference } from "#test/reference/reference.ts";

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
export function run(
  file: string,
  args: readonly string[],
  cwd?: string,
  env?: NodeJS.ProcessEnv,
): Promise<Output> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

/** The command lines of a kind of server. */
export interface Tools {
  readonly etcdctl: string;
  readonly etcdutl: string;
}

const root = join(import.meta.dirname, "..", "..");
export const ourTools: Tools = {
  etcdctl: join(root, "bin", "etcdctl"),
  etcdutl: join(root, "bin", "etcdutl"),
};

export async function toolsOf(kind: MemberKind): Promise<Tools> {
  if (kind === "ours") return ourTools;
  const found = await locateReference(referenceReleases[kind]);
  if (typeof found === "string") throw new Error(found);
  return found;
}

/** Fails with what the program printed unless it ended well. */
export async function succeed(
  file: string,
  args: readonly string[],
  cwd?: string,
): Promise<Output> {
  const output = await run(file, args, cwd);
  assert.equal(output.code, 0, `${file} ${args.join(" ")}: ${output.stderr}`);
  return output;
}

const batchKeys = 100;

/** The leases of `fillStore`. */
export const storeLeases = [0x1234n, 0x5678n] as const;

/**
 * Writes what a snapshot can hold: keys of several versions, changes that share a revision, deletions,
 * leases with keys, a compaction at a deletion, an alarm. Returns the compacted revision.
 */
export async function fillStore(wire: Wire, keys: number): Promise<number> {
  const put = (key: string, value: string, lease = 0n) => ({ key: b(key), value: b(value), lease });
  for (const ID of storeLeases) await wire.lease.leaseGrant({ ID, TTL: 5000 });
  for (let done = 0; done < keys; done += batchKeys) {
    const some = Array.from({ length: Math.min(batchKeys, keys - done) }, (_, i) => done + i);
    await wire.kv.txn({
      success: some.map((i) => ({
        request: {
          $case: "requestPut",
          value: put(`key/${i}`, `value ${i} ${"x".repeat(i % 300)}`),
        },
      })),
    });
  }
  for (let i = 0; i < 10; i++) await wire.kv.put(put(`key/${i}`, `again ${i}`));
  await wire.kv.put(put("large", "y".repeat(200_000)));
  await wire.kv.put(put("leased", "1", storeLeases[0]));
  await wire.kv.put(put("moved", "1", storeLeases[0]));
  await wire.kv.put(put("moved", "2", storeLeases[1]));
  await wire.kv.deleteRange({ key: b("key/3") });
  const { header } = await wire.kv.deleteRange({ key: b("key/4") });
  const at = header!.revision;
  await wire.kv.put(put("key/4", "back"));
  await wire.kv.put(put("key/5", "later"));
  await wire.kv.deleteRange({ key: b("key/6") });
  await wire.kv.compact({ revision: at, physical: true });
  await wire.kv.put(put("last", "write"));
  await wire.maintenance.alarm({
    action: AlarmAction.ACTIVATE,
    memberID: (await wire.maintenance.status({})).header!.memberId,
    alarm: AlarmType.NOSPACE,
  });
  return at;
}

/** What a client can see of a store, in plain values; equal for equal stores. */
export async function picture(wire: Wire) {
  const { kvs, header } = await wire.kv.range({ ...interval(""), key: b("\0"), rangeEnd: b("\0") });
  const leases = await Promise.all(
    storeLeases.map(async (ID) => {
      const { grantedTTL, keys } = await wire.lease.leaseTimeToLive({ ID, keys: true });
      return { grantedTTL, keys: keys.map(s).sort() };
    }),
  );
  const { alarms } = await wire.maintenance.alarm({ action: AlarmAction.GET });
  const { compactRevision, hash, hashRevision } = await wire.maintenance.hashKV({ revision: 0 });
  return {
    revision: header!.revision,
    kvs: kvs.map((kv) => [
      s(kv.key),
      s(kv.value),
      kv.createRevision,
      kv.modRevision,
      kv.version,
      kv.lease,
    ]),
    leases,
    alarms: alarms.map((one) => one.alarm),
    compactRevision,
    hash,
    // etcd 3.5 leaves it out.
    hashRevision: hashRevision === 0 ? header!.revision : hashRevision,
  };
}

/** How `snapshot restore` is told about the revision. */
export const bumps = {
  plain: [],
  bumped: ["--bump-revision", "1000000", "--mark-compacted"],
} as const;

/** Starts a member of `kind` on a folder that `etcdutl` restored from `file`. */
export async function startRestored(
  kind: MemberKind,
  etcdutl: string,
  file: string,
  more: readonly string[],
): Promise<Cluster> {
  return await startCluster({
    runner: kind === "ours" ? "ours" : "reference",
    runners: [kind],
    size: 1,
    flags: ["--heartbeat-interval=50", "--election-timeout=500"],
    bootstrap: {
      prepare: async ([member]) => {
        const { dataDir, name, peerUrl } = member!;
        await succeed(etcdutl, [
          ...["snapshot", "restore", file, "--data-dir", dataDir, "--name", name],
          ...["--initial-cluster", `${name}=${peerUrl}`, "--initial-cluster-token", "restored"],
          ...["--initial-advertise-peer-urls", peerUrl, ...more],
        ]);
      },
      flags: ({ name, peerUrl }) => [
        `--initial-cluster=${name}=${peerUrl}`,
        "--initial-cluster-token=restored",
      ],
    },
  });
}
