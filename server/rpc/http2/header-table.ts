// HPACK's tables of header fields (RFC 7541 §2.3, Appendix A): the static one, and behind it the
// dynamic one, a ring whose newest entry has the lowest index.
import { assert } from "#base/assert.ts";

export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** Appendix A in order; a blank parts name and value. */
const staticText = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** Index 1 is at position 0. */
export const staticFields: readonly HeaderField[] = staticText.split("\n").map((line) => {
  const blank = line.indexOf(" ");
  return blank < 0
    ? { name: line, value: "" }
    : { name: line.slice(0, blank), value: line.slice(blank + 1) };
});

export const staticCount = staticFields.length;

/** What the RFC counts for an entry beside its text. */
const entryOverhead = 32;

/** The size of a field in the table, in bytes (RFC 7541 §4.1). */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + entryOverhead;
}

/** The dynamic table of one direction of one connection. Bounded by its size in bytes. */
export class DynamicTable {
  /** Newest last. */
  private fields: HeaderField[] = [];
  /** Position of the oldest that still counts; what lies before was evicted. */
  private oldest = 0;
  private bytes = 0;
  private maxBytes: number;
  /** Goes up with every change: equal versions mean equal tables. */
  version = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get count(): number {
    return this.fields.length - this.oldest;
  }

  /** The field at a dynamic index from 0, the newest; undefined beyond the oldest. */
  at(index: number): HeaderField | undefined {
    const position = this.fields.length - 1 - index;
    return position < this.oldest ? undefined : this.fields[position];
  }

  /** Evicts until the field fits; one larger than the whole table empties it (RFC 7541 §4.4). */
  add(field: HeaderField): void {
    const size = fieldSize(field.name, field.value);
    this.version++;
    this.evict(this.maxBytes - size);
    if (size > this.maxBytes) return;
    this.fields.push(field);
    this.bytes += size;
  }

  resize(maxBytes: number): void {
    this.version++;
    this.maxBytes = maxBytes;
    this.evict(maxBytes);
  }

  private evict(maxBytes: number): void {
    const { fields } = this;
    while (this.bytes > maxBytes && this.oldest < fields.length) {
      const { name, value } = fields[this.oldest]!;
      this.bytes -= fieldSize(name, value);
      this.oldest++;
    }
    assert(this.bytes >= 0, "a header table has lost count of its bytes");
    // The evicted are dropped together, so that eviction is no shift of the whole array.
    if (this.oldest > 32 && this.oldest * 2 > fields.length) {
      this.fields = fields.slice(this.oldest);
      this.oldest = 0;
    }
  }
}
