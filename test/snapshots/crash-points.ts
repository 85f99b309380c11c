// Places between every two steps of a state on its way from one member to another, and of a restore,
// at which a process is killed. A place is named by the text of the source that is about to run, which
// must occur exactly once; crash-hook.ts puts the kill before it while the file is loaded.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { StateForm } from "#server/peer/ports.ts";

export interface CrashPoint {
  /** Who dies there. */
  readonly side: "receiver" | "sender" | "restore";
  /** What is sent; left out, it is all the same. */
  readonly form?: StateForm;
  /** From the root of the project. */
  readonly file: string;
  /** What was about to be done. */
  readonly before: string;
}

const receiver = (file: string, before: string, form?: StateForm): CrashPoint => ({
  side: "receiver",
  file,
  before,
  ...(form === undefined ? {} : { form }),
});
const sender = (file: string, before: string, form: StateForm): CrashPoint => ({
  side: "sender",
  file,
  before,
  form,
});
const restore = (file: string, before: string): CrashPoint => ({ side: "restore", file, before });

const transferFiles = "server/backend/transfer-files.ts";
const stateTables = "server/backend/state-tables.ts";
const stateFolder = "server/backend/state-folder.ts";
const exports = "server/backend/state-exports.ts";
const transfer = "server/node/snapshot-transfer.ts";

export const crashPoints = {
  "part of it written": receiver(transferFiles, "bytes += chunk.length;", "file"),
  "written, not synced": receiver(transferFiles, "await handle.sync();", "file"),
  "synced, not read through": receiver(
    transferFiles,
    "await readThrough(part, index, check);",
    "file",
  ),
  "part of the tables written": receiver(stateTables, "this.total += bytes.length;", "tables"),
  "tables written, not all synced": receiver(stateTables, "await sink.synced();", "tables"),
  "tables synced, not read through": receiver(
    transferFiles,
    "await checkTables(part, index, check);",
    "tables",
  ),
  "read through, not named": receiver(transferFiles, "await rename(part, place);"),
  "named, folder not synced": receiver(transferFiles, "await syncFolder(this.folder);"),
  "kept, not told to raft": receiver(transfer, "this.kept.add(index);"),
  "told, not begun": receiver(
    transfer,
    'log.info({ index, term }, "installing a received state");',
  ),
  "moved, not opened": receiver(stateFolder, "const create = source === undefined;", "tables"),
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
    "file",
  ),
  "copy made": sender(
    exports,
    "return { file, bytes: boltBytes, records: await readTold(file) };",
    "file",
  ),
  "not a block sent": sender(exports, "yield block;", "file"),
  "sent, not removed": sender(exports, "if (--wanted.readers > 0) return;", "file"),
  "tables linked, not known which": sender(
    stateTables,
    "const { tables, end, isUnderstood } = readManifest(manifest);",
    "tables",
  ),
  "tables linked": sender(stateTables, "if (taken === undefined) return undefined;", "tables"),
  "not a part of the tables sent": sender(
    "server/backend/table-stream.ts",
    "yield seal(frame, kinds.part);",
    "tables",
  ),
  "tables sent, links not removed": sender(
    transferFiles,
    "await rm(folder, { recursive: true, force: true });",
    "tables",
  ),
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

/** Put into a process that is to send etcd's file whatever a member takes. */
export const filesOnly = {
  file: transfer,
  before: "const state = await files.exportTables?.(backend());",
  inserted:
    'if (process.env["STATE_FORM"] === "file") return { form: "file", state: await this.exportFile() };',
} as const;

/**
 * Environment of a process that dies at the place whose name `file` holds, and sends states in `form`; it
 * takes the file away.
 */
export function crashEnvironment(file: string, form: StateForm): NodeJS.ProcessEnv {
  const hook = pathToFileURL(join(import.meta.dirname, "crash-hook.ts")).href;
  const options = [process.env["NODE_OPTIONS"], `--import=${hook}`].filter(Boolean).join(" ");
  return { NODE_OPTIONS: options, CRASH_FILE: file, STATE_FORM: form };
}
