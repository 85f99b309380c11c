// alarm list: lists all alarms.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";

export const command: Command = {
  usage: "",
  description: "Lists the alarms of all members: NOSPACE, CORRUPT.",
  examples: ["etcdctl alarm list"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 0) throw badArguments("alarm list command accepts no arguments");
    const { client, print, timeoutMs } = await connect();
    print.alarms(await client.maintenance.alarms({ timeoutMs }));
  },
};
