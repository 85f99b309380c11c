import assert from "node:assert/strict";
import { test } from "node:test";
import { translateLegacy } from "./legacy-flags.ts";
import type { ConfigNote } from "./note.ts";

type Env = Readonly<Record<string, string>>;

function translated(line: string, env: Env = {}) {
  const notes: ConfigNote[] = [];
  const result = translateLegacy({ argv: line.split(" ").filter(Boolean), env }, notes);
  return { result, notes: notes.map(({ message }) => message) };
}

test("old flags become today's", () => {
  const table: readonly (readonly [string, Env, string])[] = [
    ["--name a -data-dir d", {}, "--name a -data-dir d"],
    [
      "-addr 10.0.0.1:4001",
      {},
      "--listen-client-urls=http://10.0.0.1:4001 --advertise-client-urls=http://10.0.0.1:4001",
    ],
    [
      "-addr=10.0.0.1:4001 -bind-addr=0.0.0.0",
      {},
      "--listen-client-urls=http://0.0.0.0:4001 --advertise-client-urls=http://10.0.0.1:4001",
    ],
    [
      "--bind-addr 0.0.0.0:5001",
      {},
      "--listen-client-urls=http://0.0.0.0:5001 --advertise-client-urls=http://127.0.0.1:4001",
    ],
    [
      "-name one -peer-addr 10.0.0.1:7001",
      {},
      "-name one --listen-peer-urls=http://10.0.0.1:7001 --initial-advertise-peer-urls=http://10.0.0.1:7001 --initial-cluster=one=http://10.0.0.1:7001",
    ],
    [
      "-peer-bind-addr 0.0.0.0 -initial-cluster one=http://a:1",
      { ETCD_PEER_ADDR: "10.0.0.1:7001", ETCD_NAME: "two" },
      "-initial-cluster one=http://a:1 --listen-peer-urls=http://0.0.0.0:7001 --initial-advertise-peer-urls=http://10.0.0.1:7001",
    ],
    [
      "",
      { ETCD_ADDR: "a:1", ETCD_LISTEN_CLIENT_URLS: "http://b:2" },
      "--advertise-client-urls=http://a:1",
    ],
    ["-peers a:1 --initial-cluster=x=http://a:1", {}, "--initial-cluster=x=http://a:1"],
    [
      "-peer-addr a:1 --discovery http://d",
      {},
      "--discovery http://d --listen-peer-urls=http://a:1 --initial-advertise-peer-urls=http://a:1",
    ],
  ];
  for (const [line, env, wanted] of table) {
    const { result } = translated(line, env);
    assert.ok(result.kind === "ok", line);
    assert.equal(result.argv.join(" "), wanted, line);
    assert.ok(!Object.keys(result.env).some((name) => /_(PEER_)?(BIND_)?ADDR$/.test(name)));
  }
});

test("a note says what to write today", () => {
  assert.deepEqual(translated("-name a").notes, []);
  assert.deepEqual(translated("-addr a:1 -bind-addr b -peers p --initial-cluster=x=y").notes, [
    "-peers: of etcd 0.4; write --initial-cluster, which is used",
    "-addr and -bind-addr: of etcd 0.4; write --listen-client-urls=http://b:1 --advertise-client-urls=http://a:1",
  ]);
});

test("what has no meaning today is refused", () => {
  for (const [line, reason] of [
    ["-peers a:1,b:1", /^-peers of etcd 0\.4 names no members: write --initial-cluster=/],
    ["-addr host", /^-addr must be HOST:PORT: host$/],
    ["-addr", /^flag needs an argument: -addr$/],
  ] as const) {
    const { result } = translated(line);
    assert.ok(result.kind === "fault", line);
    assert.match(result.reason, reason);
  }
});
