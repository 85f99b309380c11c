// Preloaded into a member (see plants.ts): loads one file of the server with the bug that PLANT names.
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plant, plants } from "./plants.ts";

const name = process.env["PLANT"] ?? "";
const plant = (plants as Readonly<Record<string, Plant>>)[name];
if (plant === undefined) throw new Error(`PLANT=${name}: no such bug`);
const victim = join(import.meta.dirname, "..", "..", plant.file);
const parts = readFileSync(victim, "utf8").split(plant.find);
if (parts.length !== 2) {
  throw new Error(`bug ${name}: its place occurs ${parts.length - 1} times in ${plant.file}`);
}
const source = stripTypeScriptTypes(parts.join(plant.replace));

registerHooks({
  load(url, context, next) {
    if (!url.startsWith("file:") || fileURLToPath(url) !== victim) return next(url, context);
    return { format: "module", source, shortCircuit: true };
  },
});
