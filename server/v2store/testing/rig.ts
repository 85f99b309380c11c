// For tests: a v2 store whose commands and answers are texts.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { V2Request } from "#proto/gen/extension.ts";
import { V2Error } from "#server/v2store/errors.ts";
import { eventJson, type NodeView, readJson } from "#server/v2store/event-json.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import type { Watcher } from "#server/v2store/watchers.ts";

type Row = readonly [key: Uint8Array, value: Uint8Array];

/** Records as a backend keeps them. */
export class Records implements StateBatch {
  readonly kept = new Map<string, Uint8Array>();

  put(bucket: string, key: Uint8Array, value: Uint8Array): void {
    assert(bucket === "shared", "a record in another bucket");
    this.kept.set(Buffer.from(key).toString("latin1"), Uint8Array.from(value));
  }

  delete(_bucket: string, key: Uint8Array): void {
    const known = this.kept.delete(Buffer.from(key).toString("latin1"));
    assert(known, "deleted what is not there");
  }

  rows(): Row[] {
    return [...this.kept]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => [Buffer.from(key, "latin1"), value]);
  }
}

/** The clock of commands that name none. */
export const nowMs = Date.UTC(2026, 0, 1);

/** A store, its records, and what clients of it would see. */
export class Rig {
  readonly records = new Records();
  readonly store: V2Store;

  constructor(store = new V2Store()) {
    this.store = store;
  }

  /** The answer's body, as a client gets it. */
  run(method: string, path: string, fields: Partial<V2Request> = {}): string {
    const request = V2Request.create({ method, path, timeMs: nowMs, ...fields });
    const result = this.store.apply(request, this.records);
    return result instanceof V2Error
      ? `${result.status} ${result.json()}`
      : eventJson(result.event);
  }

  set(path: string, value: string): string {
    return this.run("PUT", path, { value });
  }

  all(): string {
    const view = this.store.get("/", { recursive: true, sorted: true }, nowMs);
    return readJson(view as NodeView);
  }

  watch(key: string, options: { recursive?: boolean; stream?: boolean; since?: number } = {}) {
    const { recursive = false, stream = false, since = 0 } = options;
    const told = { count: 0 };
    const watcher = this.store.watch({ key, recursive, stream, since }, () => {
      told.count++;
    });
    return watcher instanceof V2Error ? watcher : Object.assign(watcher, { told });
  }

  /** Another store from the records alone. */
  reloaded(): Rig {
    const store = new V2Store();
    store.load(this.records.rows());
    const rig = new Rig(store);
    for (const row of this.records.rows()) rig.records.put("shared", ...row);
    return rig;
  }
}

/** The events that wait for a watcher. */
export function drain(watcher: Watcher | V2Error): string[] {
  assert(!(watcher instanceof V2Error), "the watch was refused");
  const seen: string[] = [];
  for (let event = watcher.next(); event !== undefined; event = watcher.next()) {
    seen.push(`${event.action} ${event.node!.key} ${event.node!.modifiedIndex}`);
  }
  return seen;
}
