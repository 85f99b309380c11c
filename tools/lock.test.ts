import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Lock, missingEntries } from "#tools/lock.ts";

test("npm ci finds every platform's packages in the lock (node tools/lock.ts adds them)", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "package-lock.json"), "utf8");
  assert.deepEqual([...missingEntries(JSON.parse(text) as Lock).keys()], []);
  assert.doesNotMatch(text, /"resolved"/, "the lock names no registry");
});

test("a missing entry is made from the package's name", () => {
  const lock: Lock = {
    packages: {
      "node_modules/tool": {
        dev: true,
        engines: { node: ">=12" },
        optionalDependencies: {
          "@x/tool-darwin-arm64": "1.0.0",
          "tool-linux-x64-musl": "1.0.0",
          "tool-linux-x64": "1.0.0",
        },
      },
      "node_modules/tool/node_modules/tool-linux-x64": {},
    },
  };
  const shared = { version: "1.0.0", dev: true, optional: true, engines: { node: ">=12" } };
  assert.deepEqual(Object.fromEntries(missingEntries(lock)), {
    "node_modules/@x/tool-darwin-arm64": { ...shared, cpu: ["arm64"], os: ["darwin"] },
    "node_modules/tool-linux-x64-musl": { ...shared, cpu: ["x64"], libc: ["musl"], os: ["linux"] },
  });
  lock.packages["node_modules/tool"] = { optionalDependencies: { "tool-extra": "1.0.0" } };
  assert.throws(() => missingEntries(lock), /for which platform/);
});
