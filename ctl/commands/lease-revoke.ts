// lease revoke: ends a lease and deletes its keys.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { leaseArgument } from "#ctl/id-arguments.ts";
import { wrapError } from "#ctl/wrap-error.ts";

export const command: Command = {
  usage: "LEASE_ID",
  description: "Ends the lease, given in hexadecimal, and deletes every key that was put with it.",
  examples: ["etcdctl lease revoke 694d5765fc71500b"],
  flags: [],
  async run({ args, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("lease revoke command needs 1 argument");
    }
    const id = leaseArgument(text);
    const { client, print, timeoutMs } = await connect();
    const revoked = client.lease.revoke(id, { timeoutMs });
    print.leaseRevoke(await wrapError("failed to revoke lease", revoked), id);
  },
};
