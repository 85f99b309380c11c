// How a command ends badly: a code that scripts test for and one line that says why.

/** Exit codes of etcdctl (facts: server-config §7). */
export const exitCode = {
  error: 1,
  badConnection: 2,
  invalidInput: 3,
  badFeature: 4,
  interrupted: 5,
  io: 6,
  badArguments: 128,
} as const;

/** Ends the command: `Error: MESSAGE` on stderr, then the code. Without a message nothing is printed. */
export class Exit extends Error {
  readonly code: number;
  /** Printed after the error, when the command line itself was wrong. */
  readonly usage: string | undefined;

  constructor(code: number, message: string, usage?: string) {
    super(message);
    this.code = code;
    this.usage = usage;
  }
}

/** Wrong arguments. */
export function badArguments(message: string): Exit {
  return new Exit(exitCode.badArguments, message);
}
