// member promote: makes a learner a voting member.
import type { Command } from "#ctl/command.ts";
import { memberArgument } from "#ctl/id-arguments.ts";

export const command: Command = {
  usage: "MEMBER_ID",
  description: "Gives a learner its vote; refused until it has caught up with the leader.",
  examples: ["etcdctl member promote 8211f1d0f64f3269"],
  flags: [],
  async run({ args, connect }) {
    const id = memberArgument(args);
    const { client, print, timeoutMs } = await connect();
    print.memberPromote(await client.cluster.promote(id, { timeoutMs }), id);
  },
};
