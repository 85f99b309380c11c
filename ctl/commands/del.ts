// del: deletes a key or a range of keys.

import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import type { Flag, ParsedFlags } from "#ctl/flags.ts";
import { goQuote } from "#ctl/go-text.ts";
import { intervalOf, refuseBoth } from "#ctl/range-arguments.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { DeleteRangeRequest } from "#proto/gen/kv.ts";

const secondThoughtsMs = 2_000;

export const delFlags: readonly Flag[] = [
  { name: "from-key", kind: "bool", initial: false, usage: "this key and all behind it" },
  { name: "prefix", kind: "bool", initial: false, usage: "all keys that begin so" },
  { name: "prev-kv", kind: "bool", initial: false, usage: "also print what was deleted" },
  {
    name: "range",
    kind: "bool",
    initial: false,
    usage: "delete a range at once, without two seconds for second thoughts",
  },
];

/** The request of a del command, also inside a transaction; throws Exit. */
export async function deleteRequest(
  args: readonly string[],
  flags: ParsedFlags,
  terminal: Pick<Terminal, "err" | "clock">,
): Promise<DeleteRangeRequest> {
  if (args.length === 0 || args.length > 2) {
    throw badArguments(
      "del command needs one argument as key and an optional argument as range_end",
    );
  }
  const shape = { prefix: flags.bool("prefix"), fromKey: flags.bool("from-key") };
  refuseBoth(shape);
  const interval = intervalOf(args, shape);
  const [from = "", to] = args;
  if (to !== undefined && !flags.bool("range")) {
    terminal.err(
      `Warning: Keys between ${goQuote(from)} and ${goQuote(to)} will be deleted. Please interrupt the command within next 2 seconds to cancel. You can provide \`--range\` flag to avoid the delay.\n`,
    );
    await new Promise<void>((resolve) => terminal.clock.after(secondThoughtsMs, resolve));
  }
  return DeleteRangeRequest.fromPartial({ ...interval, prevKv: flags.bool("prev-kv") });
}

export const command: Command = {
  usage: "[flags] KEY [RANGE_END]",
  description:
    "Deletes KEY, or all keys from KEY up to but without RANGE_END, and prints how many there were.",
  examples: [
    "etcdctl del greeting",
    "etcdctl del --prefix /app/ --prev-kv",
    "etcdctl del a z --range",
  ],
  flags: delFlags,
  async run({ args, flags, terminal, connect }) {
    const request = await deleteRequest(args, flags, terminal);
    const { client, print, timeoutMs } = await connect();
    print.del(await client.kv.delete(request.key, request, { timeoutMs }));
  },
};
