// How many operations of each kind succeeded and failed (facts: v2 API §5). Pure.
import type { V2Request } from "#proto/gen/extension.ts";

const operations = [
  "gets",
  "sets",
  "delete",
  "update",
  "create",
  "compareAndSwap",
  "compareAndDelete",
] as const;

export type Operation = (typeof operations)[number];

/** What a write counts as; undefined for the passing of time. */
export function operationOf(request: V2Request): Operation | undefined {
  const compares = request.prevIndex > 0n || request.prevValue !== "";
  switch (request.method) {
    case "SYNC":
      return undefined;
    case "DELETE":
      return compares ? "compareAndDelete" : "delete";
    case "POST":
      return "create";
    default:
      if (request.prevExist === false) return "create";
      if (compares) return "compareAndSwap";
      return request.prevExist === true ? "update" : "sets";
  }
}

export class OperationCounts {
  expired = 0;
  private readonly succeeded = new Map<Operation, number>();
  private readonly failed = new Map<Operation, number>();

  add(operation: Operation, ok: boolean): void {
    const counts = ok ? this.succeeded : this.failed;
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  }

  /** In etcd's order of fields. */
  json(watchers: number): string {
    const fields = operations.flatMap((name) => [
      `"${name}Success":${this.succeeded.get(name) ?? 0}`,
      `"${name}Fail":${this.failed.get(name) ?? 0}`,
    ]);
    return `{${fields.join(",")},"expireCount":${this.expired},"watchers":${watchers}}`;
  }
}
