import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseManifest } from "#operator/api/manifest.ts";
import type { MemberRecord, PlanState, Step } from "#operator/plan/types.ts";
import { kubernetesProblem } from "#operator/platform/kubernetes/fit.ts";
import type { Claim, MemberObject, Pod } from "#operator/platform/kubernetes/kinds.ts";
import {
  claim,
  dataVolume,
  holds,
  memberObject,
  memberUrls,
  pod,
  surroundings,
} from "#operator/platform/kubernetes/objects.ts";
import {
  addressOf,
  argumentsOf,
  ephemeralVolumeOf,
  podTrouble,
  processOf,
  remnantsOf,
  volumeOf,
} from "#operator/platform/kubernetes/observe.ts";
import { wantedPeers, withKeptTls } from "#operator/platform/kubernetes/peer-tls.ts";
import { imageOf, kubernetesTemplate } from "#operator/platform/kubernetes/template.ts";
import { peerSchemesIn, speaksTls, wantedCertificates } from "#operator/platform/kubernetes/tls.ts";

const identity = { name: "a", namespace: "ns", uid: "11111111-2222-3333-4444-555555555555" };
const operatorTls = { kind: "operator", asksClients: true } as const;
const defaults = { image: "registry/store:0.2.0", version: "0.2.0" };

function clusterOf(spec: string): EtcdCluster {
  const head = "apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: a}\n";
  return parseManifest("a.yaml", `${head}spec: ${spec}\n`);
}

const recordOf = (serial: number, more: Partial<MemberRecord> = {}): MemberRecord => ({
  name: `a-${serial}`,
  serial,
  ...memberUrls(identity, "cluster.local", serial),
  phase: "voter",
  template: "t",
  started: true,
  ...more,
});

const stateOf = (members: readonly MemberRecord[]): PlanState => ({
  format: 1,
  uid: identity.uid,
  token: `a/${identity.uid}`,
  initialCluster: "",
  serial: members.length,
  members,
  templates: {},
  asleep: false,
  lossGeneration: 0,
  lost: false,
});

const withUid = (object: MemberObject, uid: string): MemberObject => ({
  ...object,
  metadata: { ...object.metadata, uid },
});

test("the budget keeps a quorum of voters, whoever joins or is lost", () => {
  const cluster = clusterOf("{replicas: 5}");
  const table: readonly (readonly [readonly MemberRecord[], number | undefined])[] = [
    [[], undefined],
    [[recordOf(1)], 1],
    [[1, 2, 3].map((serial) => recordOf(serial)), 2],
    [[1, 2, 3, 4].map((serial) => recordOf(serial)), 3],
    [[recordOf(1), recordOf(2), recordOf(3), recordOf(4, { phase: "joining" })], 2],
    [[recordOf(1), recordOf(2), recordOf(3, { phase: "leaving", because: "lost" })], 2],
    [[recordOf(1), recordOf(2), recordOf(3, { phase: "leaving", because: "surplus" })], 2],
  ];
  for (const [members, minAvailable] of table) {
    const { budget } = surroundings(identity, cluster, stateOf(members));
    assert.equal(budget?.spec.minAvailable, minAvailable);
  }
  const without = clusterOf("{replicas: 3, disruptionBudget: {enabled: false}}");
  assert.equal(surroundings(identity, without, stateOf([recordOf(1)])).budget, undefined);
});

test("members find each other before they are ready, clients only find those that are", () => {
  const { services } = surroundings(identity, clusterOf("{replicas: 3}"), undefined);
  const [headless, client] = services;
  assert.equal(headless?.spec["publishNotReadyAddresses"], true);
  assert.equal(headless?.spec["clusterIP"], "None");
  assert.equal(client?.spec["publishNotReadyAddresses"], undefined);
  assert.equal(client?.metadata.name, "a-client");
});

test("a claim has no owner under Retain, and its name ends in its member's UID", () => {
  const member = withUid(memberObject(identity, recordOf(2), stateOf([])), "abcdef01-9999");
  const kept = claim(identity, clusterOf("{replicas: 1}"), member);
  assert.equal(kept.metadata.name, "a-2-abcdef01");
  assert.equal(kept.metadata.ownerReferences, undefined);
  const gone = claim(identity, clusterOf("{replicas: 1, deletionPolicy: Delete}"), member);
  assert.equal(gone.metadata.ownerReferences?.[0]?.uid, identity.uid);
});

test("a pod is its member's, mounts its claim, and says how to join", () => {
  const cluster = clusterOf("{replicas: 1, options: {snapshot-count: 500}}");
  const template = kubernetesTemplate(cluster, defaults);
  const step: Extract<Step, { kind: "start" }> = {
    kind: "start",
    member: "a-1",
    template,
    join: { state: "existing", initialCluster: "a-1=x", token: "t" },
    force: true,
  };
  const member = withUid(memberObject(identity, recordOf(1), stateOf([])), "abcdef01-9999");
  const made = pod(
    identity,
    { static: {} },
    member,
    recordOf(1),
    dataVolume(claim(identity, cluster, member), "1Gi"),
    step,
  );
  assert.equal(made.metadata.ownerReferences?.[0]?.uid, "abcdef01-9999");
  assert.equal(made.metadata.labels?.["etcd-ts.dev/voter"], "true");
  const text = JSON.stringify(made);
  for (const part of [
    '"claimName":"a-1-abcdef01"',
    "--initial-cluster-state=existing",
    "--snapshot-count=500",
    "--force-new-cluster",
    "--initial-advertise-peer-urls=http://a-1.a-peers.ns.svc.cluster.local:2380",
    '"readOnlyRootFilesystem":true',
  ]) {
    assert(text.includes(part), part);
  }
  const { template: id, ...runs } = processOf(made) as { template: string };
  assert.deepEqual([id, runs], [template.id, { kind: "running", forced: true }]);
});

test("images: the manifest's, else the operator's own, under another version's tag", () => {
  const table: readonly (readonly [string, string])[] = [
    ["{replicas: 1}", "registry/store:0.2.0"],
    ["{replicas: 1, version: 0.2.0}", "registry/store:0.2.0"],
    ["{replicas: 1, version: 0.3.1}", "registry/store:0.3.1"],
    ["{replicas: 1, image: {repository: mine}}", "mine:0.2.0"],
    ["{replicas: 1, image: {repository: mine, tag: x}}", "mine:x"],
    ["{replicas: 1, image: {tag: x}}", "registry/store:x"],
  ];
  for (const [spec, image] of table) assert.equal(imageOf(clusterOf(spec), defaults), image, spec);
  const digest = { image: "registry:5000/store@sha256:abc", version: "0.2.0" };
  assert.equal(
    imageOf(clusterOf("{replicas: 1, version: 0.3.0}"), digest),
    "registry:5000/store:0.3.0",
  );
});

test("a template is the same whatever the order of the manifest, and another for other settings", () => {
  const idOf = (spec: string) => kubernetesTemplate(clusterOf(spec), defaults).id;
  const one = idOf("{replicas: 1, options: {snapshot-count: 5, max-txn-ops: 9}}");
  assert.equal(idOf("{options: {max-txn-ops: 9, snapshot-count: 5}, replicas: 3}"), one);
  assert.notEqual(idOf("{replicas: 1, options: {snapshot-count: 6, max-txn-ops: 9}}"), one);
});

const aClaim = (phase: "Pending" | "Bound" | "Lost"): Claim => ({
  metadata: { name: "c", labels: { "etcd-ts.dev/member": "a-1" } },
  spec: {},
  status: { phase },
});

test("a volume is lost when its claim is gone or Lost, or someone says so by the member's UID", () => {
  const member = withUid(memberObject(identity, recordOf(1), stateOf([])), "u-1");
  const marked = (uid: string): MemberObject => ({
    ...member,
    metadata: { ...member.metadata, annotations: { "etcd-ts.dev/replace": uid } },
  });
  const out = { phase: "leaving", isOut: true } as const;
  type Row = readonly [
    Partial<MemberRecord>,
    MemberObject | undefined,
    Claim | undefined,
    ReturnType<typeof volumeOf>,
  ];
  const table: readonly Row[] = [
    [{}, member, undefined, "absent"],
    [{}, member, aClaim("Bound"), "present"],
    [{}, member, aClaim("Pending"), "present"],
    [{}, undefined, aClaim("Bound"), "present"],
    [{}, member, aClaim("Lost"), "lost"],
    [{}, marked("u-1"), aClaim("Bound"), "lost"],
    [{}, marked("u-0"), aClaim("Bound"), "present"],
    [out, member, aClaim("Lost"), "present"],
    [out, member, undefined, "present"],
    [out, undefined, undefined, "absent"],
  ];
  for (const [record, memberObj, itsClaim, volume] of table) {
    const objects = { member: memberObj, claim: itsClaim, pod: undefined };
    assert.equal(volumeOf(recordOf(1, record), objects), volume);
  }
});

test("without volumes the data is the pod's, and lost with it", () => {
  const member = withUid(memberObject(identity, recordOf(1), stateOf([])), "u-1");
  const started: MemberObject = { ...member, status: { started: true } };
  const out = { phase: "leaving", isOut: true } as const;
  type Row = readonly [
    Partial<MemberRecord>,
    MemberObject | undefined,
    Pod | undefined,
    ReturnType<typeof volumeOf>,
  ];
  const table: readonly Row[] = [
    [{}, undefined, undefined, "absent"],
    [{}, member, undefined, "present"],
    [{}, started, undefined, "lost"],
    [{}, started, aPod({ phase: "Pending" }), "present"],
    [{}, started, aPod({ phase: "Running" }, true), "present"],
    [{}, started, aPod({ phase: "Failed" }), "lost"],
    [out, started, undefined, "present"],
    [out, undefined, undefined, "absent"],
  ];
  for (const [record, memberObj, itsPod, volume] of table) {
    const objects = { member: memberObj, claim: undefined, pod: itsPod };
    assert.equal(ephemeralVolumeOf(recordOf(1, record), objects), volume);
  }
  assert.deepEqual(dataVolume(undefined, "2Gi"), { emptyDir: { sizeLimit: "2Gi" } });
});

const aPod = (status: Pod["status"], deleted = false): Pod => ({
  metadata: { name: "a-1", ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}) },
  spec: { containers: [] },
  ...(status === undefined ? {} : { status }),
});

test("a pod that ended is cleared away, one that is pending or on a lost node is waited for", () => {
  const table: readonly (readonly [Pod | undefined, string])[] = [
    [undefined, "absent"],
    [aPod({ phase: "Pending" }), "running"],
    [aPod({ phase: "Unknown" }), "running"],
    [aPod({ phase: "Running" }), "running"],
    [aPod({ phase: "Succeeded" }), "ended"],
    [aPod({ phase: "Failed", reason: "Evicted" }), "ended"],
    [aPod({ phase: "Running" }, true), "stopping"],
    [aPod({ phase: "Failed" }, true), "stopping"],
  ];
  for (const [one, kind] of table) assert.equal(processOf(one).kind, kind);
  assert.equal(addressOf(aPod({ podIP: "fd00::1" }), 2379), "http://[fd00::1]:2379");
  assert.equal(addressOf(aPod({ podIP: "10.0.0.1" }, true), 2379), undefined);
});

test("what keeps a pod from running is said in Kubernetes' own words", () => {
  const waiting = (reason: string) =>
    aPod({
      containerStatuses: [{ restartCount: 0, state: { waiting: { reason, message: "m" } } }],
    });
  assert.equal(podTrouble(waiting("ContainerCreating")), undefined);
  assert.equal(podTrouble(waiting("ImagePullBackOff")), "ImagePullBackOff: m");
  const condition = { type: "PodScheduled", status: "False", message: "0/3 nodes" };
  assert.equal(podTrouble(aPod({ conditions: [condition] })), "it has no node: 0/3 nodes");
});

test("objects that no record speaks of are named", () => {
  const found = { members: [], claims: [aClaim("Bound")], pods: [] };
  assert.deepEqual(remnantsOf(found, undefined), ["PersistentVolumeClaim c"]);
  assert.deepEqual(remnantsOf(found, stateOf([recordOf(1)])), []);
});

test("an object holds what is wanted though the server has filled in more", () => {
  assert.equal(holds({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ c: 2 }] }), true);
  assert.equal(holds({ b: [{ c: 2 }, { c: 3 }] }, { b: [{ c: 2 }] }), false);
  assert.equal(holds(undefined, { a: undefined }), true);
  assert.equal(holds({ a: 1 }, { a: 2 }), false);
});

test("what cannot be kept on Kubernetes yet is refused by name", () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ["{replicas: 3}", undefined],
    ["{replicas: 3, tls: {client: {operator: {}}, peer: {secret: {name: s}}}}", undefined],
    ["{replicas: 3, tls: {client: {certManager: {issuerRef: {name: a}}}}}", undefined],
    ["{replicas: 3, tls: {peer: {operator: {}, clientAuth: false}}}", "spec.tls.peer.clientAuth"],
    ["{replicas: 3, bootstrap: {dns: {}}}", undefined],
    ["{replicas: 3, bootstrap: {discovery: {url: 'http://d'}}}", undefined],
    ["{replicas: 3, storage: {ephemeral: true}}", undefined],
  ];
  for (const [spec, field] of table) {
    const problem = kubernetesProblem(clusterOf(spec), undefined);
    if (field === undefined) assert.equal(problem, undefined);
    else assert(problem?.includes(field), `${spec}: ${problem}`);
  }
});

test("a member that serves both says so, under the host that it had", () => {
  const cluster = clusterOf("{replicas: 1, tls: {client: {operator: {}, plaintext: true}}}");
  const template = kubernetesTemplate(cluster, defaults);
  const record = recordOf(1);
  const { host } = new URL(record.clientUrl);
  const member = withUid(memberObject(identity, record, stateOf([])), "abcdef01-9999");
  const join = { state: "existing", initialCluster: "", token: "t" } as const;
  const step = { kind: "start", member: record.name, template, join, force: false } as const;
  const made = pod(identity, { static: {} }, member, record, {}, step);
  const args = argumentsOf(made);
  assert(args.includes("--listen-client-urls=https://0.0.0.0:2379,http://0.0.0.0:2379"));
  assert(args.includes(`--advertise-client-urls=https://${host},http://${host}`), args.join(" "));
  assert(speaksTls(args, "client") && !speaksTls(args, "peer"));
});

test("members that change over serve each other both, and are known by what the record says", () => {
  const cluster = clusterOf("{replicas: 1, tls: {peer: {operator: {}}}}");
  const template = kubernetesTemplate(cluster, defaults, true);
  assert.notEqual(template.id, kubernetesTemplate(cluster, defaults).id);
  const record = recordOf(1);
  const member = withUid(memberObject(identity, record, stateOf([])), "abcdef01-9999");
  const join = { state: "existing", initialCluster: "", token: "t" } as const;
  const step = { kind: "start", member: record.name, template, join, force: false } as const;
  const args = argumentsOf(pod(identity, { static: {} }, member, record, {}, step));
  assert(args.includes("--listen-peer-urls=https://0.0.0.0:2380,http://0.0.0.0:2380"));
  assert(args.includes(`--initial-advertise-peer-urls=${record.peerUrl}`));
  assert(args.includes("--peer-client-cert-auth"));
  assert.deepEqual(peerSchemesIn(args), ["https", "http"]);
});

test("TLS between members that the manifest gave up is kept until the plan has forgotten it", () => {
  const secure = clusterOf(
    "{replicas: 1, tls: {peer: {operator: {validity: 1h, renewBefore: 5m}}}}",
  );
  const plain = clusterOf("{replicas: 1}");
  const peersOf = (cluster: EtcdCluster, peerTls?: PlanState["peerTls"]) => {
    const state = { ...stateOf([]), ...(peerTls === undefined ? {} : { peerTls }) };
    return wantedPeers(cluster, withKeptTls(cluster, state), defaults);
  };
  const { tls, bridge } = peersOf(secure);
  assert.equal(bridge?.id, kubernetesTemplate(secure, defaults, true).id);
  assert.deepEqual(peersOf(plain), { scheme: "http" });
  assert.deepEqual(peersOf(plain, tls), { scheme: "http", bridge });
  // Certificates are renewed as long as they are in use.
  const served = withKeptTls(plain, { ...stateOf([]), peerTls: tls! });
  assert.deepEqual(wantedCertificates(served), wantedCertificates(secure));
  assert.equal(withKeptTls(secure, { ...stateOf([]), peerTls: { id: "x", content: {} } }), secure);
});

test("TLS between members that nobody knows the origin of is asked for", () => {
  const both = "{replicas: 1, tls: {client: {operator: {}}, peer: {operator: {}}}}";
  const secure = memberUrls(identity, "cluster.local", 1, {
    client: operatorTls,
    peer: operatorTls,
  });
  const table: readonly (readonly [string, Partial<MemberRecord>, string | undefined])[] = [
    ["{replicas: 1}", {}, undefined],
    [both, secure, undefined],
    [both, {}, undefined],
    // That is for admission to judge: it was done by way of plaintext.
    ["{replicas: 1, tls: {client: {operator: {}}}}", {}, undefined],
    ["{replicas: 1, tls: {client: {operator: {}}}}", secure, "spec.tls.peer does not say where"],
  ];
  for (const [spec, urls, expected] of table) {
    const problem = kubernetesProblem(clusterOf(spec), stateOf([recordOf(1, urls)]));
    if (expected === undefined) assert.equal(problem, undefined);
    else assert(problem?.includes(expected), `${spec}: ${problem}`);
  }
});
