// member list: lists all members.
import type { Command } from "#ctl/command.ts";
import { isSerializable } from "#ctl/range-arguments.ts";

export const command: Command = {
  usage: "[flags]",
  description:
    "Lists ID, status, name, peer addresses, client addresses of each member, and whether it is a learner.",
  examples: ["etcdctl member list -w table"],
  flags: [
    {
      name: "consistency",
      kind: "string",
      initial: "l",
      usage: "l: linearizable; s: serializable, what this member knows",
    },
  ],
  async run({ flags, connect }) {
    const linearizable = !isSerializable(flags.string("consistency"));
    const { client, print, timeoutMs } = await connect();
    print.memberList(await client.cluster.list({ linearizable }, { timeoutMs }));
  },
};
