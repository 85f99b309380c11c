// The password of a user that is made or changed: asked for twice without echo, or the first word of
// stdin with --interactive=false.
import { badArguments } from "#ctl/exit.ts";
import type { Flag } from "#ctl/flags.ts";
import type { Terminal } from "#ctl/terminal.ts";

export const interactiveFlag: Flag = {
  name: "interactive",
  kind: "bool",
  initial: true,
  usage: "ask for the password; if false, read it from stdin",
};

/** Throws Exit for an empty or mistyped one. */
export async function newPassword(
  terminal: Terminal,
  name: string,
  isInteractive: boolean,
): Promise<string> {
  if (!isInteractive) {
    // As Go's Scanf("%s"): blanks before the word are skipped, a line's end is not.
    const line = (await terminal.readLine()) ?? Buffer.from(await terminal.readAll()).toString();
    return /^[^\S\n]*(\S*)/.exec(line)?.[1] ?? "";
  }
  const password = await terminal.readSecret(`Password of ${name}: `);
  if (password === "") throw badArguments("empty password");
  const again = await terminal.readSecret(`Type password of ${name} again for confirmation: `);
  if (again !== password) throw badArguments("given passwords are different");
  return password;
}
