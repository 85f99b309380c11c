// Preloaded into a process (see crash-points.ts): kills it at the place that the file of CRASH_FILE
// names by then, once.
import { readFileSync, rmSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CrashPoint, crashPoints, filesOnly } from "./crash-points.ts";

const root = join(import.meta.dirname, "..", "..");
const order = process.env["CRASH_FILE"] ?? "";

declare global {
  var crashPoint: (name: string) => void;
}

globalThis.crashPoint = (name) => {
  let wanted: string;
  try {
    wanted = readFileSync(order, "utf8");
  } catch {
    return;
  }
  if (wanted !== name) return;
  rmSync(order);
  process.kill(process.pid, "SIGKILL");
};

const sources = new Map<string, string>();

function insert(name: string, file: string, before: string, inserted: string): void {
  const path = join(root, file);
  const source = sources.get(path) ?? readFileSync(path, "utf8");
  const parts = source.split(before);
  if (parts.length !== 2) {
    throw new Error(`place ${name}: its text occurs ${parts.length - 1} times in ${file}`);
  }
  sources.set(path, parts.join(`${inserted}${before}`));
}

for (const [name, { before, file }] of Object.entries<CrashPoint>(crashPoints)) {
  insert(name, file, before, `globalThis.crashPoint(${JSON.stringify(name)});`);
}
insert("files only", filesOnly.file, filesOnly.before, filesOnly.inserted);

registerHooks({
  load(url, context, next) {
    const source = url.startsWith("file:") ? sources.get(fileURLToPath(url)) : undefined;
    if (source === undefined) return next(url, context);
    return { format: "module", source: stripTypeScriptTypes(source), shortCircuit: true };
  },
});
