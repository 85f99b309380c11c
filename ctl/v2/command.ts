// What a command of etcdctl's v2 life is made of, and what it is given.
import type { Terminal } from "#ctl/terminal.ts";
import type { ClusterClient } from "./cluster-client.ts";
import type { V2Flag, V2Flags } from "./flags.ts";

export interface V2Context {
  readonly flags: V2Flags;
  /** Those before the command. */
  readonly globals: V2Flags;
  readonly terminal: Terminal;
  /** simple, extended or json. */
  readonly output: string;
  /**
   * A client of the endpoints that flags, environment or DNS name; it has asked the cluster for its own
   * first, unless it shall not. Throws Ended.
   */
  client(sync?: "no sync"): Promise<ClusterClient>;
  /** Aborted when --total-timeout is over, counted from the call. */
  deadline(): AbortSignal;
}

export interface V2Command {
  readonly name: string;
  readonly summary: string;
  /** What follows the command's name in its usage line. */
  readonly usage: string;
  readonly flags?: readonly V2Flag[];
  readonly examples?: readonly string[];
  readonly children?: readonly V2Command[];
  run?(context: V2Context): Promise<void>;
}
