// What a stored v2 record must be for a store to load it. Records are given in the order of their keys,
// one after the other, so that a whole store need not lie in memory to be looked at. Pure.
import { assert } from "#base/assert.ts";
import { text } from "#base/bytes.ts";
import { V2Event, V2Node } from "#proto/gen/extension.ts";
import { historyPrefix, indexKey, nodePrefix } from "#server/v2store/v2-store.ts";

export class V2RecordCheck {
  /** Paths of the directories so far; "" is the root. */
  private readonly directories = new Set([""]);

  /** Throws if no store wrote the record so; records that are not of the v2 store are let through. */
  take(key: Uint8Array, value: Uint8Array): void {
    const name = text(key);
    if (name === text(indexKey)) {
      assert(value.length === 8, "the index of the v2 store is no number of 8 bytes");
    } else if (name.startsWith(nodePrefix)) {
      this.node(name.slice(nodePrefix.length), V2Node.decode(value));
    } else if (name.startsWith(historyPrefix)) {
      assert(V2Event.decode(value).node !== undefined, "a stored v2 event has no node");
    }
  }

  private node(path: string, node: V2Node): void {
    const slash = path.lastIndexOf("/");
    assert(
      slash >= 0 && slash < path.length - 1 && this.directories.has(path.slice(0, slash)),
      "a stored v2 node lies in no directory",
    );
    if (node.dir) this.directories.add(path);
  }
}
