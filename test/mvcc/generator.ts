// Random requests over a few keys, so that they meet each other often.
import type { Random } from "#base/random.ts";
import {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import { checkTxn } from "#server/apply/validate.ts";
import type { KvCommand } from "./rig.ts";

/** What the generator must know of the store. */
export interface Revisions {
  readonly revision: number;
}

const keys = ["a", "ab", "b", "ba", "c", "d\xff", "d\xff\x01", "e", "f\0", "g"];
const ends = ["", "", "\0", "b", "bb", "d", "d\xff\x02", "z", "a"];
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** Makes random requests over a few keys. */
export class Generator {
  readonly random: Random;
  private readonly model: Revisions;

  constructor(random: Random, model: Revisions) {
    this.random = random;
    this.model = model;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)]!;
  }

  private revision(): number {
    return this.random.chance(0.5) ? 0 : this.random.below(this.model.revision + 3);
  }

  put(): PutRequest {
    const ignoreValue = this.random.chance(0.1);
    const ignoreLease = this.random.chance(0.1);
    return PutRequest.fromPartial({
      key: bytes(this.pick(keys)),
      value: ignoreValue ? bytes("") : bytes(this.value()),
      lease: ignoreLease ? 0n : this.pick([0n, 0n, 0n, 7n, 8n, this.random.chance(0.1) ? 9n : 0n]),
      ignoreValue,
      ignoreLease,
      prevKv: this.random.chance(0.3),
    });
  }

  private value(): string {
    return String.fromCharCode(97 + this.random.below(26)).repeat(this.random.below(60));
  }

  deleteRange(): DeleteRangeRequest {
    return DeleteRangeRequest.fromPartial({
      key: bytes(this.pick(keys)),
      rangeEnd: bytes(this.pick(ends)),
      prevKv: this.random.chance(0.3),
    });
  }

  range(): RangeRequest {
    const { random } = this;
    return RangeRequest.fromPartial({
      key: bytes(random.chance(0.3) ? "\0" : this.pick(keys)),
      rangeEnd: bytes(this.pick(ends)),
      limit: random.chance(0.5) ? 0 : random.below(5),
      revision: this.revision(),
      sortOrder: this.pick([0, 0, 1, 2] as const),
      sortTarget: this.pick([0, 0, 1, 2, 3, 4] as const),
      keysOnly: random.chance(0.2),
      countOnly: random.chance(0.1),
      minModRevision: random.chance(0.1) ? this.revision() : 0,
      maxModRevision: random.chance(0.1) ? this.revision() : 0,
      minCreateRevision: random.chance(0.1) ? this.revision() : 0,
      maxCreateRevision: random.chance(0.1) ? this.revision() : 0,
    });
  }

  private compare(): Compare {
    const { random } = this;
    const small = random.below(4);
    const revision = random.below(this.model.revision + 2);
    const targetUnion = this.pick([
      { $case: "version", value: small },
      { $case: "createRevision", value: random.chance(0.5) ? 0 : revision },
      { $case: "modRevision", value: revision },
      { $case: "value", value: bytes(this.value()) },
      { $case: "lease", value: this.pick([0n, 7n, 8n]) },
    ] as const);
    const target = { version: 0, createRevision: 1, modRevision: 2, value: 3, lease: 4 } as const;
    return Compare.fromPartial({
      result: this.pick([0, 1, 2, 3] as const),
      target: target[targetUnion.$case],
      key: bytes(this.pick(keys)),
      rangeEnd: bytes(random.chance(0.7) ? "" : this.pick(ends)),
      targetUnion,
    });
  }

  private op(depth: number): RequestOp {
    const kind = this.random.below(depth < 3 ? 8 : 7);
    if (kind < 3) return { request: { $case: "requestPut", value: this.put() } };
    if (kind < 5) return { request: { $case: "requestDeleteRange", value: this.deleteRange() } };
    if (kind < 7) return { request: { $case: "requestRange", value: this.range() } };
    return { request: { $case: "requestTxn", value: this.rawTxn(depth + 1) } };
  }

  private rawTxn(depth: number): TxnRequest {
    const list = <T>(max: number, make: () => T): T[] =>
      Array.from({ length: this.random.below(max + 1) }, make);
    return {
      compare: list(2, () => this.compare()),
      success: list(4, () => this.op(depth)),
      failure: list(3, () => this.op(depth)),
    };
  }

  /** A transaction that the API lets through. */
  txn(): TxnRequest {
    for (;;) {
      const txn = this.rawTxn(0);
      if (checkTxn(txn, 128) === undefined) return txn;
    }
  }

  readTxn(): TxnRequest {
    const ranges = (): RequestOp[] =>
      Array.from({ length: this.random.below(3) }, () => ({
        request: { $case: "requestRange", value: this.range() },
      }));
    return { compare: [this.compare()], success: ranges(), failure: ranges() };
  }

  command(): KvCommand {
    const kind = this.random.below(20);
    if (kind < 9) return { kind: "put", payload: this.put() };
    if (kind < 12) return { kind: "deleteRange", payload: this.deleteRange() };
    if (kind < 19) return { kind: "txn", payload: this.txn() };
    const revision = this.random.below(this.model.revision + 2);
    return { kind: "compaction", payload: CompactionRequest.fromPartial({ revision }) };
  }
}
