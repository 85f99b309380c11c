// The help text of the server and docs/flags.md, both made from the table. Pure.
import { featureGates } from "./feature-gates.ts";
import { type OptionSpec, optionGroups } from "./option-spec.ts";
import { ignoredFlags, oldNames, optionEntries, variableOf } from "./options.ts";

/** Printed below a flag that is not understood. */
export const usage = `Usage:

  etcd [flags]
    Start a member. Without flags: one member on localhost, ports 2379 and 2380.

  etcd --config-file FILE
    Start with a YAML or JSON file; all other flags and variables are then ignored.
    Durations are integer nanoseconds there: 10m is 600000000000.

  etcd --version
  etcd --help
`;

const examples = `Examples:

  One member, data in ./default.etcd:
    etcd

  The first of three members; the others differ in name and own URLs only:
    etcd --name node1 --data-dir /var/lib/etcd \\
      --listen-peer-urls http://10.0.0.1:2380 --initial-advertise-peer-urls http://10.0.0.1:2380 \\
      --listen-client-urls http://10.0.0.1:2379 --advertise-client-urls http://10.0.0.1:2379 \\
      --initial-cluster node1=http://10.0.0.1:2380,node2=http://10.0.0.2:2380,node3=http://10.0.0.3:2380

  A member that joins (after "etcdctl member add node4 --peer-urls=http://10.0.0.4:2380"):
    etcd --name node4 --initial-cluster-state existing --initial-cluster ... (as member add printed)

Every flag has a variable: --listen-peer-urls is ETCD_LISTEN_PEER_URLS. Setting both is an error.
Lists and URLs are separated by commas. Durations look like 300ms, 5s or 1m30s.
`;

function wrap(text: string, indent: string, width: number): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + word.length >= width) {
      lines.push(indent + line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  lines.push(indent + line);
  return lines.join("\n");
}

function remark(spec: OptionSpec): string {
  if (spec.support === "inert") return " [accepted, no effect]";
  return spec.support === "later" ? " [not supported yet]" : "";
}

/** The text of --help. */
export function helpText(): string {
  const parts = [usage, examples];
  for (const group of optionGroups) {
    const rows = optionEntries
      .filter(([, spec]) => spec.group === group)
      .map(([name, spec]) => {
        const text = wrap(spec.help, "    ", 92);
        return `  --${name} '${spec.default}'${remark(spec)}\n${text}`;
      });
    parts.push(`${group}:\n\n${rows.join("\n")}\n`);
  }
  const gates = Object.entries(featureGates).map(
    ([name, gate]) => `  ${name}=true|false (${gate.stage} - default=${gate.default})`,
  );
  parts.push(`Feature gates:\n\n${gates.join("\n")}\n`);
  return parts.join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

const supportTexts = { yes: "yes", inert: "accepted, no effect", later: "not yet" } as const;

/** The content of docs/flags.md. */
export function flagsDocument(): string {
  const out = [
    "<!-- Made from server/config/options.ts by `npm run gen`. Do not edit. -->",
    "",
    "# Flags, variables and config file of `bin/etcd`",
    "",
    "One dash or two; a switch may stand alone or as `=true`, `=false`. Every flag has a variable",
    "`ETCD_` + its name in capitals, with `_` for `-`; an empty variable counts as unset, and a flag",
    "given together with its variable is an error. With `--config-file` (or `ETCD_CONFIG_FILE`) all",
    "other flags and variables are ignored. In the file durations are integer nanoseconds, and",
    "lists are comma texts unless the column says *list*.",
    "",
    "Supported: *yes*; *accepted, no effect*: nothing here corresponds to it; *not yet*: the server",
    "refuses to start if it is set to anything but its default.",
  ];
  for (const group of optionGroups) {
    out.push("", `## ${group}`, "");
    out.push("| flag | default | supported | key in the file | what it does |");
    out.push("| --- | --- | --- | --- | --- |");
    for (const [name, spec] of optionEntries) {
      if (spec.group !== group) continue;
      const key = spec.file === "none" ? "–" : `\`${(spec.file ?? [name]).join(".")}\``;
      const list = spec.fileList === true ? " (list)" : "";
      const byDefault = spec.default === "" ? "" : `\`${cell(spec.default)}\``;
      out.push(
        `| \`--${name}\` | ${byDefault} | ${supportTexts[spec.support]} | ${key}${list} | ${cell(spec.help)} |`,
      );
    }
  }
  out.push("", "## Feature gates", "", "| gate | stage | default | supported | what it does |");
  out.push("| --- | --- | --- | --- | --- |");
  for (const [name, gate] of Object.entries(featureGates)) {
    out.push(
      `| ${name} | ${gate.stage} | ${gate.default} | ${supportTexts[gate.support]} | ${gate.help} |`,
    );
  }
  out.push("", "## Old names", "");
  out.push("Names of etcd 3.6 and older are understood, with a warning:", "");
  for (const [name, old] of oldNames) {
    const now = old.gate === undefined ? `--${old.option}` : `--feature-gates=${old.gate}=…`;
    out.push(`- \`--${name}\` → \`${now}\``);
  }
  const ignored = [...ignoredFlags].map((name) => `\`--${name}\``).join(", ");
  out.push("", `Accepted and ignored: ${ignored}.`, "");
  out.push("Other variables: `ETCD_UNSUPPORTED_ARCH` is accepted and ignored;");
  out.push(`\`${variableOf("version")}\` is ignored with a warning.`, "");
  return out.join("\n");
}
