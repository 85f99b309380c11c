// The version to downgrade to, as an argument.
import { badArguments } from "#ctl/exit.ts";

/** The only argument; the cluster judges whether it is a version. */
export function targetVersion(args: readonly string[]): string {
  const [version] = args;
  if (version === undefined) throw badArguments("TARGET_VERSION not provided");
  if (args.length > 1) throw badArguments("too many arguments");
  return version;
}
