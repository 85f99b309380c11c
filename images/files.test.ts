import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { importsOf, isDropped, packagesOf, sourcesOf } from "./files.ts";

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

test("imports of our own are found however they are written, and types are not", () => {
  const source = `
    import { a } from "#base/a.ts";
    import type { T } from "#base/types.ts";
    import {
      b,
    } from "../b.ts";
    export { c } from "./c.ts";
    const d = await import("#server/d.ts");
    import pino from "pino";
    const text = "#base/e.ts";
  `;
  const found = importsOf("client/lean/x.ts", source);
  assert.deepEqual(found, ["base/a.ts", "client/b.ts", "client/lean/c.ts", "server/d.ts"]);
});

test("the files of an image are those of its folders and what these import, without tests", () => {
  const files = new Set(sourcesOf({ folders: ["client"] }));
  assert(files.has("client/client.ts") && files.has("proto/errors.ts"));
  assert(![...files].some((path) => /\.test\.ts$|^test\//.test(path)));
  for (const path of files) {
    for (const one of importsOf(path, readFileSync(join(import.meta.dirname, "..", path), "utf8")))
      assert(files.has(one), `${path} imports ${one}`);
  }
});
