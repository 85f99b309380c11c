// The Procfile's three members are those of npm start, on the same ports, and can form a cluster.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bootstrapMembers } from "#server/config/bootstrap.ts";
import { parseServerConfig } from "#server/config/config.ts";

test("each line of the Procfile starts a member of one cluster", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "Procfile"), "utf8");
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const clusters = new Set<string>();
  const clientUrls: string[] = [];
  for (const line of lines) {
    const [name, command = ""] = line.split(/: (.*)/);
    const [program, ...argv] = command.split(" ");
    assert.equal(program, "bin/etcd");
    const result = parseServerConfig({ argv, env: {}, readFile: () => assert.fail("no file") });
    assert(result.kind === "run", JSON.stringify(result));
    assert.equal(result.config.name, name);
    const members = bootstrapMembers(result.config);
    assert(members.ok, JSON.stringify(members));
    clusters.add(`${result.config.initialClusterToken} ${[...members.members.keys()]}`);
    clientUrls.push(...result.config.advertiseClientUrls);
  }
  assert.deepEqual([...clusters], ["procfile node1,node2,node3"]);
  assert.deepEqual(clientUrls, [
    "http://127.0.0.1:2379",
    "http://127.0.0.1:2479",
    "http://127.0.0.1:2579",
  ]);
});
