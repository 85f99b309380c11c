// Whole states as a peer posts them: files of which bytes are bent or missing, and sound files that
// hold bent, lost and strange records. A state is refused before it replaces anything and leaves no
// file behind, or a member can load it, and start on it again.
import { Buffer } from "node:buffer";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { Bucket } from "#base/state-batch.ts";
import { type Entry, EntryType, Message, MessageType } from "#proto/gen/raft.ts";
import { writeSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { commonBuckets } from "#server/backend/buckets.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { TransferFiles } from "#server/backend/transfer-files.ts";
import { RecordsLoading } from "#server/mvcc/store-loading.ts";
import { StoreState } from "#server/mvcc/store-state.ts";
import { SnapshotTransfer } from "#server/node/snapshot-transfer.ts";
import { bend, pick, someBytes } from "../generate.ts";
import { Replayer, toHex } from "../replayer.ts";
import { assertClear, Finding, type Rounds, type Tally, type Target } from "../target.ts";
import { commandBytes } from "./commands.ts";
import { someEntry } from "./data.ts";

type Row = readonly [bucket: Bucket, key: Uint8Array, value: Uint8Array];

const commands = 250;

/** A history that leaves something in most buckets. */
async function someState(): Promise<readonly Row[]> {
  const random = seededRandom(5);
  let backend = new MemoryBackend();
  let replayer = await Replayer.open(backend, false);
  for (let index = 1; index <= commands; index++) {
    const entry: Entry = random.chance(0.5)
      ? someEntry(index, random)
      : { index, term: 1, type: EntryType.EntryNormal, data: commandBytes(random) };
    const { stops } = await replayer.apply(entry, 0n);
    if (stops === undefined) continue;
    backend = backend.reopen();
    replayer = await Replayer.open(backend, false);
  }
  const batch = backend.newBatch();
  for (const id of [1, 2, 3]) {
    const member = `{"id":${id},"peerURLs":["http://h:${id}"],"name":"m${id}"}`;
    batch.put("members", Buffer.from(String(id)), Buffer.from(member));
  }
  batch.put("members_removed", Buffer.from("9"), Buffer.from("removed"));
  await backend.write(batch, { sync: false });
  return await rowsOf(backend);
}

async function rowsOf(backend: MemoryBackend): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const view = backend.scanAll({ withShared: true });
  for (let slice = await view.next(1000); slice.length > 0; slice = await view.next(1000)) {
    rows.push(...slice);
  }
  await view.close();
  return rows;
}

function lastIndex(rows: readonly Row[]): number {
  const isIndex = ([bucket, key]: Row): boolean =>
    bucket === "meta" && text(key) === "consistent_index";
  const value = rows.findLast(isIndex)?.[2];
  const index = value?.length === 8 ? Number(Buffer.from(value).readBigUInt64BE()) : 0;
  return Number.isSafeInteger(index) ? index : 0;
}

function bentRows(rows: readonly Row[], random: Random): Row[] {
  const bent = [...rows];
  for (let times = 1 + random.below(3); times > 0; times--) {
    // Of one bucket as often as of another: most records are keys.
    const bucket = pick(random, bent)[0];
    const among = random.chance(0.3) ? [bucket] : commonBuckets;
    const wanted = pick(random, among);
    const places = bent.flatMap((row, i) => (row[0] === wanted ? [i] : []));
    if (places.length === 0) {
      bent.push([wanted, someBytes(random, 20), someBytes(random)]);
      continue;
    }
    const at = pick(random, places);
    const [, key, value] = bent[at]!;
    const other = pick(random, bent);
    switch (random.below(6)) {
      case 0:
        bent.splice(at, 1);
        break;
      case 1:
        bent[at] = [wanted, bend(Buffer.from(key), random, Buffer.from(other[1])), value];
        break;
      case 2:
        bent[at] = [wanted, key, other[2]];
        break;
      case 3:
        bent.push([wanted, other[1], other[2]]);
        break;
      default:
        bent[at] = [wanted, key, bend(Buffer.from(value), random, Buffer.from(other[2]))];
    }
  }
  return bent;
}

async function backendOf(rows: readonly Row[]): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  const distinct = new Map(rows.map((row) => [`${row[0]} ${toHex(row[1])}`, row]));
  // bbolt has no empty keys.
  for (const row of distinct.values()) if (row[1].length > 0) batch.put(...row);
  await backend.write(batch, { sync: false });
  return backend;
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

const noLeases = { exists: () => false, attach: () => {}, detach: () => {} };

function beginLoading(): RecordsLoading {
  const options = { crc32c: () => 0, pause: () => Promise.resolve() };
  return new RecordsLoading(new StoreState(new MemoryBackend(), noLeases, options));
}

class StateRounds implements Rounds {
  private readonly top = mkdtempSync(join(tmpdir(), "etcd-ts-fuzz-states-"));
  private readonly kept = join(this.top, "member", "transfer");
  private readonly files = new TransferFiles(this.top);
  private rows: readonly Row[] = [];
  private installed: MemoryBackend | undefined;

  async make(): Promise<void> {
    mkdirSync(join(this.top, "member"));
    await this.files.clean();
    this.rows = await someState();
  }

  async play(random: Random, tally: Tally): Promise<void> {
    const bendsFile = random.chance(0.3);
    const isWhole = random.chance(0.05);
    const rows = bendsFile || isWhole ? this.rows : bentRows(this.rows, random);
    const index = lastIndex(rows);
    let bytes = await this.fileOf(rows);
    if (bendsFile && !isWhole) bytes = Buffer.from(bend(bytes, random));
    const kind = isWhole ? "whole" : bendsFile ? "file" : "records";
    const transfer = this.transfer();
    const metadata = { index, term: 1, confState: { voters: [1n, 2n, 3n] } };
    const message = Message.fromPartial({ type: MessageType.MsgSnap, snapshot: { metadata } });
    try {
      await transfer.receive(message, chunksOf(bytes));
    } catch (error) {
      if (!(error instanceof OperatingError)) {
        throw new Finding(`a state is refused with ${errorText(error)}`, { cause: error });
      }
      if (isWhole) throw new Finding("a sound state is refused", { cause: error });
      assertClear(error.message, "the receiver of a state");
      if (readdirSync(this.kept).length > 0) throw new Finding("a refused state leaves a file");
      tally.add("refused");
      tally.add(`${kind}: ${error.code}`);
      return;
    }
    tally.add("served");
    tally.add(`${kind}: installed`);
    await transfer.install(message.snapshot!);
    if (readdirSync(this.kept).length > 0) throw new Finding("an installed state leaves a file");
    const replayer = await Replayer.open(this.installed!.reopen(), false);
    await replayer.print();
  }

  /** What a member does with a state; it is installed as server/node/replica.ts has it. */
  private transfer(): SnapshotTransfer {
    return new SnapshotTransfer({
      monotonicMs: () => 0,
      logHoldMs: 0,
      log: silentLog,
      files: this.files,
      backend: () => new MemoryBackend(),
      appliedIndex: () => 0,
      sharesOwnRecords: () => true,
      takesTables: () => false,
      sendSnapshot: async () => true,
      reportFailure: () => {},
      beginLoading,
      exchange: async (_, { fill }) => {
        const backend = new MemoryBackend();
        await fill(backend);
        await Replayer.open(backend, false);
        this.installed = backend;
      },
    });
  }

  private async fileOf(rows: readonly Row[]): Promise<Buffer> {
    const file = join(this.top, "sent.db");
    rmSync(file, { force: true });
    const backend = await backendOf(rows);
    await writeSnapshotFile(backend.scanAll({ withShared: true }), file);
    return readFileSync(file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.top, { recursive: true, force: true });
  }
}

export const statesTarget: Target = {
  name: "states",
  about: "whole states that a peer posts, received and installed",
  rounds: 10,
  open: async () => {
    const rounds = new StateRounds();
    await rounds.make();
    return rounds;
  },
};
