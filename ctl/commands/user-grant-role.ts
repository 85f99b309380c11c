// user grant-role: gives a role to a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "USER ROLE",
  description: "Gives a role to a user. The role root may do everything.",
  examples: ["etcdctl user grant-role ann reader"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 2)
      throw badArguments("user grant command requires user name and role name as its argument");
    const [user = "", role = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userGrantRole(user, role, { timeoutMs });
    print.auth({ kind: "grantRole", user, role, response });
  },
};
