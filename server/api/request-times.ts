// etcd_server_request_duration_seconds: how long the unary requests took that etcd counts there, by
// the names that it gives them.
import { growingBounds, OutcomeDurations } from "#base/duration-counts.ts";
import type { TxnRequest } from "#proto/gen/kv.ts";
import { isReadOnly } from "#server/apply/validate.ts";
import type { DurationSeries } from "./histogram-text.ts";

const bounds = growingBounds(0.001, 2, 14);
const pathPattern = /^\/etcdserverpb\.(KV|Lease|Maintenance|Auth)\/(\w+)$/;
const counted = new Set([
  "Range",
  "Put",
  "DeleteRange",
  "Txn",
  "LeaseGrant",
  "LeaseRevoke",
  "Alarm",
]);
const txnPath = "/etcdserverpb.KV/Txn";

/** The name of a request in etcd's metrics; undefined if it is not counted there. */
export function requestType(path: string): string | undefined {
  const [, service, method] = pathPattern.exec(path) ?? [];
  if (service === undefined || method === undefined) return undefined;
  if (service === "Auth") return method.startsWith("Auth") ? method : `Auth${method}`;
  if (method === "Compact") return "Compaction";
  return counted.has(method) ? method : undefined;
}

export class RequestTimes {
  private readonly byType = new Map<string, OutcomeDurations>();

  /** Where requests of this method are counted; undefined if they are not. */
  of(path: string): OutcomeDurations | undefined {
    const type = requestType(path);
    return type === undefined ? undefined : this.ofType(type);
  }

  /** A transaction that only reads has a name of its own. */
  readOnlyOf(path: string, request: unknown, otherwise: OutcomeDurations): OutcomeDurations {
    if (path !== txnPath || !isReadOnly(request as TxnRequest)) return otherwise;
    return this.ofType("ReadonlyTxn");
  }

  *series(): Iterable<DurationSeries> {
    for (const [type, { ok, failed }] of this.byType) {
      yield { labels: { success: "true", type }, durations: ok };
      yield { labels: { success: "false", type }, durations: failed };
    }
  }

  private ofType(type: string): OutcomeDurations {
    let durations = this.byType.get(type);
    if (durations === undefined) {
      durations = new OutcomeDurations(bounds);
      this.byType.set(type, durations);
    }
    return durations;
  }
}
