// lease timetolive: shows what is left of a lease.
import type { Command } from "#ctl/command.ts";
import { badArguments, exitCode } from "#ctl/exit.ts";
import { leaseArgument } from "#ctl/id-arguments.ts";
import { withCode } from "#ctl/wrap-error.ts";

export const command: Command = {
  usage: "[flags] LEASE_ID",
  description:
    "Prints the time that the lease was granted, what is left of it, and its keys if asked.",
  examples: ["etcdctl lease timetolive 694d5765fc71500b --keys"],
  flags: [{ name: "keys", kind: "bool", initial: false, usage: "also list the lease's keys" }],
  async run({ args, flags, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("lease timetolive command needs lease ID as argument");
    }
    const keys = flags.bool("keys");
    const { client, print, timeoutMs } = await connect();
    const asked = client.lease.timeToLive(leaseArgument(text), { keys }, { timeoutMs });
    print.leaseTimeToLive(await withCode(exitCode.badConnection, asked), { keys });
  },
};
