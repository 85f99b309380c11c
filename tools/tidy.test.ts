import assert from "node:assert/strict";
import { test } from "node:test";
import { blankNonCode, readSource } from "#tools/source-text.ts";
import { tidy } from "#tools/tidy.ts";

const head = "// Says what it is for.\n";

/** Findings over one file beside some that imports may name. */
function findings(path: string, body: string): readonly string[] {
  const others = [
    "base/assert.ts",
    "proto/gen/kv.ts",
    "server/raft/storage.ts",
    "server/mvcc/store.ts",
    "server/mvcc/store.test.ts",
    "server/wal/rocks-wal.ts",
    "server/wal/wal.ts",
    "server/api/member.ts",
    "client/client.ts",
    "test/cluster/cluster.ts",
  ];
  const files = new Map(others.map((other) => [other, head]));
  files.set(path, body);
  return tidy(files)
    .filter((one) => one.path === path)
    .map(({ severity, line, message }) => `${severity} ${line} ${message}`);
}

test("who may import whom", () => {
  const rows = [
    ["server/raft/a.ts", 'import { x } from "#base/assert.ts";', true],
    ["server/raft/a.ts", 'import { x } from "./storage.ts";', true],
    ["server/raft/a.ts", 'import { x } from "#server/mvcc/store.ts";', false],
    ["server/raft/a.ts", 'import type { X } from "#server/mvcc/store.ts";', false],
    ["server/raft/a.test.ts", 'import { x } from "#server/mvcc/store.ts";', true],
    ["base/a.ts", 'import { x } from "#proto/gen/kv.ts";', false],
    ["proto/a.ts", 'import { x } from "../base/assert.ts";', true],
    ["server/apply/a.ts", 'import { x } from "#server/mvcc/store.ts";', true],
    ["server/apply/a.ts", 'import { x } from "#server/wal/rocks-wal.ts";', false],
    ["server/apply/a.ts", 'import type { X } from "#server/wal/wal.ts";', true],
    ["server/node/a.ts", 'import { x } from "#server/wal/wal.ts";', true],
    ["client/a.ts", 'import type { X } from "#server/wal/wal.ts";', false],
    ["server/node/a.ts", 'import type { X } from "#server/api/member.ts";', true],
    ["server/api/a.ts", 'export { x } from "#server/wal/rocks-wal.ts";', false],
    ["server/wal/a.ts", 'import { x } from "#server/raft/storage.ts";', true],
    ["server/main.ts", 'import { x } from "#server/wal/rocks-wal.ts";', true],
    ["client/a.ts", 'import { x } from "#server/api/member.ts";', false],
    ["ctl/a.ts", 'import { x } from "#client/client.ts";', true],
    ["ctl/a.ts", 'import { x } from "#server/wal/rocks-wal.ts";', false],
    ["ctl/etcdutl.ts", 'import { x } from "#server/wal/rocks-wal.ts";', true],
    ["operator/plan/a.ts", 'await import("#server/wal/rocks-wal.ts");', false],
    ["ctl/a.ts", 'import { x } from "#test/cluster/cluster.ts";', false],
    ["server/mvcc/a.ts", 'import "./store.test.ts";', true],
    ["server/node/a.ts", 'import { x } from "#server/mvcc/store.test.ts";', false],
    ["bench/a.ts", 'import { x } from "#server/wal/rocks-wal.ts";', true],
    ["server/api/a.ts", 'import { x } from "@grpc/grpc-js";', false],
    ["server/main.ts", 'import { x } from "node:http2";', false],
    ["server/api/a.test.ts", 'import { x } from "@grpc/grpc-js";', true],
    ["client/a.ts", 'import { x } from "@grpc/grpc-js";', true],
    ["client/a.ts", 'import { x } from "#client/gone.ts";', false],
    ["client/a.ts", '// import { x } from "#client/gone.ts";', true],
    ["client/a.ts", 'import {\n  a,\n  b,\n} from "#server/api/member.ts";', false],
  ] as const;
  for (const [path, body, fine] of rows) {
    const got = findings(path, `${head}${body}\n`);
    assert.equal(got.length === 0, fine, `${path}: ${body}: ${got.join("; ")}`);
  }
});

test("pure folders touch nothing of the machine", () => {
  const banned = [
    'import { readFileSync } from "node:fs";',
    'import pino from "pino";',
    "const a = process.env;",
    "setTimeout(f, 1);",
    "queueMicrotask(f);",
    "const a = Math.random();",
    "const a = Date.now();",
    "const a = new Date();",
    "const a = performance.now();",
    "crypto.getRandomValues(a);",
    "async function f() {}",
    "await f();",
  ];
  const fine = [
    'import { Buffer } from "node:buffer";',
    'const a = "process.env"; // Date.now()',
    "const a = new Date(3);",
    "const a = x.processed;",
    "type A = { process: number };",
  ];
  for (const folder of ["server/raft", "base", "server/config", "server/apply"]) {
    for (const body of banned) {
      assert.equal(findings(`${folder}/a.ts`, `${head}${body}\n`).length, 1, `${folder} ${body}`);
      assert.deepEqual(findings("bench/a.ts", `${head}${body}\n`), [], body);
      assert.deepEqual(findings(`${folder}/a.test.ts`, `${head}${body}\n`), [], body);
    }
    for (const body of fine) assert.deepEqual(findings(`${folder}/a.ts`, `${head}${body}\n`), []);
  }
  assert.deepEqual(findings("server/mvcc/a.ts", `${head}await f();\n`), []);
});

test("words, shapes and places", () => {
  const rows = [
    ["client/a.ts", `${head}enum A { b }\n`, "enums"],
    ["client/a.ts", `${head}export default 3;\n`, "default exports"],
    ["client/a.ts", `${head}// TODO later\n`, "open ends"],
    ["client/a.ts", `${head}// FIXME\n`, "open ends"],
    ["client/a.ts", `${head}// @ts-ignore\n`, "type checks"],
    ["client/a.ts", `${head}console.log(1);\n`, "log through"],
    ["client/a.ts", "const a = 3;\n", "needs a comment"],
    ["client/A.ts", head, "kebab-case"],
    ["client/a_b.ts", head, "kebab-case"],
    ["client/a.ts", `${head}${"\n".repeat(800)}`, "too much for one idea"],
    ["client/a.ts", `${head}${"\n".repeat(400)}`, "aim at less"],
    ["docs/a.md", "see /work/shared/DESIGN.md\n", "a folder of one machine"],
    ["docs/a.md", "in /home/me/x\n", "an absolute path"],
    ["bin/a.sh", "cd /root/x\n", "an absolute path"],
    ["package-lock.json", '"https://registry.example.org/a"\n', "package registry"],
    ["docs/a.md", "https://npm.pypi.example/x\n", "package registry"],
  ] as const;
  for (const [path, body, want] of rows) {
    const got = findings(path, body);
    assert.equal(got.length, 1, `${path} ${body}: ${got.join("; ")}`);
    assert.ok(got[0]?.includes(want), `${body}: ${got[0]}`);
  }
  const fine = [
    ["client/a.ts", `${head}const a = "enum A"; // export default\n`],
    ["tools/a.ts", `${head}console.log(1);\n`],
    ["client/a.test.ts", "console.log(1);\n"],
    ["proto/gen/a.ts", "export enum A {} // TODO\n"],
    ["bin/a.js", `#!/usr/bin/env node\n${head}console.log(1);\n`],
    ["docs/a.md", "see <https://github.com/etcd-io/etcd> and /var/lib/etcd, the /root of it\n"],
  ] as const;
  for (const [path, body] of fine) assert.deepEqual(findings(path, body), [], body);
});

test("a finding says where", () => {
  assert.deepEqual(findings("client/a.ts", `${head}\n/* x\n */ enum A {}\n`), [
    "error 4 enums cannot be stripped; use a const object: enum A",
  ]);
});

test("import cycles are found once, type-only and lazy ones do not count", () => {
  const files = new Map([
    ["client/a.ts", `${head}import { b } from "./b.ts";\n`],
    ["client/b.ts", `${head}import { c } from "#client/c.ts";\n`],
    ["client/c.ts", `${head}import { a } from "./a.ts";\nimport { d } from "./d.ts";\n`],
    ["client/d.ts", `${head}import type { A } from "./a.ts";\nawait import("./c.ts");\n`],
  ]);
  assert.deepEqual(
    tidy(files).map((one) => one.message),
    ["import cycle: client/a.ts → client/b.ts → client/c.ts → client/a.ts"],
  );
});

test("what is no code is blanked, everything else stays in place", () => {
  const rows = [
    ["a // b\nc", "a     \nc"],
    ["a /* b\nc */ d", "a     \n     d"],
    ['"a\\"b" c', '"    " c'],
    ["'//' c", "'  ' c"],
    ["a / b / c", "a / b / c"],
    ['f(/[/"]x\\//g) // y', "f(/       /g)     "],
    ["return /'/;", "return / /;"],
  ] as const;
  for (const [text, want] of rows) assert.equal(blankNonCode(text), want, text);
  const dollar = "$";
  const nested = `\`secret ${dollar}{code + \`inner ${dollar}{deep}\`} tail\` after`;
  const template = blankNonCode(nested);
  assert.equal(template.length, nested.length);
  for (const word of ["code", "deep", "after"]) assert.ok(template.includes(word), word);
  for (const word of ["secret", "inner", "tail"]) assert.ok(!template.includes(word), word);
});

test("imports of every form", () => {
  const text = [
    'import "a";',
    'import b, { c } from "b";',
    'import type { D } from "c";',
    'import * as e from "d";',
    'export { f } from "e";',
    'export type * from "f";',
    'const g = await import("g");',
    'export const h = "not";',
    'const i = from("not");',
  ].join("\n");
  assert.deepEqual(
    readSource(text).imports.map(({ from, isType, line }) => `${from} ${isType} ${line}`),
    ["a false 1", "b false 2", "c true 3", "d false 4", "e false 5", "f true 6", "g false 7"],
  );
});
