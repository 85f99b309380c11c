// auth enable: switches authentication on.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { isEtcdError } from "#proto/errors.ts";

export const command: Command = {
  usage: "",
  description:
    "Switches authentication on. There must be a user root; he is given the role root if he lacks it.",
  examples: ["etcdctl user add root", "etcdctl auth enable"],
  flags: [],
  async run({ args, connect, terminal }) {
    if (args.length !== 0) {
      throw badArguments("auth enable command does not accept any arguments");
    }
    const { client, timeoutMs } = await connect();
    const { auth } = client;
    try {
      await auth.enable({ timeoutMs });
    } catch (thrown) {
      if (!isEtcdError(thrown, "rootRoleNotGranted")) throw thrown;
      await auth.roleAdd("root", { timeoutMs });
      await auth.userGrantRole("root", "root", { timeoutMs });
      await auth.enable({ timeoutMs });
    }
    terminal.out("Authentication Enabled\n");
  },
};
