// Log and state are two stores: what must hold between them before a member starts.
import { OperatingError } from "#base/errors.ts";
import { raiseHardState, type SnapshotMark, type Wal, type WalContents } from "#server/wal/wal.ts";

/** The folder of a state that may have been replaced; server/backend/state-folder.ts is one. */
export interface ReplacedState {
  /** Set if the state was replaced and the log may not have been reset to it. */
  readonly unfinished: SnapshotMark | undefined;
  finish(): Promise<void>;
}

/**
 * Finishes a replacement of the state that a crash cut short, and returns what the log then holds.
 * Call right after both were opened.
 */
export async function finishInstall(
  state: ReplacedState,
  wal: Wal,
  contents: WalContents,
): Promise<WalContents> {
  const mark = state.unfinished;
  if (mark === undefined) return contents;
  let settled = contents;
  if (contents.snapshot.index < mark.index) {
    await wal.reset(mark, undefined);
    settled = {
      ...contents,
      hardState: raiseHardState(contents.hardState, mark),
      snapshot: mark,
      entries: [],
    };
  }
  await state.finish();
  return settled;
}

/**
 * Fails with an OperatingError if log and state do not join: `applied` is the last entry whose
 * effects the state holds. Ahead of the log: the log lost its end. Behind its mark: the state lost
 * writes that the log no longer holds.
 */
export function checkJoin(
  applied: number,
  contents: Pick<WalContents, "snapshot" | "entries">,
  dataDir: string,
): void {
  const { snapshot, entries } = contents;
  const last = snapshot.index + entries.length;
  if (applied > last) {
    throw new OperatingError(
      "STATE_AHEAD",
      `the state in ${dataDir} holds entry ${applied}, its log ends at ${last}: the log lost its end; remove this member and add it again with an empty folder`,
    );
  }
  if (applied < snapshot.index) {
    throw new OperatingError(
      "STATE_BEHIND",
      `the state in ${dataDir} ends at entry ${applied}, its log begins behind ${snapshot.index}: the state lost writes; remove this member and add it again with an empty folder`,
    );
  }
}
