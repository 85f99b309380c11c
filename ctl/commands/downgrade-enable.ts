// downgrade enable: begins a downgrade of the cluster.
import type { Command } from "#ctl/command.ts";
import { targetVersion } from "#ctl/downgrade-target.ts";

export const command: Command = {
  usage: "TARGET_VERSION",
  description:
    "Lowers the cluster to the version before, so that members of that version can take the place of\nthe present ones, one by one. It ends by itself when all have been replaced.",
  examples: ["etcdctl downgrade enable 3.6"],
  flags: [],
  async run({ args, connect }) {
    const version = targetVersion(args);
    const { client, print, timeoutMs } = await connect();
    print.downgradeEnable(await client.maintenance.downgradeEnable(version, { timeoutMs }));
  },
};
