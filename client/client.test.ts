import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import { EtcdError } from "#proto/errors.ts";
import {
  locateReference,
  type ReferenceCluster,
  referenceOrSkip,
  startReferenceCluster,
} from "#test/reference/reference.ts";

let cluster: ReferenceCluster | undefined;
const clients: EtcdClient[] = [];

function client(endpoints: readonly string[], callTimeoutMs = 10_000): EtcdClient {
  const made = new EtcdClient({
    endpoints,
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs,
  });
  clients.push(made);
  return made;
}

before(async () => {
  const reference = await locateReference();
  if (typeof reference !== "string") cluster = await startReferenceCluster(reference, { size: 3 });
});

after(async () => {
  for (const made of clients) made.close();
  await cluster?.stop();
});

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

function urls(): string[] {
  return cluster?.members.map((member) => member.clientUrl) ?? [];
}

test("the end of a prefix", () => {
  const cases: [number[], number[]][] = [
    [[97], [98]],
    [[97, 255], [98]],
    [[255, 255], [0]],
    [[], [0]],
  ];
  for (const [prefix, end] of cases) {
    const given = Buffer.from(prefix);
    assert.deepEqual([...prefixEnd(given)], end);
    assert.deepEqual([...given], prefix, "the prefix itself is left alone");
  }
});

test("keys: put, range, delete, txn, compaction and etcd's errors", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { kv } = client(urls());
  await kv.put("kv/a", "1");
  const put = await kv.put("kv/a", "2", { prevKv: true });
  assert.equal(text(put.prevKv?.value), "1");
  await kv.put("kv/b", "3");
  const range = await kv.range("kv/", { rangeEnd: prefixEnd(Buffer.from("kv/")) });
  assert.deepEqual(
    range.kvs.map((pair) => [text(pair.key), text(pair.value), pair.version]),
    [
      ["kv/a", "2", 2],
      ["kv/b", "3", 1],
    ],
  );
  const streamed = await kv.rangeStream("kv/", { rangeEnd: prefixEnd(Buffer.from("kv/")) });
  assert.deepEqual([streamed.count, streamed.kvs], [range.count, range.kvs]);
  const deleted = await kv.delete("kv/b");
  assert.equal(deleted.deleted, 1);
  const txn = await kv.txn({
    success: [
      {
        request: {
          $case: "requestDeleteRange",
          value: { key: Buffer.from("kv/a"), rangeEnd: new Uint8Array(), prevKv: false },
        },
      },
    ],
  });
  assert.equal(txn.succeeded, true);
  await kv.compact(txn.header?.revision ?? 0, { physical: true });
  await assert.rejects(
    kv.range("kv/a", { revision: 1 }),
    (error) => error instanceof EtcdError && error.errorName === "compacted",
  );
  await assert.rejects(
    kv.put("", "x"),
    (error) => error instanceof EtcdError && error.errorName === "emptyKey",
  );
});

test("calls go on when a member stops, and a watch misses and repeats nothing", async (t) => {
  if ((await referenceOrSkip(t)) === undefined || cluster === undefined) return;
  const watching = client(urls());
  const writing = client(urls());
  const count = 60;
  const watcher = watching.watch.watch("w/", { rangeEnd: Buffer.from("w0") });
  // The watch must be there before the first write: a second one from a known revision proves the rest.
  const first = await writing.kv.put("x", "1");
  const fromStart = watching.watch.watch("w/", {
    rangeEnd: Buffer.from("w0"),
    startRevision: (first.header?.revision ?? 0) + 1,
  });
  const seen: number[] = [];
  const collected = fromStart.each((response) => {
    for (const event of response.events) seen.push(Number(text(event.kv?.value)));
    if (seen.length >= count) fromStart.cancel();
  });
  for (let i = 0; i < count; i++) {
    if (i === 20) await cluster.members[0]?.stop("SIGKILL");
    if (i === 40) await cluster.members[0]?.start();
    // A write whose outcome is unknown is asked for, not sent again blindly.
    try {
      await writing.kv.put("w/key", String(i));
    } catch (error) {
      assert.ok(error instanceof EtcdError && error.code === 14, String(error));
      const now = await writing.kv.range("w/key");
      if (text(now.kvs[0]?.value) !== String(i)) i--;
    }
  }
  await collected;
  assert.deepEqual(seen, [...new Set(seen)], "no event twice");
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, i) => i),
  );
  watcher.cancel();
});

test("a watch below the compaction ends with the reason", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { kv, watch } = client(urls());
  const put = await kv.put("c", "1");
  await kv.compact(put.header?.revision ?? 0);
  const watcher = watch.watch("c", { startRevision: 1 });
  const answers = [];
  for await (const response of watcher) answers.push(response);
  assert.equal(answers.length, 1);
  assert.equal(answers[0]?.canceled, true);
  assert.equal(answers[0]?.compactRevision, put.header?.revision);
  assert.equal(watcher.error?.errorName, "compacted");
});

test("a watch and a lease can follow at once on ones that just ended", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { kv, watch, lease } = client(urls());
  const put = await kv.put("again", "1");
  const leases = await Promise.all([lease.grant(60), lease.grant(60)]);
  for (let i = 0; i < 2; i++) {
    const watcher = watch.watch("again", { startRevision: put.header?.revision ?? 0 });
    for await (const response of watcher) {
      assert.equal(response.events.length, 1);
      break;
    }
    for await (const response of lease.keepAlive(leases[i]?.ID ?? 0n)) {
      assert.equal(response.TTL, 60);
      break;
    }
  }
});

test("progress can be asked for", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { kv, watch } = client(urls());
  const put = await kv.put("p", "1");
  const watcher = watch.watch("p", { startRevision: put.header?.revision ?? 0 });
  for await (const response of watcher) {
    if (response.events.length > 0) watch.requestProgress();
    else {
      assert.ok((response.header?.revision ?? 0) >= (put.header?.revision ?? 0));
      break;
    }
  }
});

test("leases: kept alive, listed, expired by revocation", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { kv, lease } = client(urls());
  const { ID } = await lease.grant(2);
  await kv.put("l", "1", { lease: ID });
  const kept = lease.keepAlive(ID);
  let answers = 0;
  for await (const response of kept) {
    assert.equal(response.TTL, 2);
    if (++answers === 3) await lease.revoke(ID);
  }
  assert.ok(kept.expired);
  assert.equal((await kv.range("l")).kvs.length, 0);
  assert.equal((await lease.timeToLive(ID)).TTL, -1);
  await assert.rejects(
    lease.keepAliveOnce(ID),
    (error) => error instanceof EtcdError && error.errorName === "leaseNotFound",
  );
});

test("maintenance and membership", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const { maintenance, cluster: members } = client(urls());
  const status = await maintenance.status();
  assert.match(status.version, /^3\./);
  assert.equal((await members.list()).members.length, 3);
  assert.ok((await maintenance.hashKv()).hash > 0);
  assert.deepEqual((await maintenance.alarms()).alarms, []);
  let bytes = 0;
  for await (const piece of maintenance.snapshot()) bytes += piece.blob.length;
  assert.equal(bytes % 512, 32, "pages of 512 bytes and a SHA-256");
});

test("a call without any reachable endpoint ends by its deadline", async () => {
  const { kv } = client(["127.0.0.1:1"], 300);
  await assert.rejects(kv.put("a", "b"), (error) => error instanceof EtcdError && error.code === 4);
});
