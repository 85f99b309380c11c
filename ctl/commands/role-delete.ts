// role delete: deletes a role.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "ROLE",
  description: "Deletes a role, and takes it from all users.",
  examples: ["etcdctl role delete reader"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 1)
      throw badArguments("role delete command requires role name as its argument");
    const [name = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleDelete(name, { timeoutMs });
    print.auth({ kind: "roleDelete", role: name, response });
  },
};
