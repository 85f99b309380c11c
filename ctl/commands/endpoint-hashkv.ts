// endpoint hashkv: shows the hash of the history of each endpoint.
import { errorLine } from "#client/errors.ts";
import type { Command, Connected } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import type { EndpointHashKv } from "#ctl/print/printer.ts";

export const command: Command = {
  usage: "[flags]",
  description:
    "Members that hold the same history have the same hash at the same revision: compare them with\n--cluster to find a corrupt one.",
  examples: ["etcdctl endpoint hashkv --cluster", "etcdctl endpoint hashkv --rev 1000"],
  flags: [
    { name: "rev", kind: "int", initial: 0, usage: "hash up to this revision; 0 means the latest" },
  ],
  async run({ flags, terminal, connect, endpoints }) {
    const rows: EndpointHashKv[] = [];
    let print: Connected["print"] | undefined;
    let failure: string | undefined;
    for (const endpoint of await endpoints()) {
      const { client, timeoutMs, ...connected } = await connect([endpoint]);
      print = connected.print;
      try {
        const hash = await client.maintenance.hashKv(flags.number("rev"), { timeoutMs });
        rows.push({ endpoint, hash });
      } catch (thrown) {
        failure = errorLine(thrown);
        terminal.err(`Failed to get the hash of endpoint ${endpoint} (${failure})\n`);
      }
    }
    print?.endpointHashKv(rows);
    if (failure !== undefined) throw new Exit(exitCode.error, failure);
  },
};
