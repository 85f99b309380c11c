// options: the flags that every command takes.
import type { Command } from "#ctl/command.ts";
import { flagLines } from "#ctl/flag-lines.ts";
import { globalFlags } from "#ctl/globals.ts";

export const command: Command = {
  usage: "",
  description:
    "Shows the flags that every command takes. Each has a variable too: ETCDCTL_ and its name in\ncapitals, with _ for -, as ETCDCTL_ENDPOINTS. A flag and its variable together are an error.",
  examples: ["etcdctl options"],
  flags: [],
  async run({ terminal }) {
    terminal.out("The following options can be passed to any command:\n\n");
    terminal.out(flagLines(globalFlags));
  },
};
