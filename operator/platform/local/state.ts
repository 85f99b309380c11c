// What a local cluster remembers between starts, in cluster.json beside its data. The initial
// cluster is frozen there before the first process starts, and `formed` is latched once all members
// have met: from then on an empty data folder is a lost volume, never a member to bootstrap anew.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { errorText, OperatingError } from "#base/errors.ts";
import type { LocalLayout } from "#operator/platform/local/layout.ts";

const formatVersion = 1;

export interface LocalState {
  readonly version: typeof formatVersion;
  readonly initialCluster: string;
  readonly formed: boolean;
  /** Processes of the last start by member. */
  readonly pids: Readonly<Record<string, number>>;
}

/** Reads the state, or makes it at the first start. Throws if it is that of another cluster. */
export function openState(layout: LocalLayout): LocalState {
  mkdirSync(layout.folder, { recursive: true });
  const state = readState(layout);
  if (state === undefined) {
    const first: LocalState = {
      version: formatVersion,
      initialCluster: layout.initialCluster,
      formed: false,
      pids: {},
    };
    writeState(layout, first);
    return first;
  }
  if (state.initialCluster !== layout.initialCluster) {
    throw new OperatingError(
      "CLUSTER_CHANGED",
      `${layout.folder} holds the cluster ${state.initialCluster}, but the manifest asks for ${layout.initialCluster}: undo the change, or name another spec.local.dataFolder (members cannot be added, removed or moved yet)`,
    );
  }
  for (const member of layout.members) {
    if (!state.formed || hasData(member.dataFolder)) continue;
    throw new OperatingError(
      "DATA_LOST",
      `${member.dataFolder} is empty, but the cluster was formed with it: put its data back, or remove ${layout.folder} to begin with an empty cluster`,
    );
  }
  return state;
}

function hasData(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

function readState(layout: LocalLayout): LocalState | undefined {
  if (!existsSync(layout.stateFile)) return undefined;
  try {
    const state = JSON.parse(readFileSync(layout.stateFile, "utf8")) as LocalState;
    if (state.version === formatVersion && typeof state.initialCluster === "string") return state;
    throw new Error(`its version is ${state.version}, known is ${formatVersion}`);
  } catch (cause) {
    throw new OperatingError(
      "BAD_STATE",
      `${layout.stateFile} cannot be used: ${errorText(cause)}`,
      { cause },
    );
  }
}

/** Replaces the state, whole or not at all. */
export function writeState(layout: LocalLayout, state: LocalState): void {
  const next = `${layout.stateFile}.next`;
  writeFileSync(next, `${JSON.stringify(state, undefined, 2)}\n`, { flush: true });
  renameSync(next, layout.stateFile);
}
