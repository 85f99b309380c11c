// What a conversion must not lose: keys of the v2 API, which up to etcd 3.5 are in no state, but in etcd's
// own snapshots of them and in what the log holds behind the newest of these.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { text } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { type Entry, EntryType, Snapshot } from "#proto/gen/raft.ts";
import { SnapFrame } from "#proto/gen/storage.ts";
import { decodeCommand } from "#server/apply/command.ts";
import { diskError, listFolder, systemCode } from "#server/backend/folder.ts";

/** A folder that is not converted, and why. */
export function refused(message: string): OperatingError {
  return new OperatingError("CONVERT_REFUSED", message);
}

/** Requests that change keys of the v2 API; those that tell of members are carried out. */
export function refuseV2Requests(entries: readonly Entry[]): void {
  for (const { type, index, data } of entries) {
    if (type !== EntryType.EntryNormal || data.length === 0) continue;
    try {
      decodeCommand(data);
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== "V2_REQUEST") continue;
      throw refused(
        `entry ${index} of the log changes keys of the v2 API, which a converted folder would lose: remove them, and let etcd write a snapshot behind that (--snapshot-count)`,
      );
    }
  }
}

const snapName = /^[0-9a-f]{16}-[0-9a-f]{16}\.snap$/;

/**
 * Up to 3.5 a folder may hold keys of the v2 API, in etcd's own snapshots of them. Gives the index of the
 * newest one that can be read, 0 for none.
 */
export async function refuseV2Data(snapDir: string): Promise<number> {
  const names = ((await listFolder(snapDir)) ?? [])
    .map(({ name }) => name)
    .filter((name) => snapName.test(name))
    .sort()
    .reverse();
  for (const name of names) {
    const file = path.join(snapDir, name);
    let data: Uint8Array;
    let tree: unknown;
    try {
      ({ data } = Snapshot.decode(SnapFrame.decode(await readFile(file)).data));
      tree = data.length === 0 ? {} : JSON.parse(text(data));
    } catch (error) {
      if (systemCode(error) !== undefined) throw diskError(error, file);
      // etcd goes on with the one before, too.
      continue;
    }
    if (!hasV2Keys(tree)) return Number.parseInt(name.slice(17, 33), 16);
    throw refused(
      `${file} holds keys of the v2 API, which a converted folder would lose: remove them first`,
    );
  }
  return 0;
}

function hasV2Keys(tree: unknown): boolean {
  const node = (
    tree as { Root?: { Children?: Record<string, { Children?: object | null }> } } | null
  )?.Root;
  const keys = node?.Children?.["1"]?.Children;
  return keys !== undefined && keys !== null && Object.keys(keys).length > 0;
}
