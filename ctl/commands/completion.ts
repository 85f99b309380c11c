// completion: prints a script that makes a shell complete etcdctl's words.
import type { Command, CommandNode } from "#ctl/command.ts";
import { root } from "#ctl/command-tree.ts";
import { type CompletionNode, completionScript, shells } from "#ctl/completion.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import type { Flag } from "#ctl/flags.ts";
import { globalFlags } from "#ctl/globals.ts";
import { goQuote } from "#ctl/go-text.ts";

function words(flags: readonly Flag[]): string[] {
  return flags.flatMap(({ name, short }) => [
    `--${name}`,
    ...(short === undefined ? [] : [`-${short}`]),
  ]);
}

async function nodeOf(node: CommandNode, inherited: readonly Flag[]): Promise<CompletionNode> {
  const given = [...inherited, ...(node.flags ?? [])];
  const command = (await node.load?.())?.command;
  const children: CompletionNode[] = [];
  for (const child of node.children ?? []) children.push(await nodeOf(child, given));
  const flags = words([...given, ...(command?.flags ?? [])]);
  return { name: node.name, summary: node.summary, flags, children };
}

export const command: Command = {
  usage: `[${shells.join("|")}]`,
  description: `Prints a script after which the shell completes etcdctl's commands and flags.

bash        source <(etcdctl completion bash)
            for good: etcdctl completion bash > /etc/bash_completion.d/etcdctl
zsh         source <(etcdctl completion zsh), once compinit has run
fish        etcdctl completion fish | source
            for good: etcdctl completion fish > ~/.config/fish/completions/etcdctl.fish
powershell  etcdctl completion powershell | Out-String | Invoke-Expression`,
  examples: ["etcdctl completion bash"],
  flags: [],
  async run({ args, terminal }) {
    const [wanted] = args;
    if (args.length !== 1) {
      throw new Exit(exitCode.error, `accepts 1 arg(s), received ${args.length}`);
    }
    const shell = shells.find((each) => each === wanted);
    if (shell === undefined) {
      throw new Exit(
        exitCode.error,
        `invalid argument ${goQuote(wanted ?? "")} for "etcdctl completion"`,
      );
    }
    const globals = [...words(globalFlags), "--help"];
    terminal.out(completionScript(shell, await nodeOf(root, []), globals));
  },
};
