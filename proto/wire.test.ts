import assert from "node:assert/strict";
import { test } from "node:test";
import { Member } from "#proto/gen/cluster.ts";
import { RangeRequest, TxnRequest } from "#proto/gen/kv.ts";
import { LeaseGrantRequest } from "#proto/gen/lease.ts";
import { ConfState, Message } from "#proto/gen/raft.ts";
import { WireError } from "#proto/wire.ts";

interface Codec {
  decode(bytes: Uint8Array): unknown;
}

/** A field of length 1 more than what is nested in it, `levels` times. */
function nested(levels: number, tag: number): Buffer {
  let message = Buffer.alloc(0);
  for (let i = 0; i < levels; i++) {
    const { length } = message;
    const size = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
    message = Buffer.concat([Buffer.of(tag, ...size), message]);
  }
  return message;
}

const ten = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];
const malformed: readonly (readonly [string, Codec, readonly number[] | Buffer])[] = [
  ["a tag without its field", RangeRequest, [0x0a]],
  ["a length beyond the end", RangeRequest, [0x0a, 5, 97]],
  ["a length beyond 32 bits", RangeRequest, [0x0a, 0x81, 0x80, 0x80, 0x80, 0x10, 97]],
  ["a length of 2^64 - 1", RangeRequest, [0x0a, ...ten.map(() => 0xff), 1, 97]],
  ["a varint that does not end", RangeRequest, [0x18, 0x80]],
  ["a varint of 11 bytes", RangeRequest, [0x18, ...ten, 0x80, 1]],
  ["a varint beyond 64 bits", RangeRequest, [0x18, ...ten, 2]],
  ["field number 0", RangeRequest, [0x00, 0x00]],
  ["field number 0 with a length", RangeRequest, [0x02, 0x00]],
  ["a field number beyond 32 bits", RangeRequest, [0x8a, 0x80, 0x80, 0x80, 0x10, 1, 97]],
  ["an end of no group", RangeRequest, [0x0c]],
  ["a group that does not end", RangeRequest, [0xfb, 0x07, 0x08, 1]],
  ["a group ended by another", RangeRequest, [0xfb, 0x07, 0xec, 0x07]],
  ["wire type 6", RangeRequest, [0x0e, 1]],
  ["wire type 7 of an unknown field", RangeRequest, [0xff, 0x07, 1]],
  ["a fixed 64-bit field cut short", RangeRequest, [0xf9, 0x07, 1, 2, 3]],
  ["a fixed 32-bit field cut short", RangeRequest, [0xfd, 0x07, 1]],
  ["a field that leaves its nested message", TxnRequest, [0x0a, 2, 0x1a, 3, 1, 2, 3]],
  ["a nested message that leaves its parent", TxnRequest, [0x12, 2, 0x0a, 3, 0x0a, 1, 97]],
  ["packed numbers that leave their field", ConfState, [0x0a, 1, 0x80, 0x08]],
  ["a string that is no UTF-8", Member, [0x12, 2, 0xc3, 0x28]],
  ["half of a surrogate pair in a string", Member, [0x12, 3, 0xed, 0xa0, 0x80]],
  ["nested too deeply", Message, nested(200, 0x72)],
  ["groups nested too deeply", RangeRequest, Buffer.alloc(2000, Buffer.of(0xfb, 0x07))],
];

for (const [name, codec, bytes] of malformed) {
  test(`refused: ${name}`, () => {
    assert.throws(() => codec.decode(Buffer.from(bytes)), WireError);
  });
}

test("fields and groups that are not known are stepped over", () => {
  const unknown = [0xf8, 0x07, 1, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xfa, 0x07, 1, 1];
  const group = [0xfb, 0x07, 0x08, 1, 0xfb, 0x07, 0xfc, 0x07, 0xfc, 0x07];
  const bytes = Buffer.from([...unknown, 0x0a, 1, 97, ...group, 0xfd, 0x07, 1, 2, 3, 4]);
  assert.deepEqual(Buffer.from(RangeRequest.decode(bytes).key), Buffer.from("a"));
});

test("a known field of another wire type counts as unknown", () => {
  assert.equal(RangeRequest.decode(Buffer.of(0x1a, 1, 7)).limit, 0);
});

test("numbers beyond 2^53 saturate, IDs do not", () => {
  const max = [...ten.map(() => 0xff), 1];
  const most = [...ten.slice(1).map(() => 0xff), 0x7f];
  const ttl = LeaseGrantRequest.decode(Buffer.of(0x08, ...most, 0x10, ...max));
  assert.equal(ttl.TTL, Number.MAX_SAFE_INTEGER);
  assert.equal(ttl.ID, -1n);
  assert.equal(LeaseGrantRequest.decode(Buffer.of(0x08, ...max)).TTL, -1);
});
