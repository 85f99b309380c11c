// `spec.options`: the server's own flags, typed. Made from the server's one table of options, less those
// that the operator sets itself and those that are not there yet.
import { type Field, type Fields, type JsonSchema, object } from "#operator/api/schema.ts";
import type { OptionSpec } from "#server/config/option-spec.ts";
import { optionEntries } from "#server/config/options.ts";

/** Options of a member by flag; a value is what YAML says: a number, a text, true or false. */
export type ServerOptions = Readonly<Record<string, string | number | boolean>>;

/** Flags that the operator sets itself, or that would pull the ground from under it. */
const ownFlags: ReadonlySet<string> = new Set([
  "name",
  "data-dir",
  "wal-dir",
  "advertise-client-urls",
  "strict-reconfig-check",
  "force-new-cluster",
  "unsafe-no-fsync",
  "log-outputs",
  "socket-reuse-port",
  "socket-reuse-address",
]);
const ownPrefixes = ["initial-", "listen-", "discovery", "peer-", "client-", "cert-", "key-"];

/** Whether a manifest may set this flag. */
export function isSettable(name: string, spec: OptionSpec): boolean {
  if (name === "initial-election-tick-advance") return true;
  if (spec.support === "later" || spec.type === "ignored" || spec.secret === true) return false;
  if (spec.group === "Security" || spec.group === "Auth") return false;
  return !ownFlags.has(name) && !ownPrefixes.some((prefix) => name.startsWith(prefix));
}

function schemaOf(spec: OptionSpec): JsonSchema {
  const description = `${spec.help.replace(/\.?$/, ".")} Default: ${spec.default || "empty"}.`;
  switch (spec.type) {
    case "bool":
      return { type: "boolean", description };
    case "uint":
    case "uint32":
      return { type: "integer", format: "int64", description, minimum: 0 };
    case "int":
      return { type: "integer", format: "int64", description };
    case "choice":
      return { type: "string", description, enum: spec.choices ?? [] };
    case "duration":
      return {
        type: "string",
        description,
        maxLength: 32,
        pattern: "^(0|-?([0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h))+)$",
      };
    default:
      return { type: "string", description, maxLength: 1024 };
  }
}

const fields: Fields = Object.fromEntries(
  optionEntries
    .filter(([name, spec]) => isSettable(name, spec))
    .map(([name, spec]) => [
      name,
      { json: schemaOf(spec), presence: "maybe", isRequired: false } as const,
    ]),
);

export const serverOptions = object(
  "Flags of every member, by name without dashes (docs/flags.md). A change restarts the members one at a time.",
  fields,
) as Field<ServerOptions>;

/** The flags of a member, in the order of their names. */
export function optionArguments(options: ServerOptions): readonly string[] {
  return Object.keys(options)
    .sort()
    .map((name) => `--${name}=${options[name]}`);
}
