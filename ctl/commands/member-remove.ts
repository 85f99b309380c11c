// member remove: removes a member.
import type { Command } from "#ctl/command.ts";
import { memberArgument } from "#ctl/id-arguments.ts";

export const command: Command = {
  usage: "MEMBER_ID",
  description: "Removes the member, given in hexadecimal; its process then ends by itself.",
  examples: ["etcdctl member remove 8211f1d0f64f3269"],
  flags: [],
  async run({ args, connect }) {
    const id = memberArgument(args);
    const { client, print, timeoutMs } = await connect();
    print.memberRemove(await client.cluster.remove(id, { timeoutMs }), id);
  },
};
