// grpc-proxy before a cluster of three: what it saves the cluster, and what clients notice when a
// member is killed behind it. What it answers is compared with members by the contract suite
// (RUNNER=proxy npm run test:contract).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { type ProxyProcess, startProxy } from "#test/contract/proxied-cluster.ts";
import { Wire } from "#test/contract/wire.ts";

const b = (text: string): Buffer => Buffer.from(text);

describe("grpc-proxy before three members", () => {
  let cluster: Cluster;
  let proxy: ProxyProcess;
  let other: ProxyProcess;
  let wires: Wire[];

  const endpoints = (): string => `--endpoints=${cluster.endpoints().join(",")}`;
  const wire = (): Wire => wires[0]!;
  const newWire = (endpoint = proxy.endpoint): Wire => {
    const made = new Wire(endpoint);
    wires.push(made);
    return made;
  };
  const metric = async ({ clientUrl }: ClusterMember, name: string): Promise<number> => {
    const text = await (await fetch(`${clientUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1]);
  };
  /** A metric's sum over all members. */
  const sum = async (name: string): Promise<number> => {
    const all = await Promise.all(cluster.members.map((member) => metric(member, name)));
    return all.reduce((total, one) => total + one, 0);
  };
  const watchers = (member: ClusterMember): Promise<number> =>
    metric(member, "etcd_debugging_mvcc_watcher_total");

  before(async () => {
    cluster = await startCluster({ runner: "ours", size: 3 });
    wires = [];
    [proxy, other] = await Promise.all([
      startProxy("ours", [endpoints()]),
      startProxy("ours", [endpoints(), "--namespace=mine/", "--auto-tls=false"]),
    ]);
    newWire();
  });
  after(async () => {
    for (const one of wires) one.close();
    await Promise.all([proxy?.stop(), other?.stop()]);
    await cluster?.stop();
  });

  test("1,000 watchers on one key cost the cluster one watch, and all are told", async () => {
    const streams = Array.from({ length: 10 }, () => newWire().watch());
    await Promise.all(
      streams.map(async (stream) => {
        for (let i = 0; i < 100; i++) {
          stream.send({ requestUnion: { $case: "createRequest", value: { key: b("popular") } } });
        }
        for (let i = 0; i < 100; i++) assert.equal((await stream.next()).created, true);
      }),
    );
    assert.equal(await sum("etcd_debugging_mvcc_watcher_total"), 1);
    const { header } = await wire().kv.put({ key: b("popular"), value: b("1") });
    await Promise.all(
      streams.map(async (stream) => {
        const ids = new Set<number>();
        for (let i = 0; i < 100; i++) {
          const { watchId, events } = await stream.next();
          assert.equal(events[0]?.kv?.modRevision, header?.revision);
          ids.add(watchId);
        }
        assert.equal(ids.size, 100);
      }),
    );
    for (const stream of streams) stream.cancel();
    await eventually("the watch ends with its watchers", async () => {
      assert.equal(await sum("etcd_debugging_mvcc_watcher_total"), 0);
    });
  });

  test("renewals of one lease by many are few", async () => {
    const { ID } = await wire().lease.leaseGrant({ TTL: 100 });
    const before = await sum("etcd_debugging_lease_renewed_total");
    const streams = Array.from({ length: 50 }, () => wire().keepAlive());
    for (const stream of streams) stream.send({ ID });
    for (const stream of streams) assert.equal((await stream.next()).TTL, 100);
    const renewals = (await sum("etcd_debugging_lease_renewed_total")) - before;
    assert.ok(renewals >= 1 && renewals < 10, `${renewals} renewals`);
    await wire().lease.leaseRevoke({ ID });
    for (const stream of streams) {
      stream.send({ ID });
      assert.equal((await stream.next()).TTL, 0);
      stream.cancel();
    }
  });

  test("a serializable range is answered from memory until somebody writes there", async () => {
    const key = b("cached");
    const read = async (): Promise<string> => {
      const { kvs } = await wire().kv.range({ key, serializable: true });
      return String(Buffer.from(kvs[0]?.value ?? b("nothing")));
    };
    await wire().kv.put({ key, value: b("1") });
    assert.deepEqual([await read(), await read()], ["1", "1"]);
    await wire().kv.txn({
      success: [{ request: { $case: "requestPut", value: { key, value: b("2") } } }],
    });
    assert.equal(await read(), "2");
    await wire().kv.deleteRange({ key: b("cache"), rangeEnd: b("d") });
    assert.equal(await read(), "nothing");
    const metrics = await (await fetch(`http://${proxy.endpoint}/proxy/metrics`)).text();
    assert.match(metrics, /^etcd_grpc_proxy_cache_hits_total [1-9]/m);
    for (const path of ["health", "proxy/health"]) {
      const answer = await fetch(`http://${proxy.endpoint}/${path}`);
      assert.equal(await answer.text(), '{"health":"true","reason":""}');
    }
  });

  test("a namespace is a store of its own", async () => {
    const inner = newWire(other.endpoint);
    await wire().kv.put({ key: b("outside"), value: b("1") });
    const watch = inner.watch();
    const all = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };
    watch.send({ requestUnion: { $case: "createRequest", value: all } });
    assert.equal((await watch.next()).created, true);
    const { ID } = await inner.lease.leaseGrant({ TTL: 100 });
    await inner.kv.txn({
      compare: [
        {
          key: b("a"),
          target: 0,
          result: 0,
          targetUnion: { $case: "version", value: 0 },
        },
      ],
      success: [
        { request: { $case: "requestPut", value: { key: b("a"), value: b("1"), lease: ID } } },
        { request: { $case: "requestRange", value: all } },
      ],
    });
    const keysOf = (kvs: readonly { readonly key: Uint8Array }[]): string[] =>
      kvs.map(({ key }) => String(Buffer.from(key)));
    assert.deepEqual(keysOf((await inner.kv.range(all)).kvs), ["a"]);
    assert.equal(String((await watch.next()).events[0]?.kv?.key), "a");
    watch.cancel();
    const { keys } = await inner.lease.leaseTimeToLive({ ID, keys: true });
    assert.deepEqual(keys.map(String), ["a"]);
    const mine = await wire().kv.range({ key: b("mine/"), rangeEnd: b("mine0") });
    assert.deepEqual(keysOf(mine.kvs), ["mine/a"]);
    await inner.kv.deleteRange(all);
    assert.equal((await wire().kv.range({ key: b("outside") })).count, 1);
  });

  test("proxies of both kinds find each other, and forget those that end", async () => {
    const flags = [endpoints(), "--resolver-prefix=proxies", "--resolver-ttl=2"];
    const names = ["http://first:1", "http://second:1"] as const;
    const [ours, theirs] = await Promise.all([
      startProxy("ours", [...flags, `--advertise-client-url=${names[0]}`]),
      startProxy("reference", [...flags, `--advertise-client-url=${names[1]}`]),
    ]);
    const listed = async (through: ProxyProcess): Promise<string[]> => {
      const { members } = await newWire(through.endpoint).cluster.memberList({});
      return members.flatMap(({ clientURLs }) => clientURLs).sort();
    };
    try {
      await eventually("both show both", async () => {
        assert.deepEqual(await listed(ours), names);
        assert.deepEqual(await listed(theirs), names);
      });
      await theirs.stop();
      await eventually("the one that was killed is gone", async () => {
        assert.deepEqual(await listed(ours), [names[0]]);
      });
    } finally {
      await Promise.all([ours.stop(), theirs.stop()]);
    }
  });

  test("TLS with a certificate of its own", async () => {
    const folder = `${cluster.members[0]!.dataDir}-proxy`;
    const secure = await startProxy("ours", [endpoints(), "--auto-tls", `--data-dir=${folder}`]);
    const client = new EtcdClient({
      endpoints: [`https://${secure.endpoint}`],
      clock: systemClock,
      random: seededRandom(1),
      tls: { insecureSkipVerify: true },
    });
    try {
      await client.kv.put("secure", "1", {}, { timeoutMs: 20_000 });
      assert.equal((await client.kv.range("secure")).count, 1);
    } finally {
      client.close();
      await secure.stop();
    }
  });

  test("its member may be killed: watches miss nothing, leases live, writes go on", async () => {
    const { ID } = await wire().lease.leaseGrant({ TTL: 600 });
    const renewal = wire().keepAlive();
    const watch = wire().watch();
    const range = { key: b("w/"), rangeEnd: b("w0") };
    watch.send({ requestUnion: { $case: "createRequest", value: range } });
    assert.equal((await watch.next()).created, true);
    const written: number[] = [];
    const put = async (at: number): Promise<void> => {
      // A write that was under way when its member went may have to be sent again.
      const { header } = await eventually("a write", () =>
        wire().kv.put({ key: b(`w/${at}`), value: b("1") }, { deadlineMs: 10_000 }),
      );
      written.push(header!.revision);
    };
    const shares = await Promise.all(
      cluster.members.map(async (member) => ((await watchers(member)) === 1 ? [member] : [])),
    );
    const [host] = shares.flat();
    assert.ok(host !== undefined, "one member has the watch");
    for (let at = 0; at < 5; at++) await put(at);
    await host.kill();
    for (let at = 5; at < 10; at++) await put(at);
    renewal.send({ ID });
    assert.equal((await renewal.next()).TTL, 600);
    const seen: number[] = [];
    while (!seen.includes(written.at(-1)!)) {
      const { events, canceled } = await watch.next();
      assert.equal(canceled, false);
      for (const { kv } of events) seen.push(kv!.modRevision);
    }
    assert.deepEqual(
      seen,
      [...seen].sort((x, y) => x - y),
      "in order",
    );
    assert.equal(new Set(seen).size, seen.length, "each once");
    assert.deepEqual(
      written.filter((revision) => !seen.includes(revision)),
      [],
      "none missed",
    );
    watch.cancel();
    renewal.cancel();
  });
});
