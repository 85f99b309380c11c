// move-leader: hands leadership to another member.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { parseUint64Hex } from "#ctl/go-text.ts";
import { orBadArguments } from "#ctl/id-arguments.ts";

export const command: Command = {
  usage: "MEMBER_ID",
  description:
    "Finds the leader among --endpoints and has it hand over to the member, given in hexadecimal.",
  examples: ["etcdctl move-leader 8211f1d0f64f3269 --endpoints http://a:2379,http://b:2379"],
  flags: [],
  async run({ args, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("move-leader command needs 1 argument");
    }
    const target = orBadArguments(
      () => parseUint64Hex(text),
      (reason) => reason,
    );
    const { endpoints } = await connect();
    for (const endpoint of endpoints) {
      const { client, print, timeoutMs } = await connect([endpoint]);
      const status = await client.maintenance.status({ timeoutMs });
      if (status.header?.memberId !== status.leader) continue;
      const response = await client.maintenance.moveLeader(target, { timeoutMs });
      print.moveLeader(response, { from: status.leader, to: target });
      return;
    }
    throw badArguments(`no leader endpoint given at [${endpoints.join(" ")}]`);
  },
};
