// user delete: deletes a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "USER",
  description: "Deletes a user; whoever is logged in as him is out at once.",
  examples: ["etcdctl user delete ann"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 1)
      throw badArguments("user delete command requires user name as its argument");
    const [name = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userDelete(name, { timeoutMs });
    print.auth({ kind: "userDelete", user: name, response });
  },
};
