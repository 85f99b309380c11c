// watch: shows changes as they happen, or runs a command for each; watches can also be started from
// lines of standard input.
import { utf8 } from "#base/bytes.ts";
import { errorLine } from "#client/errors.ts";
import type { Watcher } from "#client/watch.ts";
import type { Command, CommandContext, Connected } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { type Flag, FlagError, type ParsedFlags, parseFlags } from "#ctl/flags.ts";
import { goQuote } from "#ctl/go-text.ts";
import { prefixInterval } from "#ctl/range-arguments.ts";
import { runProgram } from "#ctl/run-program.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { splitWords } from "#ctl/words.ts";
import { Event_EventType } from "#proto/gen/mvcc.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";

const watchFlags: readonly Flag[] = [
  {
    name: "interactive",
    short: "i",
    kind: "bool",
    initial: false,
    usage: "read `watch …` and `progress` lines from standard input",
  },
  { name: "prefix", kind: "bool", initial: false, usage: "all keys that begin so" },
  { name: "prev-kv", kind: "bool", initial: false, usage: "also print what the key held before" },
  {
    name: "progress-notify",
    kind: "bool",
    initial: false,
    usage: "print now and then how far the watch has come, when nothing happens",
  },
  {
    name: "rev",
    kind: "int",
    initial: 0,
    usage: "begin with this revision; 0 means what comes next",
  },
];

const noArguments = "bad number of arguments";
const conflicting = "bad number of arguments (found conflicting environment key)";
const noCommands = "bad number of arguments (found separator --, but no commands)";

interface WatchOrder {
  readonly keys: readonly string[];
  readonly exec: readonly string[];
}

/** What to watch and what to run, from arguments or from the environment; throws Exit. */
function watchOrder(flags: ParsedFlags, env: Terminal["env"]): WatchOrder {
  const envKey = env["ETCDCTL_WATCH_KEY"] ?? "";
  const envEnd = env["ETCDCTL_WATCH_RANGE_END"] ?? "";
  const dash = flags.argsBeforeDash;
  const keys = flags.args.slice(0, dash);
  const exec = dash === undefined ? [] : flags.args.slice(dash);
  if (dash !== undefined && exec.length === 0) throw badArguments(noCommands);
  if (envKey === "") return { keys, exec };
  if (keys.length > 0) throw badArguments(conflicting);
  return { keys: envEnd === "" ? [envKey] : [envKey, envEnd], exec };
}

function startWatch(connected: Connected, flags: ParsedFlags, keys: readonly string[]): Watcher {
  const [key, end] = keys;
  if (key === undefined) throw badArguments(noArguments);
  const prefix = flags.bool("prefix");
  const hasEnd = keys.length === 2;
  if (hasEnd && prefix) {
    throw badArguments("`range_end` and `--prefix` are mutually exclusive");
  }
  const interval = prefix
    ? prefixInterval(key)
    : { key: utf8(key), rangeEnd: hasEnd ? utf8(end ?? "") : new Uint8Array() };
  return connected.client.watch.watch(interval.key, {
    rangeEnd: interval.rangeEnd,
    startRevision: flags.number("rev"),
    prevKv: flags.bool("prev-kv"),
    progressNotify: flags.bool("progress-notify"),
  });
}

/** Runs the command once for each event, in order; a failing one ends etcdctl. */
async function runForEach(
  response: WatchResponse,
  exec: readonly string[],
  terminal: Terminal,
): Promise<void> {
  for (const { type, kv } of response.events) {
    const env = {
      ...terminal.env,
      ETCD_WATCH_REVISION: String(response.header?.revision ?? 0),
      ETCD_WATCH_EVENT_TYPE: goQuote(type === Event_EventType.DELETE ? "DELETE" : "PUT"),
      ETCD_WATCH_KEY: goQuote(kv?.key ?? ""),
      ETCD_WATCH_VALUE: goQuote(kv?.value ?? ""),
    };
    const { failure } = await runProgram(terminal, exec, env);
    if (failure !== undefined) {
      const quoted = exec.map((word) => goQuote(word)).join(" ");
      terminal.err(`command [${quoted}] error (${failure})\n`);
      throw new Exit(exitCode.error, "");
    }
  }
}

async function show(
  watcher: Watcher,
  connected: Connected,
  exec: readonly string[],
  terminal: Terminal,
): Promise<void> {
  await watcher.each(async (response) => {
    if (response.canceled) {
      terminal.err(`watch was canceled (${errorLine(watcher.error)})\n`);
    } else if (response.events.length === 0) {
      terminal.out(`progress notify: ${response.header?.revision ?? 0}\n`);
    }
    connected.print.watch(response);
    if (exec.length > 0) await runForEach(response, exec, terminal);
  });
}

/** One line of interactive mode. A line that means nothing is reported, a wrong one ends etcdctl. */
function interactiveLine(
  line: string,
  connected: Connected,
  terminal: Terminal,
): Promise<void> | undefined {
  const [word, ...words] = splitWords(line);
  switch (word) {
    case undefined:
      terminal.err(`Invalid command: ${line} (watch and progress supported)\n`);
      return undefined;
    case "progress":
      connected.client.watch.requestProgress();
      return undefined;
    case "watch": {
      if (words.length === 0 && (terminal.env["ETCDCTL_WATCH_KEY"] ?? "") === "") {
        terminal.err(`Invalid command ${line} (command type or key is not provided)\n`);
        return undefined;
      }
      let flags: ParsedFlags;
      try {
        flags = parseFlags(watchFlags, words);
      } catch (thrown) {
        if (thrown instanceof FlagError) throw badArguments(thrown.message);
        throw thrown;
      }
      const order = watchOrder(flags, terminal.env);
      if (order.keys.length === 0 && flags.argsBeforeDash === undefined) {
        throw badArguments(noArguments);
      }
      let watcher: Watcher;
      try {
        watcher = startWatch(connected, flags, order.keys);
      } catch (thrown) {
        if (!(thrown instanceof Exit)) throw thrown;
        terminal.err(`Invalid command ${line} (${thrown.message})\n`);
        return undefined;
      }
      return show(watcher, connected, order.exec, terminal);
    }
    default:
      terminal.err(`Invalid command ${line} (only support watch)\n`);
      return undefined;
  }
}

async function interactive({ terminal, connect }: CommandContext): Promise<void> {
  const connected = await connect();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  for (;;) {
    const line = await Promise.race([terminal.readLine(), failed]);
    if (line === undefined) {
      throw new Exit(exitCode.invalidInput, "error reading watch request line: EOF");
    }
    interactiveLine(line.replace(/\n$/, ""), connected, terminal)?.catch(reject);
  }
}

export const command: Command = {
  usage: "[flags] [KEY] [RANGE_END] [-- COMMAND ARGS…]",
  description: `Prints every change of KEY, or of the keys from KEY up to but without RANGE_END, until interrupted.
With a command after \`--\`, runs it for each change, with the change in the variables
ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE.
KEY and RANGE_END can come from ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END instead.
With -i it reads lines: \`watch\` with keys, flags and a command, as here, begins one more watch, and
\`progress\` asks how far the watches have come.`,
  examples: [
    "etcdctl watch greeting",
    "etcdctl watch -i",
    "etcdctl watch --prefix /app/ --rev 1 --prev-kv",
    `etcdctl watch --prefix /app/ -- sh -c 'echo "$ETCD_WATCH_KEY changed"'`,
  ],
  flags: watchFlags,
  async run(context) {
    const { flags, terminal, connect } = context;
    const { env } = terminal;
    const envEnd = env["ETCDCTL_WATCH_RANGE_END"] ?? "";
    if ((env["ETCDCTL_WATCH_KEY"] ?? "") === "" && envEnd !== "") {
      throw badArguments(
        `ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${goQuote(envEnd)}`,
      );
    }
    if (flags.bool("interactive")) return interactive(context);
    const order = watchOrder(flags, env);
    if (order.keys.length === 0) throw badArguments(noArguments);
    const connected = await connect();
    const watcher = startWatch(connected, flags, order.keys);
    await show(watcher, connected, order.exec, terminal);
    throw new Exit(exitCode.interrupted, "watch is canceled by the server");
  },
};
