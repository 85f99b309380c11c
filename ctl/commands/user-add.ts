// user add: makes a user.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import type { ParsedFlags } from "#ctl/flags.ts";
import { interactiveFlag, newPassword } from "#ctl/new-password.ts";
import type { Terminal } from "#ctl/terminal.ts";

export const command: Command = {
  usage: "USER[:PASSWORD] [flags]",
  description: "Makes a user, who may nothing yet. The password is asked for unless it is given.",
  examples: ["etcdctl user add ann", "etcdctl user add machine --no-password"],
  flags: [
    interactiveFlag,
    {
      name: "new-user-password",
      kind: "string",
      initial: "",
      usage: "the password, which other users of this machine may then see",
    },
    {
      name: "no-password",
      kind: "bool",
      initial: false,
      usage: "make a user without one, who comes by client certificate only",
    },
  ],
  async run({ args, connect, flags, terminal }) {
    if (args.length !== 1) {
      throw badArguments("user add command requires user name as its argument");
    }
    const [argument = ""] = args;
    const { user, password } = await userOf(argument, flags, terminal);
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.userAdd(user, password, { timeoutMs });
    print.auth({ kind: "userAdd", user, response });
  },
};

async function userOf(
  argument: string,
  flags: ParsedFlags,
  terminal: Terminal,
): Promise<{ readonly user: string; readonly password: string | undefined }> {
  if (flags.bool("no-password")) return { user: argument, password: undefined };
  const given = flags.string("new-user-password");
  if (given !== "") return { user: argument, password: given };
  const colon = argument.indexOf(":");
  if (colon < 0) {
    const password = await newPassword(terminal, argument, flags.bool("interactive"));
    return { user: argument, password };
  }
  if (colon === 0) throw badArguments("empty user name is not allowed");
  return { user: argument.slice(0, colon), password: argument.slice(colon + 1) };
}
