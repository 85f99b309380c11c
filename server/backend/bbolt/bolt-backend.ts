// The state in a bbolt file behind the port of states, to be read and never written.
import { compareBytes, text, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";
import type { BoltFile } from "#server/backend/bbolt/reader.ts";
import type {
  AllBucketsView,
  Backend,
  StateReader,
  StateRecord,
  StateView,
} from "#server/mvcc/backend.ts";

/** Reads go through the file from the start of a bucket: for whoever reads all of it, in order. */
export class BoltBackend implements Backend {
  private readonly bolt: BoltFile;

  /** The file stays the caller's, who closes it. */
  constructor(bolt: BoltFile) {
    this.bolt = bolt;
  }

  async getMany(...[bucket, keys]: Parameters<StateReader["getMany"]>) {
    const found = new Array<Uint8Array | undefined>(keys.length).fill(undefined);
    for await (const [key, value] of this.bolt.records(utf8(bucket))) {
      for (const [i, wanted] of keys.entries()) {
        if (compareBytes(wanted, key) === 0) found[i] = value;
      }
    }
    return found;
  }

  scan(bucket: Bucket, from: Uint8Array, to?: Uint8Array): StateView {
    const records = this.bolt.records(utf8(bucket));
    return view<StateRecord>(records, ([key]) => {
      if (compareBytes(key, from) < 0) return "skip";
      return to !== undefined && compareBytes(key, to) >= 0 ? "end" : "take";
    });
  }

  scanAll(): AllBucketsView {
    const known = new Set<string>(etcdBuckets);
    const all = this.bolt.allRecords();
    const named = async function* () {
      for await (const [bucket, key, value] of all) {
        const name = text(bucket);
        if (known.has(name)) yield [name as Bucket, key, value] as const;
      }
    };
    return view(named(), () => "take");
  }

  newBatch(): never {
    throw readOnly();
  }

  write(): Promise<never> {
    return Promise.reject(readOnly());
  }

  sizeBytes(): number {
    return this.bolt.meta.highWater * this.bolt.meta.pageBytes;
  }

  defragment(): Promise<never> {
    return Promise.reject(readOnly());
  }

  async close(): Promise<void> {}
}

function readOnly(): OperatingError {
  return new OperatingError("READ_ONLY", "a snapshot file cannot be changed");
}

function view<Row>(rows: AsyncGenerator<Row>, judge: (row: Row) => "skip" | "take" | "end") {
  return {
    async next(max: number): Promise<Row[]> {
      const out: Row[] = [];
      while (out.length < max) {
        const { done, value } = await rows.next();
        if (done) break;
        const verdict = judge(value);
        if (verdict === "end") break;
        if (verdict === "take") out.push(value);
      }
      return out;
    },
    close: async () => {
      await rows.return(undefined);
    },
  };
}
