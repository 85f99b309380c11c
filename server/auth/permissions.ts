// What one user may read and write: for each the union of all intervals that his roles name. A request
// is allowed if the union covers it, whichever roles it is made of (facts: apply rules §7).
import { Buffer } from "node:buffer";
import { IntervalUnion } from "#base/interval-union.ts";
import { type Permission, Permission_Type } from "#proto/gen/authdata.ts";

/** Above all keys, which are latin1 text here, in order of their bytes. */
const endOfKeys = "\u0100";

export type Access = "read" | "write";

/** The end that means all keys from the key on. */
function isOpen(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** True if a role may be granted this: a key, an interval that is not empty, or all from a key on. */
export function isGrantable(key: Uint8Array, rangeEnd: Uint8Array): boolean {
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isOpen(rangeEnd) || Buffer.compare(key, rangeEnd) < 0;
}

export class UserPermissions {
  private readonly reads = new IntervalUnion();
  private readonly writes = new IntervalUnion();

  constructor(permissions: Iterable<Permission>) {
    for (const { key, rangeEnd, permType } of permissions) {
      // Nobody can be granted this any more, and it covers nothing.
      if (key.length === 0) continue;
      const start = latin1(key);
      const end = endOf(start, rangeEnd);
      if (permType !== Permission_Type.WRITE && isKnown(permType)) this.reads.add(start, end);
      if (permType !== Permission_Type.READ && isKnown(permType)) this.writes.add(start, end);
    }
  }

  /** True if all of the request's interval is allowed; an empty one is judged by its key. */
  allow(access: Access, key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const union = access === "read" ? this.reads : this.writes;
    const start = latin1(key);
    if (rangeEnd.length === 0) return union.contains(start);
    const end = endOf(start, rangeEnd);
    return end <= start ? union.contains(start) : union.covers(start, end);
  }
}

function isKnown(type: Permission_Type): boolean {
  return (
    type === Permission_Type.READ ||
    type === Permission_Type.WRITE ||
    type === Permission_Type.READWRITE
  );
}

function endOf(start: string, rangeEnd: Uint8Array): string {
  if (rangeEnd.length === 0) return `${start}\0`;
  return isOpen(rangeEnd) ? endOfKeys : latin1(rangeEnd);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
