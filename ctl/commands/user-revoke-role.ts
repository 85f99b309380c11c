// user revoke-role: takes a role from a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "USER ROLE",
  description: "Takes a role from a user.",
  examples: ["etcdctl user revoke-role ann reader"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 2)
      throw badArguments("user revoke-role requires user name and role name as its argument");
    const [user = "", role = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userRevokeRole(user, role, { timeoutMs });
    print.auth({ kind: "revokeRole", user, role, response });
  },
};
