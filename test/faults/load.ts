// The load: clients that each talk to one member at a time and move on when it fails them. Nothing is
// ever sent twice, so that an operation without an answer stays what it is: of unknown outcome.
import * as grpc from "@grpc/grpc-js";
import { assert } from "#base/assert.ts";
import { utf8 } from "#base/bytes.ts";
import { type Random, seededRandom } from "#base/random.ts";
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequest,
  KVDefinition,
  PutRequest,
  RangeRequest,
  type RangeResponse,
  TxnRequest,
} from "#proto/gen/kv.ts";
import { Caller, callOnce, openChannel } from "./caller.ts";
import { type History, nowNs, type Operation } from "./history.ts";

export interface LoadOptions {
  /** host:port of the members. */
  readonly endpoints: readonly string[];
  readonly history: History;
  readonly seed: number;
  readonly clients: number;
  readonly keys: number;
  /** Deadline of an operation. */
  readonly deadlineMs: number;
  /** All clients together, on average from the beginning: bounds the history, not the server. */
  readonly maxPerSecond: number;
}

/** Codes with which a server says that it did nothing. */
const refused: ReadonlySet<number> = new Set([
  grpc.status.INVALID_ARGUMENT,
  grpc.status.RESOURCE_EXHAUSTED,
]);

const decoder = new TextDecoder();

const pairPrefix = "pair";
const secondOfPair = "/b";
/** Comes after all of a pair, before all other keys. */
const afterPair = "0";
/** Keys of one name live so long, or the checker's work would grow with the square of the time. */
const keyLifeNs = 60e9;

/** The key of a number, at this time. */
function keyOf(prefix: string, number: number): string {
  return `${prefix}${Math.floor(nowNs() / keyLifeNs)}.${number}.`;
}

/** What the clients last saw of each key: what a compare-and-swap expects. */
type LastSeen = Map<string, string | null>;

class LoadClient {
  private readonly id: number;
  private readonly options: LoadOptions;
  private readonly random: Random;
  private readonly seen: LastSeen;
  private readonly caller: Caller;
  private serial = 0;
  private readonly startedS = nowNs() / 1e9;

  constructor(id: number, options: LoadOptions, seen: LastSeen) {
    this.id = id;
    this.options = options;
    this.random = seededRandom(options.seed * 31 + id);
    this.seen = seen;
    this.caller = new Caller(options.endpoints, id, options.deadlineMs);
  }

  async run(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      if (!(await this.caller.connected())) continue;
      await this.operate();
      await new Promise((resolve) => setTimeout(resolve, this.pauseMs()));
    }
    this.caller.close();
  }

  private pauseMs(): number {
    const { history, maxPerSecond, clients } = this.options;
    const ahead = history.completed / maxPerSecond - nowNs() / 1e9 + this.startedS;
    return ahead > 0 ? (clients / maxPerSecond) * 1000 : 1;
  }

  private async operate(): Promise<void> {
    const dice = this.random.below(100);
    const paired = this.random.below(10) === 0;
    const single = dice < 40 ? "get" : dice < 72 ? "put" : dice < 77 ? "delete" : "cas";
    const kind = !paired ? single : dice < 50 ? "get" : "put";
    const key = keyOf(paired ? pairPrefix : "k", this.random.below(this.options.keys));
    const writes = kind === "put" || kind === "cas";
    const operation: Operation = {
      client: this.id,
      call: nowNs(),
      return: 0,
      kind,
      key,
      value: writes ? `${this.id}.${this.serial++}` : "",
      expect: kind === "cas" ? (this.seen.get(key) ?? null) : null,
      found: null,
      success: false,
      revision: 0,
      unknown: false,
    };
    try {
      if (paired) await this.sendPair(operation);
      else await this.send(operation);
      operation.return = nowNs();
    } catch (error) {
      const { code } = error as Partial<grpc.ServiceError>;
      if (code === undefined) throw error;
      if (refused.has(code)) return;
      operation.unknown = true;
    }
    this.options.history.add(operation);
  }

  private async send(operation: Operation): Promise<void> {
    const { key, value, expect, kind } = operation;
    const { methods } = KVDefinition;
    switch (kind) {
      case "get": {
        const request = RangeRequest.fromPartial({ key: utf8(key) });
        const answer = await this.caller.call(KVDefinition, methods.range, request);
        this.found(operation, answer);
        return;
      }
      case "put": {
        const request = PutRequest.fromPartial({ key: utf8(key), value: utf8(value) });
        const answer = await this.caller.call(KVDefinition, methods.put, request);
        operation.revision = answer.header?.revision ?? 0;
        this.seen.set(key, value);
        return;
      }
      case "delete": {
        const request = DeleteRangeRequest.fromPartial({ key: utf8(key) });
        const answer = await this.caller.call(KVDefinition, methods.deleteRange, request);
        operation.revision = answer.deleted > 0 ? (answer.header?.revision ?? 0) : 0;
        this.seen.set(key, null);
        return;
      }
      case "cas": {
        const answer = await this.caller.call(
          KVDefinition,
          methods.txn,
          compareAndSwap(key, expect, value),
        );
        operation.success = answer.succeeded;
        if (answer.succeeded) {
          operation.revision = answer.header?.revision ?? 0;
          this.seen.set(key, value);
          return;
        }
        const response = answer.responses[0]?.response;
        assert(response?.$case === "responseRange", "a failed compare answers with a range");
        this.found(operation, response.value);
        return;
      }
    }
  }

  /** Two keys that are only ever written together are one register. */
  private async sendPair(operation: Operation): Promise<void> {
    const { key, value, kind } = operation;
    const { methods } = KVDefinition;
    const keys = [key, `${key}${secondOfPair}`].map(utf8);
    if (kind === "put") {
      const success = keys.map((one) => ({
        request: {
          $case: "requestPut" as const,
          value: PutRequest.fromPartial({ key: one, value: utf8(value) }),
        },
      }));
      const answer = await this.caller.call(
        KVDefinition,
        methods.txn,
        TxnRequest.fromPartial({ success }),
      );
      operation.revision = answer.header?.revision ?? 0;
      return;
    }
    const request = RangeRequest.fromPartial({
      key: keys[0]!,
      rangeEnd: utf8(`${key}${afterPair}`),
    });
    const { kvs } = await this.caller.call(KVDefinition, methods.range, request);
    const values = kvs.map((kv) => decoder.decode(kv.value));
    operation.found = values[0] ?? null;
    if (values.length !== 0 && (values.length !== 2 || values[0] !== values[1])) {
      this.options.history.torn ??= `${key} was read as ${JSON.stringify(values)}`;
    }
  }

  private found(operation: Operation, answer: RangeResponse): void {
    const [kv] = answer.kvs;
    operation.found = kv === undefined ? null : decoder.decode(kv.value);
    this.seen.set(operation.key, operation.found);
  }
}

function compareAndSwap(key: string, expect: string | null, value: string): TxnRequest {
  const at = utf8(key);
  const compare =
    expect === null
      ? {
          target: CompareTarget.CREATE,
          targetUnion: { $case: "createRevision" as const, value: 0 },
        }
      : {
          target: CompareTarget.VALUE,
          targetUnion: { $case: "value" as const, value: utf8(expect) },
        };
  return TxnRequest.fromPartial({
    compare: [{ key: at, result: CompareResult.EQUAL, ...compare }],
    success: [
      {
        request: {
          $case: "requestPut",
          value: PutRequest.fromPartial({ key: at, value: utf8(value) }),
        },
      },
    ],
    failure: [{ request: { $case: "requestRange", value: RangeRequest.fromPartial({ key: at }) } }],
  });
}

const patientEveryMs = 60;
const patientDeadlineMs = 6000;

/**
 * Reads from one member at a steady pace, whether it answers or not: what reaches a member while it
 * is paused is answered as it wakes, which is when a server that trusts its own state is wrong.
 */
async function readPatiently(i: number, options: LoadOptions, stopped: AbortSignal): Promise<void> {
  const channel = openChannel(options.endpoints[i]!);
  const random = seededRandom(options.seed * 37 + i);
  const { range } = KVDefinition.methods;
  const read = async (key: string): Promise<void> => {
    const operation: Operation = {
      client: options.clients + i,
      call: nowNs(),
      return: 0,
      kind: "get",
      key,
      value: "",
      expect: null,
      found: null,
      success: false,
      revision: 0,
      unknown: false,
    };
    const request = RangeRequest.fromPartial({ key: utf8(key) });
    try {
      const answer = await callOnce(channel, range, KVDefinition, request, patientDeadlineMs);
      const [kv] = answer.kvs;
      operation.found = kv === undefined ? null : decoder.decode(kv.value);
      operation.return = nowNs();
      options.history.add(operation);
    } catch {
      // A read without an answer says nothing.
    }
  };
  const reads = new Set<Promise<void>>();
  while (!stopped.aborted) {
    if (channel.getChannel().getConnectivityState(true) === grpc.connectivityState.READY) {
      const one = read(keyOf("k", random.below(options.keys))).finally(() => reads.delete(one));
      reads.add(one);
    }
    await new Promise((resolve) => setTimeout(resolve, patientEveryMs));
  }
  await Promise.all(reads);
  channel.close();
}

/** Runs the load until `stopped`; resolves when every client has ended its last operation. */
export async function runLoad(options: LoadOptions, stopped: AbortSignal): Promise<void> {
  const seen: LastSeen = new Map();
  const clients = Array.from(
    { length: options.clients },
    (_, id) => new LoadClient(id, options, seen),
  );
  await Promise.all([
    ...clients.map((client) => client.run(stopped)),
    ...options.endpoints.map((_, i) => readPatiently(i, options, stopped)),
  ]);
}
