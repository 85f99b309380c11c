// user list: lists all users.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "",
  description: "Lists all users.",
  examples: ["etcdctl user list"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 0) throw badArguments("user list command requires no arguments");
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userList({ timeoutMs });
    print.auth({ kind: "userList", response });
  },
};
