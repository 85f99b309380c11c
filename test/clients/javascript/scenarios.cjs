// The scenarios on JavaScript's etcd3, unmodified: one line a check, exit 1 if one failed.
// Installed in a cache folder of its own (argument 1), so that it never mixes with our packages.
const assert = require("node:assert/strict");
const { createRequire } = require("node:module");
const { once } = require("node:events");

const etcd3 = createRequire(`${process.argv[2]}/package.json`)("etcd3");
const endpoints = process.env.ETCD_ENDPOINTS.split(",");
const prefix = `javascript/${process.pid}/`;
let failed = 0;

const connect = (hosts = endpoints) => new etcd3.Etcd3({ hosts });

async function check(name, scenario) {
  const client = connect();
  try {
    await Promise.race([
      scenario(client, `${prefix}${name}/`),
      new Promise((_, reject) => setTimeout(() => reject(new Error("hung")), 30_000).unref()),
    ]);
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(
      `FAIL ${name}: ${String(error?.message ?? error)
        .split("\n")
        .join(" ")}`,
    );
  } finally {
    client.close();
  }
}

const take = (watcher, count) =>
  new Promise((resolve, reject) => {
    const lines = [];
    const add = (line) => {
      lines.push(line);
      if (lines.length === count) resolve(lines);
    };
    watcher.on("put", (kv) => add(`put ${kv.value}`));
    watcher.on("delete", (_kv, previous) => add(previous ? `delete ${previous.value}` : "delete"));
    watcher.on("error", reject);
  });

const scenarios = {
  "put-get": async (c, p) => {
    await c.put(`${p}a`).value("1");
    await c.put(`${p}a`).value("2");
    assert.equal(await c.get(`${p}a`).string(), "2");
    assert.equal(await c.get(`${p}none`).string(), null);
    const { kvs } = await c.get(`${p}a`).exec();
    assert.equal(kvs[0].version, "2");
  },
  range: async (c, p) => {
    for (const [key, value] of Object.entries({ a: 3, b: 1, c: 2 }))
      await c.put(p + key).value(value);
    assert.deepEqual(await c.getAll().prefix(p).numbers(), {
      [`${p}a`]: 3,
      [`${p}b`]: 1,
      [`${p}c`]: 2,
    });
    const sorted = await c.getAll().prefix(p).sort("Value", "Descend").limit(2).keys();
    assert.deepEqual(sorted, [`${p}a`, `${p}c`]);
    assert.equal(await c.getAll().prefix(p).count(), 3);
  },
  delete: async (c, p) => {
    await c.put(`${p}a`).value("1");
    await c.put(`${p}b`).value("1");
    assert.equal((await c.delete().key(`${p}a`)).deleted, "1");
    assert.equal((await c.delete().prefix(p)).deleted, "1");
    assert.equal(await c.getAll().prefix(p).count(), 0);
  },
  history: async (c, p) => {
    const { header } = await c.put(`${p}a`).value("old");
    await c.put(`${p}a`).value("new");
    assert.equal(await c.get(`${p}a`).revision(header.revision).string(), "old");
  },
  txn: async (c, p) => {
    const attempt = () =>
      c
        .if(`${p}a`, "Create", "==", 0)
        .then(c.put(`${p}a`).value("mine"))
        .else(c.get(`${p}a`))
        .commit();
    assert.equal((await attempt()).succeeded, true);
    const second = await attempt();
    assert.equal(second.succeeded, false);
    assert.equal(second.responses[0].response_range.kvs[0].value.toString(), "mine");
  },
  stm: async (c, p) => {
    await c.put(`${p}a`).value(0);
    const add = () =>
      c.stm({ retries: 50 }).transact(async (tx) => {
        await tx.put(`${p}a`).value((await tx.get(`${p}a`).number()) + 1);
      });
    await Promise.all([add(), add(), add(), add()]);
    assert.equal(await c.get(`${p}a`).number(), 4);
  },
  "watch-live": async (c, p) => {
    const watcher = await c.watch().prefix(p).withPreviousKV().create();
    const lines = take(watcher, 3);
    await c.put(`${p}a`).value("1");
    await c.put(`${p}b`).value("2");
    await c.delete().key(`${p}a`);
    assert.deepEqual(await lines, ["put 1", "put 2", "delete 1"]);
    await watcher.cancel();
  },
  "watch-history": async (c, p) => {
    const { header } = await c.put(`${p}a`).value("1");
    await c.put(`${p}a`).value("2");
    const builder = c.watch().key(`${p}a`).startRevision(header.revision);
    const lines = take(builder.watcher(), 2);
    assert.deepEqual(await lines, ["put 1", "put 2"]);
  },
  "watch-filter": async (c, p) => {
    const watcher = await c.watch().prefix(p).only("delete").create();
    const lines = take(watcher, 1);
    await c.put(`${p}a`).value("1");
    await c.delete().key(`${p}a`);
    assert.deepEqual(await lines, ["delete"]);
    await watcher.cancel();
  },
  lease: async (c, p) => {
    const lease = c.lease(600, { autoKeepAlive: false });
    await lease.put(`${p}a`).value("1");
    const id = await lease.grant();
    const left = await c.leaseClient.leaseTimeToLive({ ID: id, keys: true });
    assert.equal(left.grantedTTL, "600");
    assert.deepEqual(left.keys.map(String), [`${p}a`]);
    await lease.revoke();
    assert.equal(await c.get(`${p}a`).string(), null);
  },
  "lease-keep-alive": async (c, p) => {
    const kept = c.lease(3);
    const left = c.lease(5, { autoKeepAlive: false });
    const watcher = await c.watch().prefix(p).only("delete").create();
    await kept.put(`${p}kept`).value("1");
    await left.put(`${p}left`).value("1");
    const [gone] = await once(watcher, "delete");
    assert.equal(String(gone.key), `${p}left`);
    assert.equal(await c.get(`${p}kept`).string(), "1");
    await kept.revoke();
    await watcher.cancel();
  },
  "lease-lost": async (c, p) => {
    const lease = c.lease(2);
    const lost = once(lease, "lost");
    await lease.put(`${p}a`).value("1");
    await c.leaseClient.leaseRevoke({ ID: await lease.grant() });
    const [error] = await lost;
    assert.equal(error.constructor.name, "EtcdLeaseInvalidError");
  },
  lock: async (c, p) => {
    let counter = 0;
    const work = async () => {
      for (;;) {
        try {
          await c
            .lock(`${p}lock`)
            .ttl(20)
            .do(async () => {
              const seen = counter;
              await new Promise((resolve) => setTimeout(resolve, 10));
              counter = seen + 1;
            });
          return;
        } catch (error) {
          if (!(error instanceof etcd3.EtcdLockFailedError)) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    };
    await Promise.all([work(), work(), work()]);
    assert.equal(counter, 3);
  },
  election: async (c, p) => {
    const election = c.election(`${p}leader`, 10);
    const first = election.campaign("first");
    await first.wait();
    assert.equal(await election.leader(), "first");
    const second = election.campaign("second");
    await first.resign();
    await second.wait();
    assert.equal(await election.leader(), "second");
    await second.resign();
  },
  errors: async (c, p) => {
    await assert.rejects(c.put(`${p}a`).value("1").lease(0x7edc).exec(), (error) => {
      assert.equal(error.constructor.name, "EtcdLeaseInvalidError");
      return true;
    });
    await assert.rejects(
      c.get(`${p}a`).revision(1_000_000_000).string(),
      /mvcc: required revision is a future revision/,
    );
  },
  members: async (c) => {
    const { members } = await c.cluster.memberList({});
    assert.deepEqual(members.map(({ name }) => name).sort(), ["m1", "m2", "m3"]);
  },
  status: async () => {
    const leaders = new Set();
    for (const endpoint of endpoints) {
      const one = connect([endpoint]);
      const status = await one.maintenance.status();
      leaders.add(status.leader);
      assert.match(status.version, /^3\.7\./);
      one.close();
    }
    assert.equal(leaders.size, 1);
  },
  "every-endpoint": async (_c, p) => {
    const clients = endpoints.map((endpoint) => connect([endpoint]));
    for (const [i, writer] of clients.entries()) {
      await writer.put(`${p}a`).value(i);
      for (const reader of clients) assert.equal(await reader.get(`${p}a`).number(), i);
    }
    for (const client of clients) client.close();
  },
};

(async () => {
  for (const [name, scenario] of Object.entries(scenarios)) await check(name, scenario);
  process.exit(failed > 0 ? 1 : 0);
})();
