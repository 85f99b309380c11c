// check datascale: writes many keys, and tells by how much the server's memory grew.
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import {
  checkFlags,
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
import type { ParsedFlags } from "#ctl/flags.ts";
import { tlsOf } from "#ctl/globals.ts";
import { runLoad } from "#ctl/load.ts";
import { ProgressBar } from "#ctl/progress-bar.ts";

const loads: Readonly<Record<Size, { readonly count: number; readonly clients: number }>> = {
  s: { count: 10_000, clients: 50 },
  m: { count: 100_000, clients: 200 },
  l: { count: 1_000_000, clients: 500 },
  xl: { count: 3_000_000, clients: 1_000 },
};
const metricsLimitBytes = 16 * 1024 * 1024;
const metric = /^process_resident_memory_bytes ([\d.e+]+)$/m;

/** The server's resident memory in bytes, by its metrics; 0 if it does not tell. */
function residentBytes(endpoint: string, flags: ParsedFlags): Promise<number> {
  const tls = tlsOf(flags);
  const isTls = endpoint.startsWith("https://") || (tls !== undefined && !endpoint.includes("://"));
  const url = `${isTls ? "https" : "http"}://${endpoint.replace(/^\w+:\/\//, "")}/metrics`;
  const { insecureSkipVerify = false, ...files } = tls ?? {};
  const options = { ...files, rejectUnauthorized: !insecureSkipVerify };
  return new Promise((resolve) => {
    const get = isTls ? getHttps : getHttp;
    const request = get(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (text.length > metricsLimitBytes) request.destroy();
      });
      response.once("end", () => resolve(Number(metric.exec(text)?.[1] ?? 0)));
      response.once("error", () => resolve(0));
    });
    request.setTimeout(flags.number("command-timeout"), () => request.destroy());
    request.once("error", () => resolve(0));
    request.once("close", () => resolve(0));
  });
}

async function run(context: CommandContext): Promise<void> {
  const { flags, terminal, connect } = context;
  const { clients: clientCount, count } = loads[sizeOf(flags.string("load"))];
  const prefix = flags.string("prefix");
  const clients = await openClients(connect, clientCount);
  const [client] = clients;
  if (client === undefined) return;
  const signal = terminal.interrupted();
  const [endpoint = ""] = (await connect()).endpoints;
  await refuseKeys(
    client,
    prefix,
    (quoted) => `prefix ${quoted} has keys. Delete with etcdctl del --prefix ${prefix} first`,
  );
  const out = (text: string): void => terminal.out(text);
  const measure = async (when: string): Promise<number> => {
    const bytes = await residentBytes(endpoint, flags);
    if (bytes > 0) return bytes;
    out(`FAIL: Could not read process_resident_memory_bytes ${when} the put operations.\n`);
    throw new Exit(exitCode.error, "");
  };
  const before = await measure("before");
  out(
    `Start data scale check for work load [${count} key-value pairs, 1024 bytes per key-value, ${clientCount} concurrent clients].\n`,
  );
  const lines = await openLines(clients);
  const bar = new ProgressBar(terminal, count, (keys) => `${keys} keys`);
  let written = 0;
  const load = { clients: lines, prefix, keyBytes: 512, valueBytes: 512, count, signal };
  const limits = { rate: undefined, untilMs: undefined };
  const onWritten = (): void => bar.show(++written);
  const result = await runLoad({ ...load, ...limits, onWritten }, terminal.clock, terminal.random);
  bar.finish();
  for (const line of lines) line.close();
  let after: number;
  try {
    after = await measure("after");
  } finally {
    await tidyUp(context, client, prefix);
  }
  if (tellErrors(result, out)) throw new Exit(exitCode.error, "");
  const megabytes = ((after - before) / (1024 * 1024)).toFixed(2);
  out(`PASS: Approximate system memory used : ${megabytes} MB.\n`);
}

export const command: Command = {
  usage: "[flags]",
  description: `Writes keys of 512 bytes with values of 512 bytes through 50 to 1000 clients, as many as --load says,
tells by how much the memory of the first endpoint's process grew, and deletes them again.

--load s: 10,000 keys; m: 100,000; l: 1,000,000; xl: 3,000,000. Mind the quota and other clients.`,
  examples: ["etcdctl check datascale", "etcdctl check datascale --load m --auto-compact"],
  flags: checkFlags("/etcdctl-check-datascale/"),
  run,
};
