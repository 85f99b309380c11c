// From the words of a command line to a command that has run: finds the command, reads the flags,
// gives it its context, turns whatever it throws into a message and an exit code.
import { errorText } from "#base/errors.ts";
import type { EtcdClient } from "#client/client.ts";
import type { Command, CommandContext, CommandNode, Connected } from "#ctl/command.ts";
import { root } from "#ctl/command-tree.ts";
import { Exit, exitCode } from "#ctl/exit.ts";
import { type Flag, FlagError, type ParsedFlags, parseFlags } from "#ctl/flags.ts";
import { applyEnvironment, globalFlags, openClient } from "#ctl/globals.ts";
import { goQuote } from "#ctl/go-text.ts";
import { makePrinter, type Printer } from "#ctl/print/printer.ts";
import { similarNames } from "#ctl/similar-names.ts";
import type { Terminal } from "#ctl/terminal.ts";

const helpFlag: Flag = {
  name: "help",
  short: "h",
  kind: "bool",
  initial: false,
  usage: "explain this command",
};

/** True if the word is a flag whose value is the next word. */
function takesNextWord(word: string, flags: readonly Flag[]): boolean {
  if (!word.startsWith("-") || word.includes("=") || word === "-") return false;
  const isLong = word.startsWith("--");
  if (!isLong && word.length > 2) return false;
  const name = isLong ? word.slice(2) : word.slice(1);
  const flag = flags.find((each) => (isLong ? each.name === name : each.short === name));
  return flag?.kind !== "bool";
}

/** The index of the first word that is neither a flag nor a flag's value. */
function firstArgument(words: readonly string[], flags: readonly Flag[]): number | undefined {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return undefined;
    if (takesNextWord(word, flags)) i++;
    else if (!word.startsWith("-") || word === "-") return i;
  }
  return undefined;
}

/** The child of that name, or the only one whose name begins so. */
function childNamed(node: CommandNode, name: string): CommandNode | undefined {
  const children = node.children ?? [];
  const exact = children.find((child) => child.name === name);
  if (exact !== undefined) return exact;
  const begun = children.filter((child) => name !== "" && child.name.startsWith(name));
  return begun.length === 1 ? begun[0] : undefined;
}

interface Found {
  /** From the root to the command or group. */
  readonly path: readonly CommandNode[];
  /** The words without those that named the command. */
  readonly words: readonly string[];
}

function findCommand(words: readonly string[]): Found {
  const path: CommandNode[] = [root];
  const rest = [...words];
  for (;;) {
    const node = path.at(-1) ?? root;
    if (node.children === undefined) break;
    const flags = [...globalFlags, helpFlag, ...path.flatMap((each) => each.flags ?? [])];
    const at = firstArgument(rest, flags);
    if (at === undefined) break;
    const name = rest[at] ?? "";
    const child = childNamed(node, name);
    if (child === undefined) {
      if (node !== root) break;
      const similar = similarNames(
        name,
        (root.children ?? []).map((each) => each.name),
      );
      const hint =
        similar.length === 0
          ? ""
          : `\n\nDid you mean this?\n${similar.map((each) => `\t${each}\n`).join("")}`;
      throw new Exit(
        exitCode.error,
        `unknown command ${goQuote(name)} for "etcdctl"${hint}`,
        "Run 'etcdctl --help' for usage.",
      );
    }
    path.push(child);
    rest.splice(at, 1);
    if (child.name === "help") break;
  }
  return { path, words: rest };
}

/** Clients that a command opened, one for each list of endpoints. */
class Session {
  private readonly terminal: Terminal;
  private readonly flags: ParsedFlags;
  private readonly inherited: readonly Flag[];
  private readonly clients: EtcdClient[] = [];
  private print: Printer | undefined;

  constructor(terminal: Terminal, flags: ParsedFlags, inherited: readonly Flag[]) {
    this.terminal = terminal;
    this.flags = flags;
    this.inherited = inherited;
  }

  async connect(endpoints?: readonly string[]): Promise<Connected> {
    const print = await this.prepare();
    const chosen = endpoints ?? (await this.named());
    const client = await openClient(this.terminal, this.flags, chosen);
    this.clients.push(client);
    return {
      client,
      print,
      timeoutMs: this.flags.number("command-timeout"),
      dialTimeoutMs: this.flags.number("dial-timeout"),
      endpoints: chosen,
    };
  }

  async endpoints(): Promise<readonly string[]> {
    await this.prepare();
    if (!this.flags.bool("cluster")) return this.named();
    const { client, timeoutMs } = await this.connect();
    try {
      const { members } = await client.cluster.list({}, { timeoutMs });
      return members.flatMap((member) => member.clientURLs);
    } catch (thrown) {
      const { errorLine } = await import("#client/errors.ts");
      throw new Exit(
        exitCode.error,
        `failed to fetch endpoints from etcd cluster member list: ${errorLine(thrown)}`,
      );
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  /** Once: environment first, then the printer, which the environment may choose. */
  private async prepare(): Promise<Printer> {
    if (this.print === undefined) {
      applyEnvironment(this.terminal, this.flags, this.inherited);
      const format = this.flags.string("write-out");
      this.print = await makePrinter(format, this.terminal, this.flags.bool("hex"));
    }
    return this.print;
  }

  private async named(): Promise<readonly string[]> {
    const domain = this.flags.string("discovery-srv");
    if (domain !== "") {
      const { discoverEndpoints } = await import("#ctl/srv-discovery.ts");
      const found = await discoverEndpoints(
        {
          domain,
          serviceName: this.flags.string("discovery-srv-name"),
          insecure: this.flags.bool("insecure-discovery"),
        },
        (endpoint) => {
          this.terminal.err(`ignoring discovered insecure endpoint ${goQuote(endpoint)}\n`);
        },
      );
      if (found.length > 0) return found;
    }
    return this.flags.list("endpoints").map((endpoint) => endpoint.trim());
  }
}

async function runCommand(words: readonly string[], terminal: Terminal): Promise<void> {
  const found = findCommand(words);
  const node = found.path.at(-1) ?? root;
  if (node.name === "help") {
    const asked = findCommand(found.words);
    await explain(asked.path, terminal);
    return;
  }
  const command = await loadCommand(node);
  const inherited = [...globalFlags, ...found.path.flatMap((each) => each.flags ?? [])];
  let flags: ParsedFlags;
  try {
    flags = parseFlags([...inherited, helpFlag, ...(command?.flags ?? [])], found.words);
  } catch (thrown) {
    if (!(thrown instanceof FlagError)) throw thrown;
    const { usageLine, pathText } = await import("#ctl/help.ts");
    throw new Exit(
      exitCode.error,
      thrown.message,
      `Usage:\n  ${usageLine(found.path, command)}\nRun '${pathText(found.path)} --help' for more.`,
    );
  }
  if (command === undefined || flags.bool("help")) {
    await explain(found.path, terminal);
    return;
  }
  const session = new Session(terminal, flags, inherited);
  const context: CommandContext = {
    args: flags.args,
    flags,
    terminal,
    connect: (endpoints) => session.connect(endpoints),
    endpoints: () => session.endpoints(),
  };
  try {
    await command.run(context);
  } finally {
    session.close();
  }
}

async function loadCommand(node: CommandNode): Promise<Command | undefined> {
  return (await node.load?.())?.command;
}

async function explain(path: readonly CommandNode[], terminal: Terminal): Promise<void> {
  const { helpText } = await import("#ctl/help.ts");
  terminal.out(helpText(path, await loadCommand(path.at(-1) ?? root)));
}

/** Runs a command line, without the program's name; gives the exit code. ETCDCTL_API=2 is another life. */
export async function runEtcdctl(words: readonly string[], terminal: Terminal): Promise<number> {
  if (terminal.env["ETCDCTL_API"] === "2") {
    const { runEtcdctlV2 } = await import("#ctl/v2/command-line.ts");
    return runEtcdctlV2(words, terminal);
  }
  try {
    await runCommand(words, terminal);
    return 0;
  } catch (thrown) {
    if (thrown instanceof Exit) {
      if (thrown.message !== "") terminal.err(`Error: ${thrown.message}\n`);
      if (thrown.usage !== undefined) terminal.err(`${thrown.usage}\n`);
      return thrown.code;
    }
    const { EtcdError } = await import("#proto/errors.ts");
    const isProtocol = thrown instanceof EtcdError;
    const text = isProtocol
      ? (await import("#client/errors.ts")).errorLine(thrown)
      : errorText(thrown);
    terminal.err(`Error: ${text}\n`);
    return exitCode.error;
  }
}
