// What a command is made of, and the tree that finds it. Each command is a module of its own that is
// loaded only when it is asked for: start-up time is what a user of a command line feels.
import type { EtcdClient } from "#client/client.ts";
import type { Flag, ParsedFlags } from "#ctl/flags.ts";
import type { Printer } from "#ctl/print/printer.ts";
import type { Terminal } from "#ctl/terminal.ts";

/** What a running command is given. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly flags: ParsedFlags;
  readonly terminal: Terminal;
  /**
   * Applies the environment, checks the global flags and chooses the printer; throws Exit. Nothing
   * before it has looked at the environment, as in the reference.
   */
  connect(endpoints?: readonly string[]): Promise<Connected>;
  /** The endpoints that the flags and the environment name, or all of the cluster with --cluster. */
  endpoints(): Promise<readonly string[]>;
}

export interface Connected {
  readonly client: EtcdClient;
  readonly print: Printer;
  /** --command-timeout, milliseconds. */
  readonly timeoutMs: number;
  /** --dial-timeout, milliseconds. */
  readonly dialTimeoutMs: number;
  readonly endpoints: readonly string[];
}

/** One command. */
export interface Command {
  /** What follows the command's name in its usage line. */
  readonly usage: string;
  /** What it does, for --help; several paragraphs at most. */
  readonly description: string;
  /** Command lines to learn from. */
  readonly examples: readonly string[];
  readonly flags: readonly Flag[];
  run(context: CommandContext): Promise<void>;
}

/** A node of the tree: a group of commands, or one command that is loaded when needed. */
export interface CommandNode {
  readonly name: string;
  readonly summary: string;
  /** Flags that a group gives to all its commands. */
  readonly flags?: readonly Flag[];
  readonly children?: readonly CommandNode[];
  readonly load?: () => Promise<{ readonly command: Command }>;
}
