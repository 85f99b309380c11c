// What etcdutl prints, in the reference's formats.
import { formatId } from "#base/ids.ts";
import type { FileHash } from "#ctl/etcdutl/hash-kv.ts";
import type { SnapshotStatus } from "#ctl/etcdutl/snapshot-status.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import { decimalSize } from "#ctl/go-text.ts";
import { tableText } from "#ctl/print/table.ts";
import type { Converted } from "#server/convert.ts";

export const formats = ["fields", "json", "protobuf", "simple", "table"] as const;

type Format = Exclude<(typeof formats)[number], "protobuf">;

/** The format of that name; throws Exit for one that cannot be printed. */
export function formatNamed(name: string): Format {
  if (name === "protobuf") {
    throw new Exit(exitCode.badFeature, "protobuf not supported as output format");
  }
  const known = formats.find((one) => one === name);
  if (known === undefined || known === "protobuf") {
    throw new Exit(exitCode.badFeature, "unsupported output format");
  }
  return known;
}

/** The text of a status. */
export function statusText(status: SnapshotStatus, format: Format): string {
  const { hash, revision, totalKey, totalSize, version } = status;
  const cells = [
    hash.toString(16),
    String(revision),
    String(totalKey),
    decimalSize(totalSize),
    version,
  ];
  switch (format) {
    case "simple":
      return `${cells.join(", ")}\n`;
    case "json":
      return `${JSON.stringify({ hash, revision, totalKey, totalSize, version })}\n`;
    case "fields":
      return `"Hash" : ${hash}\n"Revision" : ${revision}\n"Keys" : ${totalKey}\n"Size" : ${totalSize}\n"Version" : ${version}\n`;
    case "table":
      return tableText(["hash", "revision", "total keys", "total size", "version"], [cells]);
  }
}

/** The text of a hash. */
export function hashText(one: FileHash, format: Format): string {
  const { compactRevision, hash, hashRevision } = one;
  const cells = [hash, hashRevision, compactRevision].map(String);
  switch (format) {
    case "simple":
      return `${cells.join(", ")}\n`;
    case "json":
      return `${JSON.stringify({ hash, hashRevision, compactRevision })}\n`;
    case "fields":
      return `"Hash" : ${hash}\n"Hash revision" : ${hashRevision}\n"Compact revision" : ${compactRevision}\n`;
    case "table":
      return tableText(["hash", "hash revision", "compact revision"], [cells]);
  }
}

/** The text of a conversion: whose folder it is now, and how far its state goes. */
export function convertedText(done: Converted, kv: FileHash, format: Format): string {
  const rows: readonly (readonly [string, string | number])[] = [
    ["member", formatId(done.memberId)],
    ["cluster", formatId(done.clusterId)],
    ["storageVersion", done.storageVersion],
    ["appliedIndex", done.appliedIndex],
    ["appliedTerm", done.appliedTerm],
    ["entriesToApply", done.entriesToApply],
    ["entriesNotCommitted", done.entriesNotCommitted],
    ["hashKV", kv.hash],
    ["revision", kv.hashRevision],
    ["compactRevision", kv.compactRevision],
  ];
  switch (format) {
    case "json":
      return `${JSON.stringify(Object.fromEntries(rows))}\n`;
    case "simple":
      return `${rows.map(([, value]) => value).join(", ")}\n`;
    case "fields":
      return rows.map(([name, value]) => `${JSON.stringify(name)} : ${value}\n`).join("");
    case "table":
      return tableText(
        rows.map(([name]) => name),
        [rows.map(([, value]) => String(value))],
      );
  }
}
