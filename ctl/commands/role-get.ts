// role get: shows what a role may.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "ROLE",
  description: "Shows which keys a role may read and write.",
  examples: ["etcdctl role get reader"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 1)
      throw badArguments("role get command requires role name as its argument");
    const [name = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleGet(name, { timeoutMs });
    print.auth({ kind: "roleGet", role: name, response });
  },
};
