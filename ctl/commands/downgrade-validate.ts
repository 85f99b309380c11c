// downgrade validate: asks whether the cluster can be downgraded.
import type { Command } from "#ctl/command.ts";
import { targetVersion } from "#ctl/downgrade-target.ts";

export const command: Command = {
  usage: "TARGET_VERSION",
  description:
    "Tells whether the cluster can be downgraded to the version, which must be one minor version below\nits own. Nothing is changed.",
  examples: ["etcdctl downgrade validate 3.6"],
  flags: [],
  async run({ args, connect }) {
    const version = targetVersion(args);
    const { client, print, timeoutMs } = await connect();
    print.downgradeValidate(await client.maintenance.downgradeValidate(version, { timeoutMs }));
  },
};
