import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import {
  type Authority,
  authorityData,
  authorityId,
  bundleOf,
  keptAuthorities,
  type Leaf,
  namesAnnotation,
  namesId,
  observedTrust,
  trustedByAll,
} from "#operator/platform/kubernetes/authorities.ts";
import {
  fits,
  isIssuedBy,
  issue,
  makeAuthority,
  sha256,
} from "#operator/platform/kubernetes/certificates.ts";
import { connectionSecret } from "#operator/platform/kubernetes/connection-secret.ts";
import type { Secret } from "#operator/platform/kubernetes/kinds.ts";
import { OperatorAccess, operatorUser } from "#operator/platform/kubernetes/operator-access.ts";
import type { TlsSource } from "#operator/platform/kubernetes/tls.ts";

const hourMs = 3_600_000;
const nowMs = Date.parse("2026-01-01T00:00:00Z");
const identity = { name: "a", namespace: "ns", uid: "u" };
const encode = (text: string) => Buffer.from(text).toString("base64");

async function authority(sinceMs = nowMs): Promise<Authority & { readonly key: string }> {
  return { ...(await makeAuthority("a", hourMs, sinceMs)), sinceMs };
}

const secretOf = (data: Readonly<Record<string, string>>): Secret => ({
  metadata: { name: "s" },
  data,
});

test("a member's certificate is for its names, by its CA, which it does not outlive", async () => {
  const ca = await authority();
  const made = { commonName: "a-1", names: ["a-1.a-peers", "localhost", "::1"] };
  const table: readonly (readonly [number, number])[] = [
    [hourMs, nowMs + hourMs],
    [1000 * hourMs, nowMs + 10 * hourMs],
  ];
  const by = new X509Certificate(ca.cert);
  for (const [validityMs, endMs] of table) {
    const { cert, key } = await issue(ca, { ...made, validityMs }, nowMs);
    const parsed = new X509Certificate(cert);
    assert(isIssuedBy(parsed, by));
    assert(fits(parsed, key));
    assert(!fits(parsed, ca.key));
    assert.equal(Date.parse(parsed.validTo), endMs);
    assert.equal(
      parsed.subjectAltName,
      "DNS:a-1.a-peers, DNS:localhost, IP Address:0:0:0:0:0:0:0:1",
    );
    assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  }
  const client = await issue(ca, { commonName: "x", names: [], validityMs: hourMs }, nowMs);
  const parsed = new X509Certificate(client.cert);
  assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.2"], "a client is no server");
  assert.equal(parsed.subjectAltName, undefined);
  assert(!isIssuedBy(parsed, new X509Certificate((await authority()).cert)));
});

test("the CAs are read back as they were kept; of a lost Secret what members trust is left", async () => {
  const [one, two] = [await authority(nowMs - hourMs), { ...(await authority()), request: "r" }];
  const both = [one, two];
  const bundle = { metadata: { name: "a-ca" }, data: { "ca.crt": bundleOf(both) } };
  assert.deepEqual(keptAuthorities(secretOf(authorityData(both)), undefined), both);
  assert.deepEqual(keptAuthorities(undefined, undefined), []);
  const left = keptAuthorities(undefined, bundle);
  assert.deepEqual(left?.map(authorityId), both.map(authorityId));
  assert(left?.every(({ key }) => key === undefined));
  for (const text of ["", "{}", "[]", '[{"cert": "x", "sinceMs": 1}]']) {
    const secret = secretOf({ "authorities.json": encode(text) });
    assert.equal(keptAuthorities(secret, bundle), undefined, text);
  }
});

test("the plan sees what is published, and what has to be made again", async () => {
  const [old, newest] = [await authority(nowMs - hourMs), await authority()];
  const names = ["a-1"];
  const made = await issue(old, { commonName: "a-1", names, validityMs: hourMs }, nowMs);
  const leafOf = (change: Partial<Secret>, wanted = names): Leaf => ({
    member: "a-1",
    names: wanted,
    secret: {
      metadata: { name: "s", annotations: { [namesAnnotation]: namesId(names) } },
      data: { "tls.crt": encode(made.cert), "tls.key": encode(made.key) },
      ...change,
    },
  });
  const fingerprint = sha256(new X509Certificate(made.cert).raw);
  const good = { fingerprint, caId: authorityId(old), notAfterMs: nowMs + hourMs };
  const table: readonly (readonly [string, readonly Authority[], Leaf, object | undefined])[] = [
    ["good", [old, newest], leafOf({}), good],
    ["of a CA that is gone", [newest], leafOf({}), { ...good, caId: "" }],
    ["other names are wanted", [old], leafOf({}, ["a-1", "b"]), { ...good, notAfterMs: 0 }],
    ["empty", [old], leafOf({ data: {} }), undefined],
    [
      "another key",
      [old],
      leafOf({ data: { "tls.crt": encode(made.cert), "tls.key": encode(old.key) } }),
      undefined,
    ],
  ];
  for (const [what, authorities, leaf, expected] of table) {
    assert.deepEqual(observedTrust(authorities, [leaf]).leaves["a-1"], expected, what);
  }
  const { key: _, ...lost } = old;
  const trust = observedTrust([lost, newest], []);
  assert.equal(trust.bundle, sha256(old.cert + newest.cert));
  assert.deepEqual(
    trust.cas.map((one) => one.notAfterMs),
    [0, nowMs + 10 * hourMs],
    "a CA without its key is as good as ended",
  );
});

test("what the operator shows is signed by the oldest CA that still can", async () => {
  const [old, newest] = [await authority(nowMs - hourMs), await authority()];
  const { key: _, ...lost } = old;
  const table: readonly (readonly [readonly Authority[], number, Authority | undefined])[] = [
    [[], nowMs, undefined],
    [[lost], nowMs, undefined],
    [[old, newest], nowMs, old],
    [[lost, newest], nowMs, newest],
    [[old, newest], nowMs + 9.5 * hourMs, newest],
    [[old, newest], nowMs + 99 * hourMs, newest],
  ];
  for (const [authorities, atMs, expected] of table) {
    assert.equal(trustedByAll(authorities, atMs)?.cert, expected?.cert);
  }
});

test("the operator's own certificate stays until half of its time is over, or its CA goes", async () => {
  const [old, newest] = [await authority(nowMs - hourMs), await authority()];
  const access = new OperatorAccess();
  const source = { kind: "operator", asksClients: true } as const;
  const at = (authorities: readonly Authority[], atMs: number) =>
    access.access(identity, source, { authorities, given: undefined }, atMs);
  const first = await at([old, newest], nowMs);
  assert.match(
    String(new X509Certificate(first?.tls?.cert ?? "").subject),
    new RegExp(operatorUser),
  );
  assert.equal(first?.tls?.serverName, "a-client.ns.svc");
  assert.equal((await at([old, newest], nowMs + hourMs))?.id, first?.id);
  assert.notEqual((await at([old, newest], nowMs + 5 * hourMs))?.id, first?.id);
  assert.notEqual((await at([newest], nowMs))?.id, first?.id);
  assert.equal(await at([], nowMs), undefined);
});

test("a Secret that is away for a moment takes nothing from the operator, another one's is not used", async () => {
  const access = new OperatorAccess();
  const { cert, key } = await issue(
    await authority(),
    { commonName: "c", names: [], validityMs: hourMs },
    nowMs,
  );
  const data = { "ca.crt": encode(cert), "tls.crt": encode(cert), "tls.key": encode(key) };
  const at = async (secret: string, given: Secret | undefined) => {
    const source = { kind: "given", secret, asksClients: true } as const;
    return (await access.access(identity, source, { authorities: [], given }, nowMs))?.id;
  };
  assert.equal(await at("s", undefined), undefined);
  const id = await at("s", { metadata: { name: "s" }, data });
  assert.notEqual(id, undefined);
  assert.equal(await at("s", undefined), id);
  assert.equal(await at("t", undefined), undefined);
});

test("the operator logs in until the certificate is there, and then as well where that says nothing", async () => {
  const access = new OperatorAccess();
  const user = { name: "root", password: "p" };
  const has = async (source: TlsSource | undefined, authorities: readonly Authority[]) => {
    const shown = { authorities, given: undefined, user };
    const made = await access.access(identity, source, shown, nowMs);
    return [made?.tls !== undefined, made?.user?.name, made?.certificateUser];
  };
  const source = { kind: "operator", asksClients: true, plaintext: true } as const;
  const made = [await authority()];
  assert.deepEqual(await has(undefined, made), [false, "root", undefined]);
  assert.deepEqual(await has(source, []), [false, "root", undefined]);
  assert.deepEqual(await has(source, made), [true, "root", operatorUser]);
  assert.deepEqual(await has({ ...source, asksClients: false }, made), [true, "root", undefined]);
});

test("applications get the newest CA's certificate once all members know it", async () => {
  const [old, newest] = [await authority(nowMs - hourMs), await authority()];
  const terms = { validityMs: hourMs, renewBeforeMs: hourMs / 2, graceMs: 0 };
  const base = {
    ...{ identity, clusterDomain: "cluster.local", name: "conn", terms, given: undefined, nowMs },
    source: { kind: "operator", asksClients: true } as const,
    authorities: [old, newest],
  };
  const certOf = ({ data }: Secret) =>
    new X509Certificate(Buffer.from(data?.["tls.crt"] ?? "", "base64"));
  const byOld = await connectionSecret({ ...base, areAllAware: false, is: undefined });
  assert(isIssuedBy(certOf(byOld), new X509Certificate(old.cert)));
  assert.match(certOf(byOld).subject, /CN=conn/);
  const text = (key: string) => Buffer.from(byOld.data?.[key] ?? "", "base64").toString();
  assert.equal(text("endpoints"), "https://a-client.ns.svc.cluster.local:2379");
  assert.equal(text("ca.crt"), bundleOf([old, newest]));
  const same = await connectionSecret({ ...base, areAllAware: false, is: byOld });
  assert.deepEqual(same, byOld);
  const byNew = await connectionSecret({ ...base, areAllAware: true, is: byOld });
  assert(isIssuedBy(certOf(byNew), new X509Certificate(newest.cert)));
  assert.deepEqual(await connectionSecret({ ...base, areAllAware: true, is: byNew }), byNew);
  // A member that is away for a moment takes nothing back.
  assert.deepEqual(await connectionSecret({ ...base, areAllAware: false, is: byNew }), byNew);
  const later = { ...base, nowMs: nowMs + 0.6 * hourMs };
  const renewed = await connectionSecret({ ...later, areAllAware: true, is: byNew });
  assert.notDeepEqual(renewed.data?.["tls.crt"], byNew.data?.["tls.crt"]);
  const plain = { ...base, source: undefined, authorities: [] };
  const { data } = await connectionSecret({ ...plain, areAllAware: true, is: undefined });
  assert.deepEqual(Object.keys(data ?? {}), ["endpoints"]);
});
