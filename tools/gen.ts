// Makes proto/gen from proto/etcd: ts-proto writes the codecs, then each file is pointed at
// proto/wire.ts, whose reader and writer speak plain numbers, saturate instead of failing and
// bound the depth of nesting. Then the documents that come from tables. Run by `npm run gen`; CI
// requires a clean tree afterwards.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeDocuments } from "#tools/documents.ts";

const root = join(import.meta.dirname, "..");
const gen = join(root, "proto", "gen");

/** Rewrites one generated file; a pattern that no longer occurs anywhere is an error of the caller. */
export function retarget(source: string): string {
  return source
    .replace(/^\/\/ Code generated[\s\S]*?\/\* eslint-disable \*\/\n/, (head) => {
      const from = /source: (.*)/.exec(head)?.[1] ?? "";
      return `// Made from proto/${from} by tools/gen.ts. Do not edit.\n`;
    })
    .replaceAll('"@bufbuild/protobuf/wire"', '"#proto/wire.ts"')
    .replaceAll(/longToNumber\(reader\.(u?int64)\(\)\)/g, "reader.$1Number()")
    .replaceAll(/\(reader as any\)\.__tsProtoDecodeDepth \?\? 0/g, "reader.depth")
    .replaceAll(/\(reader as any\)\.__tsProtoDecodeDepth/g, "reader.depth")
    .replaceAll(/reader\.(u?int64)\(\) as bigint/g, "reader.$1()")
    .replaceAll(/ *if \(BigInt\.as(?:Ui|I)ntN\(64, .*\{\n.*throw.*\n *\}\n/g, "")
    .replaceAll(/(int64)\(BigInt\((message\.[\w.]+|v)\)\)/g, "$1($2)")
    .replaceAll("reader.int32() as any", "reader.int32() as never")
    .replace(/\nfunction longToNumber[\s\S]*?\n\}\n/, "");
}

function main(): void {
  const buf = join(root, "node_modules", ".bin", "buf");
  rmSync(gen, { recursive: true, force: true });
  execFileSync(buf, ["generate", "--template", "buf.gen.yaml"], {
    cwd: join(root, "proto"),
    stdio: "inherit",
    env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}` },
  });
  for (const name of readdirSync(join(gen, "etcd"))) {
    const from = join(gen, "etcd", name);
    writeFileSync(from, retarget(readFileSync(from, "utf8")));
    renameSync(from, join(gen, name));
  }
  rmdirSync(join(gen, "etcd"));
  writeDocuments(root);
}

if (import.meta.main) main();
