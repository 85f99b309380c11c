// The recipes of examples/, on a member of ours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { Session } from "#client/session.ts";
import { startReferenceCluster } from "#test/reference/reference.ts";
import { change, configurations } from "../../examples/config-reload.ts";
import { follow, register } from "../../examples/discovery.ts";
import { FencedStore, putIfHeld, underLock } from "../../examples/fenced-lock.ts";
import { leaders, whenElected } from "../../examples/leader-election.ts";
import { MessagesMissed, publish, subscribe } from "../../examples/publish-subscribe.ts";

test("recipes", { timeout: 60_000 }, async (t) => {
  const etcd = fileURLToPath(new URL("../../bin/etcd", import.meta.url));
  const server = await startReferenceCluster({ etcd });
  const client = new EtcdClient({
    endpoints: [server.endpoints],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
  t.after(async () => {
    client.close();
    await server.stop();
  });

  await t.test("an instance that dies disappears", async () => {
    const seen = follow(client, "web");
    const list = async (): Promise<object> => Object.fromEntries((await seen.next()).value ?? []);
    assert.deepEqual(await list(), {});
    const a = await register(client, "web", { id: "a", address: "10.0.0.1:80", ttlSeconds: 60 });
    assert.deepEqual(await list(), { a: "10.0.0.1:80" });
    const b = await register(client, "web", { id: "b", address: "10.0.0.2:80", ttlSeconds: 2 });
    assert.deepEqual(await list(), { a: "10.0.0.1:80", b: "10.0.0.2:80" });
    // It renews no more, as one that was killed.
    b.orphan();
    assert.deepEqual(await list(), { a: "10.0.0.1:80" });
    await a.close();
    assert.deepEqual(await list(), {});
    await seen.return(undefined);
  });

  await t.test("who lost the lock writes nothing", async () => {
    const [late, next] = await Promise.all([Session.open(client), Session.open(client)]);
    const store = new FencedStore();
    await underLock(late, "job", async (lost) => {
      assert.ok(await putIfHeld(client, lost, { key: "result", value: "first" }));
      assert.ok(store.write("first", lost.fence));
      // The lease ends, and the holder does not know it yet.
      await client.lease.revoke(late.lease);
      await underLock(next, "job", async (lock) => {
        assert.ok(await putIfHeld(client, lock, { key: "result", value: "second" }));
        assert.ok(store.write("second", lock.fence));
      });
      assert.equal(await putIfHeld(client, lost, { key: "result", value: "late" }), false);
      assert.equal(store.write("late", lost.fence), false);
    });
    assert.equal(store.content, "second");
    const { kvs } = await client.kv.range("result");
    assert.equal(Buffer.from(kvs[0]?.value ?? []).toString(), "second");
    await next.close();
  });

  await t.test("a subscriber that was away misses nothing, or is told", async () => {
    const start = await publish(client, "news", "zero");
    const live = subscribe(client, "news", start);
    const first = live.next();
    const one = await publish(client, "news", "one");
    assert.deepEqual((await first).value, { text: "one", revision: one });
    await live.return(undefined);
    await publish(client, "news", "two");
    await publish(client, "news", "three");
    const again = subscribe(client, "news", one);
    assert.equal((await again.next()).value?.text, "two");
    assert.equal((await again.next()).value?.text, "three");
    await again.return(undefined);
    await client.kv.compact(await publish(client, "news", "four"));
    await assert.rejects(subscribe(client, "news", one).next(), MessagesMissed);
  });

  await t.test("another one leads when the leader dies", async () => {
    const [first, second, observer] = (await Promise.all(
      [1, 2, 3].map(() => Session.open(client)),
    )) as [Session, Session, Session];
    const seen = leaders(observer, "boss");
    const next = async () => (await seen.next()).value;
    await whenElected(first, "boss", "first", async ({ put }) => {
      assert.equal(await next(), "first");
      assert.ok(await put("decision", "first's"));
      const takesOver = whenElected(second, "boss", "second", async (leadership) => {
        assert.equal(await next(), "second");
        assert.ok(await leadership.put("decision", "second's"));
      });
      // As if it had died; it does not know yet that it leads no more.
      await client.lease.revoke(first.lease);
      await takesOver;
      assert.equal(await put("decision", "late"), false);
    });
    const { kvs } = await client.kv.range("decision");
    assert.equal(Buffer.from(kvs[0]?.value ?? []).toString(), "second's");
    await Promise.all([second.close(), observer.close()]);
  });

  await t.test("a configuration is reloaded whole, and a bad one is not", async () => {
    const parse = (settings: ReadonlyMap<string, string>) => {
      const [low, high] = [Number(settings.get("low")), Number(settings.get("high"))];
      if (!(low <= high)) throw new Error(`low ${low} is above high ${high}`);
      return { low, high };
    };
    let tellRefused = (_text: string): void => {};
    const refused = new Promise<string>((resolve) => {
      tellRefused = resolve;
    });
    await change(client, "config/", { low: "1", high: "5" });
    const seen = configurations(client, "config/", parse, (error) => tellRefused(String(error)));
    const next = async () => (await seen.next()).value;
    assert.deepEqual(await next(), { low: 1, high: 5 });
    const following = next();
    await change(client, "config/", { low: "9" });
    assert.equal(await refused, "Error: low 9 is above high 5");
    await change(client, "config/", { low: "7", high: "8" });
    assert.deepEqual(await following, { low: 7, high: 8 });
    await seen.return(undefined);
  });
});
