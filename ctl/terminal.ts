// The process around a command, as a port: its streams and its environment. Tests pass their own.
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";

export interface Terminal {
  out(data: string | Uint8Array): void;
  err(data: string | Uint8Array): void;
  /** True if what is written goes to this process's own streams, which a program can be given too. */
  readonly isProcess: boolean;
  /** True if a person sees what `err` writes, as it is written. */
  readonly isWatched: boolean;
  /** Everything that is left on stdin. */
  readAll(): Promise<Uint8Array>;
  /** The next line of stdin with its newline; undefined at the end, also when the last line has none. */
  readLine(): Promise<string | undefined>;
  /** Asks for a secret without echo where there is a terminal. */
  readSecret(prompt: string): Promise<string>;
  /** Aborted by SIGINT or SIGTERM, which then do not end the process; asked for before they may come. */
  interrupted(): AbortSignal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
}
