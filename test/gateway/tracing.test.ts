// Traces: the same requests to etcd and to ours, each sending to a collector of its own, make the same
// spans, one below the other.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { OtlpReceiver, type ReceivedSpan } from "./otlp-receiver.ts";
import { ask } from "./requests.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const clientSpan = "b7ad6b7169203331";
const traced = { "Grpc-Metadata-Traceparent": `00-${traceId}-${clientSpan}-01` };
const untraced = { "Grpc-Metadata-Traceparent": `00-${traceId}-${clientSpan}-00` };

const requests: readonly (readonly [
  path: string,
  body: unknown,
  headers: Record<string, string>,
])[] = [
  ["kv/put", { key: "YQ==", value: "YWFh" }, traced],
  ["kv/put", { key: "YQ==", value: "YWFh", lease: 77 }, traced],
  ["kv/range", { key: "YQ==", range_end: "Yg==", limit: 3, keys_only: true }, traced],
  ["kv/range", {}, traced],
  ["kv/range", { key: "YQ==" }, untraced],
  ["kv/deleterange", { key: "Yg==" }, traced],
  [
    "kv/txn",
    {
      compare: [{ key: "YQ==", version: 1 }],
      success: [{ request_range: { key: "YQ==" } }, { request_put: { key: "Yg==", lease: 0 } }],
      failure: [{ request_range: { key: "Yg==" } }],
    },
    traced,
  ],
  ["kv/txn", {}, traced],
  ["kv/compaction", { revision: 1 }, traced],
  ["lease/grant", { TTL: 5, ID: 9 }, traced],
  ["lease/revoke", { ID: 7 }, traced],
  ["cluster/member/list", {}, traced],
  ["maintenance/status", {}, traced],
];

/** Each with the name of what it stands below, in an order of their own. */
function described(spans: readonly ReceivedSpan[]): unknown[] {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  return spans
    .filter(({ traceId: one }) => one === traceId)
    .map(({ attributes, kind, name, parentId, resource, scope, statusCode }) => {
      const { "server.port": port, ...rest } = attributes;
      const below = parentId === clientSpan ? "the client" : names.get(parentId);
      const telemetry = Object.fromEntries(
        Object.entries(resource).filter(([key]) => key.startsWith("service.")),
      );
      return { name, kind, scope, below, statusCode, hasPort: port !== undefined, rest, telemetry };
    })
    .map((one) => JSON.stringify(one, Object.keys(sortedKeys(one)).sort()))
    .sort();
}

/** Every key there is, so that JSON.stringify puts them in one order. */
function sortedKeys(value: object, into: Record<string, true> = {}): Record<string, true> {
  for (const [key, one] of Object.entries(value)) {
    into[key] = true;
    if (typeof one === "object" && one !== null) sortedKeys(one, into);
  }
  return into;
}

async function spansOf(t: TestContext, runner: "ours" | "reference"): Promise<unknown[]> {
  const receiver = new OtlpReceiver();
  const address = await receiver.start();
  const flags = [
    "--enable-distributed-tracing",
    `--distributed-tracing-address=${address}`,
    "--distributed-tracing-service-name=kept",
    "--distributed-tracing-instance-id=one",
  ];
  const cluster = await startCluster({ runner, size: 1, flags });
  t.after(() => cluster.stop());
  const url = cluster.members[0]!.clientUrl;
  for (const [path, body, headers] of requests)
    await ask(url, { path: `/v3/${path}`, body: JSON.stringify(body), headers });
  await receiver.until((spans) => spans.some(({ name }) => name.endsWith("/Status")));
  receiver.stop();
  return described(receiver.spans);
}

test("calls are traced as by etcd", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const [ours, theirs] = await Promise.all([spansOf(t, "ours"), spansOf(t, "reference")]);
  assert.deepEqual(ours, theirs);
  assert.ok(ours.length > 15);
});
