// lease keep-alive: renews a lease until interrupted, or once.
import type { Command } from "#ctl/command.ts";
import { badArguments, exitCode } from "#ctl/exit.ts";
import { leaseText } from "#ctl/go-text.ts";
import { leaseArgument } from "#ctl/id-arguments.ts";
import { withCode } from "#ctl/wrap-error.ts";

export const command: Command = {
  usage: "[flags] LEASE_ID",
  description:
    "Renews the lease, each time when a third of it has passed, until interrupted or until it is gone.",
  examples: [
    "etcdctl lease keep-alive 694d5765fc71500b",
    "etcdctl lease keep-alive --once 694d5765fc71500b",
  ],
  flags: [{ name: "once", kind: "bool", initial: false, usage: "renew once and end" }],
  async run({ args, flags, terminal, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("lease keep-alive command needs lease ID as argument");
    }
    const id = leaseArgument(text);
    const { client, print, timeoutMs, dialTimeoutMs } = await connect();
    if (flags.bool("once")) {
      const renewed = client.lease.keepAliveOnce(id, { timeoutMs });
      print.leaseKeepAlive(await withCode(exitCode.badConnection, renewed));
      return;
    }
    const kept = client.lease.keepAlive(id, dialTimeoutMs + 1_000);
    for await (const response of kept) print.leaseKeepAlive(response);
    if (print.format === "simple") {
      terminal.out(`lease ${leaseText(id)} expired or revoked.\n`);
    }
  },
};
