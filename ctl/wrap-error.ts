// Failures of calls that a command names before the reason.
import { errorLine } from "#client/errors.ts";
import { Exit, exitCode } from "#ctl/exit.ts";

/** The call's answer, or Exit with `PREFIX (REASON)`. */
export async function wrapError<T>(prefix: string, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (thrown) {
    throw new Exit(exitCode.error, `${prefix} (${errorLine(thrown)})`);
  }
}

/** The call's answer, or Exit with another code than 1. */
export async function withCode<T>(code: number, call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (thrown) {
    throw new Exit(code, errorLine(thrown));
  }
}
