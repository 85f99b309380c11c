// endpoint status: shows version, size, role and Raft position of each endpoint.
import { errorLine } from "#client/errors.ts";
import type { Command, Connected } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import type { EndpointStatus } from "#ctl/print/printer.ts";

export const command: Command = {
  usage: "[flags]",
  description:
    "Asks every endpoint of --endpoints, or of the whole cluster with --cluster. Simple output has the\nfields of the table, by commas.",
  examples: ["etcdctl endpoint status --cluster -w table"],
  flags: [],
  async run({ terminal, connect, endpoints }) {
    const rows: EndpointStatus[] = [];
    let print: Connected["print"] | undefined;
    let failed = false;
    for (const endpoint of await endpoints()) {
      const connected = await connect([endpoint]);
      print = connected.print;
      try {
        const status = await connected.client.maintenance.status({
          timeoutMs: connected.timeoutMs,
        });
        rows.push({ endpoint, status });
      } catch (thrown) {
        failed = true;
        const reason = errorLine(thrown);
        terminal.err(`Failed to get the status of endpoint ${endpoint} (${reason})\n`);
      }
    }
    print?.endpointStatus(rows);
    if (failed) throw new Exit(exitCode.error, "");
  },
};
