// role add: makes a role.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "ROLE",
  description: "Makes a role, which may nothing yet.",
  examples: ["etcdctl role add reader"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 1)
      throw badArguments("role add command requires role name as its argument");
    const [name = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleAdd(name, { timeoutMs });
    print.auth({ kind: "roleAdd", role: name, response });
  },
};
