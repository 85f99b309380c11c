// endpoint health: checks that each endpoint can commit and has no alarm.
import { errorLine } from "#client/errors.ts";
import type { Command, Connected } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import { goDuration } from "#ctl/go-text.ts";
import type { EndpointHealth } from "#ctl/print/printer.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { isEtcdError } from "#proto/errors.ts";
import { AlarmType } from "#proto/gen/maintenance.ts";

async function alarmText(connected: Connected): Promise<string> {
  const { client, timeoutMs } = connected;
  try {
    const { alarms } = await client.maintenance.alarms({ timeoutMs });
    if (alarms.length === 0) return "";
    const names = alarms.map(({ alarm }) => {
      if (alarm === AlarmType.NOSPACE) return "NOSPACE ";
      return alarm === AlarmType.CORRUPT ? "CORRUPT " : "UNKNOWN ";
    });
    return `Active Alarm(s): ${names.join("")}`;
  } catch {
    return "Unable to fetch the alarm list";
  }
}

/** A linearizable read of any key goes through consensus: who answers is healthy. */
async function check(
  endpoint: string,
  connected: Connected,
  terminal: Terminal,
): Promise<EndpointHealth> {
  const { client, timeoutMs } = connected;
  const start = terminal.clock.monotonicMs();
  let error = "";
  try {
    await client.kv.range("health", {}, { timeoutMs });
  } catch (thrown) {
    if (!isEtcdError(thrown, "permissionDenied")) error = errorLine(thrown);
  }
  const took = goDuration(terminal.clock.monotonicMs() - start);
  if (error === "") error = await alarmText(connected);
  return { endpoint, health: error === "", took, error };
}

export const command: Command = {
  usage: "[flags]",
  description:
    "Commits a read through every endpoint of --endpoints, or of the whole cluster with --cluster, and\nprints how long it took.",
  examples: ["etcdctl endpoint health --cluster -w table"],
  flags: [],
  async run({ terminal, connect, endpoints }) {
    const checks: Promise<EndpointHealth>[] = [];
    let print: Connected["print"] | undefined;
    for (const endpoint of await endpoints()) {
      const connected = await connect([endpoint]);
      print = connected.print;
      checks.push(check(endpoint, connected, terminal));
    }
    const rows = await Promise.all(checks);
    print?.endpointHealth(rows);
    if (rows.some(({ error }) => error !== "")) {
      throw new Exit(exitCode.error, "unhealthy cluster");
    }
  },
};
