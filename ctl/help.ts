// --help: what a command is for, how it is called, and command lines to learn from.
import type { Command, CommandNode } from "#ctl/command.ts";
import { root, sections } from "#ctl/command-tree.ts";
import { columns, flagLines } from "#ctl/flag-lines.ts";

const children = (nodes: readonly CommandNode[]): string =>
  columns(nodes.map((node) => [node.name, node.summary]));

const examples = (lines: readonly string[]): string =>
  lines.length === 0 ? "" : `\nExamples:\n${lines.map((line) => `  ${line}\n`).join("")}`;

/** The way to a command, as it is typed. */
export function pathText(path: readonly CommandNode[]): string {
  return path.map((node) => node.name).join(" ");
}

/** The usage line of a command. */
export function usageLine(path: readonly CommandNode[], command: Command | undefined): string {
  const usage = command === undefined ? "COMMAND [flags]" : command.usage;
  return `${pathText(path)} ${usage}`.trimEnd();
}

/** Help for etcdctl itself, a group, or a command. */
export function helpText(path: readonly CommandNode[], command: Command | undefined): string {
  const node = path.at(-1) ?? root;
  const flags = [...path.flatMap((each) => each.flags ?? []), ...(command?.flags ?? [])];
  const flagBlock = flags.length === 0 ? "" : `\nFlags:\n${flagLines(flags)}`;
  if (command !== undefined) {
    return `${command.description}

Usage:
  ${usageLine(path, command)}
${flagBlock}${examples(command.examples)}
Flags that every command takes: etcdctl options
`;
  }
  if (node !== root) {
    return `${node.summary}

Usage:
  ${usageLine(path, undefined)}

Commands:
${children(node.children ?? [])}${flagBlock}
Explain a command: ${pathText(path)} COMMAND --help
`;
  }
  const lists = sections
    .map((section) => `\n${section.title}:\n${children(section.nodes)}`)
    .join("");
  return `${root.summary}: reads, writes and watches keys, and looks after the members.

Usage:
  etcdctl [flags] COMMAND
${lists}${examples([
  "etcdctl put greeting hello",
  "etcdctl get greeting",
  "etcdctl watch --prefix /app/",
  "etcdctl --endpoints http://10.0.0.1:2379,http://10.0.0.2:2379 endpoint status -w table",
  "export ETCDCTL_ENDPOINTS=http://10.0.0.1:2379",
])}
Explain a command: etcdctl COMMAND --help
Flags that every command takes: etcdctl options
The API of etcd 2: ETCDCTL_API=2 etcdctl --help
`;
}
