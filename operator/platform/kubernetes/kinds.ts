// The kinds of objects that the operator handles, and where the API server has them.
import type {
  EtcdBackupScheduleSpec,
  EtcdBackupScheduleStatus,
  EtcdBackupSpec,
  EtcdBackupStatus,
} from "#operator/api/etcd-backup.ts";
import { group, version } from "#operator/api/parts.ts";

/** What every object has. Times are texts, as they come over the wire. */
export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: Meta;
}

/** One kind: its name, and the path of its collection. */
export interface Kind<T extends KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** Never set: carries the type. */
  readonly like?: T;
}

const core = { apiVersion: "v1" } as const;
const own = { apiVersion: `${group}/${version}` } as const;

export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly containers: readonly unknown[] };
  readonly status?: {
    readonly phase?: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
    readonly podIP?: string;
    readonly reason?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state?: {
        readonly waiting?: { readonly reason?: string; readonly message?: string };
        readonly terminated?: {
          readonly reason?: string;
          readonly message?: string;
          readonly exitCode: number;
        };
      };
    }[];
  };
}

export interface Claim extends KubeObject {
  readonly spec: {
    readonly volumeName?: string;
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: Readonly<Record<string, string>> };
  };
  readonly status?: {
    readonly phase?: "Pending" | "Bound" | "Lost";
    readonly capacity?: Readonly<Record<string, string>>;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: string | null;
    }[];
  };
}

export interface MemberObject extends KubeObject {
  readonly spec: {
    readonly clusterName: string;
    readonly clusterUid: string;
    readonly token: string;
    readonly serial: number;
    readonly peerUrl: string;
  };
  readonly status?: Readonly<Record<string, unknown>>;
}

export interface Service extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Values in base64. */
export interface Secret extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface DisruptionBudget extends KubeObject {
  readonly spec: {
    readonly minAvailable: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  };
}

export interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export interface Event extends KubeObject {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly involvedObject: Readonly<Record<string, string>>;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly count: number;
  readonly source: { readonly component: string };
}

/** An EtcdCluster as the server has it; judged by its schema there. */
export interface ClusterObject extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** What of a Job is read here. */
export interface Job extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly completionTime?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

/** As the server has it; judged by its schema there. */
export interface BackupObject extends KubeObject {
  readonly spec: EtcdBackupSpec;
  readonly status?: EtcdBackupStatus;
}

export interface ScheduleObject extends KubeObject {
  readonly spec: EtcdBackupScheduleSpec;
  readonly status?: EtcdBackupScheduleStatus;
}

export const pods: Kind<Pod> = { ...core, kind: "Pod", plural: "pods" };
export const claims: Kind<Claim> = {
  ...core,
  kind: "PersistentVolumeClaim",
  plural: "persistentvolumeclaims",
};
export const services: Kind<Service> = { ...core, kind: "Service", plural: "services" };
export const secrets: Kind<Secret> = { ...core, kind: "Secret", plural: "secrets" };
export const configMaps: Kind<ConfigMap> = { ...core, kind: "ConfigMap", plural: "configmaps" };
export const events: Kind<Event> = { ...core, kind: "Event", plural: "events" };
export const leases: Kind<Lease> = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
};
export const disruptionBudgets: Kind<DisruptionBudget> = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  plural: "poddisruptionbudgets",
};
export const jobs: Kind<Job> = { apiVersion: "batch/v1", kind: "Job", plural: "jobs" };
export const backups: Kind<BackupObject> = { ...own, kind: "EtcdBackup", plural: "etcdbackups" };
export const schedules: Kind<ScheduleObject> = {
  ...own,
  kind: "EtcdBackupSchedule",
  plural: "etcdbackupschedules",
};
export const clusters: Kind<ClusterObject> = {
  ...own,
  kind: "EtcdCluster",
  plural: "etcdclusters",
};
export const members: Kind<MemberObject> = { ...own, kind: "EtcdMember", plural: "etcdmembers" };

/** Path of a collection; of all namespaces if none is given. */
export function collectionPath(kind: Kind<KubeObject>, namespace: string | undefined): string {
  const root = kind.apiVersion === "v1" ? "/api/v1" : `/apis/${kind.apiVersion}`;
  const where = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${root}${where}/${kind.plural}`;
}
