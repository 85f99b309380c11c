// etcdutl: what is done to files of a member that does not run. bin/etcdutl runs it.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { errorText } from "#base/errors.ts";
import { type SnapshotStatus, snapshotStatus } from "#ctl/etcdutl/snapshot-status.ts";
import { decimalSize } from "#ctl/go-text.ts";
import { tableText } from "#ctl/print/table.ts";
import { apiVersion } from "#ctl/versions.ts";

const formats = ["simple", "json", "fields", "table"] as const;

/** The text of a status in one of the formats, as the reference prints it. */
export function statusText(status: SnapshotStatus, format: (typeof formats)[number]): string {
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

function program(): Command {
  const own = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const etcdutl = new Command("etcdutl")
    .description("Works on files of an etcd-ts or etcd member that does not run.")
    .option("-w, --write-out <format>", `output format (${formats.join(", ")})`, "simple")
    .configureOutput({
      outputError: (message, write) => write(message.replace(/^error: /, "Error: ")),
    })
    .exitOverride();
  etcdutl
    .command("version")
    .description("Prints the version of etcdutl")
    .action(() => {
      process.stdout.write(
        `etcdutl version: ${apiVersion.etcd}\nAPI version: ${apiVersion.api}\netcd-ts version: ${own.version}\n`,
      );
    });
  etcdutl
    .command("snapshot")
    .description("Looks at snapshot files")
    .command("status <file>")
    .description("Prints hash, revision, keys, size and version of a snapshot file")
    .addHelpText("after", "\nExample:\n  etcdutl snapshot status backup.db -w table")
    .action(async (file: string) => {
      const format = etcdutl.opts()["writeOut"];
      const known = formats.find((one) => one === format);
      if (known === undefined)
        throw new Error(`unknown output format: ${format}; it is one of ${formats.join(", ")}`);
      process.stdout.write(statusText(await snapshotStatus(file), known));
    });
  etcdutl.addHelpText(
    "after",
    "\nRestoring a snapshot, defragmenting and migrating a data folder are not there yet.",
  );
  return etcdutl;
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    process.stderr.write(`Error: ${errorText(error)}\n`);
    process.exitCode = 1;
  }
}
