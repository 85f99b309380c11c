// Sessions, locks and elections, on a member of ours; that they wait in one line with the reference's own
// clients is shown by test/transcripts.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { Election, ElectionError } from "#client/election.ts";
import { LockError, Mutex } from "#client/mutex.ts";
import { Session } from "#client/session.ts";
import { EtcdError } from "#proto/errors.ts";
import { type ReferenceCluster, startReferenceCluster } from "#test/reference/reference.ts";

const etcd = fileURLToPath(new URL("../bin/etcd", import.meta.url));
let cluster: ReferenceCluster | undefined;
let client: EtcdClient;

before(async () => {
  cluster = await startReferenceCluster({ etcd });
  client = new EtcdClient({
    endpoints: cluster.endpoints.split(","),
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
});

after(async () => {
  client.close();
  await cluster?.stop();
});

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();
const keysOf = async (prefix: string): Promise<string[]> => {
  const rangeEnd = Buffer.from(prefix);
  rangeEnd[rangeEnd.length - 1]! += 1;
  return (await client.kv.range(prefix, { rangeEnd })).kvs.map(({ key }) => text(key));
};
const sessions = (count: number): Promise<Session[]> =>
  Promise.all(Array.from({ length: count }, () => Session.open(client)));
/** Resolves when so many keys stand under the name. */
async function standing(name: string, count: number): Promise<void> {
  const rangeEnd = Buffer.from(`${name}0`);
  for (;;) {
    const { kvs, header } = await client.kv.range(`${name}/`, { rangeEnd });
    if (kvs.length === count) return;
    const startRevision = (header?.revision ?? 0) + 1;
    for await (const _change of client.watch.watch(`${name}/`, { rangeEnd, startRevision })) break;
  }
}
const is =
  (reason: string) =>
  (thrown: unknown): boolean =>
    (thrown instanceof LockError || thrown instanceof ElectionError) && thrown.reason === reason;

test("a session's keys live with it, and its end is told", async () => {
  const session = await Session.open(client, { ttlSeconds: 30 });
  assert.equal((await client.lease.timeToLive(session.lease)).grantedTTL, 30);
  await client.kv.put("here", "1", { lease: session.lease });
  assert.equal(session.ended.aborted, false);
  await session.close();
  assert.ok(session.ended.aborted);
  assert.equal(session.expired, false);
  assert.deepEqual(await keysOf("here"), []);
});

test("a session whose lease is revoked by somebody else ends", { timeout: 20_000 }, async () => {
  const session = await Session.open(client, { ttlSeconds: 2 });
  const ended = new Promise((resolve) => session.ended.addEventListener("abort", resolve));
  await client.lease.revoke(session.lease);
  await ended;
  assert.ok(session.expired);
  const again = await Session.open(client, { lease: (await client.lease.grant(60, 77n)).ID });
  assert.equal(again.lease, 77n);
  again.orphan();
  assert.ok((await client.lease.timeToLive(77n)).TTL > 0, "an orphan's lease lives on");
});

test("a lock goes from one to the next in the order of asking", { timeout: 20_000 }, async () => {
  const all = await sessions(3);
  const mutexes = all.map((session) => new Mutex(session, "lock"));
  const [first, second, third] = mutexes as [Mutex, Mutex, Mutex];
  await first.lock();
  assert.equal(first.key, `lock/${all[0]?.lease.toString(16)}`);
  await assert.rejects(second.tryLock(), is("locked"));
  assert.deepEqual(await keysOf("lock/"), [first.key], "who does not wait leaves no key");
  assert.equal(second.fence, 0);
  const order: string[] = [];
  const waits = [second.lock().then(() => order.push("second"))];
  await standing("lock", 2);
  waits.push(third.lock().then(() => order.push("third")));
  await standing("lock", 3);
  assert.deepEqual(order, []);
  const guarded = (mutex: Mutex): Promise<boolean> =>
    client.kv.txn({ compare: [mutex.held()], success: [] }).then(({ succeeded }) => succeeded);
  assert.deepEqual(await Promise.all(mutexes.map(guarded)), [true, false, false]);
  const fences = [first.fence];
  await first.unlock();
  await waits[0];
  assert.deepEqual(order, ["second"]);
  assert.deepEqual(await Promise.all(mutexes.map(guarded)), [false, true, false]);
  fences.push(second.fence);
  await second.lock();
  assert.equal(second.fence, fences[1], "who holds it takes it again");
  // A holder that dies passes the lock on as well.
  await all[1]?.close();
  await waits[1];
  assert.deepEqual(order, ["second", "third"]);
  fences.push(third.fence);
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(fences).size, 3);
  await third.unlock();
  await assert.rejects(third.unlock(), is("released"));
  assert.deepEqual(await keysOf("lock/"), []);
  for (const session of all) session.orphan();
});

test("a wait for a lock ends with its signal and with its session", {
  timeout: 20_000,
}, async () => {
  const [holder, waiter] = (await sessions(2)) as [Session, Session];
  await new Mutex(holder, "wait").lock();
  const mutex = new Mutex(waiter, "wait");
  const stop = new AbortController();
  const stopped = assert.rejects(
    mutex.lock({ signal: stop.signal }),
    (thrown) => thrown instanceof EtcdError && thrown.message === "context canceled",
  );
  await standing("wait", 2);
  stop.abort();
  await stopped;
  await standing("wait", 1);
  const lost = assert.rejects(mutex.lock(), is("session expired"));
  await standing("wait", 2);
  await waiter.close();
  await lost;
  holder.orphan();
});

test("leaders follow one another, and an observer sees them", { timeout: 20_000 }, async () => {
  const [a, b, c] = (await sessions(3)) as [Session, Session, Session];
  const seen: string[] = [];
  const stop = new AbortController();
  const observer = new Election(c, "elect");
  await assert.rejects(observer.leader(), is("no leader"));
  await assert.rejects(observer.proclaim("x"), is("not leader"));
  let onSeen = (): void => {};
  const observed = (async () => {
    for await (const { kvs } of observer.observe(stop.signal)) {
      seen.push(text(kvs[0]?.value));
      onSeen();
    }
  })();
  const until = async (value: string): Promise<void> => {
    while (seen.at(-1) !== value) {
      await new Promise<void>((resolve) => {
        onSeen = resolve;
      });
    }
  };
  const first = new Election(a, "elect");
  const second = new Election(b, "elect");
  await first.campaign("one");
  await until("one");
  const elected = second.campaign("two");
  await standing("elect", 2);
  await first.proclaim("one, louder");
  await until("one, louder");
  assert.equal(text((await observer.leader()).kvs[0]?.value), "one, louder");
  await first.campaign("one again");
  await until("one again");
  await first.resign();
  await elected;
  await until("two");
  assert.ok(second.term > 0);
  await assert.rejects(first.proclaim("late"), is("not leader"));
  const { succeeded } = await client.kv.txn({ compare: [second.leading()] });
  assert.ok(succeeded);
  const withdrawn = new AbortController();
  const rejected = assert.rejects(first.campaign("three", { signal: withdrawn.signal }));
  await standing("elect", 2);
  withdrawn.abort();
  await rejected;
  await standing("elect", 1);
  stop.abort();
  await observed;
  assert.deepEqual(seen, ["one", "one, louder", "one again", "two"]);
  for (const session of [a, b, c]) await session.close();
});
