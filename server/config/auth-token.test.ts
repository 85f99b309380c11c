import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthToken } from "./auth-token.ts";

test("--auth-token", () => {
  const jwt = {
    kind: "jwt",
    signMethod: "RS256",
    ttlMs: 300_000,
    publicKeyFile: undefined,
    privateKeyFile: "k",
  };
  const cases: [string, object | RegExp][] = [
    ["simple", { kind: "simple" }],
    ["", { kind: "none" }],
    ["jwt,sign-method=RS256,priv-key=k", jwt],
    [
      "jwt,priv-key=k,sign-method=RS256,ttl=1m30s,pub-key=p",
      { ...jwt, ttlMs: 90_000, publicKeyFile: "p" },
    ],
    [
      "jwt,sign-method=EdDSA,pub-key=p",
      { ...jwt, signMethod: "EdDSA", publicKeyFile: "p", privateKeyFile: undefined },
    ],
    ["jwt", /sign-method= is none of/],
    ["jwt,sign-method=none,priv-key=k", /sign-method=none is none of/],
    ["jwt,sign-method=RS256", /needs priv-key, or pub-key/],
    ["jwt,sign-method=HS256,pub-key=p", /needs priv-key, the file of the shared secret/],
    ["jwt,sign-method=RS256,priv-key=k,ttl=soon", /ttl=soon is not a duration/],
    ["jwt,sign-method=RS256,priv-key=k,ttl=0s", /ttl=0s is not a duration/],
    ["jwt,sign-method", /"sign-method" is not of the form/],
    ["jwt,a=b=c", /"a=b=c" is not of the form/],
    ["jwt,priv-key=a,priv-key=b", /priv-key is given twice/],
    ["basic", /"basic" is no kind of tokens/],
  ];
  for (const [text, expected] of cases) {
    const parsed = parseAuthToken(text, []);
    if (expected instanceof RegExp) assert.match(String(parsed), expected);
    else assert.deepEqual(parsed, expected, text);
  }
  const unknown: string[] = [];
  parseAuthToken("jwt,sign-method=RS256,priv-key=k,colour=red", unknown);
  assert.deepEqual(unknown, ["colour"]);
});
