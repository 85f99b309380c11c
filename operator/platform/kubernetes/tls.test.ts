import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifest } from "#operator/api/manifest.ts";
import type { MemberRecord } from "#operator/plan/types.ts";
import { loadedOf } from "#operator/platform/kubernetes/loaded.ts";
import { memberUrls, surroundings } from "#operator/platform/kubernetes/objects.ts";
import {
  etcdctlIn,
  memberNames,
  schemeIn,
  schemesOf,
  speaksTls,
  type TlsSources,
  tlsArguments,
  tlsMounts,
  tlsSources,
  wantedCertificates,
} from "#operator/platform/kubernetes/tls.ts";

const identity = { name: "a", namespace: "ns", uid: "u" };

function clusterOf(tls: string, annotations = "{}") {
  const metadata = `metadata: {name: a, annotations: ${annotations}}`;
  const head = `apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\n${metadata}\n`;
  return parseManifest("a.yaml", `${head}spec: {replicas: 1, tls: ${tls}}\n`);
}

test("what is wanted of certificates: the shorter of both terms, and a tenth as grace", () => {
  const table: readonly (readonly [string, string, object | undefined])[] = [
    ["{}", "{}", undefined],
    ["{client: {secret: {name: s}}}", "{}", undefined],
    [
      "{client: {operator: {}}}",
      "{}",
      { validityMs: 7_776_000_000, renewBeforeMs: 2_592_000_000, graceMs: 259_200_000 },
    ],
    [
      "{client: {operator: {validity: 10h, renewBefore: 1h}}, peer: {operator: {}}}",
      "{etcd-ts.dev/rotate-ca: x}",
      { validityMs: 36_000_000, renewBeforeMs: 3_600_000, graceMs: 360_000, request: "x" },
    ],
    [
      "{client: {operator: {validity: 87600h, renewBefore: 8760h}}}",
      "{}",
      { validityMs: 315_360_000_000, renewBeforeMs: 31_536_000_000, graceMs: 604_800_000 },
    ],
  ];
  for (const [tls, annotations, expected] of table) {
    assert.deepEqual(wantedCertificates(clusterOf(tls, annotations)), expected, tls);
  }
});

test("a certificate is for a member's names, the Services, the domain of SRV records, and no pod address", () => {
  const cluster = clusterOf("{client: {operator: {}}, extraSans: [etcd.example.org, 10.0.0.9]}");
  assert.deepEqual(memberNames(identity, "cluster.local", "a-1", cluster), [
    "a-1.a-peers.ns.svc.cluster.local",
    "a-1.a-peers.ns.svc",
    "a-1.a-peers.ns",
    "a-1.a-peers",
    "a-1",
    "a-peers.ns.svc.cluster.local",
    "a-client",
    "a-client.ns",
    "a-client.ns.svc",
    "a-client.ns.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
    "etcd.example.org",
    "10.0.0.9",
  ]);
});

const operator = { kind: "operator", asksClients: true } as const;
const given = { kind: "given", secret: "s", asksClients: false } as const;

test("each port gets its files, and members admit members alone", () => {
  const record: MemberRecord = {
    ...memberUrls(identity, "cluster.local", 1, { client: given, peer: operator }),
    name: "a-1",
    serial: 1,
    phase: "voter",
    template: "t",
    started: true,
  };
  assert.equal(record.clientUrl, "https://a-1.a-peers.ns.svc.cluster.local:2379");
  assert.deepEqual(tlsArguments(record, { client: given, peer: operator }), [
    "--cert-file=/etc/etcd/tls/client/tls.crt",
    "--key-file=/etc/etcd/tls/client/tls.key",
    "--peer-cert-file=/etc/etcd/tls/peer/tls.crt",
    "--peer-key-file=/etc/etcd/tls/peer/tls.key",
    "--peer-client-cert-auth",
    "--peer-trusted-ca-file=/etc/etcd/tls/peer/ca.crt",
    "--peer-cert-allowed-hostname=a-peers.ns.svc.cluster.local",
  ]);
  assert.deepEqual(tlsArguments(record, { client: operator }).slice(2), [
    "--client-cert-auth",
    "--trusted-ca-file=/etc/etcd/tls/client/ca.crt",
  ]);
  assert.deepEqual(tlsArguments(record, {}), []);
  assert.deepEqual(etcdctlIn(["--name=a", "--listen-client-urls=http://0.0.0.0:2379"]), [
    "etcdctl",
    "--endpoints=http://127.0.0.1:2379",
  ]);
  assert.deepEqual(etcdctlIn(["--listen-client-urls=https://0.0.0.0:2379"]).slice(1, 3), [
    "--endpoints=https://localhost:2379",
    "--cacert=/etc/etcd/tls/client/ca.crt",
  ]);
  const { volumes, volumeMounts } = tlsMounts(
    identity,
    { client: given, peer: operator },
    { name: "a-1", uid: "12345678-9" },
  );
  const text = JSON.stringify([volumes, volumeMounts]);
  assert(!text.includes("subPath"), "what is mounted alone never changes");
  for (const part of [
    '"secretName":"s"',
    '"name":"a-1-12345678-tls"',
    '"configMap":{"name":"a-ca"',
  ]) {
    assert(text.includes(part), part);
  }
  assert(!text.includes('"name":"a-ca","items":[{"key":"tls.key"'), "the CA's key is in no pod");
});

test("while clients change over a member serves both, and is asked as it was started", () => {
  const rows = [
    ["{}", ["http"]],
    ["{client: {operator: {}}}", ["https"]],
    ["{client: {operator: {}, plaintext: true}}", ["https", "http"]],
    ["{client: {secret: {name: s}, plaintext: true}}", ["https", "http"]],
    ["{peer: {operator: {}}}", ["http"]],
  ] as const;
  for (const [tls, schemes] of rows) {
    assert.deepEqual(schemesOf(tlsSources(clusterOf(tls)).client), schemes, tls);
  }
  const listen = (urls: string) => ["--name=a", `--listen-client-urls=${urls}`];
  const plain = listen("http://0.0.0.0:2379");
  const secure = listen("https://0.0.0.0:2379");
  const both = listen("https://0.0.0.0:2379,http://0.0.0.0:2379");
  const asked = [plain, secure, both, []].map((one) => [
    schemeIn(one, "http"),
    schemeIn(one, "https"),
  ]);
  assert.deepEqual(asked, [
    ["http", "http"],
    ["https", "https"],
    ["http", "https"],
    ["http", "http"],
  ]);
  const record = { peerUrl: "https://a-1.d:2380" } as MemberRecord;
  const sides = (sources: TlsSources) =>
    (["client", "peer"] as const).filter((side) => speaksTls(tlsArguments(record, sources), side));
  assert.deepEqual(sides({}), []);
  assert.deepEqual(sides({ client: given }), ["client"]);
  assert.deepEqual(sides({ client: operator, peer: operator }), ["client", "peer"]);
});

test("DNS says by the names of ports whether members speak TLS", () => {
  const portsOf = (tls: string) => {
    const [headless] = surroundings(identity, clusterOf(tls), undefined).services;
    const ports = headless?.spec["ports"] as readonly { readonly name: string }[] | undefined;
    return ports?.map((one) => one.name);
  };
  assert.deepEqual(portsOf("{}"), ["etcd-client", "etcd-server", "metrics"]);
  assert.deepEqual(portsOf("{peer: {operator: {}}}"), [
    "etcd-client",
    "etcd-server-ssl",
    "metrics",
  ]);
});

test("what a member has loaded is what all its ports have", () => {
  const line = (port: string, leaf: string, ca: string) =>
    `etcd_server_tls_loaded{port="${port}",leaf_sha256="${leaf}",ca_sha256="${ca}"} 1\n`;
  const both = { client: operator, peer: operator };
  const open = { client: { ...operator, asksClients: false } };
  const table: readonly (readonly [string, object, readonly ("client" | "peer")[], unknown])[] = [
    ["", both, ["client", "peer"], undefined],
    [line("client", "l", "c"), both, ["client", "peer"], undefined],
    [
      `x 1\n${line("client", "l", "c")}${line("peer", "l", "c")}y 2\n`,
      ...([both, ["client", "peer"], { leaf: "l", bundle: "c" }] as const),
    ],
    [
      line("client", "l", "c") + line("peer", "m", "c"),
      ...([both, ["client", "peer"], { leaf: "", bundle: "c" }] as const),
    ],
    [
      line("client", "l", "c") + line("peer", "l", "d"),
      ...([both, ["client", "peer"], { leaf: "l", bundle: "" }] as const),
    ],
    [line("client", "l", ""), open, ["client"], { leaf: "l", bundle: "published" }],
  ];
  for (const [text, sources, sides, expected] of table) {
    assert.deepEqual(loadedOf(text, sources, sides, "published"), expected, text);
  }
  assert.deepEqual(tlsSources(clusterOf("{client: {secret: {name: s}, clientAuth: false}}")), {
    client: given,
  });
});
