// The four kinds as CustomResourceDefinitions: names, columns, subresources, schemas. `npm run gen` writes
// them to crds/.
import { stringify } from "yaml";
import {
  etcdBackupScheduleSpec,
  etcdBackupScheduleStatus,
  etcdBackupSpec,
  etcdBackupStatus,
} from "#operator/api/etcd-backup.ts";
import { etcdClusterSpec, etcdClusterStatus, maxNameLength } from "#operator/api/etcd-cluster.ts";
import { etcdMemberSpec, etcdMemberStatus } from "#operator/api/etcd-member.ts";
import { group, version } from "#operator/api/parts.ts";
import type { Field, JsonSchema, Rule } from "#operator/api/schema.ts";

interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly jsonPath: string;
  readonly description?: string;
  /** 1: only with -o wide. */
  readonly priority?: 0 | 1;
}

/** One kind. */
export interface Definition {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly columns: readonly Column[];
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
  /** Of the object without metadata: apiVersion, kind, spec, status. */
  readonly schema: JsonSchema;
}

const condition = (type: string) => `.status.conditions[?(@.type=="${type}")].status`;
const age: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

function schemaOf(
  description: string,
  spec: Field<unknown>,
  status: Field<unknown>,
  rules: readonly Rule[] = [],
): JsonSchema {
  return {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string", description: "Version of the schema." },
      kind: { type: "string", description: "Which kind." },
      metadata: { type: "object" },
      spec: spec.json,
      status: status.json,
    },
    ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
  };
}

const clusterNameRule: Rule = {
  rule: `self.metadata.name.matches('^[a-z]([-a-z0-9]{0,${maxNameLength - 2}}[a-z0-9])?$')`,
  message: `the name must be lower-case letters, digits and dashes, begin with a letter, and have at most ${maxNameLength} characters`,
};

export const etcdCluster: Definition = {
  kind: "EtcdCluster",
  plural: "etcdclusters",
  singular: "etcdcluster",
  shortNames: ["etcd", "ec"],
  scale: {
    specReplicasPath: ".spec.replicas",
    statusReplicasPath: ".status.replicas",
    labelSelectorPath: ".status.selector",
  },
  columns: [
    { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
    { name: "Ready", type: "integer", jsonPath: ".status.readyReplicas" },
    { name: "Version", type: "string", jsonPath: ".status.version" },
    { name: "Leader", type: "string", jsonPath: ".status.leader" },
    { name: "Available", type: "string", jsonPath: condition("Available") },
    { name: "Progressing", type: "string", jsonPath: condition("Progressing") },
    { name: "Degraded", type: "string", jsonPath: condition("Degraded") },
    { name: "Step", type: "string", jsonPath: ".status.step.kind", priority: 1 },
    { name: "Cluster ID", type: "string", jsonPath: ".status.clusterId", priority: 1 },
    age,
  ],
  schema: schemaOf("One etcd cluster.", etcdClusterSpec, etcdClusterStatus, [clusterNameRule]),
};

export const etcdMember: Definition = {
  kind: "EtcdMember",
  plural: "etcdmembers",
  singular: "etcdmember",
  shortNames: ["em"],
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.clusterName" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Role", type: "string", jsonPath: ".status.role" },
    { name: "ID", type: "string", jsonPath: ".status.memberId" },
    { name: "Node", type: "string", jsonPath: ".status.nodeName", priority: 1 },
    age,
  ],
  schema: schemaOf("One member of an EtcdCluster.", etcdMemberSpec, etcdMemberStatus),
};

export const etcdBackup: Definition = {
  kind: "EtcdBackup",
  plural: "etcdbackups",
  singular: "etcdbackup",
  shortNames: ["eb"],
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.clusterName" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Revision", type: "integer", jsonPath: ".status.revision" },
    { name: "Size", type: "integer", jsonPath: ".status.sizeBytes" },
    { name: "Completed", type: "date", jsonPath: ".status.completedAt" },
    age,
  ],
  schema: schemaOf("One snapshot of an EtcdCluster.", etcdBackupSpec, etcdBackupStatus),
};

export const etcdBackupSchedule: Definition = {
  kind: "EtcdBackupSchedule",
  plural: "etcdbackupschedules",
  singular: "etcdbackupschedule",
  shortNames: ["ebs"],
  columns: [
    { name: "Cluster", type: "string", jsonPath: ".spec.clusterName" },
    { name: "Schedule", type: "string", jsonPath: ".spec.schedule" },
    { name: "Last", type: "date", jsonPath: ".status.lastSuccessAt" },
    { name: "Next", type: "string", jsonPath: ".status.nextScheduledAt" },
    age,
  ],
  schema: schemaOf(
    "Snapshots of an EtcdCluster by the clock.",
    etcdBackupScheduleSpec,
    etcdBackupScheduleStatus,
    [
      {
        // Its backups are named <schedule>-<unix minute>.
        rule: "self.metadata.name.size() <= 50",
        message: "the name must have at most 50 characters",
      },
    ],
  ),
};

export const definitions: readonly Definition[] = [
  etcdCluster,
  etcdMember,
  etcdBackup,
  etcdBackupSchedule,
];

/** The CustomResourceDefinition of one kind, as data. */
export function customResourceDefinition(
  definition: Definition,
): Readonly<Record<string, unknown>> {
  const { kind, plural, singular, shortNames, columns, scale, schema } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames,
        categories: kind === "EtcdMember" ? ["etcd-ts"] : ["all", "etcd-ts"],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          subresources: { status: {}, ...(scale === undefined ? {} : { scale }) },
          schema: { openAPIV3Schema: schema },
        },
      ],
    },
  };
}

/** The files in crds/ by path. */
export function definitionFiles(): readonly (readonly [string, string])[] {
  return definitions.map((one) => [
    `crds/${one.plural}.yaml`,
    `# Made from operator/api by \`npm run gen\`. Do not edit.\n${stringify(customResourceDefinition(one), { lineWidth: 0, aliasDuplicateObjects: false })}`,
  ]);
}
