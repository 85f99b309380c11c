// auth disable: switches authentication off.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "",
  description: "Switches authentication off: everybody may do everything.",
  examples: ["etcdctl --user root auth disable"],
  flags: [],
  async run({ args, connect, terminal }) {
    if (args.length !== 0) {
      throw badArguments("auth disable command does not accept any arguments");
    }
    const { client, timeoutMs } = await connect();
    await client.auth.disable({ timeoutMs });
    terminal.out("Authentication Disabled\n");
  },
};
