// lease list: lists all leases.
import type { Command } from "#ctl/command.ts";
import { exitCode } from "#ctl/exit.ts";
import { withCode } from "#ctl/wrap-error.ts";

export const command: Command = {
  usage: "",
  description: "Lists the IDs of all leases, the one that ends first at the top.",
  examples: ["etcdctl lease list"],
  flags: [],
  async run({ connect }) {
    const { client, print, timeoutMs } = await connect();
    print.leaseList(await withCode(exitCode.badConnection, client.lease.list({ timeoutMs })));
  },
};
