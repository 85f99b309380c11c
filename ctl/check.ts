// What `check perf` and `check datascale` have in common: clients, an empty prefix, and tidying up.

import { utf8 } from "#base/bytes.ts";
import type { EtcdClient } from "#client/client.ts";
import { errorLine } from "#client/errors.ts";
import { prefixEnd } from "#client/kv.ts";
import type { PutLine } from "#client/put-line.ts";
import type { CommandContext } from "#ctl/command.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import type { Flag } from "#ctl/flags.ts";
import { goQuote } from "#ctl/go-text.ts";
import type { LoadResult } from "#ctl/load.ts";

const cleanupMs = 30_000;
/** For a thousand TLS handshakes at once. */
const connectMs = 20_000;

export type Size = "s" | "m" | "l" | "xl";
const sizes: Readonly<Record<string, Size>> = {
  s: "s",
  small: "s",
  m: "m",
  medium: "m",
  l: "l",
  large: "l",
  xl: "xl",
  xLarge: "xl",
};

/** The flags of both. */
export function checkFlags(prefix: string): Flag[] {
  return [
    {
      name: "load",
      kind: "string",
      initial: "s",
      usage: "how much: s (small), m (medium), l (large) or xl (xLarge)",
    },
    {
      name: "prefix",
      kind: "string",
      initial: prefix,
      usage: "where to write; there must be no key, and none is left",
    },
    {
      name: "auto-compact",
      kind: "bool",
      initial: false,
      usage: "compact everything at the end: other clients lose their history too",
    },
    {
      name: "auto-defrag",
      kind: "bool",
      initial: false,
      usage: "defragment every endpoint of --endpoints at the end",
    },
  ];
}

/** The size that --load names; throws Exit. */
export function sizeOf(load: string): Size {
  const size = Object.hasOwn(sizes, load) ? sizes[load] : undefined;
  if (size === undefined) throw new Exit(exitCode.badFeature, `unknown load option ${load}`);
  return size;
}

/** So many clients, each with connections of its own. */
export async function openClients(
  connect: CommandContext["connect"],
  count: number,
): Promise<readonly EtcdClient[]> {
  const clients: EtcdClient[] = [];
  for (let i = 0; i < count; i++) clients.push((await connect()).client);
  return clients;
}

/** A line of puts of each client. */
export function openLines(clients: readonly EtcdClient[]): Promise<PutLine[]> {
  return Promise.all(clients.map((client) => client.putLine(connectMs)));
}

/** Throws Exit if there are keys under the prefix, in the words of the command. */
export async function refuseKeys(
  client: EtcdClient,
  prefix: string,
  message: (quoted: string) => string,
): Promise<void> {
  const { kvs } = await client.kv.range(prefix, {
    rangeEnd: prefixEnd(utf8(prefix)),
    limit: 1,
  });
  if (kvs.length > 0) throw new Exit(exitCode.invalidInput, message(goQuote(prefix)));
}

/** Deletes what was written, and compacts and defragments if the flags say so. */
export async function tidyUp(
  { flags, connect, terminal }: CommandContext,
  client: EtcdClient,
  prefix: string,
): Promise<void> {
  const limits = { timeoutMs: cleanupMs };
  const { header } = await client.kv.delete(prefix, { rangeEnd: prefixEnd(utf8(prefix)) }, limits);
  if (flags.bool("auto-compact")) {
    const revision = header?.revision ?? 0;
    terminal.out(`Compacting with revision ${revision}\n`);
    await client.kv.compact(revision, { physical: true }, limits);
    terminal.out(`Compacted with revision ${revision}\n`);
  }
  if (!flags.bool("auto-defrag")) return;
  const { endpoints } = await connect();
  for (const endpoint of endpoints) {
    const one = await connect([endpoint]);
    terminal.out(`Defragmenting ${goQuote(endpoint)}\n`);
    await one.client.maintenance.defragment(limits);
    terminal.out(`Defragmented ${goQuote(endpoint)}\n`);
  }
}

/** The lines of writes that failed; true if there were any. */
export function tellErrors({ errors }: LoadResult, out: (text: string) => void): boolean {
  if (errors.size === 0) return false;
  out("FAIL: too many errors\n");
  for (const [line, count] of errors) out(`FAIL: ERROR(${line}) -> ${count}\n`);
  return true;
}

/** The line of a clean-up that failed. */
export function cleanupFailure(thrown: unknown): string {
  return `FAIL: Cleanup failed during key deletion: ERROR(${errorLine(thrown)})\n`;
}
