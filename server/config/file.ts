// The config file: YAML, of which JSON is a part. Keys are flag names, some nested; durations are
// integer nanoseconds; unknown keys are ignored, as etcd does. Pure: the text is passed in.
import { parseDocument } from "yaml";
import type { OptionSpec } from "./option-spec.ts";
import { type OptionName, oldNames, optionEntries } from "./options.ts";
import type { Settings } from "./settings.ts";

/** The most bytes that a config file may have. */
export const maxConfigFileBytes = 1 << 20;

type Tree = Readonly<Record<string, unknown>>;

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? `the text ${JSON.stringify(value)}` : String(value);
}

/** The text that the value would have on the command line, or what it should have been. */
function textOf(spec: OptionSpec, value: unknown): { text: string } | { wanted: string } {
  if (spec.fileList === true) {
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
      return { text: value.join(",") };
    }
    return { wanted: "a list of texts" };
  }
  switch (spec.type) {
    case "bool":
      return typeof value === "boolean" ? { text: String(value) } : { wanted: "true or false" };
    case "uint":
    case "uint32":
    case "int":
      if (typeof value === "number" && Number.isInteger(value)) return { text: integerText(value) };
      return { wanted: "an integer" };
    case "duration":
      if (typeof value === "number" && Number.isInteger(value)) {
        return { text: `${integerText(value)}ns` };
      }
      return { wanted: "a duration in integer nanoseconds (10s is 10000000000)" };
    default:
      return typeof value === "string" ? { text: value } : { wanted: "a text" };
  }
}

function integerText(value: number): string {
  return BigInt(value).toString();
}

/** What stands at `path`; a fault if something on the way is no map. */
function lookUp(tree: Tree, path: readonly string[]): { value: unknown } | { fault: string } {
  let node: unknown = tree;
  for (const [depth, key] of path.entries()) {
    if (node === undefined || node === null) return { value: undefined };
    if (!isTree(node)) {
      return { fault: `${path.slice(0, depth).join(".")} must be a map, not ${kindOf(node)}` };
    }
    node = Object.hasOwn(node, key) ? node[key] : undefined;
  }
  return { value: node };
}

/**
 * Reads the file's text into `settings`. Returns the reason if it cannot, else the old names used.
 * `text` is at most maxConfigFileBytes long; the caller checks.
 */
export function parseConfigFile(
  text: string,
  settings: Settings,
): { readonly fault: string } | { readonly oldNames: readonly string[] } {
  const document = parseDocument(text, { version: "1.1", stringKeys: true });
  const broken = document.errors[0];
  if (broken !== undefined) return { fault: `not YAML or JSON: ${broken.message.split("\n")[0]}` };
  let tree: unknown;
  try {
    tree = document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    return { fault: `not YAML or JSON: ${thrown instanceof Error ? thrown.message : thrown}` };
  }
  if (tree === null || tree === undefined) return { oldNames: [] };
  if (!isTree(tree)) return { fault: `must be a map of options, not ${kindOf(tree)}` };
  for (const [name, spec] of optionEntries) {
    if (spec.file === "none") continue;
    const fault = take(settings, tree, name, spec, spec.file ?? [name]);
    if (fault !== undefined) return { fault };
  }
  const used: string[] = [];
  for (const [name, old] of oldNames) {
    const value = Object.hasOwn(tree, name) ? tree[name] : undefined;
    if (value === undefined || value === null) continue;
    used.push(name);
    if (old.gate !== undefined) {
      if (typeof value !== "boolean") return { fault: `${name} must be true or false` };
      settings.setText(name, String(value));
      continue;
    }
    const spec = optionEntries.find(([option]) => option === old.option)?.[1];
    const fault = spec === undefined ? undefined : take(settings, tree, old.option, spec, [name]);
    if (fault !== undefined) return { fault };
  }
  return { oldNames: used };
}

function take(
  settings: Settings,
  tree: Tree,
  name: OptionName,
  spec: OptionSpec,
  path: readonly string[],
): string | undefined {
  const found = lookUp(tree, path);
  if ("fault" in found) return found.fault;
  if (found.value === undefined || found.value === null) return undefined;
  const key = path.join(".");
  const written = textOf(spec, found.value);
  if ("wanted" in written) return `${key} must be ${written.wanted}, not ${kindOf(found.value)}`;
  // An empty text for URLs means "as by default", and so it does for the state of the cluster.
  if (written.text === "" && (spec.type === "urls" || spec.type === "choice")) return undefined;
  const reason = settings.setText(name, written.text);
  return reason === undefined ? undefined : `${key} ${JSON.stringify(written.text)}: ${reason}`;
}
