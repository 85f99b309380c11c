// role revoke-permission: takes a permission from a role.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { permissionRange, permissionRangeFlags } from "#ctl/permission-range.ts";

export const command: Command = {
  usage: "ROLE KEY [END]",
  description: "Takes a permission from a role; KEY and END must be those that were granted.",
  examples: ["etcdctl role revoke-permission reader --prefix app/"],
  flags: [...permissionRangeFlags],
  async run({ args, connect, flags }) {
    const [role, ...range] = args;
    if (role === undefined || range.length === 0) {
      throw badArguments(
        "role revoke-permission command requires role name and key [endkey] as its argument",
      );
    }
    const { key, rangeEnd } = permissionRange(range, flags);
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleRevokePermission(role, { key, rangeEnd }, { timeoutMs });
    print.auth({ kind: "revokePermission", role, key: range[0] ?? "", rangeEnd, response });
  },
};
