import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest } from "#proto/gen/kv.ts";
import { commandText, requestText } from "#server/apply/request-text.ts";

const b = utf8;

test("requests as text: defaults left out, values by their size, secrets never", () => {
  const put = { $case: "requestPut" as const, value: { key: b("a"), value: b("secret") } };
  const rows: readonly (readonly [object, string])[] = [
    [
      PutRequest.fromPartial({ key: b("a"), value: b("secret"), lease: 7n, prevKv: true }),
      'key:"a" value_size:6 lease:7 prev_kv:true',
    ],
    [
      RangeRequest.fromPartial({ key: b('a"\\'), rangeEnd: Uint8Array.of(0, 0xff), limit: 10 }),
      'key:"a\\"\\\\" range_end:"\\000\\377" limit:10',
    ],
    [DeleteRangeRequest.fromPartial({ key: b("a") }), 'key:"a"'],
    [
      TxnRequest.fromPartial({
        compare: [{ key: b("a"), targetUnion: { $case: "value", value: b("secret") } }],
        success: [
          { request: put },
          { request: { $case: "requestTxn", value: { failure: [{ request: put }] } } },
        ],
      }),
      'compare:<key:"a" value_size:6 > success:<request_put:<key:"a" value_size:6 > > ' +
        'success:<request_txn:<failure:<request_put:<key:"a" value_size:6 > > > >',
    ],
    [{ name: "u", password: "secret", hashedPassword: "secret" }, 'name:"u"'],
  ];
  for (const [request, want] of rows) {
    assert.equal(requestText(request), want);
    assert.doesNotMatch(want, /secret/);
  }
  assert.equal(
    commandText("leaseGrant", 9n, { ID: 3n, TTL: 60 }),
    "header:<ID:9 > lease_grant:<_i_d:3 _t_t_l:60 >".replace("_i_d", "ID").replace("_t_t_l", "TTL"),
  );
});

test("long requests are cut", () => {
  const key = b("k".repeat(300));
  const one = requestText(PutRequest.fromPartial({ key, value: b("v") }));
  assert.equal(one, `key:"${"k".repeat(256)}..." value_size:1`);
  const many = TxnRequest.fromPartial({
    success: Array.from({ length: 100_000 }, () => ({
      request: { $case: "requestPut" as const, value: { key, value: b("v") } },
    })),
  });
  const text = requestText(many);
  assert.equal(text.length, 2051);
  assert.match(text, /\.\.\.$/);
});
