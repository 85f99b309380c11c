import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import {
  type RecordHead,
  readRecordHead,
  recordSize,
  tombstoneRecord,
  writeRecord,
} from "#server/mvcc/record.ts";

function emptyHead(): RecordHead {
  return { keyAt: 9, keyBytes: 9, createRevision: 1, version: 1, hasLease: true };
}

const numbers = fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER), fc.constant(2 ** 32));

test("the head of a record is what decoding it gives", () => {
  const fields = fc.record({
    key: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    createRevision: numbers,
    modRevision: numbers,
    version: numbers,
    value: fc.uint8Array({ maxLength: 300 }),
    lease: fc.constantFrom(0n, 1n, -1n, 2n ** 62n).map((id) => id as LeaseId),
  });
  fc.assert(
    fc.property(fields, (one) => {
      const record = Buffer.alloc(recordSize(one));
      writeRecord(record, 0, one);
      const decoded = KeyValue.decode(record);
      const head = emptyHead();
      assert.equal(readRecordHead(record, head), true);
      const { keyAt, keyBytes } = head;
      assert.deepEqual([...record.subarray(keyAt, keyAt + keyBytes)], [...decoded.key]);
      assert.equal(head.createRevision, decoded.createRevision);
      assert.equal(head.version, decoded.version);
      assert.equal(head.hasLease, decoded.lease !== 0n);
    }),
  );
});

test("a deletion's record has a key and nothing else", () => {
  const head = emptyHead();
  assert.equal(readRecordHead(tombstoneRecord(utf8("gone")), head), true);
  assert.deepEqual(head, {
    ...{ keyAt: 2, keyBytes: 4 },
    ...{ createRevision: 0, version: 0, hasLease: false },
  });
});

const odd: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["no key", "1001"],
  ["a key longer than the record", "0a05616263"],
  ["a value longer than the record", "0a01612a0561"],
  ["fields in another order", "10010a0161"],
  ["a field twice", "0a01610a0162"],
  ["an unknown field", "0a01613801"],
  ["a number without an end", "0a016110ff"],
  ["a number of too many bytes", "0a016110ffffffffffffffffffff01"],
];
for (const [what, hex] of odd) {
  test(`what is left to the decoder: ${what}`, () => {
    assert.equal(readRecordHead(Buffer.from(hex, "hex"), emptyHead()), false);
  });
}
