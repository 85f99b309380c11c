// The recipes of examples/, on a member of ours.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { Session } from "#client/session.ts";
import { startReferenceCluster } from "#test/reference/reference.ts";
import { follow, register } from "../../examples/discovery.ts";
import { FencedStore, putIfHeld, underLock } from "../../examples/fenced-lock.ts";

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
});
