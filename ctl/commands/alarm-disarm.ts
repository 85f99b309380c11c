// alarm disarm: clears all alarms.
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import type { AlarmMember } from "#proto/gen/maintenance.ts";

export const command: Command = {
  usage: "",
  description:
    "Clears every alarm and lists what was cleared. Mend the cause first: compact, defragment or raise\nthe quota after NOSPACE; replace the member after CORRUPT.",
  examples: ["etcdctl alarm disarm"],
  flags: [],
  async run({ args, connect }) {
    if (args.length !== 0) throw badArguments("alarm disarm command accepts no arguments");
    const { client, print, timeoutMs } = await connect();
    const { alarms } = await client.maintenance.alarms({ timeoutMs });
    const cleared: AlarmMember[] = [];
    for (const { memberID, alarm } of alarms) {
      const answer = await client.maintenance.disarm({ memberId: memberID, alarm }, { timeoutMs });
      cleared.push(...answer.alarms);
    }
    print.alarms({ header: undefined, alarms: cleared });
  },
};
