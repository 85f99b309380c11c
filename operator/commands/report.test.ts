import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ClusterReport,
  clusterTable,
  fullText,
  isAvailable,
  memberTable,
} from "#operator/commands/report.ts";

const report: ClusterReport = {
  namespace: "shop",
  name: "db",
  wanted: 2,
  clusterId: "abc",
  version: "0.2.0",
  conditions: [
    { type: "Available", status: "True", reason: "Quorum", message: "2 of 2 voters serve" },
    { type: "BackupHealthy", status: "False", reason: "BackupFailed", message: "disk full" },
  ],
  step: "start db-2",
  members: [
    {
      name: "db-1",
      id: "1a",
      role: "leader",
      isReady: true,
      version: "0.2.0",
      sizeBytes: 2 << 20,
      clientUrl: undefined,
    },
    {
      name: "db-2",
      id: undefined,
      role: "unknown",
      isReady: false,
      version: undefined,
      sizeBytes: undefined,
      clientUrl: undefined,
    },
  ],
  schedules: [
    {
      name: "nightly",
      schedule: "0 3 * * *",
      isSuspended: true,
      lastSuccessAt: "2026-11-30T03:00:00Z",
      nextAt: "2026-12-01T03:00:00Z",
    },
  ],
  backups: [
    {
      name: "nightly-1",
      phase: "Complete",
      revision: 7,
      sizeBytes: 1024,
      completedAt: "2026-11-30T03:00:00Z",
      location: "v/nightly-1.db",
    },
  ],
};

test("tables", () => {
  assert.deepEqual(clusterTable([report]), [
    "NAMESPACE  CLUSTER  READY  VERSION  LEADER  AVAILABLE  PROGRESSING  DEGRADED  BACKUP",
    "shop       db       1/2    0.2.0    db-1    True       Unknown      Unknown   False",
  ]);
  assert.deepEqual(memberTable(report), [
    "MEMBER  ID  ROLE     READY  VERSION  SIZE",
    "db-1    1a  leader   yes    0.2.0    2.0 MiB",
    "db-2    -   unknown  no     -        -",
  ]);
  assert.deepEqual(fullText(report), [
    "db in shop: 2 members are wanted, cluster ID abc",
    "now: start db-2",
    "",
    "CONDITION      IS     REASON        MESSAGE",
    "Available      True   Quorum        2 of 2 voters serve",
    "BackupHealthy  False  BackupFailed  disk full",
    "",
    ...memberTable(report),
    "",
    "SCHEDULE  WHEN       SUSPENDED  LAST GOOD ONE         NEXT",
    "nightly   0 3 * * *  yes        2026-11-30T03:00:00Z  -",
    "",
    "BACKUP     PHASE     REVISION  SIZE     COMPLETED             LOCATION",
    "nightly-1  Complete  7         1.0 KiB  2026-11-30T03:00:00Z  v/nightly-1.db",
  ]);
  assert(isAvailable(report));
  assert(!isAvailable({ ...report, conditions: [] }));
});
