// Warns of unary requests that took long, and counts slow reads: `--warning-unary-request-duration`
// and, for reads, `--warning-apply-duration`, in etcd's words ("request stats", "apply request took
// too long"). Nothing is made of a request but two looks at the clock until it is slow. With the log
// at level debug every request is told.
import type { Clock } from "#base/clock.ts";
import type { OutcomeDurations } from "#base/duration-counts.ts";
import { formatGoDuration } from "#base/go-duration.ts";
import type { Log } from "#base/log.ts";
import type { TxnRequest } from "#proto/gen/kv.ts";
import { BinaryReader } from "#proto/wire.ts";
import { requestText } from "#server/apply/request-text.ts";
import { isReadOnly } from "#server/apply/validate.ts";
import { RequestTimes } from "./request-times.ts";

export interface SlowRequestOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** `--warning-unary-request-duration` */
  readonly warningUnaryRequestMs: number;
  /** `--warning-apply-duration` */
  readonly warningApplyMs: number;
  /** Tell every request, at level debug. */
  readonly all: boolean;
}

/** What one request came to. */
interface Ended {
  readonly path: string;
  readonly peer: string;
  readonly request: object;
  readonly requestBytes: number;
  /** Undefined if it failed. */
  readonly answer: Uint8Array | undefined;
  readonly error: string | undefined;
}

const kv = "/etcdserverpb.KV/";
/** Fields of answers. */
const countOfRange = 4;
const deletedOfDeleteRange = 2;
const succeededOfTxn = 2;

export class SlowRequests {
  /** Reads that took longer than `--warning-apply-duration`. */
  slowReads = 0;
  readonly times = new RequestTimes();
  private readonly options: SlowRequestOptions;
  private readonly leastMs: number;

  constructor(options: SlowRequestOptions) {
    this.options = options;
    const { all, warningApplyMs, warningUnaryRequestMs } = options;
    this.leastMs = all ? -1 : Math.min(warningApplyMs, warningUnaryRequestMs);
  }

  nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  /** Where the times of this method's requests are counted. */
  timesOf(path: string): OutcomeDurations | undefined {
    return this.times.of(path);
  }

  /**
   * Counts a request that began at `startMs` in `times`; true if it is worth telling: then call `tell`.
   */
  isSlow(startMs: number, times?: OutcomeDurations, ok = true): boolean {
    const tookMs = this.options.clock.monotonicMs() - startMs;
    times?.observe(tookMs / 1000, ok);
    return tookMs > this.leastMs;
  }

  tell(startMs: number, ended: Ended): void {
    const { all, clock, log, warningApplyMs, warningUnaryRequestMs } = this.options;
    const tookMs = clock.monotonicMs() - startMs;
    const prefix = tookMs > warningApplyMs ? readPrefix(ended) : undefined;
    if (prefix !== undefined) {
      this.slowReads++;
      const { answer } = ended;
      const count = prefix.includes("range")
        ? `range_response_count:${answer === undefined ? 0 : varintField(answer, countOfRange)} `
        : "";
      log.warn(
        {
          took: formatGoDuration(tookMs),
          "expected-duration": formatGoDuration(warningApplyMs),
          prefix,
          request: requestText(ended.request),
          response: answer === undefined ? "" : `${count}size:${answer.length}`,
          ...(ended.error === undefined ? {} : { error: ended.error }),
        },
        "apply request took too long",
      );
    }
    if (!all && tookMs <= warningUnaryRequestMs) return;
    const stats = {
      "start time": new Date(clock.wallMs() - tookMs).toISOString(),
      "time spent": formatGoDuration(tookMs),
      remote: ended.peer,
      "response type": ended.path,
      ...contents(ended),
    };
    if (all) log.debug(stats, "request stats");
    else log.warn(stats, "request stats");
  }
}

function readPrefix({ path, request }: Ended): string | undefined {
  if (path === `${kv}Range`) return "read-only range ";
  if (path === `${kv}Txn` && isReadOnly(request as TxnRequest)) return "read-only txn ";
  return undefined;
}

/** Numbers of what was asked and answered, where etcd tells them; -1 elsewhere. */
function contents({ answer, path, request, requestBytes }: Ended): object {
  const told = (requests: number, responses: number): object => ({
    "request count": requests,
    "request size": requestBytes,
    "response count": answer === undefined ? 0 : responses,
    "response size": answer?.length ?? 0,
    "request content": requestText(request),
  });
  const field = (number: number): number =>
    answer === undefined ? 0 : varintField(answer, number);
  switch (path) {
    case `${kv}Range`:
      return told(0, field(countOfRange));
    case `${kv}Put`:
      return told(1, 0);
    case `${kv}DeleteRange`:
      return told(0, field(deletedOfDeleteRange));
    case `${kv}Txn`: {
      const { failure, success } = request as TxnRequest;
      const taken = field(succeededOfTxn) === 1 ? success : failure;
      return told(answer === undefined ? 0 : taken.length, 0);
    }
    default:
      return {
        "request count": -1,
        "request size": -1,
        "response count": -1,
        "response size": -1,
        "request content": "",
      };
  }
}

/** A number of an encoded message, without decoding the rest; 0 if it is not there. */
function varintField(bytes: Uint8Array, number: number): number {
  const reader = new BinaryReader(bytes);
  let value = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === number << 3) value = reader.int64Number();
    else reader.skip(tag);
  }
  return value;
}
