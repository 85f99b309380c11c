import assert from "node:assert/strict";
import { test } from "node:test";
import { isDropped, packagesOf } from "./files.ts";

const declared = new Set(["pino", "@grpc/grpc-js", "rocksdb", "yaml"]);

test("packages are found however a source names them, and types are not", () => {
  const source = `
    import pino from "pino";
    import type { Document } from "yaml";
    import { credentials } from "@grpc/grpc-js/build/src/index.js";
    import { errorText } from "#base/errors.ts";
    const binding = createRequire(import.meta.url)("rocksdb/binding.js");
    const text = "express";
  `;
  assert.deepEqual([...packagesOf(source, declared)].sort(), ["@grpc/grpc-js", "pino", "rocksdb"]);
});

test("what no image needs is dropped, licences and this platform's builds are kept", () => {
  const own = `${process.platform}-${process.arch}`;
  const table: readonly (readonly [string, boolean])[] = [
    ["node_modules/pino/lib/proto.js", false],
    ["node_modules/pino/pino.d.ts", true],
    ["node_modules/pino/README.md", true],
    ["node_modules/pino/LICENSE.md", false],
    ["node_modules/pino/lib/proto.js.map", true],
    ["node_modules/rocksdb/deps/leveldb/db.cc", true],
    [`node_modules/rocksdb/prebuilds/${own}/node.napi.glibc.node`, false],
    ["node_modules/rocksdb/prebuilds/win32-x64/node.napi.node", true],
  ];
  for (const [path, isGone] of table) assert.equal(isDropped(path), isGone, path);
});
