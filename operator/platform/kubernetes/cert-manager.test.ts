import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifest } from "#operator/api/manifest.ts";
import { type ApiClient, ApiError } from "#operator/platform/kubernetes/api-client.ts";
import {
  type Certificate,
  clusterCertificates,
  memberCertificates,
} from "#operator/platform/kubernetes/cert-manager.ts";
import { connectionSecret } from "#operator/platform/kubernetes/connection-secret.ts";
import type { MemberObject } from "#operator/platform/kubernetes/kinds.ts";
import { certificateUser } from "#operator/platform/kubernetes/operator-access.ts";
import { RequestedCertificates } from "#operator/platform/kubernetes/requested-certificates.ts";
import { tlsMounts, tlsSources } from "#operator/platform/kubernetes/tls.ts";

const identity = { name: "a", namespace: "ns", uid: "u" };
const domain = "cluster.local";
const member: MemberObject = {
  metadata: { name: "a-1", uid: "12345678-9" },
  spec: { clusterName: "a", clusterUid: "u", token: "t", serial: 1, peerUrl: "https://a-1" },
};
const clusterOf = (tls: string, more = "") =>
  parseManifest(
    "a.yaml",
    `apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: a}\nspec: {replicas: 1, tls: ${tls}${more}}\n`,
  );
const both =
  "{client: {certManager: {issuerRef: {name: people}}}, peer: {certManager: {issuerRef: {name: members, kind: ClusterIssuer}}}, extraSans: [db.example.org, 10.0.0.1]}";

test("each port of a member has a certificate of its issuer, for all of the member's names", () => {
  const made = memberCertificates(identity, clusterOf(both), domain, member);
  const seen = made.map(({ metadata, spec }) => [metadata.name, spec["secretName"]]);
  const names = ["a-1-12345678-client-tls", "a-1-12345678-peer-tls"];
  assert.deepEqual(
    seen,
    names.map((one) => [one, one]),
  );
  assert.deepEqual(
    made.map(({ spec }) => spec["issuerRef"]),
    [
      { name: "people", kind: "Issuer", group: "cert-manager.io" },
      { name: "members", kind: "ClusterIssuer", group: "cert-manager.io" },
    ],
  );
  for (const { metadata, spec } of made) {
    assert.deepEqual(
      metadata.ownerReferences?.[0]?.uid,
      member.metadata.uid,
      "goes with its member",
    );
    assert.equal(metadata.labels?.["etcd-ts.dev/cluster-uid"], "u");
    assert.equal(spec["commonName"], "a-1");
    assert.deepEqual(spec["ipAddresses"], ["127.0.0.1", "::1", "10.0.0.1"]);
    const hosts = spec["dnsNames"] as readonly string[];
    for (const host of [
      "a-1.a-peers.ns.svc.cluster.local",
      "a-peers.ns.svc.cluster.local",
      "a-client.ns.svc",
      "localhost",
      "db.example.org",
    ]) {
      assert(hosts.includes(host), host);
    }
    assert.deepEqual(spec["usages"], ["digital signature", "server auth", "client auth"]);
  }
  // The pod mounts these very Secrets.
  const sources = tlsSources(clusterOf(both));
  const { volumes } = tlsMounts(identity, sources, { name: "a-1", uid: "12345678-9" });
  assert.deepEqual(
    volumes.map((one) => (one as { secret: { secretName: string } }).secret.secretName),
    names,
  );
  // What the operator makes beside it has another name.
  const mixed = clusterOf("{client: {operator: {}}, peer: {certManager: {issuerRef: {name: m}}}}");
  const [peer, ...none] = memberCertificates(identity, mixed, domain, member);
  assert.deepEqual([peer?.metadata.name, none], ["a-1-12345678-peer-tls", []]);
});

test("the operator and applications have certificates of clients alone", () => {
  const connected = clusterOf(both, ", connectionSecret: {name: app}");
  const rows = clusterCertificates(identity, connected).map(({ metadata, spec }) => [
    metadata.name,
    spec["commonName"],
    spec["usages"],
    spec["dnsNames"],
  ]);
  const usages = ["digital signature", "client auth"];
  assert.deepEqual(rows, [
    ["a-operator-tls", "etcd-operator", usages, undefined],
    ["a-connection-tls", "app", usages, undefined],
  ]);
  assert.equal(clusterCertificates(identity, clusterOf(both)).length, 1);
  const peers = clusterOf("{peer: {certManager: {issuerRef: {name: m}}}}");
  assert.deepEqual(clusterCertificates(identity, peers), []);
  // Who asks is seen by the certificate, as with the operator's own CA.
  assert.equal(certificateUser(tlsSources(clusterOf(both)).client), "etcd-operator");
});

test("the Secret that tells how to connect has what cert-manager made for it", async () => {
  const input = {
    ...{ identity, clusterDomain: domain, name: "app", authorities: [], terms: undefined },
    ...{ areAllAware: true, is: undefined, nowMs: 0, source: tlsSources(clusterOf(both)).client },
  };
  const files = { "ca.crt": "Yw==", "tls.crt": "ZA==", "tls.key": "ZQ==" };
  const given = { metadata: { name: "a-connection-tls" }, data: { ...files, more: "Zg==" } };
  const { endpoints = "", ...rest } = (await connectionSecret({ ...input, given })).data ?? {};
  assert.deepEqual(rest, files);
  const url = "https://a-client.ns.svc.cluster.local:2379";
  assert.equal(Buffer.from(endpoints, "base64").toString(), url);
  const before = await connectionSecret({ ...input, given: undefined });
  assert.deepEqual(Object.keys(before.data ?? {}), ["endpoints"]);
});

/** Certificates on an API server, with or without their kind. */
class Server {
  readonly kept = new Map<string, Certificate>();
  readonly writes: string[] = [];
  isInstalled = true;
  refusal: ApiError | undefined;

  get api(): ApiClient {
    const installed = () => {
      if (!this.isInstalled) throw new ApiError(404, "NotFound", "no such kind");
    };
    const of = {
      list: async () => {
        installed();
        return { items: [...this.kept.values()] };
      },
      find: async (_: unknown, __: string, name: string) => this.kept.get(name),
      create: async (_: unknown, object: Certificate) => {
        installed();
        if (this.refusal !== undefined) throw this.refusal;
        this.writes.push(`create ${object.metadata.name}`);
        this.kept.set(object.metadata.name, object);
        return object;
      },
      patch: async (_: unknown, __: string, name: string, { spec }: Certificate) => {
        this.writes.push(`patch ${name}`);
        this.kept.set(name, { ...this.kept.get(name)!, spec });
      },
    };
    return of as unknown as ApiClient;
  }

  turn(tls = both): RequestedCertificates {
    return new RequestedCertificates({
      ...{ api: this.api, identity, clusterDomain: domain, cluster: clusterOf(tls) },
      nowMs: () => 0,
      write: (write) => write(),
    });
  }
}

test("certificates are asked for once, and again when their names change", async () => {
  const server = new Server();
  const turn = async (tls?: string) => {
    const requested = server.turn(tls);
    const troubles = [await requested.keep(), await requested.keepOf(member)];
    return [troubles.filter((one) => one !== undefined), server.writes.splice(0)];
  };
  const members = ["a-1-12345678-client-tls", "a-1-12345678-peer-tls"];
  const made = ["a-operator-tls", ...members].map((one) => `create ${one}`);
  assert.deepEqual(await turn(), [[], made]);
  assert.deepEqual(await turn(), [[], []], "at rest nothing is written");
  const renamed = both.replace("10.0.0.1", "10.0.0.2");
  assert.deepEqual(await turn(renamed), [[], members.map((one) => `patch ${one}`)]);
  const conditions = [{ type: "Ready", status: "False", message: "issuer people not found" }];
  const name = "a-operator-tls";
  server.kept.set(name, { ...server.kept.get(name)!, status: { conditions } });
  assert.deepEqual(await turn(renamed), [
    ["Certificate a-operator-tls: issuer people not found"],
    [],
  ]);
});

test("what keeps certificates from being asked for is said", async () => {
  const server = new Server();
  server.refusal = new ApiError(422, "Invalid", "too long a common name");
  assert.match((await server.turn().keepOf(member)) ?? "", /refuses a Certificate: too long/);
  server.isInstalled = false;
  assert.match((await server.turn().keep()) ?? "", /install cert-manager/);
  assert.match((await server.turn().keepOf(member)) ?? "", /install cert-manager/);
  // One of the same name that is somebody else's is left alone.
  const other = new Server();
  const name = "a-operator-tls";
  other.kept.set(name, { metadata: { name }, spec: {} });
  await assert.rejects(other.turn().keep(), /Certificate a-operator-tls belongs to something else/);
  assert.deepEqual(other.writes, []);
});
