// lease grant: makes a lease.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { parseInt64, safeNumber } from "#ctl/go-text.ts";
import { orBadArguments } from "#ctl/id-arguments.ts";
import { wrapError } from "#ctl/wrap-error.ts";

export const command: Command = {
  usage: "TTL",
  description:
    "Makes a lease that lives for TTL seconds after its last renewal and prints its ID. Keys that are\nput with it are deleted when it ends.",
  examples: ["etcdctl lease grant 60"],
  flags: [],
  async run({ args, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("lease grant command needs TTL argument");
    }
    const ttl = orBadArguments(
      () => parseInt64(text, 10),
      (reason) => `bad TTL (${reason})`,
    );
    const { client, print, timeoutMs } = await connect();
    print.leaseGrant(
      await wrapError(
        "failed to grant lease",
        client.lease.grant(safeNumber(ttl), 0n, { timeoutMs }),
      ),
    );
  },
};
