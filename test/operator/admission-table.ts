// Good and bad manifests in one table. `local` judges them in operator/api/validate.test.ts, a real API
// server in test/operator/admission.ts; both must say the same.

type Spec = Readonly<Record<string, unknown>>;

export interface AdmissionCase {
  readonly what: string;
  readonly kind: "EtcdCluster" | "EtcdMember" | "EtcdBackup" | "EtcdBackupSchedule";
  readonly name?: string;
  readonly spec: Spec;
  /** What the object is replaced by, once it is there. */
  readonly update?: Spec;
  /** Absent: accepted. Else the last step is refused, and the error names the field. */
  readonly refused?: {
    readonly field: string;
    /** Part of the message of a CEL rule; the API server has its own words for everything else. */
    readonly message?: string;
  };
}

const volume = { volume: { claimName: "backups" } };

const cluster = (
  what: string,
  spec: Spec,
  more: Omit<AdmissionCase, "what" | "kind" | "spec"> = {},
): AdmissionCase => ({ what, kind: "EtcdCluster", spec, ...more });

/** A cluster of three is created, then changed. */
const change = (what: string, from: Spec, to: Spec, field?: string, message?: string) =>
  cluster(
    what,
    { replicas: 3, ...from },
    {
      update: { replicas: 3, ...to },
      ...(field === undefined
        ? {}
        : { refused: { field, ...(message === undefined ? {} : { message }) } }),
    },
  );

const bad = (what: string, spec: Spec, field: string, message?: string) =>
  cluster(
    what,
    { replicas: 3, ...spec },
    { refused: { field, ...(message === undefined ? {} : { message }) } },
  );

const once = "bootstrap is for the creation and cannot be changed";
const oneMinor = "the version can change by one minor version at a time";

export const admissionTable: readonly AdmissionCase[] = [
  cluster("nothing but a size", { replicas: 3 }),
  cluster("an even size", { replicas: 4 }),
  cluster("asleep from the start", { replicas: 0 }),
  cluster("the longest name", { replicas: 1 }, { name: `a${"b".repeat(39)}` }),
  cluster("much at once", {
    replicas: 5,
    version: "0.2.0",
    image: { repository: "example.org/etcd-ts", pullPolicy: "IfNotPresent" },
    storage: { size: "20Gi", storageClassName: "fast" },
    bootstrap: { dns: {} },
    tls: {
      client: { operator: {} },
      peer: { certManager: { issuerRef: { name: "ca" } } },
      extraSans: ["etcd.example.org"],
    },
    auth: { enabled: true, rootPassword: { name: "root" } },
    options: { "quota-backend-bytes": 8589934592, "pre-vote": false, "log-level": "debug" },
    service: { type: "LoadBalancer", annotations: { a: "b" } },
    connectionSecret: { name: "etcd-connection" },
    pod: {
      resources: { requests: { cpu: "500m", memory: "1Gi" }, limits: { memory: "2Gi" } },
      affinity: { podAntiAffinity: {} },
      tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoSchedule" }],
      topologySpread: [{ topologyKey: "topology.kubernetes.io/zone" }],
      imagePullSecrets: [{ name: "pull" }],
    },
    deletionPolicy: "Delete",
    metrics: { serviceMonitor: true },
  }),
  cluster("v2 discovery", { replicas: 3, bootstrap: { discovery: { url: "https://d.example" } } }),
  cluster("restored from a backup", {
    replicas: 3,
    bootstrap: { restore: { backup: { name: "b" } } },
  }),

  cluster("no size", {}, { refused: { field: "spec.replicas" } }),
  bad("a size in words", { replicas: "three" }, "spec.replicas"),
  bad("a negative size", { replicas: -1 }, "spec.replicas"),
  bad("more than anyone needs", { replicas: 16 }, "spec.replicas"),
  bad("a field that is not there", { size: 3 }, "spec.size"),
  bad("an option that is not there", { options: { "no-such": 1 } }, "spec.options.no-such"),
  bad("an option of the operator's", { options: { "data-dir": "/x" } }, "spec.options.data-dir"),
  bad(
    "an option of the wrong type",
    { options: { "snapshot-count": "many" } },
    "spec.options.snapshot-count",
  ),
  bad("an option that is no truth", { options: { "pre-vote": "maybe" } }, "spec.options.pre-vote"),
  bad("a size that is no quantity", { storage: { size: "big" } }, "spec.storage.size"),
  bad("a version that is none", { version: "latest" }, "spec.version"),
  bad(
    "a port of nothing",
    { service: { nodePort: 30_000 } },
    "spec.service",
    "nodePort needs type",
  ),
  bad(
    "two bootstraps",
    { bootstrap: { dns: {}, static: {} } },
    "spec.bootstrap",
    "exactly one of static, discovery, dns, restore must be set",
  ),
  bad("no bootstrap", { bootstrap: {} }, "spec.bootstrap", "exactly one of"),
  bad(
    "two kinds of discovery",
    { bootstrap: { discovery: { url: "http://d", endpoints: ["http://e"] } } },
    "spec.bootstrap.discovery",
    "exactly one of url, endpoints must be set",
  ),
  bad(
    "certificates for a v2 service",
    { bootstrap: { discovery: { url: "https://d", ca: { name: "c" } } } },
    "spec.bootstrap.discovery",
    "go with endpoints, not with url",
  ),
  bad(
    "a token that is a path",
    { bootstrap: { discovery: { url: "https://d", token: "a/b" } } },
    "spec.bootstrap.discovery.token",
  ),
  bad(
    "two origins of certificates",
    { tls: { client: { operator: {}, secret: { name: "s" } } } },
    "spec.tls.client",
    "exactly one of operator, certManager, secret must be set",
  ),
  bad(
    "certificates that are always renewed",
    { tls: { client: { operator: { validity: "90m", renewBefore: "2h" } } } },
    "spec.tls.client.operator",
    "renewBefore shorter",
  ),
  bad(
    "an issuer without a name",
    { tls: { client: { certManager: { issuerRef: { kind: "Issuer" } } } } },
    "spec.tls.client.certManager.issuerRef",
  ),
  bad(
    "an issuer of a kind that is none",
    { tls: { peer: { certManager: { issuerRef: { name: "a", kind: "Signer" } } } } },
    "spec.tls.peer.certManager.issuerRef.kind",
  ),
  cluster("plain text beside TLS with authentication", {
    replicas: 1,
    tls: { client: { operator: {}, plaintext: true } },
    auth: {},
  }),
  bad("no origin of certificates", { tls: { peer: {} } }, "spec.tls.peer", "exactly one of"),
  bad(
    "restored into nothing",
    { storage: { ephemeral: true }, bootstrap: { restore: volume } },
    "spec",
    "a restored cluster needs volumes",
  ),
  bad(
    "asleep without volumes",
    { replicas: 0, storage: { ephemeral: true } },
    "spec",
    "a cluster without volumes cannot sleep",
  ),
  bad("a recovery without a generation", { recovery: { confirm: "abc" } }, "spec.recovery.confirm"),
  bad("a policy that is none", { deletionPolicy: "Keep" }, "spec.deletionPolicy"),
  bad("an address that is a name", { local: { host: "here" } }, "spec.local.host"),
  cluster(
    "a name that is too long",
    { replicas: 3 },
    {
      name: `a${"b".repeat(40)}`,
      refused: { field: "", message: "have at most 40 characters" },
    },
  ),
  cluster(
    "a name that begins with a digit",
    { replicas: 3 },
    { name: "1a", refused: { field: "", message: "begin with a letter" } },
  ),

  change("another size", {}, { replicas: 5 }),
  change(
    "an issuer spelt out",
    { tls: { client: { certManager: { issuerRef: { name: "a" } } } } },
    { tls: { client: { certManager: { issuerRef: { name: "a", kind: "Issuer" } } } } },
  ),
  change(
    "another issuer",
    { tls: { client: { certManager: { issuerRef: { name: "a" } } } } },
    { tls: { client: { certManager: { issuerRef: { name: "b" } } } } },
    "spec.tls.client.certManager.issuerRef",
    "issuerRef of certManager cannot be changed",
  ),
  change("hibernation", {}, { replicas: 0 }),
  change("a larger volume", { storage: { size: "1Gi" } }, { storage: { size: "1.5Gi" } }),
  change(
    "the same volume in other words",
    { storage: { size: "1Gi" } },
    { storage: { size: "1024Mi" } },
  ),
  change("the next minor version", { version: "0.2.0" }, { version: "0.3.7" }),
  change("one minor version back", { version: "0.3.7" }, { version: "0.2.0" }),
  change("an option more", {}, { options: { "snapshot-count": 10 } }),
  change(
    "another way to certificates",
    { tls: { client: { operator: {} } } },
    { tls: { client: { secret: { name: "s" } } } },
  ),
  change("the bootstrap spelt out", {}, { bootstrap: { static: {} } }),

  change(
    "TLS for clients switched on at once",
    {},
    { tls: { client: { operator: {} } } },
    "spec",
    "tls.client is switched on and off by way of plaintext",
  ),
  change(
    "TLS for clients switched on beside plain text",
    {},
    { tls: { client: { operator: {}, plaintext: true } } },
  ),
  change(
    "TLS for clients switched on at once under authentication",
    { auth: {} },
    { auth: {}, tls: { client: { operator: {} } } },
    "spec",
    "tls.client is switched on and off by way of plaintext",
  ),
  change(
    "TLS for clients switched on beside plain text under authentication",
    { auth: {} },
    { auth: {}, tls: { client: { operator: {}, plaintext: true } } },
  ),
  change(
    "plain text given up under authentication",
    { auth: {}, tls: { client: { operator: {}, plaintext: true } } },
    { auth: {}, tls: { client: { operator: {} } } },
  ),
  change(
    "plain text given up",
    { tls: { client: { operator: {}, plaintext: true } } },
    { tls: { client: { operator: {} } } },
  ),
  change(
    "TLS for clients switched off at once",
    { tls: { client: { operator: {} }, peer: { operator: {} } } },
    { tls: { peer: { operator: {} } } },
    "spec",
    "tls.client is switched on and off by way of plaintext",
  ),
  change(
    "TLS for clients switched off beside plain text",
    { tls: { client: { operator: {}, plaintext: true }, peer: { operator: {} } } },
    { tls: { peer: { operator: {} } } },
  ),
  change("TLS switched on between members", {}, { tls: { peer: { operator: {} } } }),
  change(
    "TLS switched off between members",
    { tls: { client: { operator: {} }, peer: { operator: {} } } },
    { tls: { client: { operator: {} } } },
  ),
  change(
    "a smaller volume",
    { storage: { size: "1Gi" } },
    { storage: { size: "900Mi" } },
    "spec.storage.size",
    "a volume cannot shrink",
  ),
  change(
    "a smaller volume by default",
    { storage: { size: "9Gi" } },
    {},
    "spec.storage.size",
    "a volume cannot shrink",
  ),
  change(
    "another storage class",
    { storage: { storageClassName: "a" } },
    { storage: { storageClassName: "b" } },
    "spec.storage.storageClassName",
    "storageClassName cannot be changed",
  ),
  change(
    "a storage class later",
    {},
    { storage: { storageClassName: "b" } },
    "spec.storage",
    "storageClassName cannot be changed",
  ),
  change(
    "volumes given up",
    {},
    { storage: { ephemeral: true } },
    "spec.storage.ephemeral",
    "ephemeral cannot be changed",
  ),
  change("another bootstrap", {}, { bootstrap: { dns: {} } }, "spec.bootstrap", once),
  change(
    "a restore over the living",
    {},
    { bootstrap: { restore: volume } },
    "spec.bootstrap",
    once,
  ),
  change(
    "two minor versions",
    { version: "0.2.0" },
    { version: "0.4.0" },
    "spec.version",
    oneMinor,
  ),
  change("two back", { version: "0.4.0" }, { version: "0.2.9" }, "spec.version", oneMinor),
  change(
    "another major version",
    { version: "0.4.0" },
    { version: "1.4.0" },
    "spec.version",
    oneMinor,
  ),

  {
    what: "a member",
    kind: "EtcdMember",
    spec: { clusterName: "c", clusterUid: "u", token: "t", serial: 1, peerUrl: "http://c-1:2380" },
  },
  {
    what: "a member that takes another place",
    kind: "EtcdMember",
    spec: { clusterName: "c", clusterUid: "u", token: "t", serial: 1, peerUrl: "http://c-1:2380" },
    update: {
      clusterName: "c",
      clusterUid: "u",
      token: "t",
      serial: 2,
      peerUrl: "http://c-1:2380",
    },
    refused: { field: "spec.serial", message: "serial cannot be changed" },
  },
  {
    what: "a member that others know by TLS from now on",
    kind: "EtcdMember",
    spec: { clusterName: "c", clusterUid: "u", token: "t", serial: 1, peerUrl: "http://c-1:2380" },
    update: {
      ...{ clusterName: "c", clusterUid: "u", token: "t", serial: 1 },
      peerUrl: "https://c-1:2380",
    },
  },
  {
    what: "a member that moves elsewhere",
    kind: "EtcdMember",
    spec: { clusterName: "c", clusterUid: "u", token: "t", serial: 1, peerUrl: "http://c-1:2380" },
    update: {
      ...{ clusterName: "c", clusterUid: "u", token: "t", serial: 1 },
      peerUrl: "https://c-2:2380",
    },
    refused: { field: "spec.peerUrl", message: "peerUrl can only go from http to https or back" },
  },
  { what: "a backup", kind: "EtcdBackup", spec: { clusterName: "c", target: volume } },
  {
    what: "a backup to S3",
    kind: "EtcdBackup",
    spec: {
      clusterName: "c",
      target: {
        s3: {
          bucket: "backups",
          endpoint: "http://s3.example",
          forcePathStyle: true,
          credentials: { name: "keys" },
        },
      },
    },
  },
  {
    what: "a backup to nowhere",
    kind: "EtcdBackup",
    spec: { clusterName: "c", target: {} },
    refused: { field: "spec.target", message: "exactly one of volume, s3 must be set" },
  },
  {
    what: "a backup to two places",
    kind: "EtcdBackup",
    spec: {
      clusterName: "c",
      target: { ...volume, s3: { bucket: "backups", credentials: { name: "keys" } } },
    },
    refused: { field: "spec.target", message: "exactly one of volume, s3 must be set" },
  },
  {
    what: "a backup outside its volume",
    kind: "EtcdBackup",
    spec: { clusterName: "c", target: { volume: { claimName: "backups", path: "/etc" } } },
    refused: { field: "spec.target.volume.path" },
  },
  {
    what: "a backup that moves",
    kind: "EtcdBackup",
    spec: { clusterName: "c", target: volume },
    update: { clusterName: "c", target: { volume: { claimName: "other" } } },
    refused: { field: "spec.target", message: "target cannot be changed" },
  },
  {
    what: "a schedule",
    kind: "EtcdBackupSchedule",
    spec: { clusterName: "c", schedule: "0 3 * * *", target: volume, retention: { age: "720h" } },
  },
  {
    what: "a schedule by name",
    kind: "EtcdBackupSchedule",
    spec: { clusterName: "c", schedule: "@daily", target: volume },
  },
  {
    what: "a schedule of seconds",
    kind: "EtcdBackupSchedule",
    spec: { clusterName: "c", schedule: "* * * * * *", target: volume },
    refused: { field: "spec.schedule" },
  },
  {
    what: "a schedule that keeps nothing",
    kind: "EtcdBackupSchedule",
    spec: { clusterName: "c", schedule: "@daily", target: volume, retention: { count: 0 } },
    refused: { field: "spec.retention.count" },
  },
];
