import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAutoCompaction } from "#server/config/auto-compaction.ts";

test("mode and retention together", () => {
  const h = 3_600_000;
  const rows = [
    ["periodic", "0", undefined],
    ["periodic", "", undefined],
    ["periodic", "0s", undefined],
    ["revision", "0", undefined],
    ["periodic", "1", { mode: "periodic", retentionMs: h }],
    ["periodic", "72", { mode: "periodic", retentionMs: 72 * h }],
    ["periodic", "10m", { mode: "periodic", retentionMs: 600_000 }],
    ["periodic", "1h30m", { mode: "periodic", retentionMs: 1.5 * h }],
    ["periodic", "500ms", { mode: "periodic", retentionMs: 500 }],
    ["revision", "1000", { mode: "revision", revisions: 1000 }],
    ["revision", "10m", /must be a number of revisions/],
    ["revision", "-1", /must be a number of revisions/],
    ["periodic", "-1", /error parsing CompactionRetention: time: invalid duration "-1"/],
    ["periodic", "-1h", /must be at least 10ms/],
    ["periodic", "1ms", /must be at least 10ms/],
    ["periodic", "soon", /error parsing CompactionRetention/],
    ["periodic", "99999999999", /error parsing CompactionRetention/],
    ["", "1h", /undefined auto-compaction-mode/],
    ["hourly", "1h", /unknown auto-compaction-mode "hourly"/],
  ] as const;
  for (const [mode, retention, want] of rows) {
    const got = parseAutoCompaction(mode, retention);
    if (want instanceof RegExp) assert.match(String(got), want, `${mode} ${retention}`);
    else assert.deepEqual(got, want, `${mode} ${retention}`);
  }
});
