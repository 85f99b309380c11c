import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { addressFault, type HostLookup, isForHost, ruleBroken } from "./certificate-rules.ts";
import { plainSerial } from "./revocation.ts";

const authority = await TestAuthority.create("root");

async function certificateFor(...hosts: string[]): Promise<X509Certificate> {
  return new X509Certificate((await authority.issue("the name", { hosts })).cert);
}

test("hosts and addresses that a certificate is for", async () => {
  const certificate = await certificateFor("a.test", "*.b.test", "127.0.0.1", "::1");
  const rows: readonly (readonly [string, boolean])[] = [
    ["a.test", true],
    ["A.TEST", true],
    ["a.test.", true],
    ["x.a.test", false],
    ["x.b.test", true],
    ["b.test", false],
    ["x.y.b.test", false],
    ["127.0.0.1", true],
    ["::ffff:127.0.0.1", true],
    ["[::1]", true],
    ["127.0.0.2", false],
    ["the name", false],
    ["", false],
  ];
  for (const [host, want] of rows) assert.equal(isForHost(certificate, host), want, host);
});

test("allowed names, allowed hosts, revoked serial numbers", async () => {
  const certificate = await certificateFor("a.test");
  const rows = [
    [{}, undefined],
    [{ allowedNames: ["x", "the name"] }, undefined],
    [{ allowedNames: ["The Name"] }, "client certificate authentication failed"],
    [{ allowedHosts: ["x", "a.test"] }, undefined],
    [{ allowedHosts: ["b.test"] }, "client certificate authentication failed"],
    [{ revoked: new Set(["ABC"]) }, undefined],
    [{ revoked: new Set(["1"]) }, "transport: certificate serial 01 revoked"],
  ] as const;
  for (const [rules, want] of rows) {
    const all = { allowedNames: [], allowedHosts: [], revoked: undefined, ...rules };
    const chain = { serials: ["0ABD", "01"], isWhole: true };
    assert.equal(ruleBroken(certificate, chain, all), want, JSON.stringify(rules));
    // Who issued it is not known whole: that matters where there is a list, and nowhere else.
    const cut = ruleBroken(certificate, { ...chain, isWhole: false }, all);
    if (want === undefined && all.revoked !== undefined) assert.match(cut!, /trusted CA file/);
    else assert.equal(cut, want);
  }
  assert.deepEqual(["00ab", "AB", "0", "00"].map(plainSerial), ["AB", "AB", "0", "0"]);
});

test("a member's certificate fits the address that it comes from", async () => {
  const lookup: HostLookup = {
    reverse: async (address) => {
      if (address === "192.0.2.1") return ["pod.members.test"];
      throw new Error("no such address");
    },
    addresses: async (name) => {
      if (name === "m0.test") return ["192.0.2.2", "2001:db8::2"];
      throw new Error("no such host");
    },
  };
  const rows: readonly (readonly [readonly string[], string, RegExp | undefined])[] = [
    [["127.0.0.1"], "127.0.0.1", undefined],
    [["127.0.0.1"], "::ffff:127.0.0.1", undefined],
    [["127.0.0.1"], "192.0.2.9", /^x509: certificate is valid for IP Address:127.0.0.1, not 192/],
    [["*.members.test"], "192.0.2.1", undefined],
    [["pod.members.test"], "192.0.2.1", undefined],
    [["m0.test"], "192.0.2.2", undefined],
    [["m0.test"], "::ffff:192.0.2.2", undefined],
    [["m0.test"], "2001:db8::2", undefined],
    [["127.0.0.1", "m0.test"], "192.0.2.2", undefined],
    [
      ["m1.test"],
      "192.0.2.1",
      /^tls: "192.0.2.1" does not match any of DNSNames \["m1.test"\] \(no such host\)$/,
    ],
    [
      ["*.m.test"],
      "192.0.2.1",
      /^tls: "192.0.2.1" does not match any of DNSNames \["\*.m.test"\]$/,
    ],
  ];
  for (const [hosts, address, want] of rows) {
    const found = await addressFault(await certificateFor(...hosts), address, lookup);
    if (want === undefined) assert.equal(found, undefined, `${hosts} ${address}`);
    else assert.match(found ?? "accepted", want);
  }
});
