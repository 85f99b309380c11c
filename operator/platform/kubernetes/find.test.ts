import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseManifest } from "#operator/api/manifest.ts";
import type { JoinInfo } from "#operator/plan/types.ts";
import {
  accessOf,
  accessSecrets,
  bootstrapOf,
  findParts,
} from "#operator/platform/kubernetes/find.ts";

function clusterOf(bootstrap: string): EtcdCluster {
  const head = "apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: a}\n";
  return parseManifest("a.yaml", `${head}spec: {replicas: 3, bootstrap: ${bootstrap}}\n`);
}

const own = "a-peers.ns.svc.cluster.local";

test("the bootstrap of a manifest, in the plan's words", () => {
  const table: readonly (readonly [string, object])[] = [
    ["{static: {}}", { kind: "static" }],
    ["{dns: {}}", { kind: "dns", domain: own, isOutside: false }],
    ["{dns: {domain: example.org}}", { kind: "dns", domain: "example.org", isOutside: true }],
    ["{discovery: {url: 'http://d'}}", { kind: "discovery", url: "http://d" }],
    [
      "{discovery: {url: 'http://d', token: t}}",
      { kind: "discovery", url: "http://d", token: "t" },
    ],
    ["{discovery: {endpoints: ['http://e']}}", { kind: "discovery-v3", endpoints: ["http://e"] }],
  ];
  for (const [text, want] of table) assert.deepEqual(bootstrapOf(clusterOf(text), own), want);
});

const join = (find: JoinInfo["find"]): JoinInfo => ({
  state: "new",
  initialCluster: find === undefined ? "a-1=x" : "",
  token: "t",
  ...(find === undefined ? {} : { find }),
});

test("what a pod is told of the others: an initial cluster, or how to find it, never both", () => {
  const plain = "http://a-1:2380";
  const args = (find: JoinInfo["find"], peerUrl = plain) => {
    const parts = findParts(join(find), peerUrl, undefined, {});
    return [...parts.args, ...parts.initContainers.map((one) => JSON.stringify(one))].join(" ");
  };
  assert.equal(args(undefined), "--initial-cluster=a-1=x");
  assert.equal(args({ kind: "discovery", url: "http://d/u-1" }), "--discovery=http://d/u-1");
  const v3 = { kind: "discovery-v3", endpoints: ["http://e", "http://f"], token: "u-1" } as const;
  assert.equal(args(v3), "--discovery-token=u-1 --discovery-endpoints=http://e,http://f");
  const dns = { kind: "dns", domain: own, size: 3 } as const;
  assert.match(args(dns), /^--discovery-srv=a-peers\.\S+ .*"_etcd-server\._tcp\.a-peers.*","3"\]/);
  assert.match(args(dns, "https://a-1:2380"), /"_etcd-server-ssl\._tcp\.a-peers/);
});

test("secrets of a v3 registry are mounted, a password is no argument", () => {
  const cluster = clusterOf(
    "{discovery: {endpoints: ['https://e'], ca: {name: c}, clientCertificate: {name: k}, credentials: {name: p}}}",
  );
  const find = { kind: "discovery-v3", endpoints: ["https://e"], token: "t" } as const;
  const { discovery } = cluster.spec.bootstrap;
  const parts = findParts(join(find), "http://a-1:2380", discovery, {});
  assert.deepEqual(parts.args, [
    "--discovery-token=t",
    "--discovery-endpoints=https://e",
    "--discovery-insecure-transport=false",
    "--discovery-cacert=/etc/etcd/discovery-ca/ca.crt",
    "--discovery-cert=/etc/etcd/discovery-certificate/tls.crt",
    "--discovery-key=/etc/etcd/discovery-certificate/tls.key",
  ]);
  assert.match(JSON.stringify(parts.env), /"ETCD_DISCOVERY_PASSWORD".*"name":"p","key":"password"/);
  assert.equal(parts.volumes.length, 2);
  assert.equal(parts.volumeMounts.length, 2);

  assert.deepEqual(accessSecrets(cluster), ["c", "k", "p"]);
  const secret = (data: Readonly<Record<string, string>>) => ({
    metadata: { name: "x" },
    data: Object.fromEntries(
      Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString("base64")]),
    ),
  });
  const all = new Map([
    ["c", secret({ "ca.crt": "CA" })],
    ["k", secret({ "tls.crt": "CRT", "tls.key": "KEY" })],
    ["p", secret({ username: "u", password: "w" })],
  ]);
  assert.deepEqual(accessOf(cluster, all), {
    tls: { ca: Buffer.from("CA"), cert: Buffer.from("CRT"), key: Buffer.from("KEY") },
    user: { name: "u", password: "w" },
  });
  assert.throws(
    () => accessOf(cluster, new Map([...all, ["k", secret({ "tls.crt": "CRT" })]])),
    /Secret k has no tls\.key/,
  );
});
