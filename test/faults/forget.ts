// A power cut for one folder: forget.c, preloaded into the members, notes what was synced; here every
// file of a killed member is cut back to that. What a member never synced is empty afterwards.
//
// A directory's own entries are taken as durable: files appear, vanish and are renamed at once.
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  truncateSync,
} from "node:fs";
import { join } from "node:path";
import { forgetLibrary } from "./tools.ts";

/** What was cut off, for a report. */
export interface CutFile {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

const chunkBytes = 1 << 16;

/** Follows one journal; `cut` may only be called while no member that owns the folder runs. */
export class ForgetfulDisk {
  private readonly journal: string;
  private readonly synced = new Map<string, number>();
  private offset = 0;
  private rest = "";

  /** `journal` need not exist yet. */
  constructor(journal: string) {
    this.journal = journal;
  }

  /** Cuts all files below `folder` back; returns those that lost something. */
  cut(folder: string): CutFile[] {
    this.follow();
    const lost: CutFile[] = [];
    for (const path of filesBelow(folder)) {
      const from = statSync(path).size;
      const to = Math.min(from, this.synced.get(path) ?? 0);
      if (to < from) {
        truncateSync(path, to);
        lost.push({ path, from, to });
      }
      this.synced.set(path, to);
    }
    for (const path of this.synced.keys()) {
      if (path.startsWith(`${folder}/`) && !existsSync(path)) this.synced.delete(path);
    }
    return lost;
  }

  private follow(): void {
    if (!existsSync(this.journal)) return;
    const file = openSync(this.journal, "r");
    const chunk = Buffer.alloc(chunkBytes);
    const pieces = [this.rest];
    for (;;) {
      const count = readSync(file, chunk, 0, chunkBytes, this.offset);
      if (count === 0) break;
      this.offset += count;
      pieces.push(chunk.toString("utf8", 0, count));
    }
    closeSync(file);
    const lines = pieces.join("").split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.note(line);
  }

  private note(line: string): void {
    if (line.startsWith("S ")) {
      const at = line.indexOf(" ", 2);
      this.synced.set(line.slice(at + 1), Number(line.slice(2, at)));
    } else if (line.startsWith("R ")) {
      const [from, to] = line.slice(2).split("\t");
      if (from !== undefined && to !== undefined) this.renamed(from, to);
    }
  }

  private renamed(from: string, to: string): void {
    // What was replaced is gone, even if the new file was never synced.
    this.synced.delete(to);
    for (const [path, size] of [...this.synced]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.synced.delete(path);
      this.synced.set(to + path.slice(from.length), size);
    }
  }
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Environment that makes members write the journal; `noSync` plants a sync that does not happen. */
export async function forgetEnvironment(options: {
  readonly root: string;
  readonly journal: string;
  /** A shell pattern of paths whose syncs are left out. */
  readonly noSync?: string | undefined;
}): Promise<NodeJS.ProcessEnv> {
  return {
    LD_PRELOAD: await forgetLibrary(),
    FORGET_ROOT: options.root,
    FORGET_JOURNAL: options.journal,
    ...(options.noSync === undefined
      ? {}
      : { FORGET_NO_SYNC: "1", FORGET_NO_SYNC_MATCH: options.noSync }),
  };
}
