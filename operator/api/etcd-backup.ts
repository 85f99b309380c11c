// EtcdBackup, one snapshot, and EtcdBackupSchedule, which makes them by the clock.
import type { ObjectMetadata } from "#operator/api/etcd-cluster.ts";
import { backupTarget, conditions, nameOf } from "#operator/api/parts.ts";
import {
  bool,
  choice,
  duration,
  immutable,
  integer,
  object,
  required,
  type TypeOf,
  text,
  time,
  withDefault,
} from "#operator/api/schema.ts";

const count = (description: string) => integer(description, { from: 0, to: 2 ** 53 - 1 });

const deletionPolicy = withDefault(
  choice("What becomes of the snapshot when the EtcdBackup is deleted.", ["Retain", "Delete"]),
  "Retain",
);
const deadlineSeconds = withDefault(
  integer("How long one snapshot may take.", { from: 10, to: 86_400 }),
  3600,
);
const clusterName = required(nameOf("Name of the EtcdCluster, in the same namespace."));

export const etcdBackupSpec = object("What is wanted.", {
  clusterName: immutable(clusterName, "clusterName"),
  target: immutable(required(backupTarget), "target"),
  deletionPolicy,
  deadlineSeconds,
});

export const etcdBackupStatus = object("What is.", {
  phase: choice("How far it is.", ["Pending", "Running", "Complete", "Failed"]),
  startedAt: time("When it began."),
  completedAt: time("When it was done, checked and durable."),
  location: text("Where the snapshot is.", { max: 2048 }),
  clusterId: text("etcd's ID of the cluster.", { max: 16 }),
  revision: count("The revision that it holds."),
  sizeBytes: count("How big it is."),
  sha256: text("Its checksum.", { max: 64 }),
  conditions,
});

const cronPattern = "^(@(hourly|daily|weekly|monthly|yearly)|[^ @]+( [^ ]+){4})$";

export const etcdBackupScheduleSpec = object("What is wanted.", {
  clusterName: immutable(clusterName, "clusterName"),
  schedule: required(
    text("When: five fields of cron, or @hourly, @daily, @weekly, @monthly, @yearly.", {
      max: 128,
      pattern: cronPattern,
    }),
  ),
  timeZone: withDefault(text("Time zone of the schedule, as Europe/Vienna.", { max: 64 }), "UTC"),
  suspend: withDefault(bool("No new backups while this is true."), false),
  immediate: withDefault(bool("One backup at once when the schedule is created."), false),
  startingDeadlineSeconds: withDefault(
    integer("A run missed by more than this is left out.", { from: 10, to: 86_400 }),
    3600,
  ),
  retention: withDefault(
    object(
      "Which backups are kept; a backup goes if either says so. The newest one always stays.",
      {
        count: withDefault(integer("At most so many.", { from: 1, to: 1000 }), 7),
        age: duration("None older than this."),
      },
    ),
    {},
  ),
  target: required(backupTarget),
  deletionPolicy: withDefault(
    choice("What becomes of a snapshot when its EtcdBackup is pruned.", ["Retain", "Delete"]),
    "Delete",
  ),
  deadlineSeconds,
});

export const etcdBackupScheduleStatus = object("What is.", {
  lastScheduledAt: time("When the last run was due."),
  lastSuccessAt: time("When the last good one was done."),
  nextScheduledAt: time("When the next is due."),
  active: text("Name of the backup that runs."),
  conditions,
});

export type EtcdBackupSpec = TypeOf<typeof etcdBackupSpec>;
export type EtcdBackupStatus = TypeOf<typeof etcdBackupStatus>;
export type EtcdBackupScheduleSpec = TypeOf<typeof etcdBackupScheduleSpec>;
export type EtcdBackupScheduleStatus = TypeOf<typeof etcdBackupScheduleStatus>;

export interface EtcdBackup {
  readonly metadata: ObjectMetadata;
  readonly spec: EtcdBackupSpec;
  readonly status?: EtcdBackupStatus;
}

export interface EtcdBackupSchedule {
  readonly metadata: ObjectMetadata;
  readonly spec: EtcdBackupScheduleSpec;
  readonly status?: EtcdBackupScheduleStatus;
}
