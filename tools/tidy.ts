// `tidy`: the rules of the house that no other tool checks: who may import whom, what pure folders
// may touch, sizes, banned words, names of places that only exist on one machine, import cycles.
// Run by `npm run check`. Every rule has a test in tidy.test.ts that shows it failing.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { lineAt, readSource, type SourceText } from "#tools/source-text.ts";

export interface Finding {
  readonly severity: "error" | "warning";
  readonly path: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  readonly message: string;
}

/** Files by path from the root of the repository, with `/`. */
export type Files = ReadonlyMap<string, string>;

const warnLines = 400;
const maxLines = 800;

const pureServer = ["raft", "mvcc", "lease", "auth", "membership", "v2store"].map(
  (name) => `server/${name}`,
);
const pureFolders = [
  "base",
  "proto",
  "server/config",
  "server/apply",
  "server/rpc/http2",
  "operator/api",
  "operator/plan",
  ...pureServer,
];
const adapters = [
  "server/wal",
  "server/backend",
  "server/peer",
  "server/rpc",
  "server/credentials",
];

/**
 * What each folder may import besides itself; the longest matching folder counts. Tests, test/,
 * bench/, tools/ and entry points (main.ts) may import anything.
 */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  proto: ["base"],
  ...Object.fromEntries(pureServer.map((folder) => [folder, ["base", "proto"]])),
  "server/config": ["base", "proto"],
  "server/apply": ["base", "proto", ...pureServer],
  "server/node": ["base", "proto", "server/apply", ...pureServer],
  ...Object.fromEntries(adapters.map((folder) => [folder, ["base", "proto", ...pureServer]])),
  "server/rpc": ["base", "proto"],
  "server/credentials": ["base", "proto", "server/auth", "server/config"],
  // Both open RocksDB, through one door.
  "server/wal": ["base", "proto", "server/backend", ...pureServer],
  "server/api": ["base", "proto", "server/apply", "server/node", "server/rpc", ...pureServer],
  // Finds the first members: DNS, and another etcd as a client of it.
  "server/discovery": ["base", "proto", "client", "server/config"],
  "server/proxy": ["base", "proto", "server/rpc", "client"],
  server: ["base", "proto", "server", "client"],
  client: ["base", "proto"],
  ctl: ["base", "proto", "client"],
  operator: ["base", "proto", "client"],
  "operator/api": ["base"],
  "operator/plan": ["base", "operator/api"],
};

/** Single files that may import more, and why. */
const alsoMayImport: readonly {
  readonly file: RegExp;
  readonly folders: readonly string[];
  readonly why: string;
}[] = [
  {
    file: /^ctl\/etcdutl/,
    folders: ["server"],
    why: "etcdutl opens data folders of members that do not run",
  },
  {
    file: /^server\/proxy\/command-line\.ts$/,
    folders: ["ctl/flags.ts", "ctl/flag-lines.ts"],
    why: "gateway and grpc-proxy read their command lines by the rules of etcdctl, not of the server",
  },
  {
    file: /^client\/lean-connection\.ts$/,
    folders: ["server/rpc/http2"],
    why: "frames and header blocks are read as the server reads them",
  },
  {
    file: /^operator\/api\/server-options\.ts$/,
    folders: ["server/config"],
    why: "spec.options is typed by the server's one table of options",
  },
  {
    file: /^server\/api\/(?:cluster|v2-members)\.ts$/,
    folders: ["server/config"],
    why: "the peer URLs in a request are judged as those of a flag",
  },
];

/** Packages that a folder must not import, and why; tests may. */
const bannedPackages: readonly {
  readonly folder: string;
  readonly names: readonly string[];
  readonly why: string;
}[] = [
  {
    folder: "server",
    names: ["@grpc/grpc-js", "node:http2"],
    why: "the server's HTTP/2 is its own (docs/adr/0020-own-http2.md)",
  },
];

/** Ports between parts of the server, which any of them may name. */
const ports = ["server/api/member.ts", "server/peer/ports.ts", "server/wal/wal.ts"];

/** Files and folders that are pure but for promises, and why. */
const mayBeAsync: readonly { readonly prefix: string; readonly why: string }[] = [
  { prefix: "server/mvcc/", why: "reading cold records waits for the backend port" },
  { prefix: "server/apply/kv.ts", why: "fetches the cold records that a batch will read" },
];

/** npm packages that do no I/O, which pure code may use. */
const purePackages = [
  "yaml",
  "@node-rs/crc32",
  "@bufbuild/protobuf",
  "@marcbachmann/cel-js",
  "@kubernetes/client-node",
  // The time to count from is passed in.
  "cron-parser",
];

/** Node modules that do no I/O. */
const pureNodeModules = ["node:buffer"];

interface Ban {
  readonly pattern: RegExp;
  readonly message: string;
}

const notPure: readonly Ban[] = [
  { pattern: /\bprocess\b\s*\./, message: "pure code must not touch process" },
  {
    pattern: /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    message: "pure code starts no timers; take a Clock",
  },
  { pattern: /\bMath\s*\.\s*random\b/, message: "pure code takes a Random, not Math.random" },
  {
    pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bperformance\s*\.\s*now\b/,
    message: "pure code reads no clock; take the time as an argument",
  },
  {
    pattern: /\bcrypto\s*\.\s*(?:getRandomValues|randomUUID)\b/,
    message: "pure code takes a Random, not crypto",
  },
];

const isAsync: Ban = {
  pattern: /\basync\b|\bawait\b/,
  message: "pure code is synchronous; see mayBeAsync in tools/tidy.ts",
};

/** `any` is left to Biome, which knows a type from a name. */
const bannedCode: readonly Ban[] = [
  { pattern: /\benum\s+[A-Za-z_]/, message: "enums cannot be stripped; use a const object" },
  { pattern: /\bexport\s+default\b/, message: "default exports are banned; export by name" },
];

const bannedText: readonly Ban[] = [
  { pattern: /\bFIXME\b|\bTODO\b/, message: "open ends belong into an issue, not into the code" },
  { pattern: /@ts-(?:ignore|nocheck)\b/, message: "type checks must not be switched off" },
];

const machinePlaces: readonly Ban[] = [
  { pattern: /\/work\/(?:shared|main|\.library)\b/, message: "names a folder of one machine" },
  {
    pattern: /(?:^|[\s"'`=(:])\/(?:root|home\/[a-z]\w*|Users\/[A-Za-z]\w*)\//,
    message: "an absolute path of one machine",
  },
  {
    pattern: /https?:\/\/(?:[\w-]+\.)*(?:registry|npmjs|goproxy|pypi|artifactory|nexus)\b[\w.-]*/,
    message: "names a package registry; leave that to the tools' configuration",
  },
];

const isTest = (path: string) => /\.test\.[tj]s$/.test(path);
const isGenerated = (path: string) => path.startsWith("proto/gen/");
const isSource = (path: string) => /\.(?:ts|js)$/.test(path);
/** Suites that several tests share, beside the port they test. */
const isTestSupport = (path: string) =>
  isTest(path) || /(?:^|\/)(?:[\w-]*contract|[\w-]*-model|[\w-]*testing)\.ts$/.test(path);

function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** The folder whose rules hold for `path`: the longest that is listed. */
function folderOf(path: string): string | undefined {
  return Object.keys(mayImport)
    .filter((folder) => within(path, folder))
    .sort((a, b) => b.length - a.length)[0];
}

const aliases = /^#(base|proto|server|client|ctl|operator|test|tools)\//;

/** The file that an import names, from the root; undefined for packages and Node's modules. */
function target(path: string, from: string): string | undefined {
  if (from.startsWith(".")) return normalize(join(dirname(path), from));
  return aliases.test(from) ? from.slice(1) : undefined;
}

/** All findings over `files`, in the order of path and line. */
export function tidy(files: Files): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (path: string, line: number, message: string) =>
    findings.push({ severity: "error", path, line, message });
  const sources = new Map<string, SourceText>();
  for (const [path, text] of files) {
    for (const ban of machinePlaces) reportAll(path, text, ban, add);
    if (!isSource(path) || isGenerated(path)) continue;
    const source = readSource(text);
    sources.set(path, source);
    checkShape(path, text, findings);
    checkWords(path, text, source.code, add);
    checkImports(path, source, files, add);
    checkPurity(path, source, add);
  }
  for (const cycle of importCycles(sources)) {
    add(cycle[0] ?? "", 0, `import cycle: ${[...cycle, cycle[0]].join(" → ")}`);
  }
  return findings.sort((a, b) => (a.path === b.path ? a.line - b.line : a.path < b.path ? -1 : 1));
}

type Add = (path: string, line: number, message: string) => void;

function reportAll(path: string, text: string, ban: Ban, add: Add): void {
  for (const found of text.matchAll(new RegExp(ban.pattern, "gm"))) {
    add(path, lineAt(text, found.index + 1), `${ban.message}: ${found[0].trim()}`);
  }
}

function checkShape(path: string, text: string, findings: Finding[]): void {
  const lines = text.split("\n").length - 1;
  if (lines > maxLines) {
    const message = `${lines} lines; more than ${maxLines} is too much for one idea`;
    findings.push({ severity: "error", path, line: 0, message });
  } else if (lines > warnLines) {
    const message = `${lines} lines; aim at less than ${warnLines}`;
    findings.push({ severity: "warning", path, line: 0, message });
  }
  if (!isTest(path) && !/^(?:#!.*\n)?\s*(?:\/\/|\/\*)/.test(text)) {
    const message = "needs a comment at its head that says what it is for";
    findings.push({ severity: "error", path, line: 1, message });
  }
  const name = path.split("/").at(-1) ?? "";
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test|\.d)?\.(?:ts|js)$/.test(name)) {
    findings.push({ severity: "error", path, line: 0, message: "file names are kebab-case" });
  }
}

function checkWords(path: string, text: string, code: string, add: Add): void {
  for (const ban of bannedText) reportAll(path, text, ban, add);
  if (path.endsWith(".ts")) for (const ban of bannedCode) reportAll(path, code, ban, add);
  const mayPrint = ["bin", "tools", "test", "bench"].some((folder) => within(path, folder));
  if (mayPrint || isTest(path)) return;
  const printing = { pattern: /\bconsole\s*\./, message: "log through base/log.ts, not console" };
  reportAll(path, code, printing, add);
}

function checkImports(path: string, source: SourceText, files: Files, add: Add): void {
  const folder = folderOf(path);
  const free = folder === undefined || isTestSupport(path) || /(?:^|\/)main\.ts$/.test(path);
  for (const { from, line } of source.imports) {
    const to = target(path, from);
    if (to === undefined) {
      for (const { folder: where, names, why } of bannedPackages) {
        if (isTestSupport(path) || !within(path, where) || !names.includes(from)) continue;
        add(path, line, `${where} must not import ${from}: ${why}`);
      }
      continue;
    }
    if (!files.has(to)) {
      add(path, line, `imports ${from}, which is not there`);
      continue;
    }
    if (free || within(to, folder)) continue;
    if (within(path, "server") && ports.includes(to)) continue;
    if (isTest(to)) add(path, line, `imports the test ${from}`);
    const allowed = mayImport[folder] ?? [];
    const more = alsoMayImport.filter((row) => row.file.test(path)).flatMap((row) => row.folders);
    if ([...allowed, ...more].some((one) => within(to, one))) continue;
    add(path, line, `${folder} may import ${allowed.join(", ") || "nothing"}, not ${from}`);
  }
}

function checkPurity(path: string, source: SourceText, add: Add): void {
  const folder = pureFolders.find((one) => within(path, one));
  if (folder === undefined || isTestSupport(path) || path === "base/system-clock.ts") return;
  for (const { from, line } of source.imports) {
    if (from.startsWith(".") || aliases.test(from)) continue;
    const isNode = from.startsWith("node:");
    const allowed = isNode ? pureNodeModules : purePackages;
    if (allowed.some((one) => within(from, one))) continue;
    add(path, line, `pure code must not import ${from}`);
  }
  for (const ban of notPure) reportAll(path, source.code, ban, add);
  if (mayBeAsync.some((row) => path.startsWith(row.prefix))) return;
  reportAll(path, source.code, isAsync, add);
}

/** Cycles of imports that exist when files are loaded, each once, beginning with its least path. */
export function importCycles(
  sources: ReadonlyMap<string, SourceText>,
): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const state = new Map<string, "open" | "done">();
  const stack: string[] = [];
  const visit = (path: string): void => {
    state.set(path, "open");
    stack.push(path);
    for (const one of sources.get(path)?.imports ?? []) {
      const to = one.isType || one.isLazy ? undefined : target(path, one.from);
      if (to === undefined || !sources.has(to)) continue;
      if (state.get(to) === "open") {
        const cycle = stack.slice(stack.indexOf(to));
        const least = cycle.indexOf([...cycle].sort()[0] ?? "");
        cycles.push([...cycle.slice(least), ...cycle.slice(0, least)]);
      } else if (!state.has(to)) visit(to);
    }
    stack.pop();
    state.set(path, "done");
  };
  for (const path of [...sources.keys()].sort()) if (!state.has(path)) visit(path);
  return cycles;
}

/** Texts of at most this size are read; bigger ones are data. */
const maxTextBytes = 1 << 20;
const textFiles =
  /\.(?:ts|js|json|md|sh|yaml|yml|proto|txt|go|py|rs|java|toml|c|mod)$|^[^.]*$|\/[^.]*$/;

/** The files that git knows or would add. */
export function repositoryFiles(root: string): Files {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "-z"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  const files = new Map<string, string>();
  for (const path of listed.split("\0")) {
    const file = join(root, path);
    // The rules name what they ban.
    if (path === "" || path === "tools/tidy.ts" || path === "tools/tidy.test.ts") continue;
    if (!textFiles.test(path) || !existsSync(file)) continue;
    // A link to a folder is no file, though git lists it as one.
    const found = statSync(file);
    if (found.isFile() && found.size <= maxTextBytes) files.set(path, readFileSync(file, "utf8"));
  }
  return files;
}

if (import.meta.main) {
  const findings = tidy(repositoryFiles(join(import.meta.dirname, "..")));
  for (const { severity, path, line, message } of findings) {
    console.log(`${path}${line > 0 ? `:${line}` : ""}: ${severity}: ${message}`);
  }
  const errors = findings.filter((one) => one.severity === "error").length;
  console.log(`${errors} errors, ${findings.length - errors} warnings`);
  process.exitCode = errors > 0 ? 1 : 0;
}
