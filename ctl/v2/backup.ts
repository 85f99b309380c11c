// backup: a copy of a stopped member's data folder. What it holds beside snapshots is the v2 keys.
import { hostname } from "node:os";
import { errorText } from "#base/errors.ts";
import type { V2Command } from "./command.ts";
import { Ended, endCode } from "./ended.ts";

export const backup: V2Command = {
  name: "backup",
  summary: "Copies the data folder of a stopped member, to start with etcd --force-new-cluster",
  usage: "--data-dir FOLDER --backup-dir FOLDER",
  flags: [
    { names: ["data-dir"], kind: "string", usage: "the member's data folder" },
    { names: ["wal-dir"], kind: "string", usage: "where its log lies, if elsewhere" },
    { names: ["backup-dir"], kind: "string", usage: "the copy: a folder that is new or empty" },
    { names: ["backup-wal-dir"], kind: "string", usage: "where to put the log, if elsewhere" },
    { names: ["with-v3"], kind: "bool", usage: "accepted: v3 keys are always in it" },
  ],
  examples: ["backup --data-dir /var/lib/etcd --backup-dir /backup/etcd"],
  async run({ flags }) {
    const [dataDir, backupDir] = [flags.string("data-dir"), flags.string("backup-dir")];
    if (dataDir === "" || backupDir === "") {
      throw new Ended(endCode.badArguments, "name both folders: --data-dir and --backup-dir");
    }
    const or = (text: string): string | undefined => (text === "" ? undefined : text);
    const { backupFolder } = await import("#ctl/etcdutl/backup-folder.ts");
    try {
      await backupFolder({
        dataDir,
        backupDir,
        walDir: or(flags.string("wal-dir")),
        backupWalDir: or(flags.string("backup-wal-dir")),
        holder: `etcdctl backup, process ${process.pid} on ${hostname()}`,
      });
    } catch (error) {
      throw new Ended(1, errorText(error));
    }
  },
};
