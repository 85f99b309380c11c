// member add: adds a member and prints how to start it.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { goQuote } from "#ctl/go-text.ts";
import { peerUrlsOf } from "#ctl/peer-urls.ts";

export const command: Command = {
  usage: "[flags] NAME",
  description:
    "Adds a member and prints the settings to start it with. A learner replicates without a vote until\nit is promoted; add new members so, and a slow one cannot hold up the cluster.",
  examples: [
    "etcdctl member add node4 --learner --peer-urls http://10.0.0.4:2380",
    "etcdctl member add node4 --peer-urls http://10.0.0.4:2380",
  ],
  flags: [
    { name: "learner", kind: "bool", initial: false, usage: "add it without a vote" },
    { name: "peer-urls", kind: "string", initial: "", usage: "its peer URLs, by commas" },
  ],
  async run({ args, flags, terminal, connect }) {
    const [name] = args;
    if (name === undefined) throw badArguments("member name not provided");
    if (args.length > 1) {
      const hints = args
        .filter((arg) => arg.toLowerCase().startsWith("http"))
        .map((arg) => `, did you mean --peer-urls=${arg}`);
      throw badArguments(`too many arguments${hints.join("")}`);
    }
    const peerUrls = flags.string("peer-urls");
    if (peerUrls === "") throw badArguments("member peer urls not provided");
    const { client, print, timeoutMs } = await connect();
    const learner = flags.bool("learner");
    const response = await client.cluster.add(peerUrlsOf(peerUrls), { learner }, { timeoutMs });
    print.memberAdd(response);
    if (print.format !== "simple") return;
    const cluster = response.members.flatMap((member) => {
      const shown = member.ID === response.member?.ID ? name : member.name;
      return member.peerURLs.map((url) => `${shown}=${url}`);
    });
    terminal.out(
      [
        "",
        `ETCD_NAME=${goQuote(name)}`,
        `ETCD_INITIAL_CLUSTER=${goQuote(cluster.join(","))}`,
        `ETCD_INITIAL_ADVERTISE_PEER_URLS=${goQuote(peerUrls)}`,
        'ETCD_INITIAL_CLUSTER_STATE="existing"',
        "",
      ].join("\n"),
    );
  },
};
