// One snapshot, saved by both kinds of etcdctl from one kind of server, read and restored by both kinds
// of etcdutl, and served by both kinds of servers: all must agree with each other and with its source.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { b, createWatch, refuses, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import {
  bumps,
  fillStore,
  ourTools,
  picture,
  startRestored,
  storeLeases,
  succeed,
  toolsOf,
} from "./restored.ts";

const bump = 1_000_000;

/** A member of that kind, filled, and its snapshots; then all that can be done with them. */
export async function interchange(source: MemberKind, keys: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-interchange-"));
  try {
    const made = await makeSnapshots(source, keys, folder);
    await checkFile(made.files[0], made, ["simple", "fields", "json", "table"]);
    await checkFile(made.files[1], made, ["json"]);
    await checkServed(made);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Picture = Awaited<ReturnType<typeof picture>>;

interface Made {
  readonly source: MemberKind;
  readonly keys: number;
  /** As ours, and as the reference's etcdctl saved it; the same bytes. */
  readonly files: readonly [ours: string, theirs: string];
  /** What the source showed when they were taken. */
  readonly shown: Picture;
  readonly compacted: number;
}

async function makeSnapshots(source: MemberKind, keys: number, folder: string): Promise<Made> {
  const tools = await toolsOf(source === "ours" ? "reference" : source);
  const cluster = await startCluster({
    runner: source === "ours" ? "ours" : "reference",
    runners: [source],
    size: 1,
  });
  const endpoint = cluster.endpoints()[0]!;
  const wire = new Wire(endpoint);
  try {
    for (const args of [
      ["role", "add", "reader"],
      ["role", "grant-permission", "reader", "read", "a", "z"],
      ["user", "add", "alice:secret"],
      ["user", "grant-role", "alice", "reader"],
      ["user", "add", "root:root"],
      ["user", "grant-role", "root", "root"],
    ]) {
      await succeed(tools.etcdctl, ["--endpoints", endpoint, ...args]);
    }
    const compacted = await fillStore(wire, keys);
    const files = [join(folder, "ours.db"), join(folder, "theirs.db")] as const;
    for (const [i, etcdctl] of [ourTools.etcdctl, tools.etcdctl].entries()) {
      const save = ["--endpoints", endpoint, "snapshot", "save", files[i]!];
      const { stdout } = await succeed(etcdctl, save);
      const version = source === "reference-3.5" ? "" : "Server version";
      assert.match(stdout, new RegExp(`^Snapshot saved at ${files[i]}\n${version}`));
    }
    return { source, keys, files, shown: await picture(wire), compacted };
  } finally {
    wire.close();
    await cluster.stop();
  }
}

/** Both kinds of etcdutl say the same of a file, and what its source said. */
async function checkFile(file: string, { shown }: Made, formats: readonly string[]): Promise<void> {
  const theirs = await toolsOf("reference");
  for (const format of formats) {
    const status = ["snapshot", "status", file, "-w", format];
    const [mine, other] = await Promise.all([
      succeed(ourTools.etcdutl, status),
      succeed(theirs.etcdutl, status),
    ]);
    assert.deepEqual(mine, { ...other, stderr: "" }, format);
    if (format !== "json") continue;
    const { revision, totalKey } = JSON.parse(mine.stdout);
    assert.equal(revision, shown.revision);
    assert.equal(totalKey, shown.kvs.length);
  }
  // The reference opens the file to write: on a copy.
  const copy = `${file}.copy`;
  await copyFile(file, copy);
  for (const rev of [[], ["--rev", String(shown.compactRevision + 1)]]) {
    const mine = await succeed(ourTools.etcdutl, ["hashkv", file, "-w", "json", ...rev]);
    const other = await succeed(theirs.etcdutl, ["hashkv", copy, "-w", "json", ...rev]);
    assert.deepEqual(mine, other);
    if (rev.length > 0) continue;
    const { compactRevision, hash, hashRevision } = shown;
    assert.deepEqual(JSON.parse(mine.stdout), { hash, hashRevision, compactRevision });
  }
}

/** Restored by each kind for itself, with and without a bumped revision, from the other's file. */
async function checkServed(made: Made): Promise<void> {
  const [oursFile, theirsFile] = made.files;
  const theirs = await toolsOf("reference");
  for (const [name, flags] of Object.entries(bumps)) {
    const shown: Picture[] = [];
    for (const [kind, etcdutl, file] of [
      ["ours", ourTools.etcdutl, theirsFile],
      ["reference", theirs.etcdutl, oursFile],
    ] as const) {
      const cluster = await startRestored(kind, etcdutl, file, flags);
      const wire = new Wire(cluster.endpoints()[0]!);
      try {
        const seen = await picture(wire);
        checkRestored(made, seen, name === "bumped");
        shown.push(seen);
        await checkHistory(wire, made, name === "bumped");
        await checkLife(wire, seen);
        if (name === "plain" && kind === made.source) await checkJoiner(cluster, wire);
        await checkUsers(wire);
      } catch (error) {
        throw new Error(`${made.source}'s snapshot, ${name}, in ${kind}`, { cause: error });
      } finally {
        wire.close();
        await cluster.stop();
      }
    }
    assert.deepEqual(shown[0], shown[1], `${name}: ours and the reference show the same`);
  }
}

function checkRestored({ shown }: Made, seen: Picture, bumped: boolean): void {
  if (!bumped) {
    assert.deepEqual(seen, shown);
    return;
  }
  const revision = shown.revision + bump;
  const moved = { revision, compactRevision: revision, hashRevision: revision, hash: seen.hash };
  assert.deepEqual(seen, { ...shown, ...moved });
}

/** A watch from before: all that happened, or told that it is compacted. */
async function checkHistory(wire: Wire, made: Made, bumped: boolean): Promise<void> {
  const stream = wire.watch();
  try {
    const startRevision = made.compacted + 1;
    await createWatch(stream, { key: b("key/4"), startRevision });
    const first = await stream.next();
    if (bumped) {
      assert.equal(first.canceled, true);
      assert.equal(first.compactRevision, made.shown.revision + bump);
    } else {
      assert.deepEqual(
        first.events.map(({ kv }) => [s(kv!.value), kv!.modRevision]),
        [["back", startRevision]],
      );
    }
  } finally {
    stream.cancel();
  }
}

/** Users, their passwords and what they may came along; authentication is on from here. */
async function checkUsers(wire: Wire): Promise<void> {
  await wire.auth.authEnable({});
  const { token } = await wire.auth.authenticate({ name: "alice", password: "secret" });
  const alice = { metadata: { token } };
  await wire.kv.range({ key: b("a"), rangeEnd: b("z"), limit: 1 }, alice);
  const denied = [7, "etcdserver: permission denied"] as const;
  await refuses(wire.kv.range({ key: b("z") }, alice), ...denied);
  await refuses(wire.kv.put({ key: b("a"), value: b("x") }, alice), ...denied);
}

/** Who joins the restored member is sent all that was restored, not only what came after. */
async function checkJoiner(cluster: Cluster, wire: Wire): Promise<void> {
  const [restored] = cluster.members;
  const fresh = await cluster.newMember(cluster.runner, [restored!]);
  await wire.cluster.memberAdd({ peerURLs: [fresh.peerUrl], isLearner: true });
  await fresh.start();
  const joined = new Wire(fresh.endpoint);
  const { header } = await joined.maintenance.status({});
  try {
    await eventually("a learner that has caught up is promoted", () =>
      wire.cluster.memberPromote({ ID: header!.memberId }),
    );
    await eventually("both hold the same", async () => {
      assert.deepEqual(await leaseless(joined), await leaseless(wire));
    });
  } finally {
    joined.close();
  }
}

async function leaseless(wire: Wire) {
  const { kvs } = await wire.kv.range({ key: b("\0"), rangeEnd: b("\0") });
  return { kvs, hash: (await wire.maintenance.hash({})).hash };
}

/** The restored store goes on: alarm cleared, a write, a lease that takes its keys along. */
async function checkLife(wire: Wire, seen: Picture): Promise<void> {
  const { alarms } = await wire.maintenance.alarm({ action: AlarmAction.GET });
  assert.deepEqual(seen.alarms, [AlarmType.NOSPACE]);
  const put = { key: b("new"), value: b("write") };
  await assert.rejects(wire.kv.put(put), /database space exceeded/);
  for (const { alarm, memberID } of alarms) {
    await wire.maintenance.alarm({ action: AlarmAction.DEACTIVATE, alarm, memberID });
  }
  const { header } = await wire.kv.put(put);
  assert.equal(header!.revision, seen.revision + 1);
  await wire.lease.leaseRevoke({ ID: storeLeases[0] });
  const { count } = await wire.kv.range({ key: b("leased") });
  assert.equal(count, 0);
  const moved = await wire.kv.range({ key: b("moved") });
  assert.equal(moved.kvs[0]?.lease, storeLeases[1]);
}
