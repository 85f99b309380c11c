// The rows of endpoints that the simple and the table format share.
import { decimalSize } from "#ctl/go-text.ts";
import type { EndpointHashKv, EndpointHealth, EndpointStatus } from "#ctl/print/printer.ts";

export const healthColumns = ["endpoint", "health", "took", "error"];
export const statusColumns = [
  "endpoint",
  "ID",
  "version",
  "storage version",
  "db size",
  "in use",
  "percentage not in use",
  "quota",
  "is leader",
  "is learner",
  "raft term",
  "raft index",
  "raft applied index",
  "errors",
  "downgrade target version",
  "downgrade enabled",
];
export const hashColumns = ["endpoint", "hash", "hash_revision"];

export function healthCells(row: EndpointHealth): string[] {
  return [row.endpoint, String(row.health), row.took, row.error];
}

export function statusCells({ endpoint, status }: EndpointStatus): string[] {
  const memberId = status.header?.memberId ?? 0n;
  const usedPercent =
    status.dbSize === 0 ? 100 : Math.trunc((status.dbSizeInUse * 100) / status.dbSize);
  return [
    endpoint,
    memberId.toString(16),
    status.version,
    status.storageVersion,
    decimalSize(status.dbSize),
    decimalSize(status.dbSizeInUse),
    `${100 - usedPercent}%`,
    decimalSize(status.dbSizeQuota),
    String(status.leader === memberId),
    String(status.isLearner),
    String(status.raftTerm),
    String(status.raftIndex),
    String(status.raftAppliedIndex),
    status.errors.join(", "),
    status.downgradeInfo?.targetVersion ?? "",
    String(status.downgradeInfo?.enabled ?? false),
  ];
}

export function hashCells({ endpoint, hash }: EndpointHashKv): string[] {
  return [endpoint, String(hash.hash), String(hash.hashRevision)];
}
