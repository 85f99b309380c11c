// defrag: gives free space of each endpoint's storage back.
import { errorLine } from "#client/errors.ts";
import type { Command } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import { goDuration } from "#ctl/go-text.ts";
import { WaitingLine } from "#ctl/progress-bar.ts";

export const command: Command = {
  usage: "[flags]",
  description:
    "Defragments one endpoint after the other: those of --endpoints, or the whole cluster with --cluster.\nA member may not answer while it is being defragmented.",
  examples: ["etcdctl defrag --cluster --command-timeout 60s"],
  flags: [],
  async run({ terminal, connect, endpoints }) {
    let failed = false;
    const waiting = new WaitingLine(terminal);
    for (const endpoint of await endpoints()) {
      const { client, timeoutMs } = await connect([endpoint]);
      const start = terminal.clock.monotonicMs();
      const took = (): string => goDuration(terminal.clock.monotonicMs() - start);
      waiting.step(`defragmenting ${endpoint}`);
      try {
        await client.maintenance.defragment({ timeoutMs }).finally(() => waiting.end());
        terminal.out(`Finished defragmenting etcd member[${endpoint}]. took ${took()}\n`);
      } catch (thrown) {
        failed = true;
        terminal.err(
          `Failed to defragment etcd member[${endpoint}]. took ${took()}. (${errorLine(thrown)})\n`,
        );
      }
    }
    if (failed) throw new Exit(exitCode.error, "");
  },
};
