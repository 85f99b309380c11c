// compaction: drops history older than a revision.
import type { Command } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { GoSyntaxError, parseInt64, safeNumber } from "#ctl/go-text.ts";

export const command: Command = {
  usage: "[flags] REVISION",
  description:
    "Drops what was overwritten or deleted before REVISION. Reads and watches from older revisions\nfail from then on.",
  examples: ["etcdctl compaction 1000", "etcdctl compaction --physical 1000"],
  flags: [
    {
      name: "physical",
      kind: "bool",
      initial: false,
      usage: "wait until the old revisions are gone from the disk",
    },
  ],
  async run({ args, flags, terminal, connect }) {
    const [text] = args;
    if (text === undefined || args.length !== 1) {
      throw badArguments("compaction command needs 1 argument");
    }
    let revision: bigint;
    try {
      revision = parseInt64(text, 10);
    } catch (thrown) {
      if (!(thrown instanceof GoSyntaxError)) throw thrown;
      throw new Exit(exitCode.error, thrown.message);
    }
    const { client, timeoutMs } = await connect();
    const physical = flags.bool("physical");
    await client.kv.compact(safeNumber(revision), { physical }, { timeoutMs });
    terminal.out(`compacted revision ${revision}\n`);
  },
};
