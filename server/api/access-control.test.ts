// Who may ask over HTTP; test/gateway/listeners.test.ts compares the answers with etcd's.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import type { HttpRequest } from "#server/rpc/limits.ts";
import { openAccess, refusedHost, refusesCertificate } from "./access-control.ts";

type Socket = NonNullable<HttpRequest["socket"]>;

function request(headers: HttpRequest["headers"], socket: Socket = {}): HttpRequest {
  return Object.assign(new Readable(), { headers, socket });
}

/** [Host, refused] by a list of `good.example`, `10.0.0.1` and `::1`. */
const hosts: readonly (readonly [string, string | undefined])[] = [
  ["good.example", undefined],
  ["good.example:2379", undefined],
  ["10.0.0.1:1", undefined],
  ["[::1]:2379", undefined],
  ["bad.example:2379", "bad.example"],
  ["good.example:1:2", "good.example:1:2"],
  ["", ""],
];

test("a host is taken by its name without the port", () => {
  const rules = { ...openAccess, allowedHosts: ["good.example", "10.0.0.1", "::1"] };
  for (const [host, refused] of hosts) {
    assert.equal(refusedHost(rules, request({ host })), refused, host);
    assert.equal(refusedHost(rules, request({ host }, { encrypted: true })), undefined);
    assert.equal(refusedHost(openAccess, request({ host })), undefined);
  }
});

test("a certificate's name is refused where it would be taken for a user", () => {
  const withName = (subject: string): HttpRequest =>
    request({}, { encrypted: true, getPeerX509Certificate: () => ({ subject }) });
  const rules = { ...openAccess, certificatesName: () => true };
  assert.ok(refusesCertificate(rules, withName("O=x\nCN=alice")));
  assert.ok(!refusesCertificate(rules, withName("O=x\nCN=")));
  assert.ok(!refusesCertificate(rules, withName("O=CN=x")));
  assert.ok(!refusesCertificate(rules, request({})));
  assert.ok(!refusesCertificate(openAccess, withName("CN=alice")));
});
