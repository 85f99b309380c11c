// EtcdCluster, the manifest of one cluster: types, defaults and rules. The same object is read by the
// Kubernetes and the local platform; `spec.local` concerns the latter only.
import type { V1Affinity, V1PodSecurityContext, V1SecurityContext } from "@kubernetes/client-node";
import { conditions, nameOf, restoreSource, secretRef } from "#operator/api/parts.ts";
import {
  bool,
  choice,
  duration,
  type Fields,
  immutable,
  integer,
  list,
  mapOf,
  object,
  oneOf,
  open,
  quantity,
  required,
  ruled,
  type TypeOf,
  text,
  time,
  withDefault,
} from "#operator/api/schema.ts";
import { serverOptions } from "#operator/api/server-options.ts";

/** More voters make writes slower and nothing safer. */
export const maxReplicas = 15;
/** So that `<cluster>-<serial>` and what is added to it stay names and labels. */
export const maxNameLength = 40;

const count = (description: string) => integer(description, { from: 0, to: 2 ** 53 - 1 });
const labels = (description: string) => mapOf(description, text("A value."), { max: 64 });
const port = (description: string) => integer(description, { from: 1, to: 65535 });

const certificates = <F extends Fields>(whose: string, more: F) =>
  ruled(
    object(`Where the certificates ${whose} come from. Without it the connections are plain.`, {
      operator: object(
        "The operator has a CA of its own for this cluster and renews in time.",
        {
          validity: withDefault(duration("How long a certificate is valid."), "2160h"),
          renewBefore: withDefault(duration("How long before its end it is renewed."), "720h"),
        },
        {
          rule: "duration(self.validity) >= duration('1h') && duration(self.renewBefore) < duration(self.validity)",
          message: "validity must be at least 1h, and renewBefore shorter",
        },
      ),
      certManager: object("cert-manager makes them.", {
        issuerRef: required(
          immutable(
            object(
              "The issuer; another one may sign by a CA that members do not know, so it stays.",
              {
                name: required(nameOf("Its name.")),
                kind: withDefault(choice("Its kind.", ["Issuer", "ClusterIssuer"]), "Issuer"),
                group: withDefault(text("Its API group."), "cert-manager.io"),
              },
            ),
            "issuerRef of certManager",
          ),
        ),
      }),
      secret: object("Given, with the keys ca.crt, tls.crt and tls.key.", {
        name: required(nameOf("Name of the Secret.")),
      }),
      clientAuth: withDefault(bool("Whether whoever connects must show a certificate."), true),
      ...more,
    }),
    {
      rule: "[has(self.operator), has(self.certManager), has(self.secret)].filter(x, x).size() == 1",
      message: "exactly one of operator, certManager, secret must be set",
    },
  );

const bootstrap = oneOf(
  "How the members find each other the first time. Used once; later members are added one by one.",
  {
    static: object("The operator tells each member of all others.", {}),
    discovery: object(
      "By a discovery service: a v2 URL, or endpoints of an etcd for v3.",
      {
        url: text("Base URL of a v2 discovery service; the operator makes the token.", {
          max: 1024,
          pattern: "^https?://",
        }),
        endpoints: list(
          "Endpoints of an etcd that keeps the v3 registry.",
          text("A URL.", { max: 1024, pattern: "^https?://" }),
          { max: 16 },
        ),
        token: text(
          "A token that was made already, with its size, for one attempt; the operator makes them if left out.",
          { min: 1, max: 128, pattern: "^[0-9A-Za-z][0-9A-Za-z_.-]*$" },
        ),
        ca: secretRef("Secret with ca.crt for the service's certificate."),
        clientCertificate: secretRef("Secret with tls.crt and tls.key."),
        credentials: secretRef("Secret with username and password."),
      },
      {
        rule: "has(self.url) != has(self.endpoints)",
        message: "exactly one of url, endpoints must be set",
      },
      {
        rule: "!has(self.url) || (!has(self.ca) && !has(self.clientCertificate) && !has(self.credentials))",
        message: "ca, clientCertificate and credentials go with endpoints, not with url",
      },
    ),
    dns: object("By SRV records.", {
      domain: text("Domain of the records; the headless Service's own if left out.", {
        pattern: "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
      }),
    }),
    restore: restoreSource,
  },
);

const storage = object(
  "The volume of each member.",
  {
    size: ruled(withDefault(quantity("How big. It can grow, never shrink."), "8Gi"), {
      rule: "quantity(self).compareTo(quantity(oldSelf)) >= 0",
      message: "a volume cannot shrink: name the same size or a larger one",
    }),
    storageClassName: immutable(
      nameOf("The storage class; the default one if left out."),
      "storageClassName",
    ),
    ephemeral: immutable(
      withDefault(bool("No volumes: a pod that goes takes its data along. For tests."), false),
      "ephemeral",
    ),
  },
  {
    rule: "has(self.storageClassName) == has(oldSelf.storageClassName)",
    message: "storageClassName cannot be changed",
  },
);

const resourceList = (description: string) =>
  mapOf(description, quantity("An amount."), { max: 16 });

const pod = object("What the members' pods are like besides what the operator needs.", {
  resources: withDefault(
    object("CPU and memory.", {
      requests: withDefault(resourceList("What is kept for it."), { cpu: "250m", memory: "512Mi" }),
      limits: resourceList("What it may use at most."),
    }),
    {},
  ),
  affinity: open<V1Affinity>("Kubernetes' affinity. Without it members keep apart where they can."),
  nodeSelector: labels("Labels that a node must have."),
  tolerations: list(
    "Taints that do not keep members away.",
    object("One toleration.", {
      key: text("Key of the taint; all if left out."),
      operator: choice("How the value is compared.", ["Exists", "Equal"]),
      value: text("Value of the taint."),
      effect: choice("Which effect is borne.", ["NoSchedule", "PreferNoSchedule", "NoExecute"]),
      tolerationSeconds: count("How long NoExecute is borne."),
    }),
    { max: 32 },
  ),
  topologySpread: list(
    "Over what the members are spread.",
    object("One topology.", {
      topologyKey: required(text("Label of the nodes.")),
      maxSkew: withDefault(integer("The greatest difference.", { from: 1, to: 15 }), 1),
      whenUnsatisfiable: withDefault(
        choice("What to do if that cannot be.", ["DoNotSchedule", "ScheduleAnyway"]),
        "ScheduleAnyway",
      ),
    }),
    { max: 8 },
  ),
  priorityClassName: nameOf("The priority class."),
  serviceAccountName: nameOf("The service account; members need no rights."),
  securityContext: open<V1PodSecurityContext>("Kubernetes' security context of the pod."),
  containerSecurityContext: open<V1SecurityContext>(
    "Kubernetes' security context of the container.",
  ),
  labels: labels("More labels."),
  annotations: labels("More annotations."),
  imagePullSecrets: list("Secrets to pull the image with.", secretRef("One Secret."), { max: 16 }),
  terminationGracePeriodSeconds: withDefault(
    integer("How long a member may take to stop.", { from: 1, to: 3600 }),
    30,
  ),
});

const local = object("Where the members are when they are processes of one machine.", {
  dataFolder: text(
    "Folder of all data, relative to the manifest; in the user's state folder if left out.",
    {
      max: 1024,
      min: 1,
    },
  ),
  host: withDefault(
    text("Address to listen on and to advertise.", { max: 45, pattern: "^[0-9a-fA-F:.]+$" }),
    "127.0.0.1",
  ),
  clientPort: withDefault(port("Client port of the first member."), 2379),
  peerPort: withDefault(port("Peer port of the first member."), 2380),
  portStep: withDefault(
    integer("How far the ports of the next member are.", { from: 1, to: 10_000 }),
    100,
  ),
});

const versionPattern = "^[0-9]+\\.[0-9]+\\.[0-9]+$";

export const etcdClusterSpec = object(
  "What is wanted.",
  {
    replicas: required(
      integer("How many voting members. 0 hibernates: no pods, the data stays.", {
        from: 0,
        to: maxReplicas,
      }),
    ),
    version: ruled(
      text(
        "Version of the store, as 0.2.0; the operator's own if left out. One minor version at a time.",
        {
          max: 32,
          pattern: versionPattern,
        },
      ),
      {
        rule: "int(self.split('.')[0]) == int(oldSelf.split('.')[0]) && int(self.split('.')[1]) - int(oldSelf.split('.')[1]) <= 1 && int(oldSelf.split('.')[1]) - int(self.split('.')[1]) <= 1",
        message: "the version can change by one minor version at a time",
      },
    ),
    image: object("The store's image.", {
      repository: text("Without a tag.", { max: 512, min: 1 }),
      tag: text("The version if left out.", { max: 128, pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]*$" }),
      pullPolicy: choice("When it is pulled.", ["Always", "IfNotPresent", "Never"]),
    }),
    storage: withDefault(storage, {}),
    bootstrap: immutable(
      withDefault(bootstrap, { static: {} }),
      "bootstrap is for the creation and",
    ),
    tls: object("Encryption and identity of connections.", {
      client: certificates("of clients' connections", {
        plaintext: withDefault(
          bool(
            "Plain text is served beside, on the same port, while clients change over to TLS or away from it.",
          ),
          false,
        ),
      }),
      peer: certificates("between members", {}),
      extraSans: list("More names and addresses in the members' certificates.", text("One."), {
        max: 32,
      }),
    }),
    auth: object("Users and roles.", {
      enabled: withDefault(bool("Whether clients must be users."), true),
      rootPassword: secretRef("Secret with password; made by the operator if left out."),
    }),
    options: withDefault(serverOptions, {}),
    service: withDefault(
      object(
        "How clients reach the members.",
        {
          type: withDefault(
            choice("Type of the client Service.", ["ClusterIP", "NodePort", "LoadBalancer"]),
            "ClusterIP",
          ),
          nodePort: integer("Port of the nodes, for NodePort.", { from: 1, to: 65535 }),
          loadBalancerClass: text("Class of the load balancer."),
          annotations: labels("Annotations of the client Service."),
          labels: labels("Labels of the client Service."),
          headlessAnnotations: labels("Annotations of the headless Service."),
        },
        {
          rule: "!has(self.nodePort) || self.type != 'ClusterIP'",
          message: "nodePort needs type NodePort or LoadBalancer",
        },
      ),
      {},
    ),
    connectionSecret: object("A Secret that tells applications how to connect.", {
      name: required(nameOf("Its name.")),
    }),
    pod: withDefault(pod, {}),
    paused: withDefault(bool("The operator touches nothing while this is true."), false),
    deletionPolicy: withDefault(
      choice("What becomes of the volumes when this object is deleted.", ["Retain", "Delete"]),
      "Retain",
    ),
    disruptionBudget: withDefault(
      object("A PodDisruptionBudget that keeps a quorum.", {
        enabled: withDefault(bool("Whether there is one."), true),
      }),
      {},
    ),
    metrics: object("Figures for Prometheus.", {
      serviceMonitor: withDefault(bool("Whether a ServiceMonitor is made."), false),
      interval: withDefault(duration("How often it asks."), "30s"),
    }),
    recovery: object("The way out of a lost quorum.", {
      confirm: required(
        text(
          "<cluster ID>/<loss generation> as status says them: go on with the one survivor and lose what only the others had. Used once.",
          { max: 64, pattern: "^[0-9a-f]{1,16}/[0-9]{1,9}$" },
        ),
      ),
    }),
    local: withDefault(local, {}),
  },
  {
    rule: "!has(self.storage) || !self.storage.ephemeral || !has(self.bootstrap.restore)",
    message: "a restored cluster needs volumes: storage.ephemeral must be false",
  },
  {
    rule: "!has(self.storage) || !self.storage.ephemeral || self.replicas > 0",
    message: "a cluster without volumes cannot sleep: replicas must be at least 1",
  },
  {
    rule: "(has(self.tls) && has(self.tls.client)) == (has(oldSelf.tls) && has(oldSelf.tls.client)) || (has(self.tls) && has(self.tls.client) ? self.tls.client.plaintext : oldSelf.tls.client.plaintext)",
    message:
      "tls.client is switched on and off by way of plaintext: true, under which members serve both: set it, move the clients over, then go on",
  },
);

const role = choice("What it is in the cluster.", ["leader", "follower", "learner", "unknown"]);

export const etcdClusterStatus = object("What is.", {
  observedGeneration: count("The generation of the spec that this status is about."),
  replicas: count("Voting members."),
  readyReplicas: count("Voting members that serve."),
  updatedReplicas: count("Members that are as the spec wants them."),
  selector: text("Label selector of the members' pods, for the scale subresource.", { max: 512 }),
  version: text("Version that all members run.", { max: 32 }),
  clusterId: text("etcd's ID of the cluster, once it is formed.", { max: 16 }),
  leader: text("Name of the leader."),
  serial: count("The highest serial that any member ever had."),
  lossGeneration: count("How often the quorum was lost for good."),
  conditions,
  members: list(
    "The members, by serial.",
    object("One member.", {
      name: required(text("Its name.")),
      serial: required(count("Its serial.")),
      id: text("etcd's ID of it.", { max: 16 }),
      role,
      ready: bool("Whether it serves."),
      version: text("What it runs.", { max: 32 }),
      sizeBytes: count("Size of its database."),
      lag: count("Entries that it has still to apply."),
    }),
    { max: 64, key: "name" },
  ),
  step: object("What is being done.", {
    kind: required(text("What.", { max: 64 })),
    member: text("To which member."),
    since: required(time("Since when.")),
    deadline: time("When it counts as failed."),
  }),
  plan: open<Readonly<Record<string, unknown>>>(
    "What the operator has latched: not for people, never to be edited (docs/operator.md).",
  ),
});

export type EtcdClusterSpec = TypeOf<typeof etcdClusterSpec>;
export type EtcdClusterStatus = TypeOf<typeof etcdClusterStatus>;
export type LocalSpec = EtcdClusterSpec["local"];

/** What of metadata is read here. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EtcdCluster {
  readonly metadata: ObjectMetadata;
  readonly spec: EtcdClusterSpec;
  readonly status?: EtcdClusterStatus;
}
