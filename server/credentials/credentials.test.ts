import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type SignMethod, signMethods } from "#server/config/auth-token.ts";
import { hashPassword, passwordMatches } from "./bcrypt.ts";
import { JwtTokens } from "./jwt.ts";
import { PasswordWorker } from "./password-worker.ts";

test("hashes are those of Go's library, both ways", () => {
  // Made by golang.org/x/crypto/bcrypt.
  const theirs = "$2a$04$ILeRUtsPBRyHD06bSP3/OONINvkSR.cENxSvvg88/4SHlutxr/HZS";
  assert.ok(passwordMatches("secret", theirs));
  const odd = "$2a$04$WWceIbZDdIX5tGpXduAT0OQz59BY.q2iABX6/doTKNWkNlTAqCP9C";
  assert.ok(passwordMatches("naïve\0ü", odd));
  assert.ok(!passwordMatches("naïve", odd));
  const own = hashPassword("secret", 4);
  assert.match(own, /^\$2a\$04\$[./A-Za-z0-9]{53}$/);
  assert.ok(passwordMatches("secret", own));
  assert.ok(!passwordMatches("Secret", own));
  assert.notEqual(hashPassword("secret", 4), own, "each has its own salt");
  for (const noHash of ["", "x", "$2a$04$short"]) assert.ok(!passwordMatches("secret", noHash));
  const long = hashPassword("é".repeat(36), 4);
  assert.ok(passwordMatches(`${"é".repeat(36)}more`, long), "72 bytes count");
  assert.ok(!passwordMatches("é".repeat(35), long));
});

test("the worker hashes and compares, and refuses what is too long or too much", async () => {
  const worker = new PasswordWorker(4);
  const hash = await worker.hash("secret");
  assert.deepEqual(await Promise.all([worker.matches("secret", hash), worker.matches("x", hash)]), [
    true,
    false,
  ]);
  await assert.rejects(worker.hash("x".repeat(73)), /length exceeds 72 bytes/);
  const many = Array.from({ length: 257 }, () => worker.matches("x", "none"));
  await assert.rejects(many.pop()!, { errorName: "tooManyRequests" });
  assert.deepEqual(new Set(await Promise.all(many)), new Set([false]));
  const waiting = worker.hash("secret");
  const stopped = assert.rejects(waiting, { errorName: "stopped" });
  await worker.close();
  await stopped;
  await assert.rejects(worker.hash("secret"), { errorName: "stopped" });
});

const pem = (key: KeyObject, type: "pkcs8" | "spki"): Buffer =>
  Buffer.from(key.export({ format: "pem", type } as never) as string);

/** Two pairs for all the algorithms of RSA: they take long to make. */
const rsaPairs = [0, 1].map(() => generateKeyPairSync("rsa", { modulusLength: 2048 }));

function keysFor(
  signMethod: string,
  at = 0,
): { privateKey: Buffer; publicKey: Buffer | undefined } {
  if (signMethod.startsWith("HS")) {
    return { privateKey: Buffer.from("a shared secret"), publicKey: undefined };
  }
  const curve = { ES256: "P-256", ES384: "P-384", ES512: "P-521" }[signMethod];
  const { privateKey, publicKey } =
    signMethod === "EdDSA"
      ? generateKeyPairSync("ed25519")
      : curve !== undefined
        ? generateKeyPairSync("ec", { namedCurve: curve })
        : rsaPairs[at]!;
  return { privateKey: pem(privateKey, "pkcs8"), publicKey: pem(publicKey, "spki") };
}

const ann = { username: "ann", revision: 7, prefix: "", index: 1, answers: true };

test("every algorithm signs and verifies, and no other key or algorithm does", () => {
  for (const signMethod of signMethods) {
    const time = { nowMs: 1_000_000 };
    const keys = keysFor(signMethod);
    const options = { signMethod, ttlMs: 5000, wallMs: () => time.nowMs };
    const signer = new JwtTokens({ ...options, ...keys, publicKey: undefined });
    const token = signer.assign(ann);
    const known = { username: "ann", revision: 7 };
    const verifier =
      keys.publicKey === undefined
        ? signer
        : new JwtTokens({ ...options, ...keys, privateKey: undefined });
    assert.deepEqual(verifier.identify(token), known, signMethod);
    if (verifier !== signer) assert.throws(() => verifier.assign(ann), /verify-only key/);
    const other = new JwtTokens({
      ...options,
      ...keysFor(signMethod, 1),
      ...(signMethod.startsWith("HS") ? { privateKey: Buffer.from("another") } : {}),
    });
    assert.equal(other.identify(token), undefined, `${signMethod} by another key`);
    const [head, body, signature] = token.split(".");
    const forged = Buffer.from(body!, "base64url").toString().replace("ann", "bob");
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url");
    for (const bad of [
      `${head}.${Buffer.from(forged).toString("base64url")}.${signature}`,
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${signature}.x`,
      "",
      "..",
    ]) {
      assert.equal(signer.identify(bad), undefined, `${signMethod}: ${bad}`);
    }
    time.nowMs += 4999;
    assert.deepEqual(signer.identify(token), known);
    time.nowMs += 1;
    assert.equal(signer.identify(token), undefined, "expired, though it was seen before");
  }
});

test("tokens of Go's library are good, each by its own algorithm alone", () => {
  // Made by github.com/golang-jwt/jwt v5.3.1: ann, revision 7, until second 2000.
  const file = new URL("testdata/golang-jwt.json", import.meta.url);
  const made = JSON.parse(readFileSync(file, "utf8")) as {
    readonly signMethod: SignMethod;
    readonly key: string;
    readonly token: string;
  }[];
  assert.deepEqual(new Set(made.map(({ signMethod }) => signMethod)), new Set(signMethods));
  const time = { nowMs: 0 };
  const providers = made.map(({ signMethod, key }) => {
    const bytes = Buffer.from(key);
    const keys = signMethod.startsWith("HS")
      ? { privateKey: bytes, publicKey: undefined }
      : { privateKey: undefined, publicKey: bytes };
    return new JwtTokens({ signMethod, ttlMs: 1, ...keys, wallMs: () => time.nowMs });
  });
  for (const [at, provider] of providers.entries()) {
    time.nowMs = 1_999_999;
    const known = made.map(({ token }) => provider.identify(token));
    const own = { username: "ann", revision: 7 };
    assert.deepEqual(
      known,
      made.map((_, other) => (other === at ? own : undefined)),
      made[at]!.signMethod,
    );
    time.nowMs = 2_000_000;
    assert.equal(provider.identify(made[at]!.token), undefined);
  }
});

test("what a signed token must say, as Go's library judges it", () => {
  const privateKey = Buffer.from("a shared secret");
  const options = { signMethod: "HS256", ttlMs: 1, privateKey, publicKey: undefined };
  const tokens = new JwtTokens({ ...options, wallMs: () => 1_000_500 });
  const said: readonly (readonly [object, number | undefined])[] = [
    [{ username: "ann", revision: 7 }, 7],
    [{ username: "ann", revision: 7.9, exp: 1001, nbf: 1000, iat: 2000, aud: ["x"] }, 7],
    [{ username: "ann", revision: 7, exp: 0, nbf: 0 }, 7],
    [{ username: "ann", revision: 7, exp: 1000.9 }, undefined],
    [{ username: "ann", revision: 7, exp: 1000 }, undefined],
    [{ username: "ann", revision: 7, exp: "2000" }, undefined],
    [{ username: "ann", revision: 7, exp: null }, undefined],
    [{ username: "ann", revision: 7, nbf: 1001 }, undefined],
    [{ username: "ann", revision: 7, nbf: 1000.9 }, 7],
    [{ username: "ann", revision: "7" }, undefined],
    [{ username: "ann" }, undefined],
    [{ revision: 7 }, undefined],
    [{ username: 1, revision: 7 }, undefined],
    [["ann", 7], undefined],
  ];
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const [claims, revision] of said) {
    const input = `${part({ alg: "HS256" })}.${part(claims)}`;
    const mac = createHmac("sha256", privateKey).update(input).digest("base64url");
    const known = tokens.identify(`${input}.${mac}`);
    assert.equal(known?.revision, revision, JSON.stringify(claims));
  }
});

test("keys that do not fit are refused by name", () => {
  const rsa = keysFor("RS256");
  const ec = keysFor("ES256");
  const cases: [string, Buffer | undefined, Buffer | undefined, RegExp][] = [
    ["RS256", undefined, undefined, /missing key data/],
    ["HS256", undefined, Buffer.from("x"), /missing key data/],
    ["RS256", ec.privateKey, undefined, /needs a key of type rsa, not ec/],
    ["ES384", ec.privateKey, undefined, /needs a key on secp384r1, not prime256v1/],
    ["EdDSA", rsa.privateKey, undefined, /needs a key of type ed25519, not rsa/],
    ["RS256", rsa.privateKey, keysFor("RS256", 1).publicKey, /public and private keys don't match/],
    ["RS256", undefined, rsa.privateKey, /pub-key: the file holds a private key/],
    ["RS256", Buffer.from("nonsense"), undefined, /priv-key: /],
  ];
  for (const [signMethod, privateKey, publicKey, words] of cases) {
    const options = { signMethod, ttlMs: 1, privateKey, publicKey, wallMs: () => 0 };
    assert.throws(() => new JwtTokens(options), words);
  }
});
