// One EtcdBackup: what is to be done for it now. Pure. Whoever carries it out writes the status before the
// act, as with clusters: a snapshot is taken into a file beside, checked, renamed, so it can be begun again; one
// is deleted until it is seen to be gone, and only then its object is let go.
import type { EtcdBackupSpec, EtcdBackupStatus } from "#operator/api/etcd-backup.ts";

/** What is seen of the snapshot that is being taken. */
export type SnapshotRun =
  | { readonly kind: "none" }
  /** `trouble`: what keeps it from beginning. */
  | { readonly kind: "running"; readonly trouble?: string }
  | { readonly kind: "failed"; readonly message: string; readonly atMs: number }
  | {
      readonly kind: "done";
      readonly location: string;
      readonly clusterId: string;
      readonly revision: number;
      readonly sizeBytes: number;
      readonly sha256: string;
    };

/** What is seen of the deletion of the snapshot, of a backup that is to go. */
export type SnapshotRemoval =
  | { readonly kind: "none" | "running" | "done" }
  | { readonly kind: "failed"; readonly message: string; readonly atMs: number };

export interface BackupInput {
  readonly spec: EtcdBackupSpec;
  readonly status: EtcdBackupStatus;
  readonly deleting: boolean;
  /** Client URL of a member that serves; undefined: none does, or there is no such cluster. */
  readonly from: string | undefined;
  /** Why `from` is undefined, where that is known. */
  readonly why?: string | undefined;
  readonly run: SnapshotRun;
  readonly removal: SnapshotRemoval;
  readonly nowMs: number;
}

export type BackupStep =
  | { readonly kind: "none" }
  | { readonly kind: "wait"; readonly untilMs: number }
  | { readonly kind: "take"; readonly from: string }
  | { readonly kind: "stop" }
  | { readonly kind: "delete-snapshot" }
  | { readonly kind: "release" };

export interface BackupDecision {
  readonly status: EtcdBackupStatus;
  readonly step: BackupStep;
}

/** A snapshot that failed is tried again after so long, until its deadline. */
export const backupRetryMs = 30_000;

const iso = (ms: number): string => new Date(ms).toISOString();

/** What to do now: write `status` if it differs, then act. */
export function planBackup(input: BackupInput): BackupDecision {
  const { spec, status, deleting, run, nowMs } = input;
  if (deleting) {
    if (run.kind === "running") return { status, step: { kind: "stop" } };
    return remove(input);
  }
  if (status.phase === "Complete") return { status, step: { kind: "none" } };
  if (status.phase === "Failed") {
    // Whoever wrote so may have ended before it was stopped, and a Job has the deadline of when it was made.
    return { status, step: { kind: run.kind === "running" ? "stop" : "none" } };
  }
  if (run.kind === "done") {
    const { kind: _, ...result } = run;
    return {
      status: withCondition(
        { ...status, ...result, phase: "Complete", completedAt: iso(nowMs) },
        { isGood: true, reason: "Complete", message: `revision ${run.revision}`, nowMs },
      ),
      step: { kind: "none" },
    };
  }
  const startedAt = status.startedAt ?? iso(nowMs);
  const endMs = Date.parse(startedAt) + spec.deadlineSeconds * 1000;
  const fault =
    run.kind === "failed"
      ? run.message
      : run.kind === "running" && run.trouble !== undefined
        ? run.trouble
        : input.from === undefined
          ? (input.why ?? `no member of ${spec.clusterName} answers`)
          : undefined;
  if (nowMs >= endMs) {
    const message = `not done within ${spec.deadlineSeconds} s: ${fault ?? "it takes longer"}`;
    const failed = { ...status, startedAt, phase: "Failed", completedAt: iso(nowMs) } as const;
    return {
      status: withCondition(failed, { isGood: false, reason: "DeadlineExceeded", message, nowMs }),
      step: run.kind === "running" ? { kind: "stop" } : { kind: "none" },
    };
  }
  if (run.kind === "running") {
    return {
      status: { ...status, startedAt, phase: "Running" },
      step: { kind: "wait", untilMs: endMs },
    };
  }
  if (fault !== undefined) {
    const again = run.kind === "failed" ? run.atMs + backupRetryMs : nowMs + backupRetryMs;
    const waiting = { ...status, startedAt, phase: status.phase ?? "Pending" } as const;
    const told = withCondition(waiting, {
      isGood: false,
      reason: "Retrying",
      message: fault,
      nowMs,
    });
    if (nowMs < again || input.from === undefined) {
      return { status: told, step: { kind: "wait", untilMs: Math.min(again, endMs) } };
    }
    return { status: { ...told, phase: "Running" }, step: { kind: "take", from: input.from } };
  }
  return {
    status: { ...status, startedAt, phase: "Running" },
    step: { kind: "take", from: input.from ?? "" },
  };
}

function remove({ spec, status, removal, nowMs }: BackupInput): BackupDecision {
  // One that was begun may be there, though nobody came to say so.
  const isKept = spec.deletionPolicy === "Retain" || status.startedAt === undefined;
  if (isKept || removal.kind === "done") return { status, step: { kind: "release" } };
  switch (removal.kind) {
    case "none":
      return { status, step: { kind: "delete-snapshot" } };
    case "running":
      return { status, step: { kind: "wait", untilMs: nowMs + backupRetryMs } };
    case "failed": {
      const message = `the snapshot cannot be deleted: ${removal.message}`;
      const told = withCondition(status, { isGood: true, reason: "NotDeleted", message, nowMs });
      const againMs = removal.atMs + backupRetryMs;
      if (nowMs < againMs) return { status: told, step: { kind: "wait", untilMs: againMs } };
      return { status: told, step: { kind: "delete-snapshot" } };
    }
  }
}

function withCondition(
  status: EtcdBackupStatus,
  what: {
    readonly isGood: boolean;
    readonly reason: string;
    readonly message: string;
    readonly nowMs: number;
  },
): EtcdBackupStatus {
  const { isGood, reason, message, nowMs } = what;
  const value = isGood ? "True" : "False";
  const before = status.conditions?.find((one) => one.type === "Complete");
  const lastTransitionTime =
    before?.status === value ? before.lastTransitionTime : new Date(nowMs).toISOString();
  const condition = {
    type: "Complete",
    status: value,
    reason,
    message,
    lastTransitionTime,
  } as const;
  return { ...status, conditions: [condition] };
}
