// The v2 key space: a tree beside the v3 keys, changed only by applied commands, and the same on every
// member (facts: v2 API §1-§4). Time comes with each command, so what expires, and when, is decided
// by the log. Its records lie in bucket `shared`, written in the batch of the applied index:
//   v2/i          the index
//   v2/n<path>    a node
//   v2/h<slot>    an event of the history, the one of index % 1000
// Pure.
import { text, uint64Bytes, utf8 } from "#base/bytes.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { V2Event, V2Node, type V2Request } from "#proto/gen/extension.ts";
import { V2Error } from "#server/v2store/errors.ts";
import type { NodeView } from "#server/v2store/event-json.ts";
import { EventHistory, eventIndex, historyEvents } from "#server/v2store/history.ts";
import { OperationCounts, operationOf } from "#server/v2store/operation-counts.ts";
import { isReserved } from "#server/v2store/reserved.ts";
import { type Found, Tree, type TreeNode } from "#server/v2store/tree.ts";
import { Watcher, WatcherHub, type WatchOptions } from "#server/v2store/watchers.ts";

/** Where a fresh one-member cluster of etcd 3.4 begins, which counts its own first writes. */
const firstIndex = 3;
/** What the tree may weigh; it lies in memory. */
const maxTreeBytes = 512 * 1024 * 1024;
/** Watches open at a time on this member. */
const maxWatchers = 65_536;
/** Ends before this come from clocks or numbers that are wrong, and are ignored by set and create. */
const earliestExpiryMs = Date.UTC(2000, 0, 1);

/** All records of the key space begin with this. */
export const v2RecordPrefix = "v2/";
export const indexKey = utf8("v2/i");
export const nodePrefix = "v2/n";
export const historyPrefix = "v2/h";

/** The answer to a write. */
export interface V2Written {
  readonly event: V2Event;
  /** The store's index behind it. */
  readonly index: number;
  /** True if nothing was there before. */
  readonly created: boolean;
}

export interface V2StoreOptions {
  readonly maxTreeBytes?: number;
}

export class V2Store {
  private readonly tree = new Tree();
  private readonly hub = new WatcherHub();
  private history = new EventHistory(firstIndex);
  private current = firstIndex;
  private readonly maxTreeBytes: number;
  private readonly counts = new OperationCounts();

  constructor(options: V2StoreOptions = {}) {
    this.maxTreeBytes = options.maxTreeBytes ?? maxTreeBytes;
  }

  /** Counts the changes of the tree. */
  get index(): number {
    return this.current;
  }

  get watcherCount(): number {
    return this.hub.count;
  }

  /** Operations since this member started, as the JSON of /v2/stats/store. */
  statsJson(): string {
    return this.counts.json(this.hub.count);
  }

  /** When the next node ends, in Unix milliseconds; undefined if none does. */
  nextExpiryMs(): number | undefined {
    return this.tree.nextExpiryMs();
  }

  /** Takes over stored records, by key, in key order. Watchers get what they have missed, or end. */
  load(records: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void {
    const before = this.current;
    this.tree.clear();
    this.current = firstIndex;
    const events: V2Event[] = [];
    for (const [key, value] of records) {
      const name = text(key);
      if (name === "v2/i") this.current = readIndex(value);
      else if (name.startsWith(nodePrefix)) {
        this.tree.restore(name.slice(nodePrefix.length), V2Node.decode(value));
      } else if (name.startsWith(historyPrefix)) events.push(V2Event.decode(value));
    }
    events.sort((a, b) => eventIndex(a) - eventIndex(b));
    const kept = events.filter((one) => eventIndex(one) > this.current - historyEvents);
    this.history = new EventHistory(kept.length === 0 ? this.current : eventIndex(kept[0]!) - 1);
    for (const event of kept) this.history.add(event);
    this.catchUp(before);
  }

  /** Applies a command: the answer, all its writes in `batch`. */
  apply(request: V2Request, batch: StateBatch): V2Written | V2Error {
    this.tree.record({
      put: (node) => {
        const record = V2Node.encode({ ...node.view(0), key: "", ttl: 0 }).finish();
        batch.put("shared", utf8(nodePrefix + node.path), record);
      },
      delete: (path) => batch.delete("shared", utf8(nodePrefix + path)),
    });
    const before = this.current;
    const result = this.dispatch(request, batch);
    this.tree.record(undefined);
    const operation = operationOf(request);
    if (operation !== undefined) this.counts.add(operation, !(result instanceof V2Error));
    if (this.current !== before) batch.put("shared", indexKey, uint64Bytes(this.current));
    return result;
  }

  /** Reads a node; hidden children are left out. */
  get(
    path: string,
    how: { recursive: boolean; sorted: boolean },
    nowMs: number,
  ): NodeView | V2Error {
    const found = this.tree.find(path);
    if (!isReserved(path)) this.counts.add("gets", found.kind === "node");
    return found.kind === "node" ? found.node.viewWithin(how, nowMs) : this.notFound(found);
  }

  /**
   * Watches from `since` on; 0 is from now on. One that history answers gets that one event and no
   * more, even a stream, which stays open: as in etcd. `onReady` is called within apply: do nothing long there.
   */
  watch(options: WatchOptions, onReady: () => void): Watcher | V2Error {
    const since = options.since === 0 ? this.current + 1 : options.since;
    const wanted = { ...options, since };
    const { start } = this.history;
    if (since < start) {
      const cause = `the requested history has been cleared [${start}/${since}]`;
      return new V2Error("eventIndexCleared", cause, this.current);
    }
    const past = this.history.find(wanted, since);
    if (past !== undefined) {
      const watcher = new Watcher(wanted, this.current, onReady, () => {});
      watcher.put(past);
      return watcher;
    }
    if (this.hub.count >= maxWatchers) {
      return new V2Error("unavailable", "this member serves too many watches", this.current);
    }
    return this.hub.add(wanted, this.current, onReady);
  }

  /** Ends all watches: the member stops. */
  close(): void {
    for (const watcher of this.hub.all()) watcher.cut();
  }

  private dispatch(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const { path } = request;
    if (request.method === "SYNC") return this.expire(request.timeMs, batch);
    const compares = request.prevIndex > 0n || request.prevValue !== "";
    // The root is a directory of etcd's whose name is not shown, and compared before it is protected.
    if (path === "/" && request.method !== "POST") {
      return request.method === "DELETE" && compares
        ? this.error("notFile", "")
        : this.error("rootReadOnly", "/");
    }
    if (request.method === "DELETE") {
      return compares ? this.compareAndDelete(request, batch) : this.delete(request, batch);
    }
    const bytes = path.length + request.value.length;
    if (this.tree.byteSize + bytes > this.maxTreeBytes) {
      return this.error("raftInternal", "etcdserver: mvcc: database space exceeded");
    }
    if (request.method === "POST" || request.prevExist === false) {
      return this.create(request, "create", batch);
    }
    if (compares) return this.compareAndSwap(request, batch);
    return request.prevExist === true ? this.update(request, batch) : this.set(request, batch);
  }

  private set(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const found = this.tree.find(request.path);
    if (found.kind === "file-in-path") return this.notFound(found);
    if (request.refresh) {
      if (found.kind === "missing") return this.notFound(found);
      return this.create({ ...request, value: found.node.value }, "set", batch);
    }
    return this.create(request, "set", batch);
  }

  private create(
    request: V2Request,
    action: "set" | "create",
    batch: StateBatch,
  ): V2Written | V2Error {
    const { dir, timeMs } = request;
    const index = this.current + 1;
    const path =
      request.method === "POST"
        ? `${request.path === "/" ? "" : request.path}/${String(index).padStart(20, "0")}`
        : request.path;
    const expireMs =
      request.expireMs === undefined || request.expireMs < earliestExpiryMs
        ? undefined
        : request.expireMs;
    const slash = path.lastIndexOf("/");
    const parent = this.tree.makeDirectories(path.slice(0, slash) || "/", index);
    if (typeof parent === "string") return this.error("notDir", parent);
    const name = path.slice(slash + 1);
    const old = parent.children!.get(name);
    if (old !== undefined && action === "create") return this.error("nodeExist", path);
    if (old?.isDir === true) return this.error("notFile", path);
    const prevNode = old?.view(timeMs);
    if (old !== undefined) this.tree.remove(old, () => {});
    const value = dir ? "" : request.value;
    const node = this.tree.add({ parent, name, dir, value, index, expireMs });
    // Only an existing node can be refreshed: for `create` the word means nothing.
    const refresh = request.refresh && action === "set";
    const event = { action, node: node.view(timeMs), prevNode, refresh };
    this.happened(event, batch, refresh);
    return this.written(event, old === undefined);
  }

  private update(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const found = this.tree.find(request.path);
    if (found.kind !== "node") return this.notFound(found);
    const { node } = found;
    if (node.isDir && request.value !== "") return this.error("notFile", request.path);
    return this.change(node, "update", request, batch);
  }

  private compareAndSwap(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const node = this.compared(request);
    return node instanceof V2Error ? node : this.change(node, "compareAndSwap", request, batch);
  }

  /** Gives a node another value and end; it keeps its created index. */
  private change(
    node: TreeNode,
    action: "update" | "compareAndSwap",
    request: V2Request,
    batch: StateBatch,
  ): V2Written {
    const { refresh, timeMs } = request;
    const index = this.current + 1;
    const prevNode = node.view(timeMs);
    this.tree.write(node, refresh ? node.value : request.value, index);
    this.tree.setExpiry(node, request.expireMs);
    const view = { ...node.view(timeMs), modifiedIndex: index };
    const event = { action, node: view, prevNode, refresh };
    this.happened(event, batch, refresh);
    return this.written(event, false);
  }

  private delete(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const { path, recursive } = request;
    const found = this.tree.find(path);
    if (found.kind !== "node") return this.notFound(found);
    const { node } = found;
    if (node.isDir) {
      if (!request.dir && !recursive) return this.error("notFile", path);
      if (node.children!.size > 0 && !recursive) return this.error("dirNotEmpty", path);
    }
    return this.removeNode(node, "delete", request.timeMs, batch);
  }

  private compareAndDelete(request: V2Request, batch: StateBatch): V2Written | V2Error {
    const node = this.compared(request);
    if (node instanceof V2Error) return node;
    return this.removeNode(node, "compareAndDelete", request.timeMs, batch);
  }

  private removeNode(
    node: TreeNode,
    action: "delete" | "compareAndDelete" | "expire",
    timeMs: number,
    batch: StateBatch,
  ): V2Written {
    const prevNode = node.view(timeMs);
    const { path, createdIndex, isDir } = node;
    const view = {
      key: path,
      value: "",
      dir: isDir,
      createdIndex,
      modifiedIndex: this.current + 1,
      expireMs: undefined,
      ttl: 0,
    };
    const event = { action, node: view, prevNode, refresh: false };
    this.tree.remove(node, (gone) => this.hub.notifyAt(event, gone, true));
    this.happened(event, batch, false);
    return this.written(event, false);
  }

  /** Removes all that has ended by `timeMs`. */
  private expire(timeMs: number, batch: StateBatch): V2Written {
    for (const node of this.tree.expired(timeMs)) {
      if (!this.tree.holds(node)) continue;
      this.removeNode(node, "expire", timeMs, batch);
      this.counts.expired++;
    }
    return this.written({ action: "sync", node: undefined, prevNode: undefined, refresh: true });
  }

  /** The file that a request compares, if it is as the request says. */
  private compared(request: V2Request): TreeNode | V2Error {
    const found = this.tree.find(request.path);
    if (found.kind !== "node") return this.notFound(found);
    const { node } = found;
    if (node.isDir) return this.error("notFile", request.path);
    const { prevValue, prevIndex } = request;
    const differs: string[] = [];
    if (prevValue !== "" && prevValue !== node.value)
      differs.push(`[${prevValue} != ${node.value}]`);
    const indexFits = prevIndex === 0n || prevIndex === BigInt(node.modifiedIndex);
    if (!indexFits) differs.push(`[${prevIndex} != ${node.modifiedIndex}]`);
    return differs.length === 0 ? node : this.error("testFailed", differs.join(" "));
  }

  private happened(event: V2Event, batch: StateBatch, silent: boolean): void {
    this.current = eventIndex(event);
    const key = `${historyPrefix}${String(this.current % historyEvents).padStart(3, "0")}`;
    batch.put("shared", utf8(key), V2Event.encode(event).finish());
    this.history.add(event);
    if (!silent) this.hub.notify(event);
  }

  private written(event: V2Event, created = false): V2Written {
    return { event, index: this.current, created };
  }

  /** The tree was replaced: each watcher gets what history has of the time between. */
  private catchUp(before: number): void {
    for (const watcher of this.hub.all()) {
      const { since } = watcher.options;
      let next = Math.max(before + 1, since);
      if (next < this.history.start) {
        watcher.cut();
        continue;
      }
      while (!watcher.isEnded) {
        const event = this.history.find(watcher.options, next);
        if (event === undefined) break;
        watcher.put(event);
        next = eventIndex(event) + 1;
      }
    }
  }

  private notFound(found: Exclude<Found, { readonly kind: "node" }>): V2Error {
    return this.error(found.kind === "missing" ? "keyNotFound" : "notDir", found.path);
  }

  private error(name: V2Error["name"], cause: string): V2Error {
    return new V2Error(name, cause, this.current);
  }
}

function readIndex(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}
