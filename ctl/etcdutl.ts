// etcdutl: what is done to files of a member that does not run. bin/etcdutl runs it.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Progress } from "#base/progress.ts";
import { systemClock } from "#base/system-clock.ts";
import { type CompletionNode, completionScript, shells } from "#ctl/completion.ts";
import { hashFileKv } from "#ctl/etcdutl/hash-kv.ts";
import { consoleLog } from "#ctl/etcdutl/log.ts";
import { convertedText, formatNamed, formats, hashText, statusText } from "#ctl/etcdutl/output.ts";
import { snapshotStatus, statFile } from "#ctl/etcdutl/snapshot-status.ts";
import { badArguments, Exit } from "#ctl/exit.ts";
import { goQuote } from "#ctl/go-text.ts";
import { WaitingLine } from "#ctl/progress-bar.ts";
import { apiVersion } from "#ctl/versions.ts";

/** What a person who waits for a long command sees. */
const waiting = new WaitingLine({
  err: (data) => void process.stderr.write(data),
  isWatched: process.stderr.isTTY === true,
  clock: systemClock,
});

/** What every command that works on a folder needs: its log, and the name that keeps others out. */
function work(): { readonly log: Log; readonly holder: string } {
  const write = (line: string): void => {
    waiting.hide();
    process.stderr.write(line);
  };
  const log = consoleLog(write, () => new Date());
  return { log, holder: `etcdutl ${process.pid} on ${hostname()}` };
}

/** The same for those that tell how far they are. */
function progressing(): {
  readonly log: Log;
  readonly progress: Progress;
  readonly processName: string;
} {
  const { holder, log } = work();
  return { log, progress: waiting, processName: holder };
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is no whole number.");
  return Number(text);
}

function integer(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("It is no whole number.");
  return Number(text);
}

interface RestoreFlags {
  readonly dataDir: string;
  readonly walDir: string;
  readonly name: string;
  readonly initialCluster: string;
  readonly initialClusterToken: string;
  readonly initialAdvertisePeerUrls: string;
  readonly skipHashCheck?: boolean;
  readonly bumpRevision: number;
  readonly markCompacted?: boolean;
}

async function restore(files: readonly string[], flags: RestoreFlags): Promise<void> {
  const [file] = files;
  if (file === undefined || files.length !== 1) {
    throw badArguments("snapshot restore requires exactly one argument");
  }
  if (flags.bumpRevision > 0 !== (flags.markCompacted === true)) {
    throw badArguments("--mark-compacted required if --revision-bump > 0");
  }
  const { restoreSnapshot } = await import("#server/restore.ts");
  await restoreSnapshot({
    file,
    dataDir: flags.dataDir === "" ? `${flags.name}.etcd` : flags.dataDir,
    walDir: flags.walDir === "" ? undefined : flags.walDir,
    name: flags.name,
    initialCluster: flags.initialCluster,
    initialClusterToken: flags.initialClusterToken,
    advertisePeerUrls: flags.initialAdvertisePeerUrls,
    skipHashCheck: flags.skipHashCheck === true,
    bumpRevision: flags.bumpRevision,
    ...progressing(),
  }).finally(() => waiting.end());
}

function addSnapshotCommands(etcdutl: Command): void {
  const snapshot = etcdutl
    .command("snapshot")
    .description("Looks at snapshot files, and restores them");
  snapshot
    .command("status [files...]")
    .usage("<filename>")
    .description("Prints hash, revision, keys, size and version of a snapshot file")
    .addHelpText("after", "\nExample:\n  etcdutl snapshot status backup.db -w table")
    .action(async (files: string[]) => {
      const [file] = files;
      if (file === undefined || files.length !== 1) {
        throw badArguments("snapshot status requires exactly one argument");
      }
      await statFile(file);
      const format = formatNamed(etcdutl.opts()["writeOut"]);
      const { digestFits, ...status } = await snapshotStatus(file);
      process.stdout.write(statusText(status, format));
      if (!digestFits) {
        process.stderr.write(
          `Warning: the SHA-256 behind ${file} does not fit its content: the file was altered\n`,
        );
      }
    });
  snapshot
    .command("restore [files...]")
    .usage("<filename> --data-dir {output dir} [options]")
    .description("Makes a new data folder of a snapshot file, for a member of a new cluster")
    .addOption(new Option("--data-dir <folder>", "folder to make").default("", "NAME.etcd"))
    .addOption(new Option("--wal-dir <folder>", "folder for the log").default("", "in --data-dir"))
    .option("--name <name>", "name of this member", "default")
    .option(
      "--initial-cluster <members>",
      "all members of the new cluster",
      "default=http://localhost:2380",
    )
    .option("--initial-cluster-token <token>", "token of the new cluster", "etcd-cluster")
    .option(
      "--initial-advertise-peer-urls <urls>",
      "peer URLs of this member",
      "http://localhost:2380",
    )
    .option("--skip-hash-check", "accept a file without digest, copied from a data folder")
    .option("--initial-memory-map-size <bytes>", "accepted and of no effect", wholeNumber, 0)
    .option("--bump-revision <n>", "how much to add to the newest revision", wholeNumber, 0)
    .option("--mark-compacted", "compact up to the new revision; required with --bump-revision")
    .addHelpText(
      "after",
      "\nExample:\n  etcdutl snapshot restore backup.db --data-dir /var/lib/etcd --name a \\\n    --initial-cluster a=http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380",
    )
    .action(restore);
}

interface MigrateFlags {
  readonly dataDir: string;
  readonly walDir?: string;
  readonly targetVersion: string;
  readonly force?: boolean;
}

function addMigrate(etcdutl: Command): void {
  etcdutl
    .command("migrate")
    .description("Puts another storage version into a stopped member's data folder")
    .requiredOption("--data-dir <folder>", "the member's --data-dir")
    .requiredOption("--target-version <X.Y>", "3.5, 3.6 or 3.7")
    .option("--wal-dir <folder>", "the member's --wal-dir, if it lies elsewhere")
    .option("--force", "set it even if the log holds what that version does not know")
    .addHelpText(
      "after",
      `
The way to a lower version is \`etcdctl downgrade enable\` while the cluster runs; this is for a member
that cannot. A member that starts takes the version of its cluster again. Folders of etcd are migrated
by etcd's own etcdutl, or converted (etcdutl convert).

Example:
  etcdutl migrate --data-dir /var/lib/etcd-ts --target-version 3.6`,
    )
    .action(async (flags: MigrateFlags) => {
      const { migrateFolder, targetVersion } = await import("#ctl/etcdutl/migrate.ts");
      const { dataDir, force = false, walDir } = flags;
      const target = targetVersion(flags.targetVersion);
      await migrateFolder({ dataDir, walDir, target, force, ...work() });
    });
}

interface ConvertFlags {
  readonly from: string;
  readonly fromWalDir?: string;
  readonly dataDir: string;
  readonly walDir?: string;
}

function addConvert(etcdutl: Command): void {
  etcdutl
    .command("convert")
    .description("Makes a data folder of etcd-ts out of the one of an etcd 3.5, 3.6 or 3.7")
    .requiredOption("--from <folder>", "etcd's --data-dir; its member must not run")
    .option("--from-wal-dir <folder>", "etcd's --wal-dir, if it lies elsewhere")
    .requiredOption("--data-dir <folder>", "folder to make, for the same member")
    .option("--wal-dir <folder>", "folder for the new log (default: within --data-dir)")
    .addHelpText(
      "after",
      `
The member goes on as the one it was: same ID, same cluster, same data, and what its log holds behind
them. etcd's folder is only read, and is the way back as long as the converted member has not run.
Never let both run. The rest of the cluster may be etcd or not (docs/migration.md).

Example:
  etcdutl convert --from /var/lib/etcd --data-dir /var/lib/etcd-ts`,
    )
    .action(async (flags: ConvertFlags) => {
      const { convertEtcdFolder } = await import("#server/convert.ts");
      const done = await convertEtcdFolder({
        from: flags.from,
        fromWalDir: flags.fromWalDir,
        dataDir: flags.dataDir,
        walDir: flags.walDir,
        ...progressing(),
      }).finally(() => waiting.end());
      process.stdout.write(
        convertedText(done, await hashFileKv(done.db, 0), formatNamed(etcdutl.opts()["writeOut"])),
      );
    });
}

/** A command with those below it, for completion. */
function nodeOf(command: Command): CompletionNode {
  const flags = command.options.flatMap(({ long, short }) => [long, short]);
  return {
    name: command.name(),
    summary: command.description(),
    flags: flags.filter((flag) => flag !== undefined && flag !== null),
    children: command.commands.map(nodeOf),
  };
}

function addCompletion(etcdutl: Command): void {
  etcdutl
    .command("completion [shells...]")
    .usage(`[${shells.join("|")}]`)
    .description("Prints a script after which the shell completes etcdutl's commands and flags")
    .addHelpText("after", "\nExample:\n  source <(etcdutl completion bash)")
    .action((wanted: string[]) => {
      if (wanted.length !== 1) throw new Exit(1, `accepts 1 arg(s), received ${wanted.length}`);
      const shell = shells.find((each) => each === wanted[0]);
      if (shell === undefined) {
        throw new Exit(1, `invalid argument ${goQuote(wanted[0] ?? "")} for "etcdutl completion"`);
      }
      const { flags, ...tree } = nodeOf(etcdutl);
      process.stdout.write(completionScript(shell, { ...tree, flags: [] }, [...flags, "--help"]));
    });
}

function program(): Command {
  const own = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const etcdutl = new Command("etcdutl")
    .description("Works on files of an etcd-ts or etcd member that does not run.")
    .option("-w, --write-out <format>", `output format (${formats.join(", ")})`, "simple")
    .option("--timeout <duration>", "accepted and of no effect: nothing is locked", "10s")
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
  addSnapshotCommands(etcdutl);
  etcdutl
    .command("hashkv [files...]")
    .usage("<filename>")
    .description("Prints the hash of a snapshot file's keys and their history")
    .addHelpText("after", "\nExample:\n  etcdutl hashkv backup.db --rev 1000")
    .option("--rev <revision>", "newest revision to hash (default: the newest)", integer, 0)
    .action(async (files: string[], flags: { readonly rev: number }) => {
      const [file] = files;
      if (file === undefined || files.length !== 1) {
        throw new Exit(1, `accepts 1 arg(s), received ${files.length}`);
      }
      const format = formatNamed(etcdutl.opts()["writeOut"]);
      await statFile(file);
      process.stdout.write(hashText(await hashFileKv(file, flags.rev), format));
    });
  addConvert(etcdutl);
  addCompletion(etcdutl);
  addMigrate(etcdutl);
  etcdutl
    .command("defrag")
    .description("Gives the free space of a stopped member's data folder back")
    .addHelpText("after", "\nExample:\n  etcdutl defrag --data-dir /var/lib/etcd-ts")
    .requiredOption("--data-dir <folder>", "the member's --data-dir")
    .action(async (flags: { readonly dataDir: string }) => {
      const { defragmentFolder } = await import("#ctl/etcdutl/defrag.ts");
      const { holder, log } = work();
      waiting.step("defragmenting");
      await defragmentFolder(flags.dataDir, log, holder).finally(() => waiting.end());
    });
  return etcdutl;
}

try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    process.stderr.write(`Error: ${await lineOf(error)}\n`);
    process.exitCode = error instanceof Exit ? error.code : 1;
  }
}

/** What is wrong, in bbolt's words for a file that it could not open either. */
async function lineOf(error: unknown): Promise<string> {
  const { SnapshotDamage } = await import("#server/backend/bbolt/reader.ts");
  const { EtcdError } = await import("#proto/errors.ts");
  if (error instanceof SnapshotDamage) return error.boltText;
  if (error instanceof EtcdError) return error.message.replace(/^etcdserver: /, "");
  return errorText(error);
}
