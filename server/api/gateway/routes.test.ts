// Whatever is registered has its place in the gateway.
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonMethods } from "#proto/gen/json-tables.ts";
import { gatewayRoutes } from "./routes.ts";

/** etcd's gateway lacks it, too. */
const withoutRoute = ["/etcdserverpb.KV/RangeStream"];

test("every method of etcd's services has a route, and every route a method", () => {
  const routed = new Set(gatewayRoutes.values());
  const missing = Object.keys(jsonMethods).filter((path) => !routed.has(path));
  assert.deepEqual(missing, withoutRoute);
  for (const path of routed) assert.ok(path in jsonMethods, path);
});
