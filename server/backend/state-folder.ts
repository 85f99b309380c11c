// A member's folder and the state in it, which can be replaced whole.
//
//   <data-dir>/member/format     version of this layout; `restoring` until a restore is whole
//                     lock/      held while a process uses the folder (process-lock.ts)
//                     state.json pointer: which state-N counts (state-pointer.ts)
//                     state-N/   the state's store
//                     wal/       the log, unless --wal-dir says otherwise
//
// Replacing the state (a snapshot was received): state-N+1 is filled and synced; the pointer is
// renamed onto it, with the mark that the log must be reset to; the log is reset; the mark is taken
// out of the pointer; state-N is removed. A crash before the rename leaves the old state, which the
// next start goes on with; a crash after it leaves the new one, and `unfinished` says what to do.
import { rename, rm } from "node:fs/promises";
import path from "node:path";
import { assert } from "#base/assert.ts";
import { OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import {
  diskError,
  listFolder,
  makeFolder,
  readSmallFile,
  replaceFile,
  syncFolder,
} from "#server/backend/folder.ts";
import { lockFolder, type ProcessLock } from "#server/backend/process-lock.ts";
import {
  openRocksBackend,
  type RocksBackend,
  type RocksTuning,
} from "#server/backend/rocks-backend.ts";
import { type InstallMark, readPointer, writePointer } from "#server/backend/state-pointer.ts";
import type { Backend } from "#server/mvcc/backend.ts";

/** The version of the layout above; a folder of a newer one is refused. */
export const folderFormat = 1;

/** What a replacement has just done; tests cut it short here. */
export type ReplaceStep = "created" | "filled" | "pointed" | "log reset" | "finished" | "removed";

export interface StateFolderOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** This process, as another one that wants the folder is told: "process 12 on host-a". */
  readonly holder: string;
  readonly tuning?: RocksTuning;
  /** A backup is put into this new folder: it cannot be opened again before `restored`. */
  readonly restoring?: boolean;
  readonly onStep?: (step: ReplaceStep) => Promise<void>;
}

/** Where the log lies unless it was put elsewhere. */
export function defaultWalDir(dataDir: string): string {
  return path.join(dataDir, "member", "wal");
}

/**
 * Locks and opens the folder of a member, or makes it. Fails with an OperatingError that says what
 * to do: in use, of a newer format, of etcd, damaged, full, not writable.
 */
export async function openStateFolder(options: StateFolderOptions): Promise<StateFolder> {
  const member = path.join(options.dataDir, "member");
  await refuseForeign(options.dataDir, member);
  await makeFolder(member);
  const lock = await lockFolder(member, options.holder);
  try {
    await checkFormat(member, options.restoring ?? false);
    const pointerFile = path.join(member, "state.json");
    const pointer = await readPointer(pointerFile);
    if (pointer === undefined) await createFirst(member, pointerFile, options);
    const serial = pointer?.serial ?? 1;
    await removeOthers(member, serial, options.log);
    const backend = await openState(member, serial, options);
    return new StateFolder(options, member, lock, serial, backend, pointer?.installing);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** A folder that etcd wrote holds the same names with other contents. */
async function refuseForeign(dataDir: string, member: string): Promise<void> {
  const names = (await listFolder(member))?.map(({ name }) => name) ?? [];
  if (!names.includes("snap")) return;
  throw new OperatingError(
    "ETCD_DATA_DIR",
    `${dataDir} was written by etcd, whose files this store does not open: join as a new member with an empty folder, or restore a snapshot of it`,
  );
}

const restoringFormat = "restoring\n";

async function checkFormat(member: string, restoring: boolean): Promise<void> {
  const file = path.join(member, "format");
  const content = await readSmallFile(file);
  if (content === restoringFormat) {
    throw new OperatingError(
      "RESTORE_CUT_SHORT",
      `the restore into ${member} was cut short: remove the folder and restore again`,
    );
  }
  assert(!restoring || content === undefined, "state: a restore into a folder that is in use");
  if (content === undefined) {
    const known = (await listFolder(member))?.some(({ name }) => name.startsWith("state"));
    if (known) throw damaged(member, "its file `format` is missing");
    await replaceFile(file, restoring ? restoringFormat : `${folderFormat}\n`);
    return;
  }
  if (!/^\d{1,9}\n?$/.test(content)) throw damaged(member, "its file `format` holds no number");
  const format = Number.parseInt(content, 10);
  if (format > folderFormat) {
    throw new OperatingError(
      "FORMAT_TOO_NEW",
      `${member} has format ${format}, this version knows up to ${folderFormat}: run the version that wrote it`,
    );
  }
}

function damaged(folder: string, what: string): OperatingError {
  return new OperatingError(
    "DATA_DAMAGED",
    `${folder} is damaged: ${what}; remove this member and add it again with an empty folder, or restore a backup`,
  );
}

const stateName = /^state-(\d{1,9})(\.new)?$/;

/** Makes state-1 under another name and renames it, so that a folder state-N is always whole. */
async function createFirst(
  member: string,
  pointerFile: string,
  options: StateFolderOptions,
): Promise<void> {
  for (const { name } of (await listFolder(member)) ?? []) {
    if (stateName.test(name) && name !== "state-1" && !name.endsWith(".new")) {
      throw damaged(member, `it holds ${name}, but the file \`state.json\` is missing`);
    }
  }
  if ((await listFolder(path.join(member, "state-1"))) === undefined) {
    const backend = await createState(member, 1, options);
    await backend.close();
    await publishState(member, 1);
  } else {
    // The first start was cut short before it named the state: nothing can be in it.
    const backend = await openState(member, 1, options);
    const bytes = backend.sizeBytes();
    await backend.close();
    if (bytes > 0) throw damaged(member, "it holds a state, but the file `state.json` is missing");
  }
  await writePointer(pointerFile, { serial: 1, installing: undefined });
}

function statePath(member: string, serial: number): string {
  return path.join(member, `state-${serial}`);
}

/** Opens the folder of a state that is being made, an empty one or what `source` is. */
async function createState(
  member: string,
  serial: number,
  options: StateFolderOptions,
  source?: string,
): Promise<RocksBackend> {
  const dir = `${statePath(member, serial)}.new`;
  await removeFolder(dir);
  if (source === undefined) await makeFolder(dir);
  else {
    try {
      await rename(source, dir);
    } catch (error) {
      throw diskError(error, source);
    }
  }
  const create = source === undefined;
  return await openRocksBackend(dir, { ...options.tuning, create, log: options.log });
}

async function publishState(member: string, serial: number): Promise<void> {
  const dir = statePath(member, serial);
  await syncFolder(`${dir}.new`);
  await removeFolder(dir);
  try {
    await rename(`${dir}.new`, dir);
  } catch (error) {
    throw diskError(error, dir);
  }
  await syncFolder(member);
}

async function openState(
  member: string,
  serial: number,
  options: StateFolderOptions,
): Promise<RocksBackend> {
  const dir = statePath(member, serial);
  if ((await listFolder(dir)) === undefined) {
    throw damaged(member, `its state-${serial} is missing`);
  }
  return await openRocksBackend(dir, { ...options.tuning, create: false, log: options.log });
}

/** Removes what a replacement that was cut short left behind. */
async function removeOthers(member: string, serial: number, log: Log): Promise<void> {
  for (const { name } of (await listFolder(member)) ?? []) {
    if (!stateName.test(name) || name === `state-${serial}`) continue;
    log.info({ folder: path.join(member, name) }, "removed a state that does not count");
    await removeFolder(path.join(member, name));
  }
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true });
  } catch (error) {
    throw diskError(error, folder);
  }
}

export class StateFolder {
  private readonly options: StateFolderOptions;
  private readonly member: string;
  private readonly lock: ProcessLock;
  private serial: number;
  private current: RocksBackend;
  private toFinish: InstallMark | undefined;
  private replacing = false;

  constructor(
    options: StateFolderOptions,
    member: string,
    lock: ProcessLock,
    serial: number,
    backend: RocksBackend,
    unfinished: InstallMark | undefined,
  ) {
    this.options = options;
    this.member = member;
    this.lock = lock;
    this.serial = serial;
    this.current = backend;
    this.toFinish = unfinished;
  }

  /** The state that counts. */
  get backend(): RocksBackend {
    return this.current;
  }

  /**
   * If set, a replacement was cut short when its state already counted: reset the log to this mark,
   * unless the log's own mark is there or beyond, then call finish, before anything else.
   */
  get unfinished(): InstallMark | undefined {
    return this.toFinish;
  }

  /** The restore is whole, its log too; the folder is as any other from now on. */
  async restored(): Promise<void> {
    await replaceFile(path.join(this.member, "format"), `${folderFormat}\n`);
  }

  /** The log was reset to `unfinished`. */
  async finish(): Promise<void> {
    await writePointer(this.pointerFile, { serial: this.serial, installing: undefined });
    this.toFinish = undefined;
  }

  /**
   * Replaces the state by one that `fill` writes, which holds everything up to `mark`; `resetLog`
   * then resets the log to it, synced. Until `adopt` has resolved the old state can be read; then it
   * is closed, and reads still under way fail. If `fill` fails nothing has changed; a later failure is
   * fatal. `source` is the folder of a store, on this disk and closed, that becomes the new state instead
   * of an empty one; it is gone afterwards.
   */
  async replace(
    mark: InstallMark,
    fill: (backend: Backend) => Promise<void>,
    resetLog: (mark: InstallMark) => Promise<void>,
    adopt: (backend: Backend) => Promise<void> = () => Promise.resolve(),
    source?: string,
  ): Promise<RocksBackend> {
    assert(!this.replacing, "state: one replacement at a time");
    assert(this.toFinish === undefined, "state: the last replacement is not finished");
    this.replacing = true;
    try {
      return await this.runReplacement(mark, fill, resetLog, adopt, source);
    } finally {
      this.replacing = false;
    }
  }

  async close(): Promise<void> {
    await this.current.close();
    await this.lock.release();
  }

  private get pointerFile(): string {
    return path.join(this.member, "state.json");
  }

  private async runReplacement(
    mark: InstallMark,
    fill: (backend: Backend) => Promise<void>,
    resetLog: (mark: InstallMark) => Promise<void>,
    adopt: (backend: Backend) => Promise<void>,
    source: string | undefined,
  ): Promise<RocksBackend> {
    const { member, options } = this;
    const serial = this.serial + 1;
    const filling = await createState(member, serial, options, source);
    try {
      await this.step("created");
      await fill(filling);
      await filling.write(filling.newBatch(), { sync: true });
    } catch (error) {
      await filling.close();
      await removeFolder(filling.dir);
      throw error;
    }
    await filling.close();
    await publishState(member, serial);
    await this.step("filled");

    const next = await openState(member, serial, options);
    await writePointer(this.pointerFile, { serial, installing: mark });
    const old = this.current;
    this.current = next;
    this.serial = serial;
    this.toFinish = mark;
    await this.step("pointed");
    await resetLog(mark);
    await this.step("log reset");
    await this.finish();
    await this.step("finished");
    await adopt(next);
    await old.close();
    await removeFolder(old.dir);
    await this.step("removed");
    return next;
  }

  private async step(step: ReplaceStep): Promise<void> {
    await this.options.onStep?.(step);
  }
}
