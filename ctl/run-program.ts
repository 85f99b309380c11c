// A program that a command starts: it has no input, its output is etcdctl's own, and how it ended is
// told in the words of Go's library, which scripts may read.
import { spawn } from "node:child_process";
import { goQuote } from "#ctl/go-text.ts";
import { systemText } from "#ctl/system-text.ts";
import type { Terminal } from "#ctl/terminal.ts";

export interface ProgramEnd {
  /** 255 if a signal ended it; undefined if it could not be started. */
  readonly code: number | undefined;
  /** Why it did not succeed; undefined if it did. */
  readonly failure: string | undefined;
}

/** Signals by what Go calls them; others by their names. */
const signalTexts: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGABRT: "aborted",
  SIGKILL: "killed",
  SIGSEGV: "segmentation fault",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
};

/** Runs `words`, a program and its arguments, with `env` and nothing else in its environment. */
export function runProgram(
  terminal: Terminal,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProgramEnd> {
  const [file = "", ...args] = words;
  const output = terminal.isProcess ? "inherit" : "pipe";
  return new Promise((resolve) => {
    const child = spawn(file, args, { env, stdio: ["ignore", output, output] });
    child.stdout?.on("data", (data: Uint8Array) => terminal.out(data));
    child.stderr?.on("data", (data: Uint8Array) => terminal.err(data));
    child.once("error", (error) => {
      const failure = file.includes("/")
        ? `fork/exec ${file}: ${systemText(error, "permission denied")}`
        : `exec: ${goQuote(file)}: executable file not found in $PATH`;
      resolve({ code: undefined, failure });
    });
    child.once("close", (code, signal) => {
      if (code === 0) resolve({ code, failure: undefined });
      else if (code !== null) resolve({ code, failure: `exit status ${code}` });
      else resolve({ code: 255, failure: `signal: ${signalTexts[signal ?? ""] ?? signal}` });
    });
  });
}
