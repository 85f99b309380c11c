// KV.Txn: each compare, with each result, of keys that are there, missing, or many (facts: apply
// rules §3).
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { RequestOp, TxnResponse } from "#proto/gen/kv.ts";
import { b, freshPrefix, interval, revisionOf, type SettingOf } from "./setting.ts";
import {
  CREATE,
  compare,
  created,
  EQUAL,
  GREATER,
  get,
  LEASE,
  LESS,
  leased,
  MOD,
  modified,
  NOT_EQUAL,
  type PartialTxn,
  VALUE,
  VERSION,
  valued,
  version,
  words,
} from "./txn-requests.ts";

interface CompareCase {
  readonly name: string;
  readonly compare: (p: string, r: number, lease: bigint) => readonly unknown[];
  readonly holds: boolean;
}

// The fixture: a=5 at r+1, b=3 at r+2 and again (b=4) at r+3, c=7 with a lease at r+4; z is missing.
const compareCases: readonly CompareCase[] = [
  { name: "no compare holds", compare: () => [], holds: true },
  {
    name: "version =",
    compare: (p) => [compare(`${p}b`, VERSION, EQUAL, version(2))],
    holds: true,
  },
  {
    name: "version = fails",
    compare: (p) => [compare(`${p}b`, VERSION, EQUAL, version(1))],
    holds: false,
  },
  {
    name: "version >",
    compare: (p) => [compare(`${p}b`, VERSION, GREATER, version(1))],
    holds: true,
  },
  {
    name: "version > fails on equal",
    compare: (p) => [compare(`${p}b`, VERSION, GREATER, version(2))],
    holds: false,
  },
  { name: "version <", compare: (p) => [compare(`${p}b`, VERSION, LESS, version(3))], holds: true },
  {
    name: "version < fails on equal",
    compare: (p) => [compare(`${p}b`, VERSION, LESS, version(2))],
    holds: false,
  },
  {
    name: "version !=",
    compare: (p) => [compare(`${p}b`, VERSION, NOT_EQUAL, version(1))],
    holds: true,
  },
  {
    name: "version != fails",
    compare: (p) => [compare(`${p}b`, VERSION, NOT_EQUAL, version(2))],
    holds: false,
  },
  {
    name: "create =",
    compare: (p, r) => [compare(`${p}b`, CREATE, EQUAL, created(r + 2))],
    holds: true,
  },
  {
    name: "create <",
    compare: (p, r) => [compare(`${p}b`, CREATE, LESS, created(r + 2))],
    holds: false,
  },
  {
    name: "mod =",
    compare: (p, r) => [compare(`${p}b`, MOD, EQUAL, modified(r + 3))],
    holds: true,
  },
  {
    name: "mod >",
    compare: (p, r) => [compare(`${p}b`, MOD, GREATER, modified(r + 3))],
    holds: false,
  },
  { name: "value =", compare: (p) => [compare(`${p}b`, VALUE, EQUAL, valued("4"))], holds: true },
  {
    name: "value = an older value",
    compare: (p) => [compare(`${p}b`, VALUE, EQUAL, valued("3"))],
    holds: false,
  },
  {
    name: "value >",
    compare: (p) => [compare(`${p}b`, VALUE, GREATER, valued("39"))],
    holds: true,
  },
  {
    name: "value < compares bytes",
    compare: (p) => [compare(`${p}b`, VALUE, LESS, valued("40"))],
    holds: true,
  },
  {
    name: "value !=",
    compare: (p) => [compare(`${p}b`, VALUE, NOT_EQUAL, valued("4"))],
    holds: false,
  },
  {
    name: "lease =",
    compare: (p, _r, id) => [compare(`${p}c`, LEASE, EQUAL, leased(id))],
    holds: true,
  },
  {
    name: "lease = 0 of a key without one",
    compare: (p) => [compare(`${p}a`, LEASE, EQUAL, leased(0n))],
    holds: true,
  },
  {
    name: "lease != of a key with one",
    compare: (p) => [compare(`${p}c`, LEASE, NOT_EQUAL, leased(0n))],
    holds: true,
  },
  {
    name: "all of several must hold",
    compare: (p) => [
      compare(`${p}a`, VALUE, EQUAL, valued("5")),
      compare(`${p}b`, VALUE, EQUAL, valued("9")),
    ],
    holds: false,
  },
  {
    name: "a missing key has version 0",
    compare: (p) => [compare(`${p}z`, VERSION, EQUAL, version(0))],
    holds: true,
  },
  {
    name: "a missing key has create 0",
    compare: (p) => [compare(`${p}z`, CREATE, EQUAL, created(0))],
    holds: true,
  },
  {
    name: "a missing key has mod 0",
    compare: (p) => [compare(`${p}z`, MOD, LESS, modified(1))],
    holds: true,
  },
  {
    name: "a missing key has lease 0",
    compare: (p) => [compare(`${p}z`, LEASE, EQUAL, leased(0n))],
    holds: true,
  },
  {
    name: "a missing key equals no value",
    compare: (p) => [compare(`${p}z`, VALUE, EQUAL, valued(""))],
    holds: false,
  },
  {
    name: "a missing key differs from no value",
    compare: (p) => [compare(`${p}z`, VALUE, NOT_EQUAL, valued("1"))],
    holds: false,
  },
  {
    name: "an operand left out is 0",
    compare: (p) => [compare(`${p}z`, VERSION, EQUAL, undefined)],
    holds: true,
  },
  {
    name: "an operand left out is the empty value",
    compare: (p) => [compare(`${p}a`, VALUE, GREATER, undefined)],
    holds: true,
  },
  {
    name: "an unknown result holds",
    compare: (p) => [compare(`${p}a`, VERSION, 9, version(77))],
    holds: true,
  },
  {
    name: "range: every key must match",
    compare: (p) => [compare(`${p}a`, VALUE, GREATER, valued("3"), b(`${p}d`))],
    holds: true,
  },
  {
    name: "range: one key fails",
    compare: (p) => [compare(`${p}a`, VALUE, GREATER, valued("4"), b(`${p}d`))],
    holds: false,
  },
  {
    name: "range: a prefix",
    compare: (p, r) => [compare(p, CREATE, GREATER, created(r), interval(p).rangeEnd)],
    holds: true,
  },
  {
    name: "range: an empty one is a missing key",
    compare: (p) => [compare(`${p}x`, VERSION, EQUAL, version(0), b(`${p}zz`))],
    holds: true,
  },
  {
    name: "range: an empty one has no value",
    compare: (p) => [compare(`${p}x`, VALUE, NOT_EQUAL, valued("1"), b(`${p}zz`))],
    holds: false,
  },
];

/** The cases of compares. */
export function txnCompareSuite(setting: SettingOf): void {
  const txn = (request: PartialTxn): Promise<TxnResponse> =>
    setting().wire.kv.txn(request as { success?: RequestOp[] });

  describe("KV.Txn, compares", () => {
    const p = freshPrefix();
    let r = 0;
    let lease = 0n;

    before(async () => {
      const { kv, lease: leases } = setting().wire;
      lease = (await leases.leaseGrant({ TTL: 600 })).ID;
      r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("5") })) - 1;
      await kv.put({ key: b(`${p}b`), value: b("3") });
      await kv.put({ key: b(`${p}b`), value: b("4") });
      await kv.put({ key: b(`${p}c`), value: b("7"), lease });
    });

    for (const entry of compareCases) {
      test(entry.name, async () => {
        const answer = await txn({
          compare: [...entry.compare(p, r, lease)],
          success: [get(`${p}a`)],
          failure: [get(`${p}b`)],
        });
        assert.equal(answer.succeeded, entry.holds);
        assert.equal(words(answer, p), entry.holds ? "get(a=5)" : "get(b=4)");
      });
    }
  });
}
