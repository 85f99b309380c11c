// downgrade cancel: ends a downgrade of the cluster.
import type { Command } from "#ctl/command.ts";

export const command: Command = {
  usage: "",
  description:
    "Ends a downgrade that is under way; the cluster goes back to the version of its members.",
  examples: ["etcdctl downgrade cancel"],
  flags: [],
  async run({ connect }) {
    const { client, print, timeoutMs } = await connect();
    print.downgradeCancel(await client.maintenance.downgradeCancel({ timeoutMs }));
  },
};
