// IDs and numbers given as arguments; messages are the reference's.
import { badArguments } from "#ctl/exit.ts";
import { GoSyntaxError, parseInt64, parseUint64Hex } from "#ctl/go-text.ts";

/** Runs `parse`; what Go would refuse becomes wrong arguments, described by `message`. */
export function orBadArguments<T>(parse: () => T, message: (reason: string) => string): T {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof GoSyntaxError) throw badArguments(message(thrown.message));
    throw thrown;
  }
}

/** A lease ID in hexadecimal. */
export function leaseArgument(text: string): bigint {
  return orBadArguments(
    () => parseInt64(text, 16),
    (reason) => `bad lease ID arg (${reason}), expecting ID in Hex`,
  );
}

/** A member ID in hexadecimal, the only argument. */
export function memberArgument(args: readonly string[]): bigint {
  const [text] = args;
  if (text === undefined || args.length !== 1) throw badArguments("member ID is not provided");
  return orBadArguments(
    () => parseUint64Hex(text),
    (reason) => `bad member ID arg (${reason}), expecting ID in Hex`,
  );
}
