// Clients that read, write and compare, and what they were told: the ledger holds it all.
import { EtcdError } from "#proto/errors.ts";
import {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import type { NodeApi } from "#server/node/api-member.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import type { Operation } from "./ledger.ts";
import type { SimMember } from "./sim-member.ts";

const clientCount = 4;
export const keyCount = 5;
/** A client gives up on a member that does not answer. */
const patienceMs = 8000;

export class Clients {
  private readonly stage: ClusterStage;
  private readonly endMs: number;
  private serial = 0;

  /** They go on until `endMs`. */
  constructor(stage: ClusterStage, endMs: number) {
    this.stage = stage;
    this.endMs = endMs;
  }

  begin(): void {
    for (let client = 0; client < clientCount; client++) this.operateLater();
    this.rangeLater();
  }

  /** Reads of the past and of now, on any member, as far as it is: they race with compaction. */
  private rangeLater(): void {
    const { random, time } = this.stage;
    time.after(20 + random.below(200), () => {
      if (time.nowMs > this.endMs) return;
      this.rangeLater();
      const member = this.stage.pick(this.stage.up());
      if (member === undefined) return;
      this.range(member).then(
        () => this.stage.count("range answered"),
        (error: unknown) => {
          if (!(error instanceof EtcdError)) this.stage.fail(error);
          this.stage.count("range refused");
        },
      );
    });
  }

  private async range(member: SimMember): Promise<void> {
    const { ledger, random } = this.stage;
    const { api } = member.running!;
    const first = random.below(keyCount);
    const from = `k${first}`;
    const to = `k${first + 1 + random.below(keyCount)}`;
    const current = api.currentRevision();
    const wanted = random.chance(0.3) ? 0 : Math.max(1, current - random.below(20));
    const { header, kvs } = await api.range(
      RangeRequest.fromPartial({
        key: Buffer.from(from),
        rangeEnd: Buffer.from(to),
        revision: wanted,
      }),
    );
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
    const found = new Map(kvs.map((one) => [text(one.key), text(one.value)]));
    const revision = wanted === 0 ? header!.revision : wanted;
    ledger.ranges.push({ member: member.id, from, to, revision, found });
  }

  private operateLater(): void {
    const { random, time } = this.stage;
    time.after(random.below(this.stage.healing ? 500 : 80), () => {
      if (time.nowMs > this.endMs) return;
      const member = this.stage.pick(this.stage.up());
      let going = false;
      const goOn = (): void => {
        if (going) return;
        going = true;
        this.operateLater();
      };
      if (member === undefined) return goOn();
      time.after(patienceMs, goOn);
      this.operate(member).then(goOn, (error: unknown) => {
        if (!(error instanceof EtcdError)) this.stage.fail(error);
        this.stage.count("operation failed");
        goOn();
      });
    });
  }

  private async operate(member: SimMember): Promise<void> {
    const { ledger, random } = this.stage;
    const key = `k${random.below(keyCount)}`;
    const { api } = member.running!;
    const kind = kinds[random.below(kinds.length)]!;
    const operation: Operation = {
      kind,
      member: member.id,
      key,
      value: `v${++this.serial}`,
      expect: kind === "cas" && random.chance(0.7) ? this.guess(key) : undefined,
      found: undefined,
      changed: false,
      revision: 0,
      called: ledger.now(),
      returned: 0,
    };
    await carryOut[kind](api, operation);
    operation.returned = ledger.now();
    ledger.operations.push(operation);
    this.stage.count(`${kind} answered`);
  }

  /** What the key probably holds: the last value that anybody saw. */
  private guess(key: string): string | undefined {
    const { history } = this.stage.ledger;
    for (let revision = history.size + 1; revision > Math.max(1, history.size - 30); revision--) {
      const change = history.get(revision)?.find((one) => one.key === key);
      if (change !== undefined) return change.value;
    }
    return undefined;
  }
}

const kinds = ["get", "get", "put", "put", "delete", "cas"] as const;

const key = (operation: Operation): Uint8Array => Buffer.from(operation.key);

const carryOut: Record<Operation["kind"], (api: NodeApi, operation: Operation) => Promise<void>> = {
  async get(api, operation) {
    await api.linearize();
    const { header, kvs } = await api.range(RangeRequest.fromPartial({ key: key(operation) }));
    operation.found = kvs[0] && Buffer.from(kvs[0].value).toString();
    operation.revision = header!.revision;
  },
  async put(api, operation) {
    const request = { key: key(operation), value: Buffer.from(operation.value) };
    const { header } = await api.propose("put", PutRequest.fromPartial(request));
    operation.changed = true;
    operation.revision = header!.revision;
  },
  async delete(api, operation) {
    const request = DeleteRangeRequest.fromPartial({ key: key(operation) });
    const { header, deleted } = await api.propose("deleteRange", request);
    operation.changed = deleted === 1;
    operation.revision = header!.revision;
  },
  async cas(api, operation) {
    const { expect, value } = operation;
    const compare = Compare.fromPartial(
      expect === undefined
        ? { key: key(operation), target: 0, targetUnion: { $case: "version", value: 0 } }
        : {
            key: key(operation),
            target: 3,
            targetUnion: { $case: "value", value: Buffer.from(expect) },
          },
    );
    const put = PutRequest.fromPartial({ key: key(operation), value: Buffer.from(value) });
    const request: TxnRequest = {
      compare: [compare],
      success: [{ request: { $case: "requestPut", value: put } }],
      failure: [],
    };
    const { header, succeeded } = await api.propose("txn", request);
    operation.changed = succeeded;
    operation.revision = header!.revision;
  },
};
