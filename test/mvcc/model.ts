// A store that is plainly right: every revision is a whole copy of the state, every rule is written
// out without regard to cost. The property test compares the real one with it.

import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";

export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint;
}

export interface Change {
  readonly main: number;
  readonly sub: number;
  readonly key: string;
  /** Undefined in a deletion. */
  readonly pair: Pair | undefined;
}

type State = ReadonlyMap<string, Pair>;
type OpResult = { rev: number } & Record<string, unknown>;

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function within(key: string, from: string, end: string): boolean {
  if (end === "") return key === from;
  return key >= from && (end === "\0" || key < end);
}

export class Model {
  readonly states: State[] = [new Map(), new Map()];
  readonly changes: Change[] = [];
  compactRevision = -1;
  readonly leases = new Set<bigint>([7n, 8n]);

  get revision(): number {
    return this.states.length - 1;
  }

  at(revision: number): State {
    return this.states[revision]!;
  }

  /** What a range answers, or the error's name. */
  range(request: RangeRequest, now: State, current: number): OpResult | string {
    if (request.revision > current) return "futureRevision";
    const revision = request.revision <= 0 ? current : request.revision;
    if (revision < this.compactRevision) return "compacted";
    const state = revision === current ? now : this.at(revision);
    let pairs = [...state.values()]
      .filter((pair) => within(pair.key, latin1(request.key), latin1(request.rangeEnd)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const count = pairs.length;
    if (request.countOnly) return { rev: current, count, more: false, pairs: [] };
    const filtered =
      request.maxModRevision +
        request.minModRevision +
        request.maxCreateRevision +
        request.minCreateRevision >
      0;
    // etcd sorts only what it collected, and without an explicit order it stops at the limit.
    if (!filtered && request.sortOrder === 0 && request.limit > 0) {
      pairs = pairs.slice(0, request.limit + 1);
    }
    pairs = pairs.filter(
      (pair) =>
        (request.maxModRevision === 0 || pair.mod <= request.maxModRevision) &&
        (request.minModRevision === 0 || pair.mod >= request.minModRevision) &&
        (request.maxCreateRevision === 0 || pair.create <= request.maxCreateRevision) &&
        (request.minCreateRevision === 0 || pair.create >= request.minCreateRevision),
    );
    const field = (["key", "version", "create", "mod", "value"] as const)[request.sortTarget]!;
    const sign = request.sortOrder === 2 ? -1 : 1;
    pairs = [...pairs].sort((a, b) =>
      a[field] < b[field] ? -sign : a[field] > b[field] ? sign : 0,
    );
    const more = request.limit > 0 && pairs.length > request.limit;
    if (more) pairs = pairs.slice(0, request.limit);
    if (request.keysOnly) {
      pairs = pairs.map((pair) => ({
        ...pair,
        value: "",
        lease: request.sortTarget === 4 ? pair.lease : 0n,
      }));
    }
    return { rev: current, count, more, pairs };
  }

  /** Applies a transaction given as one request; a failure leaves no trace. */
  txn(request: TxnRequest): OpResult | string {
    const before = this.at(this.revision);
    const open = new OpenTxn(this, new Map(before));
    const error = open.check(request, before);
    if (error !== undefined) return error;
    const result = open.run(request, before);
    open.end();
    return { ...result, rev: open.shown };
  }

  put(request: PutRequest): OpResult | string {
    return this.single({ request: { $case: "requestPut", value: request } });
  }

  deleteRange(request: DeleteRangeRequest): OpResult | string {
    return this.single({ request: { $case: "requestDeleteRange", value: request } });
  }

  private single(op: RequestOp): OpResult | string {
    const request = { compare: [], success: [op], failure: [] };
    const result = this.txn(request);
    if (typeof result === "string") return result;
    return (result["responses"] as OpResult[])[0]!;
  }

  compact(revision: number): string | undefined {
    if (revision > this.revision) return "futureRevision";
    if (revision <= this.compactRevision) return "compacted";
    this.compactRevision = revision;
    return undefined;
  }

  /** The records that remain after the last compaction: revision, sub, deletion. */
  records(): Change[] {
    const newest = new Map<string, Change>();
    for (const change of this.changes) {
      if (change.main <= this.compactRevision) newest.set(change.key, change);
    }
    return this.changes.filter((change) => {
      if (change.main > this.compactRevision) return true;
      if (newest.get(change.key) !== change) return false;
      return change.pair !== undefined || change.main === this.compactRevision;
    });
  }

  /** HashKV once the last compaction has been carried out. */
  hash(revision: number, crc32c: (data: Uint8Array, seed?: number) => number): number {
    const kept = new Map<string, Change>();
    for (const change of this.changes) if (change.main <= revision) kept.set(change.key, change);
    const keep = new Set([...kept.values()].filter((change) => change.pair !== undefined));
    let hash = crc32c(Buffer.from("key"));
    for (const change of this.records()) {
      if (change.main > revision) continue;
      if (change.pair === undefined && change.main === this.compactRevision) continue;
      // Where nothing lives at the revision, etcd leaves out nothing that is still there.
      if (change.main <= this.compactRevision && keep.size > 0 && !keep.has(change)) continue;
      const key = Buffer.alloc(change.pair === undefined ? 18 : 17);
      key.writeBigUInt64BE(BigInt(change.main), 0);
      key[8] = 0x5f;
      key.writeBigUInt64BE(BigInt(change.sub), 9);
      if (change.pair === undefined) key[17] = 0x74;
      hash = crc32c(key, hash);
      hash = crc32c(encodeChange(change), hash);
    }
    return hash >>> 0;
  }
}

export function encodeChange(change: Change): Uint8Array {
  const { pair } = change;
  return KeyValue.encode({
    key: Buffer.from(change.key, "latin1"),
    value: Buffer.from(pair?.value ?? "", "latin1"),
    createRevision: pair?.create ?? 0,
    modRevision: pair?.mod ?? 0,
    version: pair?.version ?? 0,
    lease: pair?.lease ?? 0n,
  }).finish();
}

class OpenTxn {
  private readonly model: Model;
  private readonly state: Map<string, Pair>;
  private readonly main: number;
  private sub = 0;

  constructor(model: Model, state: Map<string, Pair>) {
    this.model = model;
    this.state = state;
    this.main = model.revision + 1;
  }

  get shown(): number {
    return this.sub > 0 ? this.main : this.main - 1;
  }

  private taken(request: TxnRequest, before: State): [boolean, readonly RequestOp[]] {
    const succeeded = request.compare.every((compare) => compares(compare, before));
    return [succeeded, succeeded ? request.success : request.failure];
  }

  check(request: TxnRequest, before: State): string | undefined {
    for (const { request: op } of this.taken(request, before)[1]) {
      let error: string | undefined;
      if (op?.$case === "requestTxn") error = this.check(op.value, before);
      else if (op?.$case === "requestRange") {
        if (op.value.revision > this.model.revision) error = "futureRevision";
        else if (op.value.revision !== 0 && op.value.revision < this.model.compactRevision) {
          error = "compacted";
        }
      } else if (op?.$case === "requestPut") {
        const { lease, ignoreLease, ignoreValue, key } = op.value;
        if (lease !== 0n && !this.model.leases.has(lease)) error = "leaseNotFound";
        else if ((ignoreLease || ignoreValue) && !before.has(latin1(key))) error = "keyNotFound";
      }
      if (error !== undefined) return error;
    }
    return undefined;
  }

  run(request: TxnRequest, before: State): OpResult {
    const [succeeded, ops] = this.taken(request, before);
    const responses = ops.map(({ request: op }): OpResult => {
      switch (op?.$case) {
        case "requestPut":
          return this.put(op.value);
        case "requestDeleteRange":
          return this.deleteRange(op.value);
        case "requestRange":
          return this.model.range(op.value, this.state, this.shown) as OpResult;
        case "requestTxn":
          return { ...this.run(op.value, before), rev: 0 };
        default:
          throw new Error("an empty operation");
      }
    });
    return { rev: 0, succeeded, responses };
  }

  private put(request: PutRequest): OpResult {
    const key = latin1(request.key);
    const old = this.state.get(key);
    const pair: Pair = {
      key,
      value: request.ignoreValue ? (old?.value ?? "") : latin1(request.value),
      create: old?.create ?? this.main,
      mod: this.main,
      version: (old?.version ?? 0) + 1,
      lease: request.ignoreLease ? (old?.lease ?? 0n) : request.lease,
    };
    this.state.set(key, pair);
    this.model.changes.push({ main: this.main, sub: this.sub++, key, pair });
    return { rev: this.main, prev: request.prevKv ? old : undefined };
  }

  private deleteRange(request: DeleteRangeRequest): OpResult {
    const doomed = [...this.state.values()]
      .filter((pair) => within(pair.key, latin1(request.key), latin1(request.rangeEnd)))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const { key } of doomed) {
      this.state.delete(key);
      this.model.changes.push({ main: this.main, sub: this.sub++, key, pair: undefined });
    }
    return { rev: this.shown, deleted: doomed.length, prevs: request.prevKv ? doomed : [] };
  }

  end(): void {
    if (this.sub > 0) this.model.states.push(this.state);
  }
}

function compares(compare: Compare, state: State): boolean {
  const pairs = [...state.values()].filter((pair) =>
    within(pair.key, latin1(compare.key), latin1(compare.rangeEnd)),
  );
  const operand = compare.targetUnion?.value;
  if (pairs.length === 0) {
    if (compare.target === 3) return false;
    return holds(compare.result, 0n, BigInt((operand as number | bigint | undefined) ?? 0));
  }
  return pairs.every((pair) => {
    if (compare.target === 3) {
      return holds(
        compare.result,
        pair.value,
        operand === undefined ? "" : latin1(operand as Uint8Array),
      );
    }
    const actual = [pair.version, pair.create, pair.mod, 0, pair.lease][compare.target]!;
    return holds(
      compare.result,
      BigInt(actual),
      BigInt((operand as number | bigint | undefined) ?? 0),
    );
  });
}

function holds<T extends string | bigint>(result: number, actual: T, operand: T): boolean {
  if (result === 0) return actual === operand;
  if (result === 1) return actual > operand;
  return result === 2 ? actual < operand : actual !== operand;
}
