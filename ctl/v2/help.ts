// Help of the v2 commands. Pure.
import type { V2Command } from "./command.ts";
import { helpFlag, type V2Flag } from "./flags.ts";

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join("");
}

const flagRow = ({ names, kind, usage }: V2Flag): readonly [string, string] => [
  names
    .map((name) => `${name.length === 1 ? "-" : "--"}${name}`)
    .concat(kind === "bool" ? [] : kind === "list" ? "TEXT" : kind.toUpperCase())
    .join(" "),
  usage,
];

/** Help of the command at the end of `path`, which begins with the root. */
export function helpText(path: readonly V2Command[]): string {
  const command = path.at(-1)!;
  const name = path.map((each) => each.name).join(" ");
  const { summary, usage, flags = [], children = [], examples = [] } = command;
  const parts = [`${summary}.\n`, `Usage:\n  ${`${name} ${usage}`.trimEnd()}\n`];
  if (examples.length > 0) {
    parts.push(`Examples:\n${examples.map((line) => `  etcdctl ${line}\n`).join("")}`);
  }
  if (children.length > 0) {
    parts.push(`Commands:\n${table(children.map((each) => [each.name, each.summary]))}`);
  }
  parts.push(`Flags:\n${table([...flags, helpFlag].map(flagRow))}`);
  if (path.length === 1) {
    parts.push(
      "This is the v2 API (ETCDCTL_API=2); `etcdctl COMMAND --help` explains a command.\n",
    );
  }
  return parts.join("\n");
}
