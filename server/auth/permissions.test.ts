import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Permission_Type } from "#proto/gen/authdata.ts";
import { isGrantable, UserPermissions } from "./permissions.ts";

// Keys of one or two letters out of three, so that a naive model can try them all.
const letters = [0, 1, 255];
const keys = [
  ...letters.map((a) => Buffer.of(a)),
  ...letters.flatMap((a) => letters.map((z) => Buffer.of(a, z))),
  ...letters.flatMap((a) => letters.flatMap((y) => letters.map((z) => Buffer.of(a, y, z)))),
].sort(Buffer.compare);

const isOpen = (end: Buffer): boolean => end.length === 1 && end[0] === 0;

/** The key lies in the interval, by the definition of one. */
function holds(key: Buffer, from: Buffer, end: Buffer): boolean {
  if (end.length === 0) return key.equals(from);
  return key.compare(from) >= 0 && (isOpen(end) || key.compare(end) < 0);
}

const short = fc.constantFrom(...keys.filter((key) => key.length < 3));
const end = fc.oneof(fc.constant(Buffer.alloc(0)), fc.constant(Buffer.of(0)), short);
const permission = fc.record({
  key: short,
  rangeEnd: end,
  permType: fc.constantFrom(Permission_Type.READ, Permission_Type.WRITE, Permission_Type.READWRITE),
});

test("a union allows exactly the intervals of which it allows every key", () => {
  fc.assert(
    fc.property(fc.array(permission, { maxLength: 6 }), short, end, (granted, from, to) => {
      const valid = granted.filter(({ key, rangeEnd }) => isGrantable(key, rangeEnd));
      const permissions = new UserPermissions(valid);
      const asked = keys.filter((key) => holds(key, from, to));
      const isEmpty = to.length > 0 && !isOpen(to) && to.compare(from) <= 0;
      for (const access of ["read", "write"] as const) {
        const other = access === "read" ? Permission_Type.WRITE : Permission_Type.READ;
        const allows = (key: Buffer): boolean =>
          valid.some((one) => one.permType !== other && holds(key, one.key, one.rangeEnd));
        const expected = isEmpty ? allows(from) : asked.every(allows);
        // Longer keys than the model has may lie outside: then no key of the model decides.
        const actual = permissions.allow(access, from, to);
        if (actual) assert.ok(expected, "allows what no permission covers");
        else if (expected) assert.ok(hasGap(valid, other, from, to), "refuses what is covered");
      }
    }),
    { numRuns: 3000 },
  );
});

/** Some key of up to four letters in the interval is covered by nothing. */
function hasGap(
  valid: readonly { key: Buffer; rangeEnd: Buffer; permType: Permission_Type }[],
  other: Permission_Type,
  from: Buffer,
  to: Buffer,
): boolean {
  const points = [from, ...valid.flatMap(({ key, rangeEnd }) => [key, rangeEnd])];
  return points
    .flatMap((point) => [point, Buffer.concat([point, Buffer.of(0)])])
    .filter((point) => point.length > 0 && holds(point, from, to))
    .some(
      (point) =>
        !valid.some((one) => one.permType !== other && holds(point, one.key, one.rangeEnd)),
    );
}

test("what can be granted is a key, an interval with something in it, or all from a key on", () => {
  const cases: [string, string, boolean][] = [
    ["a", "", true],
    ["a", "b", true],
    ["a", "\0", true],
    ["a", "a", false],
    ["b", "a", false],
    ["", "", false],
    ["", "\0", false],
    ["", "a", false],
    ["\0", "\0", true],
  ];
  for (const [key, rangeEnd, expected] of cases) {
    assert.equal(
      isGrantable(Buffer.from(key), Buffer.from(rangeEnd)),
      expected,
      `${key}-${rangeEnd}`,
    );
  }
});

test("a permission without a key, or of a kind unknown, allows nothing", () => {
  const all = Buffer.of(0);
  const odd = new UserPermissions([
    { key: Buffer.alloc(0), rangeEnd: all, permType: Permission_Type.READWRITE },
    { key: Buffer.from("a"), rangeEnd: all, permType: 7 as Permission_Type },
  ]);
  for (const access of ["read", "write"] as const) {
    assert.equal(odd.allow(access, Buffer.from("b"), Buffer.alloc(0)), false);
  }
});
