// role list: lists all roles.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "",
  description: "Lists all roles.",
  examples: ["etcdctl role list"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 0) throw badArguments("role list command requires no arguments");
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleList({ timeoutMs });
    print.auth({ kind: "roleList", response });
  },
};
