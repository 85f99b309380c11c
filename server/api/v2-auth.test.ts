// Who may do what with authentication on, and that nobody sees what it is made of. Answers and texts
// are compared with etcd 3.4's in test/transcripts/v2.test.ts.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { serveV2 } from "./v2-testing.ts";

const basic = (who: string): string => `Basic ${Buffer.from(who).toString("base64")}`;

async function guarded(t: TestContext) {
  const { url, member } = await serveV2(t);
  const ask = async (
    method: string,
    path: string,
    { as, json, form }: { as?: string; json?: unknown; form?: string } = {},
  ) => {
    const headers: Record<string, string> = {};
    if (as !== undefined) headers["Authorization"] = basic(as);
    if (json !== undefined) headers["Content-Type"] = "application/json";
    if (form !== undefined) headers["Content-Type"] = "application/x-www-form-urlencoded";
    const body = json === undefined ? form : JSON.stringify(json);
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    const response = await fetch(`${url}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  const put = (kind: string, name: string, json: object) =>
    ask("PUT", `/v2/auth/${kind}s/${name}`, { as: "root:pw", json: { [kind]: name, ...json } });
  await put("user", "root", { password: "pw" });
  await put("role", "pub", { permissions: { kv: { read: ["/pub/*"], write: ["/pub/own"] } } });
  await put("user", "ann", { password: "a", roles: ["pub"] });
  await ask("PUT", "/v2/keys/pub/own", { form: "value=1" });
  assert.equal((await ask("PUT", "/v2/auth/enable")).status, 200);
  const narrow = { grant: undefined, revoke: { kv: { read: ["/*"], write: ["/*"] } } };
  await put("role", "guest", narrow);
  await put("role", "guest", { grant: { kv: { read: ["/open"] } } });
  return { ask, member };
}

test("each may what its roles say", async (t) => {
  const { ask } = await guarded(t);
  const form = "value=1";
  const table: readonly (readonly [string, string, object, number])[] = [
    ["GET", "/v2/keys/pub/own", { as: "ann:a" }, 200],
    ["GET", "/v2/keys/pub?recursive=true", { as: "ann:a" }, 401],
    ["GET", "/v2/keys/pub/?recursive=true", { as: "ann:a" }, 200],
    ["PUT", "/v2/keys/pub/own", { as: "ann:a", form }, 200],
    ["PUT", "/v2/keys/pub/other", { as: "ann:a", form }, 401],
    ["DELETE", "/v2/keys/pub/own?recursive=true", { as: "ann:a" }, 401],
    ["GET", "/v2/keys/pub/own", { as: "ann:wrong" }, 401],
    ["GET", "/v2/keys/pub/own", { as: "nobody:a" }, 401],
    ["GET", "/v2/keys/pub/own", {}, 401],
    ["GET", "/v2/keys/open", {}, 404],
    ["PUT", "/v2/keys/open", { form }, 401],
    ["PUT", "/v2/keys/open", { as: "root:pw", form }, 201],
    ["GET", "/v2/keys/?wait=true&waitIndex=4", {}, 401],
    ["GET", "/v2/auth/users", { as: "ann:a" }, 401],
    ["GET", "/v2/auth/users/ann", {}, 401],
    ["GET", "/v2/auth/enable", {}, 200],
    ["DELETE", "/v2/auth/enable", { as: "ann:a" }, 401],
    ["DELETE", "/v2/auth/users/root", { as: "root:pw" }, 403],
    ["GET", "/v2/members", {}, 200],
    ["POST", "/v2/members", { as: "ann:a", json: {} }, 401],
    ["POST", "/v2/members", { as: "root:pw", json: {} }, 400],
  ];
  for (const [method, path, how, status] of table) {
    const what = `${method} ${path} ${JSON.stringify(how)}`;
    assert.equal((await ask(method, path, how)).status, status, what);
  }
});

test("users and hashes are seen by no request for keys", async (t) => {
  const { ask, member } = await guarded(t);
  const as = "root:pw";
  for (const path of ["/", "/?recursive=true", "/_%00etcd-ts", "/_%00etcd-ts/users/root"]) {
    assert.doesNotMatch((await ask("GET", `/v2/keys${path}`, { as })).text, /hash/);
  }
  for (let since = 4; since <= member.store.index; since++) {
    // Each index is asked for with what the history has from there on.
    const end = await ask("PUT", "/v2/keys/end", { as, form: "value=1" });
    assert.ok(end.status < 300);
    const target = `/v2/keys/?wait=true&recursive=true&waitIndex=${since}`;
    assert.doesNotMatch((await ask("GET", target, { as })).text, /hash|etcd-ts/);
    if (since > 20) break;
  }
  const written = await ask("PUT", "/v2/keys/_%00etcd-ts/enabled", { as, form: "value=false" });
  assert.equal(written.status, 404);
  assert.equal((await ask("GET", "/v2/auth/enable")).text, '{"enabled":true}\n');
});

test("with v3's authentication on, members are changed by v3 alone", async (t) => {
  const { url, member } = await serveV2(t);
  member.guarded = true;
  const headers = { "Content-Type": "application/json" };
  const body = '{"peerURLs":["http://127.0.0.1:1"]}';
  const refused = await fetch(`${url}/v2/members`, { method: "POST", headers, body });
  assert.equal(refused.status, 401);
});
