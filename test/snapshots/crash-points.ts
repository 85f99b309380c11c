// Places between every two steps of a state on its way from one member to another, and of a restore,
// at which a process is killed. A place is named by the text of the source that is about to run, which
// must occur exactly once; crash-hook.ts puts the kill before it while the file is loaded.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export interface CrashPoint {
  /** Who dies there. */
  readonly side: "receiver" | "sender" | "restore";
  /** From the root of the project. */
  readonly file: string;
  /** What was about to be done. */
  readonly before: string;
}

const receiver = (file: string, before: string): CrashPoint => ({ side: "receiver", file, before });
const sender = (file: string, before: string): CrashPoint => ({ side: "sender", file, before });
const restore = (file: string, before: string): CrashPoint => ({ side: "restore", file, before });

const transferFiles = "server/backend/transfer-files.ts";
const stateFolder = "server/backend/state-folder.ts";
const exports = "server/backend/state-exports.ts";
const transfer = "server/node/snapshot-transfer.ts";

export const crashPoints = {
  "part of it written": receiver(transferFiles, "bytes += chunk.length;"),
  "written, not synced": receiver(transferFiles, "await handle.sync();"),
  "synced, not read through": receiver(transferFiles, "await readThrough(part, index, check);"),
  "read through, not named": receiver(
    transferFiles,
    "await rename(part, this.receivedFile(index));",
  ),
  "named, folder not synced": receiver(transferFiles, "await syncFolder(this.folder);"),
  "kept, not told to raft": receiver(transfer, "this.kept.add(index);"),
  "told, not begun": receiver(
    transfer,
    'log.info({ index, term }, "installing a received state");',
  ),
  created: receiver(stateFolder, 'await this.step("created");'),
  "filled, not synced": receiver(
    stateFolder,
    "await filling.write(filling.newBatch(), { sync: true });",
  ),
  "synced, not renamed": receiver(stateFolder, "await publishState(member, serial);"),
  filled: receiver(stateFolder, 'await this.step("filled");'),
  "opened, not pointed to": receiver(
    stateFolder,
    "await writePointer(this.pointerFile, { serial, installing: mark });",
  ),
  pointed: receiver(stateFolder, 'await this.step("pointed");'),
  "log reset": receiver(stateFolder, 'await this.step("log reset");'),
  finished: receiver(stateFolder, 'await this.step("finished");'),
  "adopted in part": receiver("server/node/replica.ts", "hub.restore();"),
  removed: receiver(stateFolder, 'await this.step("removed");'),
  "installed, file not removed": receiver(
    transfer,
    'log.info({ index, term }, "installed a received state");',
  ),
  "copy written but for its head": sender(
    "server/backend/bbolt/snapshot-file.ts",
    "await writeAt(handle, head, 0);",
  ),
  "copy made": sender(exports, "return { file, bytes: boltBytes, records: await readTold(file) };"),
  "not a block sent": sender(exports, "yield block;"),
  "sent, not removed": sender(exports, "if (--wanted.readers > 0) return;"),
  "restore: folder made": restore(
    "server/restore.ts",
    "await copyRecords(from.bolt, folder.backend, oldMembership);",
  ),
  "restore: copied, no members yet": restore(
    "server/restore.ts",
    "await putMembership(folder.backend, members);",
  ),
  "restore: copied": restore("server/restore.ts", "if (await walExists(walDir)) throw refused"),
  "restore: log made, empty": restore(
    "server/restore.ts",
    "await wal.reset(mark, { term: firstTerm, vote: 0n, commit: index });",
  ),
  "restore: log made": restore("server/restore.ts", "await folder.restored();"),
} as const satisfies Record<string, CrashPoint>;

export type CrashName = keyof typeof crashPoints;

/** Environment of a process that dies at the place whose name `file` holds; it takes the file away. */
export function crashEnvironment(file: string): NodeJS.ProcessEnv {
  const hook = pathToFileURL(join(import.meta.dirname, "crash-hook.ts")).href;
  const options = [process.env["NODE_OPTIONS"], `--import=${hook}`].filter(Boolean).join(" ");
  return { NODE_OPTIONS: options, CRASH_FILE: file };
}
