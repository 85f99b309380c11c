import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseManifest } from "#operator/api/manifest.ts";
import type { PeerScheme, PlanState } from "#operator/plan/types.ts";
import {
  aimOf,
  servedBy,
  servedCluster,
  wantedClients,
} from "#operator/platform/kubernetes/client-tls.ts";
import type { ClusterObject } from "#operator/platform/kubernetes/kinds.ts";
import { surroundings } from "#operator/platform/kubernetes/objects.ts";
import { kubernetesTemplate } from "#operator/platform/kubernetes/template.ts";
import { schemeForAll, tlsSources, wantedCertificates } from "#operator/platform/kubernetes/tls.ts";

const identity = { name: "a", namespace: "ns", uid: "u" };
const defaults = { image: "registry/store:0.2.0", version: "0.2.0" };

function clusterOf(tls: string, more = ""): EtcdCluster {
  const head = "apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: a}\n";
  return parseManifest("a.yaml", `${head}spec: {replicas: 3, tls: ${tls}${more}}\n`);
}

const made = clusterOf("{client: {operator: {validity: 1h, renewBefore: 5m}}}");
const off = clusterOf("{extraSans: [x]}");
const stateOf = (cluster: EtcdCluster | undefined): PlanState =>
  ({
    members: [],
    templates: {},
    ...(cluster === undefined
      ? {}
      : { clientTls: { id: "s", content: cluster.spec.tls?.client ?? {} } }),
  }) as unknown as PlanState;

test("TLS for clients that the manifest gave up is kept until the plan has forgotten it", () => {
  const kept = stateOf(made);
  const served = servedCluster(off, kept);
  assert.deepEqual(tlsSources(served).client, {
    kind: "operator",
    asksClients: true,
    plaintext: true,
  });
  assert.deepEqual(served.spec.tls?.extraSans, ["x"]);
  assert.deepEqual(wantedCertificates(served), wantedCertificates(made));
  assert.equal(servedCluster(made, kept).spec.tls?.client?.plaintext, false);
  assert.equal(servedCluster(off, stateOf(undefined)).spec.tls?.client, undefined);
  // Who takes a backup needs the same.
  const object = { ...off, status: { plan: kept } } as unknown as ClusterObject;
  assert.deepEqual(tlsSources(servedBy(object).cluster), tlsSources(served));
});

test("what members serve on the way, and what it is called", () => {
  const both = clusterOf("{client: {operator: {validity: 1h, renewBefore: 5m}, plaintext: true}}");
  const id = (cluster: EtcdCluster, peers = false) =>
    kubernetesTemplate(cluster, defaults, peers).id;
  assert.equal(wantedClients({ cluster: off }, stateOf(undefined), defaults), undefined);
  const leaving = wantedClients({ cluster: off }, stateOf(made), defaults);
  assert.equal(leaving?.tls, undefined);
  // What it was under plaintext: true, so that nobody is restarted for it again.
  assert.equal(leaving?.bridge.id, id(both));
  assert.deepEqual(leaving?.schemes, { [id(off)]: ["http"], [id(both)]: ["https", "http"] });
  const coming = wantedClients({ cluster: made }, stateOf(undefined), defaults);
  assert.equal(coming?.bridge.id, id(both));
  assert.deepEqual(coming?.schemes[id(made)], ["https"]);
  assert.deepEqual(coming?.tls?.content, made.spec.tls?.client);
  const graces = ["", ", connectionSecret: {name: c}"].map(
    (more) =>
      wantedClients(
        { cluster: clusterOf("{client: {operator: {}}}", more) },
        stateOf(undefined),
        defaults,
      )?.graceMs,
  );
  assert.deepEqual(graces, [0, 120_000]);
  const secure = clusterOf("{client: {operator: {}}, peer: {operator: {}}}");
  const bothPorts = clusterOf("{client: {operator: {}, plaintext: true}, peer: {operator: {}}}");
  const { peersBridge } = wantedClients({ cluster: secure }, stateOf(undefined), defaults) ?? {};
  assert.equal(peersBridge?.id, id(bothPorts, true));
});

test("certificates from elsewhere come by way of plain text, or not at all", () => {
  const issuer = (name: string) => `certManager: {issuerRef: {name: ${name}}}`;
  const rows: readonly (readonly [string, string, "as it is" | "off" | "held"])[] = [
    ["operator: {}", "operator: {validity: 2h, renewBefore: 1h}", "as it is"],
    ["operator: {}", "secret: {name: s}, plaintext: true", "off"],
    ["operator: {}", "secret: {name: s}", "held"],
    ["secret: {name: s}", "secret: {name: t}", "as it is"],
    ["secret: {name: s}", `${issuer("a")}, plaintext: true`, "off"],
    [issuer("a"), issuer("a"), "as it is"],
    [issuer("a"), issuer("b"), "held"],
  ];
  for (const [was, is, expected] of rows) {
    const before = clusterOf(`{client: {${was}}}`);
    const after = clusterOf(`{client: {${is}}}`);
    const { cluster, otherOrigin } = aimOf(after, stateOf(before));
    const wanted = { "as it is": after, off: undefined, held: before }[expected];
    assert.deepEqual(cluster.spec.tls?.client, wanted?.spec.tls?.client, is);
    assert.equal(otherOrigin === undefined, expected === "as it is", is);
    assert.equal(otherOrigin?.message !== undefined, expected === "held", is);
  }
  assert.deepEqual(aimOf(made, stateOf(undefined)), { cluster: made });
});

test("clients are told what all members serve", () => {
  const rows: readonly (readonly [
    PeerScheme,
    readonly (readonly PeerScheme[])[],
    PeerScheme | undefined,
  ])[] = [
    ["https", [], "https"],
    ["https", [["https", "http"], ["http"]], "http"],
    ["https", [["https", "http"], ["https"]], "https"],
    ["http", [["https", "http"], ["https"]], "https"],
    ["http", [["https", "http"], ["http"]], "http"],
    ["http", [["https"], ["http"]], undefined],
  ];
  for (const [wanted, served, told] of rows) assert.equal(schemeForAll(wanted, served), told);
  // So are those who ask DNS.
  const templates = Object.fromEntries(
    [made, off].map((one) => [
      one.spec.tls?.client === undefined ? "off" : "on",
      kubernetesTemplate(one, defaults),
    ]),
  );
  const state = (...members: readonly string[]) =>
    ({ templates, members: members.map((template) => ({ template })) }) as unknown as PlanState;
  const portOf = (cluster: EtcdCluster, ...members: readonly string[]) => {
    const { services } = surroundings(identity, cluster, state(...members));
    const ports = services[0]?.spec["ports"] as readonly { readonly name: string }[] | undefined;
    return ports?.[0]?.name;
  };
  assert.equal(portOf(made), "etcd-client-ssl");
  assert.equal(portOf(made, "on", "on"), "etcd-client-ssl");
  assert.equal(portOf(made, "off", "off"), "etcd-client");
  assert.equal(portOf(off, "on", "on"), "etcd-client-ssl");
});
