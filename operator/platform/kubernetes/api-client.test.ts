import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import {
  ApiClient,
  ApiError,
  isConflict,
  isEndingNamespace,
  isNotFound,
} from "#operator/platform/kubernetes/api-client.ts";
import { pods } from "#operator/platform/kubernetes/kinds.ts";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A client of a server that answers as it is told. */
async function clientOf(t: TestContext, answer: Answer) {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (data: string) => {
      body += data;
    });
    request.on("end", () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "c", server: `http://127.0.0.1:${port}/prefix`, skipTLSVerify: true }],
    users: [{ name: "u", token: "secret" }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  });
  const stop = new AbortController();
  t.after(() => {
    stop.abort();
    server.close();
    server.closeAllConnections();
  });
  return { api: new ApiClient(config, stop.signal), stop };
}

const json = (response: ServerResponse, status: number, body: object) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const aPod = (name: string) => ({
  metadata: { name, namespace: "ns", uid: "u1" },
  spec: { containers: [] },
});

test("a list is read page by page, with the credentials, below the server's own path", async (t) => {
  const urls: string[] = [];
  const { api } = await clientOf(t, (request, response) => {
    urls.push(request.url ?? "");
    assert.equal(request.headers.authorization, "Bearer secret");
    const isFirst = !request.url?.includes("continue");
    json(response, 200, {
      items: [aPod(isFirst ? "a" : "b")],
      metadata: { resourceVersion: "9", ...(isFirst ? { continue: "more" } : {}) },
    });
  });
  const { items, resourceVersion } = await api.list(pods, { namespace: "ns", labels: "x=y" });
  assert.deepEqual(
    items.map((one) => one.metadata.name),
    ["a", "b"],
  );
  assert.equal(resourceVersion, "9");
  assert.deepEqual(urls, [
    "/prefix/api/v1/namespaces/ns/pods?labelSelector=x%3Dy&limit=500",
    "/prefix/api/v1/namespaces/ns/pods?labelSelector=x%3Dy&limit=500&continue=more",
  ]);
});

test("a refusal carries its status, reason and message; not found and conflict are told apart", async (t) => {
  const { api } = await clientOf(t, (request, response) => {
    const isGet = request.method === "GET";
    const [status, reason] = isGet ? [404, "NotFound"] : [409, "Conflict"];
    json(response, status, { reason, message: "because" });
  });
  assert.equal(await api.find(pods, "ns", "a"), undefined);
  await assert.rejects(api.get(pods, "ns", "a"), (error) => {
    assert(isNotFound(error) && error instanceof ApiError);
    return error.message.includes("because");
  });
  await assert.rejects(api.replaceStatus(pods, aPod("a")), isConflict);
});

test("a namespace that is being deleted is told from a right that is missing", async (t) => {
  const causes: object[] = [{ reason: "NamespaceTerminating", field: "metadata.namespace" }];
  const { api } = await clientOf(t, (_request, response) =>
    json(response, 403, { reason: "Forbidden", message: "no", details: { causes } }),
  );
  await assert.rejects(api.create(pods, aPod("a")), isEndingNamespace);
  causes.length = 0;
  await assert.rejects(api.create(pods, aPod("a")), (error) => !isEndingNamespace(error));
});

test("what is gone already is deleted; another object of its name is not", async (t) => {
  const bodies: string[] = [];
  const { api } = await clientOf(t, (_request, response, body) => {
    bodies.push(body);
    json(response, 404, { reason: "NotFound" });
  });
  await api.delete(pods, aPod("a"));
  assert.deepEqual(JSON.parse(bodies[0] ?? "").preconditions, { uid: "u1" });
});

test("a write asks its guard, a read does not, and nothing refused reaches the server", async (t) => {
  let requests = 0;
  const { api } = await clientOf(t, (_request, response) => {
    requests++;
    json(response, 200, aPod("a"));
  });
  const guarded = api.guarded(() => {
    throw new Error("not the leader");
  });
  await guarded.get(pods, "ns", "a");
  for (const write of [
    () => guarded.create(pods, aPod("a")),
    () => guarded.replace(pods, aPod("a")),
    () => guarded.patch(pods, "ns", "a", {}),
    () => guarded.delete(pods, aPod("a")),
  ]) {
    await assert.rejects(write, /not the leader/);
  }
  assert.equal(requests, 1);
});

test("a watch tells of changes, ends with the server's answer, and fails when it cannot go on", async (t) => {
  let round = 0;
  const { api } = await clientOf(t, (_request, response) => {
    const last =
      round++ === 0
        ? { type: "BOOKMARK", object: {} }
        : { type: "ERROR", object: { reason: "Expired", message: "too old" } };
    const lines = [
      { type: "ADDED", object: aPod("a") },
      { type: "DELETED", object: aPod("b") },
      last,
    ];
    response.end(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  });
  const seen: string[] = [];
  const note = (one: { metadata: { name: string } }, isGone: boolean) =>
    seen.push(`${one.metadata.name}${isGone ? " gone" : ""}`);
  await api.watch(pods, {}, "1", note);
  assert.deepEqual(seen, ["a", "b gone"]);
  await assert.rejects(api.watch(pods, {}, "1", note), /too old/);
});

test("stop aborts a request under way and lets none begin", async (t) => {
  const { api, stop } = await clientOf(t, () => stop.abort());
  await assert.rejects(api.get(pods, "ns", "a"), { reason: "Unreachable" });
  await assert.rejects(api.get(pods, "ns", "a"), { reason: "Unreachable" });
});
