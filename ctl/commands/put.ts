// put: writes a key.
import { utf8 } from "#base/bytes.ts";
import type { Command } from "#ctl/command.ts";
import { badArguments } from "#ctl/exit.ts";
import type { Flag, ParsedFlags } from "#ctl/flags.ts";
import { parseInt64 } from "#ctl/go-text.ts";
import { orBadArguments } from "#ctl/id-arguments.ts";
import { PutRequest } from "#proto/gen/kv.ts";

export const putFlags: readonly Flag[] = [
  { name: "ignore-lease", kind: "bool", initial: false, usage: "keep the lease that the key has" },
  { name: "ignore-value", kind: "bool", initial: false, usage: "keep the value that the key has" },
  { name: "lease", kind: "string", initial: "0", usage: "lease to attach, in hexadecimal" },
  { name: "prev-kv", kind: "bool", initial: false, usage: "also print what the key held before" },
];

const needsValue = "put command needs 1 argument and input from stdin or 2 arguments";

/** The request of a put command, also inside a transaction; throws Exit. */
export async function putRequest(
  args: readonly string[],
  flags: ParsedFlags,
  readAll: () => Promise<Uint8Array>,
): Promise<PutRequest> {
  const [key, text] = args;
  if (key === undefined) throw badArguments(needsValue);
  const ignoreValue = flags.bool("ignore-value");
  if (ignoreValue && text !== undefined) {
    throw badArguments("put command needs only 1 argument when 'ignore-value' is set");
  }
  let value: Uint8Array = new Uint8Array();
  if (!ignoreValue) {
    value = text === undefined ? await readAll() : utf8(text);
    if (text === undefined && value.length === 0) throw badArguments(needsValue);
  }
  const lease = orBadArguments(
    () => parseInt64(flags.string("lease"), 16),
    (reason) => `bad lease ID (${reason}), expecting ID in Hex`,
  );
  return PutRequest.fromPartial({
    key: utf8(key),
    value,
    lease,
    prevKv: flags.bool("prev-kv"),
    ignoreValue,
    ignoreLease: flags.bool("ignore-lease"),
  });
}

export const command: Command = {
  usage: "[flags] KEY [VALUE]",
  description:
    "Writes VALUE to KEY; without VALUE it is read from standard input. A value that begins with a\ndash follows `--`, which ends the flags.",
  examples: [
    "etcdctl put greeting hello",
    "etcdctl put config < settings.yaml",
    "etcdctl put offset -- -5",
    "etcdctl put session alive --lease 694d5765fc71500b",
    "etcdctl put greeting hi --prev-kv",
  ],
  flags: putFlags,
  async run({ args, flags, terminal, connect }) {
    const request = await putRequest(args, flags, () => terminal.readAll());
    const { client, print, timeoutMs } = await connect();
    print.put(await client.kv.put(request.key, request.value, request, { timeoutMs }));
  },
};
