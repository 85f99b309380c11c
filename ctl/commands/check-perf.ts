// check perf: writes at a fixed rate for a minute, and judges throughput and latency.
import { performance } from "node:perf_hooks";
import {
  checkFlags,
  cleanupFailure,
  openClients,
  openLines,
  refuseKeys,
  type Size,
  sizeOf,
  tellErrors,
  tidyUp,
} from "#ctl/check.ts";
import type { Command, CommandContext } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import { deviation, runLoad } from "#ctl/load.ts";
import { ProgressBar } from "#ctl/progress-bar.ts";

const durationSeconds = 60;
const loads: Readonly<Record<Size, { readonly rate: number; readonly clients: number }>> = {
  s: { rate: 150, clients: 50 },
  m: { rate: 1_000, clients: 200 },
  l: { rate: 8_000, clients: 500 },
  xl: { rate: 15_000, clients: 1_000 },
};
const slowestSeconds = 0.5;
const deviationSeconds = 0.1;
const leastShare = 0.9;
/** Above it the figures are those of this process rather than the cluster's. */
const busyShare = 0.9;

async function run(context: CommandContext): Promise<void> {
  const { flags, terminal, connect } = context;
  const { clients: count, rate } = loads[sizeOf(flags.string("load"))];
  const prefix = flags.string("prefix");
  const clients = await openClients(connect, count);
  const [client] = clients;
  if (client === undefined) return;
  const signal = terminal.interrupted();
  await refuseKeys(
    client,
    prefix,
    (quoted) => `prefix ${quoted} has keys. Delete with 'etcdctl del --prefix ${prefix}' first`,
  );
  const lines = await openLines(clients);
  const bar = new ProgressBar(terminal, durationSeconds, (seconds) => `${seconds} s`);
  let passed = 0;
  bar.show(0);
  const ticks = terminal.clock.every(1_000, () => bar.show(Math.min(durationSeconds, ++passed)));
  const load = {
    clients: lines,
    prefix,
    keyBytes: 256,
    valueBytes: 1_024,
    rate,
    count: undefined,
    signal,
  };
  const untilMs = durationSeconds * 1_000;
  const idle = performance.eventLoopUtilization();
  const result = await runLoad({ ...load, untilMs }, terminal.clock, terminal.random);
  const { utilization } = performance.eventLoopUtilization(idle);
  ticks.cancel();
  if (!signal.aborted) bar.show(durationSeconds);
  bar.finish();
  for (const line of lines) line.close();
  const out = (text: string): void => terminal.out(text);
  await tidyUp(context, client, prefix).catch((thrown: unknown) => out(cleanupFailure(thrown)));
  let failed = tellErrors(result, out);
  const judge = (isBad: boolean, bad: string, good: string): void => {
    out(isBad ? `${bad}\n` : `PASS: ${good}\n`);
    failed ||= isBad;
  };
  const { seconds, totalSeconds } = result;
  const throughput = totalSeconds === 0 ? 0 : seconds.length / totalSeconds;
  const writes = `${Math.floor(throughput) + 1} writes/s`;
  judge(
    throughput / rate <= leastShare,
    `FAIL: Throughput too low: ${writes}`,
    `Throughput is ${writes}`,
  );
  const slowest = seconds.reduce((most, each) => Math.max(most, each), 0);
  judge(
    slowest > slowestSeconds,
    `Slowest request took too long: ${slowest.toFixed(6)}s`,
    `Slowest request took ${slowest.toFixed(6)}s`,
  );
  const spread = deviation(seconds);
  judge(
    spread > deviationSeconds,
    `Stddev too high: ${spread.toFixed(6)}s`,
    `Stddev is ${spread.toFixed(6)}s`,
  );
  if (failed && utilization > busyShare) {
    terminal.err(
      `etcdctl itself was busy ${Math.floor(100 * utilization)}% of the time: the cluster may bear more than it could ask for\n`,
    );
  }
  out(failed ? "FAIL\n" : "PASS\n");
  if (failed) throw new Exit(exitCode.error, "");
}

export const command: Command = {
  usage: "[flags]",
  description: `Writes keys of 256 bytes and values of 1 KiB for 60 seconds, at a rate that --load chooses, deletes them
again, and tells whether the cluster kept up: 90% of the rate, no write above 500 ms, and a standard
deviation of at most 100 ms. Exit code 1 if not.

--load s: 150 writes a second of 50 clients; m: 1000 of 200; l: 8000 of 500; xl: 15000 of 1000.
It takes room on the disks and time from other clients: on a cluster in use, mind what you choose.`,
  examples: ["etcdctl check perf", "etcdctl check perf --load m --auto-compact --auto-defrag"],
  flags: checkFlags("/etcdctl-check-perf/"),
  run,
};
