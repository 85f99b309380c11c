// Makes proto/gen from proto/etcd: ts-proto writes the codecs, then each file is pointed at
// proto/wire.ts, whose reader and writer speak plain numbers, saturate instead of failing and
// bound the depth of nesting. Then the documents that come from tables. Run by `npm run gen`;
// with --check it only says what is not as it would make it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { documents } from "#tools/documents.ts";
import { type DescriptorSet, jsonTables } from "#tools/json-tables.ts";

const root = join(import.meta.dirname, "..");
const gen = join(root, "proto", "gen");

/** Rewrites one generated file; a pattern that no longer occurs anywhere is an error of the caller. */
export function retarget(source: string): string {
  return (
    source
      .replace(/^\/\/ Code generated[\s\S]*?\/\* eslint-disable \*\/\n/, (head) => {
        const from = /source: (.*)/.exec(head)?.[1] ?? "";
        return `// Made from proto/${from} by tools/gen.ts. Do not edit.\n`;
      })
      .replaceAll('"@bufbuild/protobuf/wire"', '"#proto/wire.ts"')
      .replaceAll(/longToNumber\(reader\.(u?int64)\(\)\)/g, "reader.$1Number()")
      .replaceAll(
        / *const previousRecursionDepth = [\s\S]*?__tsProtoDecodeDepth = previousRecursionDepth \+ 1;\n/g,
        "    const depth = reader.enter();\n",
      )
      .replaceAll(
        "(reader as any).__tsProtoDecodeDepth = previousRecursionDepth",
        "reader.depth = depth",
      )
      .replaceAll("const tag = reader.uint32();", "const tag = reader.tag();")
      .replaceAll(/\.decode\(reader, reader\.uint32\(\)\)/g, ".decode(reader, reader.size())")
      .replaceAll(
        "const end2 = reader.uint32() + reader.pos;",
        "const end2 = reader.size() + reader.pos;",
      )
      .replaceAll(
        /( *)(while \(reader\.pos < end2\) \{\n.*\n *\}\n)/g,
        "$1$2$1reader.endAt(end2);\n",
      )
      .replaceAll(
        / *if \(\(tag & 7\) === 4 \|\| tag === 0\) \{\n *break;\n *\}\n( *)reader\.skip\(tag & 7\);/g,
        "$1reader.skip(tag);",
      )
      .replaceAll(
        /( *)return message;\n( *)\} finally \{/g,
        "$1reader.endAt(end);\n$1return message;\n$2} finally {",
      )
      .replaceAll(/reader\.(u?int64)\(\) as bigint/g, "reader.$1()")
      .replaceAll(/ *if \(BigInt\.as(?:Ui|I)ntN\(64, .*\{\n.*throw.*\n *\}\n/g, "")
      .replaceAll(/(int64)\(BigInt\((message\.[\w.]+|v)\)\)/g, "$1($2)")
      .replaceAll("reader.int32() as any", "reader.int32() as never")
      .replace(/\nfunction longToNumber[\s\S]*?\n\}\n/, "")
      // One empty array stands for all: a message that was just made would have its own replaced at once.
      .replaceAll("new Uint8Array(0)", "emptyBytes")
      .replace(/^(?=import [\s\S]*emptyBytes)/m, 'import { emptyBytes } from "#base/bytes.ts";\n')
  );
}

/** The generated codecs by file name, made in a folder of their own. */
function generate(): ReadonlyMap<string, string> {
  const buf = join(root, "node_modules", ".bin", "buf");
  const folder = mkdtempSync(join(tmpdir(), "gen-"));
  const run = (args: readonly string[]): void => {
    execFileSync(buf, args, {
      cwd: join(root, "proto"),
      stdio: "inherit",
      env: { ...process.env, PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"]}` },
    });
  };
  try {
    run(["generate", "--template", "buf.gen.yaml", "--output", folder]);
    const made = join(folder, "gen", "etcd");
    const read = (name: string) => retarget(readFileSync(join(made, name), "utf8"));
    const image = join(folder, "image.json");
    run(["build", "--output", `${image}#format=json`]);
    const set = JSON.parse(readFileSync(image, "utf8")) as DescriptorSet;
    return new Map([
      ...readdirSync(made).map((name) => [join("proto", "gen", name), read(name)] as const),
      [join("proto", "gen", "json-tables.ts"), jsonTables(set)],
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files below the root that are not what the sources and tables say. */
function staleFiles(wanted: ReadonlyMap<string, string>): readonly string[] {
  const stale = [...wanted]
    .filter(([path, content]) => {
      const file = join(root, path);
      return !existsSync(file) || readFileSync(file, "utf8") !== content;
    })
    .map(([path]) => path);
  const extra = readdirSync(gen)
    .map((name) => join("proto", "gen", name))
    .filter((path) => !wanted.has(path));
  return [...stale, ...extra];
}

function main(): void {
  const wanted = new Map([...generate(), ...documents()]);
  const stale = staleFiles(wanted);
  if (process.argv.includes("--check")) {
    if (stale.length === 0) return;
    console.log(`run npm run gen; these are not what it makes:\n  ${stale.join("\n  ")}`);
    process.exitCode = 1;
    return;
  }
  for (const path of stale) {
    const content = wanted.get(path);
    if (content === undefined) rmSync(join(root, path));
    else writeFileSync(join(root, path), content);
    console.log(`${content === undefined ? "removed" : "wrote"} ${path}`);
  }
}

if (import.meta.main) main();
