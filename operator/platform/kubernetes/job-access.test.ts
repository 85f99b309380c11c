import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { authorityData } from "#operator/platform/kubernetes/authorities.ts";
import { isIssuedBy, makeAuthority } from "#operator/platform/kubernetes/certificates.ts";
import {
  certificateSecret,
  type PlannedAccess,
  planAccess,
} from "#operator/platform/kubernetes/job-access.ts";
import type { BackupObject, ClusterObject, Secret } from "#operator/platform/kubernetes/kinds.ts";
import { takeOptions } from "#operator/platform/kubernetes/kubernetes-backups.ts";
import { snapshotJob } from "#operator/platform/kubernetes/snapshot-jobs.ts";

const nowMs = Date.parse("2026-11-30T09:00:00Z");
const day = 24 * 3_600_000;
const backup: BackupObject = {
  metadata: { name: "b", namespace: "ns", uid: "12345678-aaaa" },
  spec: {
    clusterName: "c",
    target: { volume: { claimName: "v", path: "" } },
    deletionPolicy: "Delete",
    deadlineSeconds: 60,
  },
};
const cluster = (spec: object): ClusterObject => ({
  metadata: { name: "c", namespace: "ns", uid: "u1" },
  spec: { ...spec },
});
const encode = (text: string) => Buffer.from(text).toString("base64");
const secret = (name: string, data: Readonly<Record<string, string>>, owner = "u1"): Secret => ({
  metadata: {
    name,
    ownerReferences: [{ apiVersion: "a", kind: "EtcdCluster", name: "c", uid: owner }],
  },
  data,
});
const older = await makeAuthority("c", day, nowMs - day);
const newer = await makeAuthority("c", day, nowMs);
const authorities = [older, newer].map((one, at) => ({ ...one, sinceMs: nowMs - day * (1 - at) }));
const there: readonly Secret[] = [
  secret("c-ca", authorityData(authorities)),
  secret("c-root", { password: encode("p") }),
  secret("mine", { password: encode("q") }),
  secret("given", { "ca.crt": encode("c"), "tls.crt": encode("c"), "tls.key": encode("k") }),
  secret("c-operator-tls", {
    "ca.crt": encode("c"),
    "tls.crt": encode("c"),
    "tls.key": encode("k"),
  }),
  secret("half", { "tls.crt": encode("c"), "tls.key": encode("k") }),
];
const reader = (secrets: readonly Secret[]) =>
  ({
    find: async ({ kind }: { kind: string }, namespace: string, name: string) => {
      assert.equal(namespace, "ns");
      return kind === "Secret" ? secrets.find((one) => one.metadata.name === name) : undefined;
    },
  }) as unknown as Parameters<typeof planAccess>[0];
const plan = (spec: object, secrets = there, scheme = "https") =>
  planAccess(reader(secrets), cluster(spec), backup, `${scheme}://c-1:2379`, nowMs);

const serverName = "c-client.ns.svc";
const own = { secret: "b-12345678-tls", serverName };
const made = { operator: { validity: "1h", renewBefore: "5m" }, clientAuth: true };
const given = (name: string) => ({ client: { secret: { name }, clientAuth: true } });
const login = { user: "root", passwordSecret: "c-root" };

test("as whom a Job comes", async () => {
  const rows: readonly (readonly [object, Omit<PlannedAccess, "by"> | RegExp])[] = [
    [{}, {}],
    [{ tls: { peer: made } }, {}],
    [{ auth: { enabled: false } }, {}],
    [{ auth: { enabled: true } }, { login }],
    [
      { auth: { enabled: true, rootPassword: { name: "mine" } } },
      { login: { user: "root", passwordSecret: "mine" } },
    ],
    [{ auth: { enabled: true, rootPassword: { name: "nowhere" } } }, /Secret nowhere holds no/],
    // The certificate says who it is.
    [{ tls: { client: made }, auth: { enabled: true } }, { tls: own }],
    // Nobody asks for a certificate, so nobody knows who it is.
    [
      { tls: { client: { ...made, clientAuth: false } }, auth: { enabled: true } },
      { tls: own, login },
    ],
    [{ tls: given("given") }, { tls: { secret: "given", serverName } }],
    [
      { tls: given("given"), auth: { enabled: true } },
      { tls: { secret: "given", serverName }, login },
    ],
    [
      {
        tls: { client: { certManager: { issuerRef: {} }, clientAuth: true } },
        auth: { enabled: true },
      },
      { tls: { secret: "c-operator-tls", serverName } },
    ],
    [{ tls: given("half") }, /Secret half, .* has no ca.crt$/],
    [{ tls: given("nowhere") }, /has no ca.crt, no tls.crt, no tls.key$/],
  ];
  for (const [spec, wanted] of rows) {
    const access = await plan(spec);
    const what = JSON.stringify(spec);
    if (wanted instanceof RegExp) {
      assert.match(String(access), wanted, what);
      continue;
    }
    assert(typeof access === "object", what);
    const { by, ...rest } = access;
    assert.deepEqual(rest, wanted, what);
    assert.equal(by !== undefined, rest.tls?.secret === own.secret, what);
  }
  // While TLS is switched on or off: a member that speaks plain text, and one whose user may not be there yet.
  const between = { tls: { client: { ...made, plaintext: true } }, auth: { enabled: true } };
  assert.deepEqual(await plan(between, there, "http"), { login });
  const { by: _, ...shown } = (await plan(between)) as PlannedAccess;
  assert.deepEqual(shown, { tls: own, login });
  // The CAs of an earlier cluster of this name sign nothing here.
  const foreign = [secret("c-ca", authorityData(authorities), "u0")];
  for (const secrets of [foreign, []]) {
    assert.match(String(await plan({ tls: { client: made } }, secrets)), /c-ca has no CA that can/);
  }
});

test("its certificate is the operator's user's, by the CA that all know, and ends soon", async () => {
  const access = await plan({ tls: { client: made } });
  assert(typeof access === "object" && access.by !== undefined);
  const { metadata, data = {} } = await certificateSecret(backup, access.by, nowMs);
  assert.deepEqual(
    [metadata.name, metadata.namespace, metadata.ownerReferences?.[0]?.uid],
    ["b-12345678-tls", "ns", backup.metadata.uid],
  );
  const text = (key: string) => Buffer.from(data[key] ?? "", "base64").toString();
  const cert = new X509Certificate(text("tls.crt"));
  assert(
    isIssuedBy(cert, new X509Certificate(older.cert)),
    "by the newest, which some may not know",
  );
  assert.match(cert.subject, /CN=etcd-operator$/);
  assert.equal(Date.parse(cert.validTo), nowMs + 60_000 + 10 * 60_000);
  assert.equal(text("ca.crt"), older.cert + newer.cert);
  assert.match(text("tls.key"), /PRIVATE KEY/);
});

test("a Job mounts what it shows, and its task holds no password", () => {
  const surroundings = { namespace: "ns", image: "store:1", pullPolicy: "Never", pod: undefined };
  const job = snapshotJob(
    surroundings,
    takeOptions(backup, "https://c-1:2379", { tls: own, login }),
  );
  const { template } = job.spec as {
    template: { spec: { volumes: readonly object[]; containers: readonly Container[] } };
  };
  const [container] = template.spec.containers;
  assert.deepEqual(template.spec.volumes.at(-1), {
    name: "tls",
    secret: { secretName: "b-12345678-tls", defaultMode: 0o440 },
  });
  assert.deepEqual(container?.volumeMounts.at(-1), {
    name: "tls",
    mountPath: "/tls",
    readOnly: true,
  });
  const [task, ...others] = container?.env ?? [];
  const { tls, user, from } = JSON.parse(task?.value ?? "");
  const files = { ca: "/tls/ca.crt", cert: "/tls/tls.crt", key: "/tls/tls.key" };
  assert.deepEqual({ tls, user, from }, { tls: { ...files, serverName }, user: "root", from });
  assert.equal(from, "https://c-1:2379");
  assert.deepEqual(others.at(-1), {
    name: "ETCD_SNAPSHOT_PASSWORD",
    valueFrom: { secretKeyRef: { name: "c-root", key: "password" } },
  });
  // Plain members need nothing of it.
  const plain = snapshotJob(surroundings, takeOptions(backup, "http://c-1:2379", {}));
  assert(!/tls|PASSWORD|"user"/.test(JSON.stringify(plain)), JSON.stringify(plain));
});

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly object[];
}
