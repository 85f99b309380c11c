// How a v2 command ends badly: etcdctl's codes (facts: v2 API §6), and what it says on stderr, whole.
export const endCode = {
  badArguments: 1,
  badConnection: 2,
  badAuth: 3,
  serverError: 4,
  notHealthy: 5,
} as const;

/** Ends the command with `code`; `text` and a newline go to stderr, or nothing if it is empty. */
export class Ended extends Error {
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

/** An error as the commands on keys report it: with what happened at each endpoint. */
export function failed(code: number, error: unknown): Ended {
  const text = error instanceof Error ? error.message : String(error);
  const detail = error instanceof Error && "detail" in error ? `\n${String(error.detail)}` : "";
  return new Ended(code, `Error:  ${text}${detail}`);
}

/** An error as the commands on members and users report it: its text alone. */
export function refused(error: unknown): Ended {
  return error instanceof Ended
    ? error
    : new Ended(endCode.badArguments, error instanceof Error ? error.message : String(error));
}
