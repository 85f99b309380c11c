// Reads the write-ahead log of an etcd member, which is never written here (facts: storage format §6):
// segments of framed records, whose checksum runs on from record to record and from segment to segment.
// What was torn at the very end by a crash is left out, as etcd does at its next start; damage anywhere
// else is refused.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { crc32c } from "@node-rs/crc32";
import { OperatingError } from "#base/errors.ts";
import { Entry, HardState } from "#proto/gen/raft.ts";
import { Metadata, WalRecord, WalSnapshot } from "#proto/gen/storage.ts";
import { diskError, listFolder } from "#server/backend/folder.ts";
import type { WalIdentity } from "#server/wal/wal.ts";

const frameBytes = 8;
const sectorBytes = 512;
const recordType = { metadata: 1, entry: 2, hardState: 3, checksum: 4, snapshot: 5 } as const;
const segmentName = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

/** What an etcd member's log says from a given index on. */
export interface EtcdLog {
  readonly identity: WalIdentity;
  readonly hardState: HardState;
  /** Points at which the state alone told everything, oldest first. */
  readonly snapshots: readonly { readonly index: number; readonly term: number }[];
  /** Without gaps; what was overwritten is left out, and what comes before the one asked for. */
  readonly entries: readonly Entry[];
  /** The last index of all; that of the last snapshot if no entry is behind it. */
  readonly lastIndex: number;
  /** Bytes at the end that a crash had torn; 0 for none. */
  readonly tornBytes: number;
}

interface Segment {
  readonly name: string;
  readonly sequence: number;
  readonly firstIndex: number;
}

/** Rejects with ETCD_WAL_DAMAGED, saying where, or ETCD_WAL_MISSING. */
export async function readEtcdWal(dir: string, from: number): Promise<EtcdLog> {
  const segments = await segmentsFrom(dir, from);
  const reader = new LogReader(from);
  for (const [at, { name }] of segments.entries()) {
    const file = path.join(dir, name);
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (error) {
      throw diskError(error, file);
    }
    reader.read(file, bytes, at === segments.length - 1);
  }
  return reader.finish(dir);
}

/** The segments that hold `from` and what follows, in order. */
async function segmentsFrom(dir: string, from: number): Promise<Segment[]> {
  const all: Segment[] = [];
  for (const { name } of (await listFolder(dir)) ?? []) {
    const found = segmentName.exec(name);
    if (found === null) continue;
    const [sequence, firstIndex] = found.slice(1).map((part) => Number.parseInt(part, 16));
    all.push({ name, sequence: sequence!, firstIndex: firstIndex! });
  }
  all.sort((a, b) => a.sequence - b.sequence);
  const start = all.findLastIndex(({ firstIndex }) => firstIndex <= from);
  if (start < 0) {
    throw new OperatingError(
      "ETCD_WAL_MISSING",
      `${dir} holds no etcd log that reaches back to index ${from}: name the folder with --from-wal-dir if it lies elsewhere`,
    );
  }
  const wanted = all.slice(start);
  for (const [i, { name, sequence }] of wanted.entries()) {
    if (sequence === wanted[0]!.sequence + i) continue;
    throw damaged(path.join(dir, name), 0, "the segment before it is missing");
  }
  return wanted;
}

function damaged(file: string, offset: number, what: string): OperatingError {
  return new OperatingError(
    "ETCD_WAL_DAMAGED",
    `${file} is damaged at byte ${offset}: ${what}; take the folder of another member, or a backup`,
  );
}

class LogReader {
  private readonly from: number;
  private checksum = 0;
  private identity: WalIdentity | undefined;
  private hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  private readonly snapshots: { index: number; term: number }[] = [];
  private entries: Entry[] = [];
  /** Of all entries, those left out too. */
  private lastIndex = 0;
  private tornBytes = 0;

  constructor(from: number) {
    this.from = from;
  }

  read(file: string, bytes: Buffer, isLast: boolean): void {
    let offset = 0;
    let isFirst = true;
    while (offset + frameBytes <= bytes.length) {
      const length = bytes.readBigUInt64LE(offset);
      if (length === 0n) return;
      const size = Number(length & 0x00ff_ffff_ffff_ffffn);
      const padding = length >> 63n === 1n ? Number((length >> 56n) & 7n) : 0;
      const start = offset + frameBytes;
      const end = start + size + padding;
      if (end > bytes.length) {
        if (!isLast) throw damaged(file, offset, "a record is longer than the file");
        this.tornBytes = bytes.length - offset;
        return;
      }
      const fault = this.take(bytes.subarray(start, start + size), isFirst);
      if (fault !== undefined) {
        if (!isLast || !isTorn(bytes, start, end)) throw damaged(file, offset, fault);
        if (bytes.subarray(end).some((byte) => byte !== 0)) {
          throw damaged(file, offset, `${fault}, and more follows (a start of etcd may repair it)`);
        }
        this.tornBytes = end - offset;
        return;
      }
      isFirst = false;
      offset = end;
    }
  }

  finish(dir: string): EtcdLog {
    const { identity, hardState, snapshots, entries, lastIndex, tornBytes } = this;
    if (identity === undefined) {
      throw new OperatingError("ETCD_WAL_MISSING", `${dir} holds no etcd log: it names no member`);
    }
    return { identity, hardState, snapshots, entries, lastIndex, tornBytes };
  }

  /** What is wrong with the record, if anything. */
  private take(bytes: Buffer, isFirst: boolean): string | undefined {
    let record: WalRecord;
    try {
      record = WalRecord.decode(bytes);
    } catch {
      return "a record cannot be read";
    }
    if (record.type === recordType.checksum) {
      // The first one read carries what the segments before it came to.
      if (isFirst && this.identity === undefined) this.checksum = record.crc;
      return record.crc === this.checksum ? undefined : "the checksum of a segment does not fit";
    }
    const checksum = crc32c(Buffer.from(record.data), this.checksum);
    if (record.crc !== checksum) return "the checksum of a record does not fit";
    try {
      const fault = this.use(record);
      if (fault === undefined) this.checksum = checksum;
      return fault;
    } catch {
      return "the content of a record cannot be read";
    }
  }

  private use({ data, type }: WalRecord): string | undefined {
    switch (type) {
      case recordType.metadata:
        return this.takeIdentity(Metadata.decode(data));
      case recordType.hardState:
        this.hardState = HardState.decode(data);
        return undefined;
      case recordType.snapshot:
        this.takeSnapshot(WalSnapshot.decode(data));
        return undefined;
      case recordType.entry:
        return this.takeEntry(Entry.decode(Uint8Array.from(data)));
      default:
        return `a record has the unknown type ${type}`;
    }
  }

  private takeIdentity({ ClusterID, NodeID }: Metadata): string | undefined {
    const { identity } = this;
    if (identity !== undefined) {
      const isSame = identity.clusterId === ClusterID && identity.memberId === NodeID;
      return isSame ? undefined : "it is the log of another member";
    }
    this.identity = { clusterId: ClusterID, memberId: NodeID };
    return undefined;
  }

  private takeSnapshot({ index, term }: WalSnapshot): void {
    this.snapshots.push({ index, term });
    if (index <= this.lastIndex) return;
    // A whole state was received, and the log goes on behind it.
    this.entries = [];
    this.lastIndex = index;
  }

  private takeEntry(entry: Entry): string | undefined {
    const { index } = entry;
    const isFirst = this.lastIndex === 0 && this.entries.length === 0;
    if (index > this.lastIndex + 1 && !isFirst) return `entry ${index} follows ${this.lastIndex}`;
    this.lastIndex = index;
    // A later entry of the same index replaces it, and all that came behind.
    while ((this.entries.at(-1)?.index ?? -1) >= index) this.entries.pop();
    if (index >= this.from) this.entries.push(entry);
    return undefined;
  }
}

/** True if a whole sector of the record was never written: the crash came in between. */
function isTorn(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = Math.min(end, at - (at % sectorBytes) + sectorBytes);
    if (bytes.subarray(at, next).every((byte) => byte === 0)) return true;
    at = next;
  }
  return false;
}
