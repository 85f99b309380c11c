// Scripts that let shells complete a command line, made from a tree of commands: each place on a command
// line has a list of words, those of its subcommands and flags. They ask nobody when they run.

export interface CompletionNode {
  readonly name: string;
  readonly summary: string;
  /** `--long` and `-s`, those that every command takes not among them. */
  readonly flags: readonly string[];
  readonly children: readonly CompletionNode[];
}

export const shells = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof shells)[number];

interface Place {
  /** "etcdctl endpoint status". */
  readonly path: string;
  readonly node: CompletionNode;
}

function places(node: CompletionNode, above = ""): Place[] {
  const path = above === "" ? node.name : `${above} ${node.name}`;
  return [{ path, node }, ...node.children.flatMap((child) => places(child, path))];
}

/** Words with nothing in them that a shell would read as its own. */
function plain(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} .,;:()/=-]/gu, "");
}

/** A script for that shell; `globals` are the flags that every command takes. */
export function completionScript(
  shell: Shell,
  root: CompletionNode,
  globals: readonly string[],
): string {
  const all = places(root);
  switch (shell) {
    case "bash":
      return bash(root.name, all, globals);
    case "zsh":
      // zsh runs bash's functions; only their names are made known in another way.
      return `#compdef ${root.name}\nautoload -U +X bashcompinit && bashcompinit\n${bash(root.name, all, globals)}`;
    case "fish":
      return fish(root.name, all, globals);
    case "powershell":
      return powershell(root.name, all, globals);
  }
}

function bash(program: string, all: readonly Place[], globals: readonly string[]): string {
  const cases = all.map(({ path, node }) => {
    const children = node.children.map(({ name }) => name).join(" ");
    return `    '${path}') children='${children}'; flags='${node.flags.join(" ")}' ;;\n`;
  });
  return `_${program}_words() {
  case "$1" in
${cases.join("")}    *) return 1 ;;
  esac
}

_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='${program}' children flags word i
  _${program}_words "$path"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && continue
    _${program}_words "$path $word" && path="$path $word" || _${program}_words "$path"
  done
  if [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags ${globals.join(" ")}" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$children" -- "$current"))
  fi
}

complete -o default -F _${program} ${program}
`;
}

function fish(program: string, all: readonly Place[], globals: readonly string[]): string {
  const lines = [`complete -c ${program} -f`];
  const option = (flag: string): string =>
    flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`;
  for (const flag of globals) lines.push(`complete -c ${program} ${option(flag)}`);
  for (const { path, node } of all) {
    const words = path.split(" ").slice(1);
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`);
    const names = node.children.map(({ name }) => name);
    const unseen =
      words.length === 0
        ? "__fish_use_subcommand"
        : `not __fish_seen_subcommand_from ${names.join(" ")}`;
    for (const { name, summary } of node.children) {
      const when = [...seen, unseen].join("; and ");
      lines.push(`complete -c ${program} -n '${when}' -a ${name} -d '${plain(summary)}'`);
    }
    for (const flag of node.flags) {
      const when = seen.length === 0 ? "true" : seen.join("; and ");
      lines.push(`complete -c ${program} -n '${when}' ${option(flag)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function powershell(program: string, all: readonly Place[], globals: readonly string[]): string {
  const list = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(", ");
  const rows = all.map(({ path, node }) => {
    const words = [...node.children.map(({ name }) => name), ...node.flags, ...globals];
    return `    '${path}' = @(${list(words)})\n`;
  });
  return `Register-ArgumentCompleter -Native -CommandName '${program}' -ScriptBlock {
  param($current, $line, $at)
  $words = @{
${rows.join("")}  }
  $path = '${program}'
  foreach ($element in $line.CommandElements | Select-Object -Skip 1) {
    if ($element.Extent.EndOffset -ge $at) { break }
    $next = "$path $($element.Extent.Text)"
    if ($words.ContainsKey($next)) { $path = $next }
  }
  $words[$path] | Where-Object { $_ -like "$current*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}
