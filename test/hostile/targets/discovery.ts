// A member's first start against whoever answers in the place of a discovery service or of DNS: wrong
// types, garbage, circles, too much, too slow. It ends with members or with a refusal that says why, and
// what it logs meanwhile is clear; a service that comes to its senses is found.

import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { type Log, silentLog } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { PutResponse, RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import type { InitialMembers } from "#server/config/bootstrap.ts";
import { joinByRegistry, type Registry } from "#server/discovery/registry.ts";
import type { Resolver, SrvTarget } from "#server/discovery/resolver.ts";
import { srvMembers } from "#server/discovery/srv-members.ts";
import { openV2Registry } from "#server/discovery/v2-registry.ts";
import { openV3Registry } from "#server/discovery/v3-registry.ts";
import { pick, someText } from "../generate.ts";
import { HostileGrpc, HostileHttp } from "../hostile-service.ts";
import { assertClear, Finding, type Rounds, type Tally, type Target } from "../target.ts";

const hurry = 40;
/** Seconds of a member are milliseconds here. */
const hurriedClock: Clock = {
  monotonicMs: () => systemClock.monotonicMs() * hurry,
  wallMs: () => systemClock.wallMs(),
  after: (delayMs, run) => systemClock.after(delayMs / hurry, run),
  every: (periodMs, run) => systemClock.every(periodMs / hurry, run),
};

const self = { id: "a1", value: "m1=http://h:1" };
const other = { id: "b2", value: "m2=http://i:1" };
/** A refusal is a line for a person. */
const longestRefusal = 20_000;

const values: readonly unknown[] = [
  ...[null, true, 0, -1, 1e308, "", "2", "x", "m1=http://h:1", "m1=x", "=,=", [], {}, [[]]],
  ...["3", "1024", "99999999999999999999", "m3=http://j:1", "m2=http://i:1,m2=http://i:2"],
];

function someValue(random: Random, depth = 0): unknown {
  if (random.chance(0.1)) return someText(random);
  return depth > 2 || random.chance(0.6) ? pick(random, values) : someNode(random, depth + 1);
}

/** A node of the v2 API, each field of which may be anything. */
function someNode(random: Random, depth = 0): object {
  const node: Record<string, unknown> = {};
  if (random.chance(0.8))
    node["key"] = random.chance(0.7) ? `/t/${random.below(4)}` : someValue(random, 3);
  if (random.chance(0.8)) node["value"] = someValue(random, 3);
  if (random.chance(0.6))
    node["createdIndex"] = random.chance(0.7) ? random.below(9) : someValue(random, 3);
  if (depth < 3 && random.chance(0.5)) {
    const nodes = Array.from({ length: random.below(5) }, () => someNode(random, depth + 1));
    node["nodes"] = random.chance(0.8) ? nodes : someValue(random, 3);
  }
  return node;
}

function someV2Body(random: Random): string {
  const texts = [
    "",
    "{",
    "null",
    "[]",
    "<html>",
    "[".repeat(100_000),
    '{"node":null}',
    '{"node":5}',
  ];
  if (random.chance(0.3)) return pick(random, texts);
  if (random.chance(0.7))
    return JSON.stringify({ node: random.chance(0.8) ? someNode(random) : someValue(random) });
  const errorCode = random.chance(0.7)
    ? pick(random, [100, 105, 110, 300, 301, 401])
    : someValue(random);
  return JSON.stringify({ errorCode, message: someValue(random), cause: someValue(random) });
}

class DiscoveryRounds implements Rounds {
  private readonly http = new HostileHttp();
  private readonly grpc = new HostileGrpc();
  private httpUrl = "";
  private grpcUrl = "";
  private isRegistered = false;

  async listen(): Promise<void> {
    this.httpUrl = await this.http.listen();
    this.grpcUrl = await this.grpc.listen();
    this.http.wrongBody = someV2Body;
    this.http.right = (request, _, response) => {
      const sizeOf = request.url?.includes("_config/size");
      if (request.method === "PUT") this.isRegistered = true;
      const node = (one: typeof self, createdIndex: number) => ({
        ...{ key: `/t/${one.id}`, value: one.value, createdIndex },
      });
      const nodes = this.isRegistered ? [node(self, 2), node(other, 3)] : [];
      response.end(JSON.stringify({ node: sizeOf ? { value: "2" } : { nodes } }));
    };
    this.grpc.right = (path, request) => {
      const header = { clusterId: 1n, memberId: 1n, revision: 9, raftTerm: 1 };
      if (path.endsWith("/Put")) this.isRegistered = true;
      if (!path.endsWith("/Range"))
        return PutResponse.encode({ header, prevKv: undefined }).finish();
      const asked = Buffer.from(RangeRequest.decode(request).key).toString();
      const kv = (name: string, value: string, createRevision: number) => ({
        ...{ key: Buffer.from(name), value: Buffer.from(value), createRevision },
        ...{ modRevision: createRevision, version: 1, lease: 0n },
      });
      const members = [self, other].map(({ id, value }, i) => kv(`${asked}/${id}`, value, 3 + i));
      const kvs = asked.endsWith("size") ? [kv(asked, "2", 2)] : this.isRegistered ? members : [];
      return RangeResponse.encode({ header, kvs, more: false, count: kvs.length }).finish();
    };
  }

  async play(random: Random, tally: Tally): Promise<void> {
    const kind = pick(random, ["v2", "v3", "srv"] as const);
    tally.add(kind);
    try {
      const members =
        kind === "srv" ? await this.bySrv(random) : await this.byRegistry(kind, random);
      if (members.size === 0) throw new Finding(`${kind} begins a cluster of no members`);
      tally.add("served");
      tally.add(`${kind}: members`);
    } catch (error) {
      if (error instanceof Finding) throw error;
      if (!(error instanceof OperatingError))
        throw new Finding(`${kind} ends with ${errorText(error)}`, { cause: error });
      assertClear(error.message, kind);
      if (error.message.length > longestRefusal)
        throw new Finding(`${kind} is refused in ${error.message.length} characters`);
      tally.add("refused");
      tally.add(`${kind}: ${error.code}`);
    } finally {
      this.http.reset();
      this.grpc.reset();
    }
  }

  private async byRegistry(kind: "v2" | "v3", random: Random): Promise<InitialMembers> {
    const service = kind === "v2" ? this.http : this.grpc;
    service.random = random;
    service.wrongLeft = random.below(5);
    this.isRegistered = false;
    const registry = await this.open(kind, random);
    let isMarked = false;
    const set = async (): Promise<void> => {
      isMarked = true;
    };
    const mark = { isSet: async () => isMarked, set };
    try {
      return await joinByRegistry(registry, self, { clock: hurriedClock, log: clearLog, mark });
    } finally {
      registry.close();
    }
  }

  private async open(kind: "v2" | "v3", random: Random): Promise<Registry> {
    if (kind === "v2") {
      const url = `${this.httpUrl}/v2/keys/t`;
      return openV2Registry({ kind: "v2", url, proxy: "" }, hurriedClock);
    }
    const user = random.chance(0.2) ? { user: "u", password: "p" } : { user: "", password: "" };
    const config = {
      kind: "v3" as const,
      ...{ token: "t", endpoints: [this.grpcUrl], ...user },
      ...{ dialTimeoutMs: 300, requestTimeoutMs: 250, keepaliveTimeMs: 2000 },
      ...{ keepaliveTimeoutMs: 6000, insecureTransport: true, insecureSkipTlsVerify: false },
      ...{ certFile: "", keyFile: "", caFile: "" },
    };
    return await openV3Registry(config, { clock: systemClock, random });
  }

  private bySrv(random: Random): Promise<InitialMembers> {
    const query = {
      kind: "srv" as const,
      domain: "d",
      serviceName: random.chance(0.5) ? "" : someText(random),
    };
    const me = { name: pick(random, ["m1", "0", ""]), peerUrls: ["http://h1:1"] };
    const resolver = hostileResolver(random);
    return srvMembers(query, me, { resolver, clock: hurriedSrvClock(), log: clearLog });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
    await this.grpc[Symbol.asyncDispose]();
  }
}

/** What a member logs while it waits is for a person too. */
const clearLog: Log = {
  ...silentLog,
  warn: (fields) => {
    const text = JSON.stringify(fields);
    assertClear(text, "the log");
    if (text.length > longestRefusal) throw new Finding(`a log line of ${text.length} characters`);
  },
};

/** A minute of asking takes no time. */
function hurriedSrvClock(): Clock {
  let nowMs = 0;
  return {
    ...hurriedClock,
    monotonicMs: () => nowMs,
    after: (delayMs, run) => {
      nowMs += delayMs;
      const immediate = setImmediate(run);
      return { cancel: () => clearImmediate(immediate) };
    },
  };
}

function hostileResolver(random: Random): Resolver {
  const hosts = [
    "h1",
    "h2",
    "",
    ".",
    "a b",
    "[::1]",
    "::1",
    "127.0.0.1",
    "x".repeat(255),
    "h\n1",
    "é",
  ];
  const ports = [1, 2380, 0, -1, 65_536, 2 ** 31];
  const target = (): SrvTarget => ({ host: pick(random, hosts), port: pick(random, ports) });
  const many = random.chance(0.1);
  const lists = new Map<string, readonly SrvTarget[]>();
  return {
    srv: async (name) => {
      if (random.chance(0.1)) throw new Error(`queryA ESERVFAIL ${name.slice(0, 60)}`);
      const length = many ? random.below(3000) : random.below(4);
      const made = Array.from({ length }, (_, i) => (many ? { host: `h${i}`, port: 1 } : target()));
      const list = random.chance(0.8) ? (lists.get(name) ?? made) : made;
      lists.set(name, list);
      return list;
    },
    addresses: async (host) => {
      if (random.chance(0.02)) throw new Error("getaddrinfo ENOTFOUND");
      return random.chance(0.9) ? [`10.0.0.${host.length}`] : [host, "", "x"];
    },
  };
}

export const discoveryTarget: Target = {
  name: "discovery",
  about: "a first start against hostile discovery services of both kinds, and SRV records",
  rounds: 4,
  open: async () => {
    const rounds = new DiscoveryRounds();
    await rounds.listen();
    return rounds;
  },
};
