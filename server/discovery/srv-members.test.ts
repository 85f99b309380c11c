import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { formatInitialCluster } from "#server/config/bootstrap.ts";
import type { Resolver, SrvTarget } from "#server/discovery/resolver.ts";
import { placesOfUrls } from "#server/discovery/same-hosts.ts";
import { type SrvSelf, srvMembers } from "#server/discovery/srv-members.ts";

/** A clock on which every wait is over at once. */
class SkippingClock implements Clock {
  nowMs = 0;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  after(delayMs: number, run: () => void) {
    setImmediate(() => {
      this.nowMs += delayMs;
      run();
    });
    return { cancel() {} };
  }

  every(): never {
    throw new Error("not needed");
  }
}

interface Zone {
  /** `host:port` by service; a text says why it cannot be asked. */
  readonly ssl?: readonly string[] | string;
  readonly plain?: readonly string[] | string;
  /** Addresses by host. */
  readonly hosts: Readonly<Record<string, string>>;
}

function resolverOf(zone: (nowMs: number) => Zone, clock: SkippingClock): Resolver {
  return {
    async srv(name) {
      const { plain = [], ssl = [] } = zone(clock.nowMs);
      const listed = name === "_etcd-server-ssl._tcp.d" ? ssl : plain;
      assert.match(name, /^_etcd-server(-ssl)?(-blue)?\._tcp\.d$/);
      if (typeof listed === "string") throw new Error(listed);
      return listed.map((text): SrvTarget => {
        const [host, port] = text.split(":") as [string, string];
        return { host, port: Number(port) };
      });
    },
    async addresses(host) {
      const found = /^[\d.]+$/.test(host) ? host : zone(clock.nowMs).hosts[host];
      if (found === undefined) throw new Error(`no such host ${host}`);
      return found.split(" ");
    },
  };
}

const self = (name: string, ...peerUrls: string[]): SrvSelf => ({ name, peerUrls });

async function found(
  zone: Zone | ((nowMs: number) => Zone),
  who: SrvSelf,
  clock = new SkippingClock(),
): Promise<string> {
  const resolver = resolverOf(typeof zone === "function" ? zone : () => zone, clock);
  const query = { kind: "srv", domain: "d", serviceName: "" } as const;
  const members = await srvMembers(query, who, { resolver, clock, log: silentLog });
  return formatInitialCluster(members);
}

const three: Zone = {
  plain: ["a.d:1", "b.d:1", "c.d:1"],
  hosts: { "a.d": "10.0.0.1", "b.d": "10.0.0.2 10.1.0.2", "c.d": "10.0.0.3" },
};

test("each record is a member; the own one is found by address", async () => {
  const cases: readonly [Zone, SrvSelf, string][] = [
    [three, self("x", "http://10.0.0.1:1"), "0=http://b.d:1,1=http://c.d:1,x=http://a.d:1"],
    [three, self("x", "http://b.d:1"), "0=http://a.d:1,1=http://c.d:1,x=http://b.d:1"],
    [three, self("x", "http://10.1.0.2:1"), "0=http://a.d:1,1=http://c.d:1,x=http://b.d:1"],
    // Its own name may be a number: etcd would take another member for it.
    [three, self("0", "http://c.d:1"), "0=http://c.d:1,1=http://a.d:1,2=http://b.d:1"],
    // Numbers go on from one service to the other: etcd would make one member of two.
    [
      { ssl: ["a.d:1"], plain: ["b.d:1", "c.d:1"], hosts: three.hosts },
      self("x", "http://c.d:1"),
      "0=https://a.d:1,1=http://b.d:1,x=http://c.d:1",
    ],
    [
      { ssl: ["a.d:1", "b.d:2"], hosts: three.hosts },
      self("x", "https://a.d:1"),
      "0=https://b.d:2,x=https://a.d:1",
    ],
    // A record that stands twice is one.
    [
      { plain: ["a.d:1", "a.d:1"], hosts: three.hosts },
      self("x", "http://a.d:1"),
      "x=http://a.d:1",
    ],
    [
      { plain: ["localhost:1"], hosts: {} },
      self("x", "http://127.0.0.1:1"),
      "x=http://localhost:1",
    ],
  ];
  for (const [zone, who, want] of cases) assert.equal(await found(zone, who), want);
});

test("records that do not say clearly who the members are are refused", async () => {
  const cases: readonly [Zone, SrvSelf, RegExp][] = [
    [{ hosts: {} }, self("x", "http://10.0.0.1:1"), /^error querying DNS SRV records for _etcd-/],
    [three, self("x", "http://10.0.0.9:1"), /^cannot find local etcd member "x" in SRV records/],
    [three, self("x", "http://10.0.0.1:2"), /^cannot find local etcd member "x" in SRV records/],
    [three, self("x", "https://10.0.0.1:1"), /^bootstrap at http:\/\/a\.d:1 .* scheme mismatch/],
    [three, self("x", "http://a.d:1", "http://b.d:1"), /both lead to this member/],
    [
      { plain: ["a.d:1", "b.d:1"], ssl: ["b.d:1"], hosts: three.hosts },
      self("x", "http://a.d:1"),
      /lead to one place, 10\.0\.0\.2:1: name each member once/,
    ],
    [
      { plain: ["a.d:1", "alias:1"], hosts: { "a.d": "10.0.0.1", alias: "10.0.0.1" } },
      self("x", "http://a.d:1"),
      /lead to one place/,
    ],
  ];
  for (const [zone, who, message] of cases) {
    await assert.rejects(found(zone, who), { code: "BAD_SRV_RECORDS", message });
  }
});

test("what cannot be resolved is waited for, a minute at most", async () => {
  const { "c.d": _, ...hosts } = three.hosts;
  const late = (zone: Zone) => (nowMs: number) => (nowMs < 20_000 ? zone : three);
  const who = self("x", "http://10.0.0.1:1");
  const cases: readonly [Zone, RegExp][] = [
    [{ ...three, hosts }, /c\.d of _etcd-server\._tcp\.d \(no such host c\.d\)/],
    // Perhaps there are records of TLS: nobody begins with the others.
    [{ ...three, ssl: "SERVFAIL" }, /_etcd-server-ssl\._tcp\.d \(SERVFAIL\)/],
    [{ ...three, plain: "timeout" }, /_etcd-server\._tcp\.d \(timeout\)/],
  ];
  for (const [zone, missing] of cases) {
    const clock = new SkippingClock();
    const want = "0=http://b.d:1,1=http://c.d:1,x=http://a.d:1";
    assert.equal(await found(late(zone), who, clock), want);
    assert.ok(clock.nowMs >= 20_000 && clock.nowMs < 22_000);
    const end = new SkippingClock();
    await assert.rejects(found(zone, who, end), (error: Error) => {
      assert.match(error.message, missing);
      assert.match(error.message, /members could begin different clusters/);
      return true;
    });
    assert.ok(end.nowMs >= 58_000 && end.nowMs <= 60_000, `${end.nowMs} ms`);
  }
});

test("URLs are compared by where they lead", async () => {
  const clock = new SkippingClock();
  const ports = { resolver: resolverOf(() => three, clock), clock, log: silentLog };
  const urls = [
    "http://a.d:1",
    "http://10.0.0.1:1",
    "http://b.d:1",
    "https://a.d:1",
    "http://gone:1",
  ];
  const place = await placesOfUrls(urls, 30_000, ports);
  const alike = (a: string, b: string) => place.get(a) === place.get(b);
  assert.ok(alike("http://a.d:1", "http://10.0.0.1:1"));
  assert.ok(!alike("http://a.d:1", "http://b.d:1"));
  assert.ok(!alike("http://a.d:1", "https://a.d:1"));
  assert.equal(place.get("http://gone:1"), "http://gone:1");
  assert.ok(clock.nowMs <= 30_000);
});

test("a thousand hosts that each take seconds end with the minute", async () => {
  const clock = new SkippingClock();
  const resolver: Resolver = {
    srv: async () => Array.from({ length: 1000 }, (_, i) => ({ host: `h${i}.d`, port: 1 })),
    addresses: async () => {
      clock.nowMs += 5000;
      throw new Error("timeout");
    },
  };
  const query = { kind: "srv", domain: "d", serviceName: "" } as const;
  const ports = { resolver, clock, log: silentLog };
  await assert.rejects(srvMembers(query, self("x", "http://10.0.0.1:1"), ports), /timeout/);
  const own = self("x");
  await assert.rejects(srvMembers(query, own, ports), (error: Error) => {
    assert.match(error.message, /h0\.d of .*no time is left for others/);
    return error.message.length < 2000;
  });
  assert.ok(clock.nowMs <= 150_000, `${clock.nowMs} ms`);
});
