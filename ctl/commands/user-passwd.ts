// user passwd: changes the password of a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { interactiveFlag, newPassword } from "#ctl/new-password.ts";

export const command: Command = {
  usage: "USER [flags]",
  description: "Changes the password of a user; tokens that he has end at once.",
  examples: ["etcdctl user passwd ann"],
  flags: [interactiveFlag],
  async run({ args, connect, flags, terminal }) {
    if (args.length !== 1) {
      throw badArguments("user passwd command requires user name as its argument");
    }
    const [user = ""] = args;
    const password = await newPassword(terminal, user, flags.bool("interactive"));
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userChangePassword(user, password, { timeoutMs });
    print.auth({ kind: "passwd", response });
  },
};
