// What a snapshot file holds, read offline: its hash over all buckets and records, the newest
// revision, the number of keys that exist, size and version (facts: storage format §5).
import { stat } from "node:fs/promises";
import { crc32c } from "@node-rs/crc32";
import { text } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import { checkBolt, integrityText } from "#server/backend/bbolt/check.ts";
import { openSnapshotFile, snapshotDigests } from "#server/backend/bbolt/snapshot-file.ts";
import { systemCode } from "#server/backend/folder.ts";

const revisionKeyBytes = 17;

export interface SnapshotStatus {
  readonly hash: number;
  readonly revision: number;
  /** Keys that exist at the newest revision. */
  readonly totalKey: number;
  /** Bytes of the file's pages, without a digest behind them. */
  readonly totalSize: number;
  /** Such as `3.7.0`; empty if the file does not say. */
  readonly version: string;
}

/** Rejects with OperatingError in the reference's words unless there is something at that path. */
export async function statFile(file: string): Promise<void> {
  try {
    await stat(file);
  } catch (error) {
    const denied = systemCode(error) === "EACCES";
    const reason = denied ? "permission denied" : "no such file or directory";
    throw new OperatingError("NO_SUCH_FILE", `stat ${file}: ${reason}`, { cause: error });
  }
}

/**
 * Rejects with OperatingError for a file that is damaged. A digest that does not fit is told and no
 * reason to fail, as in the reference.
 */
export async function snapshotStatus(
  file: string,
): Promise<SnapshotStatus & { readonly digestFits: boolean }> {
  const snapshot = await openSnapshotFile(file);
  try {
    const findings = await checkBolt(snapshot.bolt);
    if (findings.length > 0) {
      throw new OperatingError("SNAPSHOT_DAMAGED", integrityText(findings));
    }
    const digests = await snapshotDigests(file);
    const digestFits =
      digests === undefined || Buffer.from(digests.stored).equals(digests.computed);
    const { meta } = snapshot.bolt;
    let hash = 0;
    let bucketBefore = "";
    let revision = 0;
    let version = "";
    const alive = new Map<string, boolean>();
    const names = await snapshot.bolt.buckets();
    let next = 0;
    for await (const [bucket, key, value] of snapshot.bolt.allRecords()) {
      const name = text(bucket);
      if (name !== bucketBefore) {
        // Buckets without records count by their names too.
        while (next < names.length) {
          const passed = names[next++]!;
          hash = crc32c(passed, hash);
          if (text(passed) === name) break;
        }
        bucketBefore = name;
      }
      hash = crc32c(value, crc32c(key, hash));
      if (name === "key") {
        if (key.length < revisionKeyBytes) {
          const text = `cannot parse revision key: ${JSON.stringify(Buffer.from(key).toString())}`;
          throw new OperatingError("SNAPSHOT_DAMAGED", text);
        }
        const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
        revision = Number(view.getBigUint64(0));
        const stored = Buffer.from(KeyValue.decode(value).key).toString("latin1");
        alive.set(stored, key.length === revisionKeyBytes);
      } else if (name === "meta" && text(key) === "storageVersion") {
        version = text(value);
      }
    }
    while (next < names.length) hash = crc32c(names[next++]!, hash);
    let totalKey = 0;
    for (const exists of alive.values()) if (exists) totalKey++;
    const totalSize = meta.highWater * meta.pageBytes;
    return { hash, revision, totalKey, totalSize, version, digestFits };
  } finally {
    await snapshot.close();
  }
}
