// elect: stands for election and leads until interrupted, or shows who leads.
import { Election } from "#client/election.ts";
import { errorLine } from "#client/errors.ts";
import { Session } from "#client/session.ts";
import type { Command } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { firstAborted } from "#ctl/first-aborted.ts";

export const command: Command = {
  usage: "[flags] NAME [PROPOSAL]",
  description: `Stands for election under NAME with PROPOSAL as its value, say its own address. When elected, prints its
key and value and leads until interrupted, then resigns; the next in line leads. A leader that is killed
leads for at most 60 seconds more.
With --listen and without PROPOSAL, prints the leader's key and value now, and again whenever it changes.`,
  examples: ["etcdctl elect scheduler 10.0.0.1:9000", "etcdctl elect --listen scheduler"],
  flags: [
    {
      name: "listen",
      short: "l",
      kind: "bool",
      initial: false,
      usage: "show who leads instead of standing for election",
    },
  ],
  async run({ args, flags, terminal, connect }) {
    const [name, proposal] = args;
    if (name === undefined || args.length > 2) {
      throw badArguments(
        "elect takes one election name argument and an optional proposal argument",
      );
    }
    const listens = flags.bool("listen");
    if (proposal === undefined && !listens) {
      throw badArguments("no proposal argument but -l not set");
    }
    if (proposal !== undefined && listens) throw badArguments("proposal given but -l is set");
    const { client, print } = await connect();
    const signal = terminal.interrupted();
    const session = await Session.open(client);
    const election = new Election(session, name);
    if (proposal === undefined) {
      try {
        for await (const response of election.observe(signal)) print.get(response);
      } catch (thrown) {
        if (signal.aborted) return;
        throw new Exit(exitCode.error, `elect: observer lost (${errorLine(thrown)})`);
      }
      return;
    }
    await election.campaign(proposal, { signal });
    print.get(await client.kv.range(election.key, {}, { signal }));
    const ended = await firstAborted(signal, session.ended);
    if (ended !== signal) throw new Exit(exitCode.error, "elect: session expired");
    await election.resign();
  },
};
