// A data folder of which bytes were altered, cut, or taken from an earlier copy, and records of which
// were altered within the stores: a start comes up with what was there, or refuses and says why. Only
// a log that lost its end, or a store that was copied back in time, may come up with less: with what
// there was at that revision.
import { Buffer } from "node:buffer";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { DeleteRangeRequest, PutRequest } from "#proto/gen/kv.ts";
import { type Entry, EntryType } from "#proto/gen/raft.ts";
import { encodeCommand } from "#server/apply/command.ts";
import { Rocks } from "#server/backend/rocks.ts";
import { defaultWalDir, openStateFolder } from "#server/backend/state-folder.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { openWal } from "#server/wal/rocks-wal.ts";
import { checkJoin, finishInstall } from "#server/wal/start-up.ts";
import { bend, pick } from "../generate.ts";
import { Replayer } from "../replayer.ts";
import { Finding, type Rounds, type Tally, type Target } from "../target.ts";

const identity = { memberId: 1n as MemberId, clusterId: 2n as ClusterId };
const entries = 200;
/** Where the earlier copy is taken. */
const copyAt = 120;
const holder = "the fuzzer";
const log = silentLog;

/** A put, a deletion or a grant. */
export function someEntry(index: number, random: Random): Entry {
  const key = Buffer.from(`k${random.below(40)}`);
  const header = { id: BigInt(index), username: "", authRevision: 0 };
  const data = random.chance(0.15)
    ? encodeCommand("deleteRange", DeleteRangeRequest.fromPartial({ key }), header)
    : random.chance(0.1)
      ? encodeCommand("leaseGrant", { ID: BigInt(index), TTL: 9000 }, header)
      : encodeCommand(
          "put",
          PutRequest.fromPartial({ key, value: Buffer.alloc(random.below(900), index) }),
          header,
        );
  return { type: EntryType.EntryNormal, index, term: 1 + Math.floor(index / 100), data };
}

/** What a member makes of its folder: its print and how far it goes. */
interface Started {
  readonly print: string;
  readonly index: number;
}

/** As server/storage.ts and a replica start, without raft: all of the log counts as committed. */
async function start(dataDir: string): Promise<Started> {
  const folder = await openStateFolder({ dataDir, log, holder });
  try {
    const opened = await openWal({ dir: defaultWalDir(dataDir), identity: undefined, log });
    try {
      const contents = await finishInstall(folder, opened.wal, opened.contents!);
      const { index } = await readApplied(folder.backend);
      checkJoin(index, contents, dataDir);
      const replayer = await Replayer.open(folder.backend, false);
      for (const entry of contents.entries) {
        if (entry.index <= index) continue;
        const { stops } = await replayer.apply(entry, 0n);
        if (stops !== undefined) throw stops;
      }
      return { print: (await replayer.print()).join("\n"), index: replayer.appliedIndex };
    } finally {
      await opened.wal.close();
    }
  } finally {
    await folder.close();
  }
}

/** Files that hold something, below `folder`. */
function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && one.name !== "LOCK")
    .map((one) => join(one.parentPath, one.name))
    .filter((file) => readFileSync(file).length > 0);
}

class DataRounds implements Rounds {
  private readonly top = mkdtempSync(join(tmpdir(), "etcd-ts-fuzz-data-"));
  private readonly whole = join(this.top, "whole");
  private readonly earlier = join(this.top, "earlier");
  /** What there is at each index. */
  private readonly prints = new Map<number, string>();

  /** Writes a history, keeping what it comes to at every step. */
  async make(): Promise<void> {
    const random = seededRandom(1);
    const folder = await openStateFolder({ dataDir: this.whole, log, holder });
    const { wal } = await openWal({ dir: defaultWalDir(this.whole), identity, log });
    const replayer = await Replayer.open(folder.backend, false);
    for (let index = 1; index <= entries; index++) {
      const entry = someEntry(index, random);
      const hardState = { term: entry.term, vote: 1n, commit: index - 1 };
      await wal.save(hardState, [entry], index % 7 === 0);
      // The state stays behind: a start replays the rest.
      if (index <= entries - 60) await replayer.apply(entry, 0n);
      if (index === copyAt) cpSync(this.whole, this.earlier, { recursive: true });
    }
    await wal.save(undefined, [], true);
    await wal.close();
    await folder.close();
    const { print, index } = await start(copyOf(this.whole, join(this.top, "clean")));
    this.prints.set(index, print);
  }

  async play(random: Random, tally: Tally): Promise<void> {
    const dataDir = copyOf(this.whole, join(this.top, "now"));
    const kind = pick(random, [
      "bytes",
      "bytes",
      "cut",
      "earlier",
      "lost",
      "log",
      "state",
    ] as const);
    const what = await this.alter(dataDir, kind, random);
    tally.add(kind);
    let started: Started;
    try {
      started = await start(dataDir);
    } catch (error) {
      tally.add("refused");
      const code = error instanceof OperatingError ? error.code : (error as Error).name;
      tally.add(`${kind}: ${code}`);
      if (!(error instanceof OperatingError))
        throw new Finding(`${what}: refused without saying why`, { cause: error });
      return;
    }
    tally.add("served");
    tally.add(`${kind}: served`);
    const wanted = this.prints.get(entries)!;
    if (started.print === wanted) return;
    // A record of the state that was altered as RocksDB itself would have: other members see that.
    if (kind === "state") return;
    const isShorter =
      started.index < entries && (kind === "cut" || kind === "earlier" || kind === "lost");
    if (isShorter && (await this.printAt(started.index)) === started.print) {
      tally.add(`${kind}: with less`);
      return;
    }
    throw new Finding(`${what}: comes up at entry ${started.index} with other data`);
  }

  /** What the history comes to at an index, made when first asked for. */
  private async printAt(index: number): Promise<string> {
    const known = this.prints.get(index);
    if (known !== undefined) return known;
    const random = seededRandom(1);
    const dataDir = join(this.top, "part");
    rmSync(dataDir, { recursive: true, force: true });
    const folder = await openStateFolder({ dataDir, log, holder });
    const replayer = await Replayer.open(folder.backend, false);
    for (let at = 1; at <= index; at++) await replayer.apply(someEntry(at, random), 0n);
    const print = (await replayer.print()).join("\n");
    await folder.close();
    this.prints.set(index, print);
    return print;
  }

  private async alter(
    dataDir: string,
    kind: "bytes" | "cut" | "earlier" | "lost" | "log" | "state",
    random: Random,
  ): Promise<string> {
    if (kind === "log" || kind === "state") return await this.alterRecord(dataDir, kind, random);
    const file = pick(random, filesOf(dataDir));
    const name = file.slice(dataDir.length + 1);
    const bytes = readFileSync(file);
    switch (kind) {
      case "bytes":
        writeFileSync(file, flipped(bytes, random));
        break;
      case "cut":
        writeFileSync(file, bytes.subarray(0, random.below(bytes.length)));
        break;
      case "lost":
        rmSync(file);
        break;
      case "earlier": {
        const part = pick(random, ["member/wal", "member/state-1", "member/state.json"]);
        rmSync(join(dataDir, part), { recursive: true });
        cpSync(join(this.earlier, part), join(dataDir, part), { recursive: true });
        return `${part} of an earlier copy`;
      }
    }
    return `${kind} of ${name}`;
  }

  /** Alters a record and writes it as RocksDB would: its own checksums are right. */
  private async alterRecord(
    dataDir: string,
    kind: "log" | "state",
    random: Random,
  ): Promise<string> {
    const dir = join(dataDir, "member", kind === "log" ? "wal/log" : "state-1");
    const options = {
      create: false,
      writeBufferBytes: 1 << 20,
      cacheBytes: 0,
      maxParallelReads: 2,
    };
    const rocks = await Rocks.open(dir, { ...options, compression: kind === "state" });
    try {
      const rows: Uint8Array[] = [];
      const all = rocks.iterate({ from: Buffer.of(0), to: Buffer.of(0xff), pageBytes: 1 << 20 });
      for (let page = await all.next(); page.length > 0; page = await all.next())
        rows.push(...page);
      await all.close();
      const at = 2 * random.below(rows.length / 2);
      const [key, value] = [rows[at]!, Buffer.from(rows[at + 1]!)];
      const batch = rocks.newBatch();
      const other = Buffer.from(rows[1 + 2 * random.below(rows.length / 2)]!);
      switch (random.below(3)) {
        case 0:
          batch.delete(key);
          break;
        case 1:
          batch.put(key, other);
          break;
        default:
          batch.put(key, bend(value, random, other));
      }
      await rocks.write(batch, true);
      return `record ${Buffer.from(key).toString("hex")} of the ${kind}`;
    } finally {
      await rocks.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.top, { recursive: true, force: true });
  }
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const out = Buffer.from(bytes);
  const at = random.below(out.length);
  if (random.chance(0.7)) out[at]! ^= 1 << random.below(8);
  else out.fill(random.below(256), at, Math.min(out.length, at + 1 + random.below(600)));
  return out;
}

function copyOf(from: string, to: string): string {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
  return to;
}

export const dataTarget: Target = {
  name: "data",
  about: "data folders with altered, cut and lost files and records",
  rounds: 4,
  open: async () => {
    const rounds = new DataRounds();
    await rounds.make();
    return rounds;
  },
};
