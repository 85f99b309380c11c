// role grant-permission: lets a role read or write keys.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import { permissionRange, permissionRangeFlags } from "#ctl/permission-range.ts";
import { Permission_Type } from "#proto/gen/authdata.ts";

export const command: Command = {
  usage: "ROLE read|write|readwrite KEY [END]",
  description:
    "Lets a role read, write, or both: one key, the keys from KEY up to END, or with a flag more.",
  examples: ["etcdctl role grant-permission reader read --prefix app/"],
  flags: [...permissionRangeFlags],
  async run({ args, connect, flags }) {
    const [role, kind, ...range] = args;
    if (role === undefined || kind === undefined || range.length === 0) {
      throw badArguments(
        "role grant command requires role name, permission type, and key [endkey] as its argument",
      );
    }
    const permType = Object.entries(Permission_Type).find(
      ([name]) => name === kind.toUpperCase(),
    )?.[1];
    if (permType === undefined) throw badArguments(`invalid permission type: ${kind}`);
    const interval = permissionRange(range, flags);
    const { client, print, timeoutMs } = await connect();
    const response = await client.auth.roleGrantPermission(
      role,
      { permType, ...interval },
      { timeoutMs },
    );
    print.auth({ kind: "grantPermission", role, response });
  },
};
