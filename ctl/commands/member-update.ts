// member update: changes the peer URLs of a member.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { memberArgument } from "#ctl/id-arguments.ts";
import { peerUrlsOf } from "#ctl/peer-urls.ts";

export const command: Command = {
  usage: "[flags] MEMBER_ID",
  description: "Tells the cluster at which peer URLs a member is reached from now on.",
  examples: ["etcdctl member update 8211f1d0f64f3269 --peer-urls http://10.0.0.5:2380"],
  flags: [{ name: "peer-urls", kind: "string", initial: "", usage: "its peer URLs, by commas" }],
  async run({ args, flags, connect }) {
    const id = memberArgument(args);
    const peerUrls = flags.string("peer-urls");
    if (peerUrls === "") throw badArguments("member peer urls not provided");
    const { client, print, timeoutMs } = await connect();
    const response = await client.cluster.update(id, peerUrlsOf(peerUrls), { timeoutMs });
    print.memberUpdate(response, id);
  },
};
