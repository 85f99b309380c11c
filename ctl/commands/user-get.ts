// user get: shows the roles of a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "USER [flags]",
  description: "Shows the roles of a user.",
  examples: ["etcdctl user get ann --detail"],
  flags: [
    {
      name: "detail",
      kind: "bool",
      initial: false,
      usage: "show also what each role may",
    },
  ],
  async run({ args, connect, flags, terminal }) {
    if (args.length !== 1) {
      throw badArguments("user get command requires user name as its argument");
    }
    const [user = ""] = args;
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userGet(user, { timeoutMs });
    if (!flags.bool("detail")) {
      print.auth({ kind: "userGet", user, response });
      return;
    }
    terminal.out(`User: ${user}\n`);
    for (const role of response.roles) {
      terminal.out("\n");
      const permissions = await client.auth.roleGet(role, { timeoutMs });
      print.auth({ kind: "roleGet", role, response: permissions });
    }
  },
};
