import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { type CommandLine, readCommandLine } from "./command-line.ts";
import { type GatewayPorts, type GatewaySettings, startGateway } from "./gateway-command.ts";

const ports: GatewayPorts = {
  clock: systemClock,
  log: silentLog,
  random: seededRandom(1),
  addresses: async (host) => {
    if (host === "nowhere") throw new Error("no such host");
    return [host === "localhost" ? "127.0.0.1" : host];
  },
  resolveSrv: async (name) => {
    if (!name.startsWith("_etcd-client-app._tcp.")) throw new Error("no such record");
    return [{ name: "127.0.0.1", port: 9, priority: 1, weight: 2 }];
  },
};

const settings = (changes: Partial<GatewaySettings>): GatewaySettings => ({
  endpoints: ["127.0.0.1:2379"],
  listenAddr: "127.0.0.1:0",
  retryDelayMs: 60_000,
  srv: { domain: "", serviceName: "", insecure: true, ca: undefined },
  ...changes,
});

const domain = (serviceName: string, insecure: boolean): GatewaySettings["srv"] => ({
  domain: "example.com",
  serviceName,
  insecure,
  ca: undefined,
});

test("a gateway says which setting does not fit", async () => {
  const cases: readonly [Partial<GatewaySettings>, RegExp][] = [
    [{ endpoints: ["127.0.0.1"] }, /error parsing endpoint "127.0.0.1"/],
    [{ endpoints: [] }, /no endpoints found/],
    [{ listenAddr: "23790" }, /failed to validate listen address: 23790/],
    [{ listenAddr: "nowhere:1" }, /failed to resolve listen host: nowhere/],
    [{ endpoints: ["http://nowhere:1"] }, /failed to resolve endpoint host: nowhere/],
    [
      { endpoints: ["http://localhost:7/"], listenAddr: "127.0.0.1:7" },
      /\(localhost:7->127\.0\.0\.1:7\) should not resolve to the gateway listen addr/,
    ],
    [{ srv: domain("", true) }, /_etcd-client-ssl\._tcp\.example\.com: no such record and /],
  ];
  for (const [changes, message] of cases) {
    await assert.rejects(startGateway(settings(changes), ports), message);
  }
});

test("members come from DNS; those without a certificate only if that was asked for", async () => {
  for (const [insecure, expected] of [
    [true, "127.0.0.1:9"],
    [false, "127.0.0.1:2379"],
  ] as const) {
    const lines: object[] = [];
    const log = { ...silentLog, info: (fields: object) => void lines.push(fields) };
    const found = { srv: domain("app", insecure) };
    const gateway = await startGateway(settings(found), { ...ports, log });
    await gateway.close();
    assert.deepEqual(lines.at(-1), { endpoints: [expected] });
  }
});

test("command lines of the proxies", () => {
  const kindOf = (...words: string[]): string => {
    const read: CommandLine = readCommandLine(words);
    if (read.kind === "error") return read.message;
    return read.kind === "help" ? (read.text.split("\n")[0] ?? "") : read.kind;
  };
  assert.equal(kindOf("gateway"), "etcd gateway: forwards TCP connections to the members");
  assert.match(kindOf("gateway", "--help"), /^etcd gateway: /);
  assert.match(kindOf("gateway", "start", "--help"), /^Forwards TCP connections/);
  assert.equal(kindOf("gateway", "start", "--endpoints", "a:1,b:2", "--retry-delay=5s"), "run");
  assert.equal(kindOf("gateway", "start", "--retry"), "unknown flag: --retry");
  assert.equal(kindOf("gateway", "--retry"), "unknown flag: --retry");
  assert.equal(
    kindOf("gateway", "start", "--retry-delay=5"),
    'invalid argument "5" for "--retry-delay" flag: time: missing unit in duration "5"',
  );
  assert.equal(kindOf("grpc-proxy", "start", "--namespace=a/", "--auto-tls"), "run");
});
