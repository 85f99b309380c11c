// auth status: tells whether authentication is on.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "",
  description: "Tells whether authentication is on, and its revision.",
  examples: ["etcdctl auth status"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 0) throw badArguments("auth status command does not accept any arguments");
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.status({ timeoutMs });
    print.auth({ kind: "status", response });
  },
};
