// The terminal of the real process. Only entry points import it.

import { randomInt } from "node:crypto";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { SecretLine } from "#ctl/secret-line.ts";
import type { Terminal } from "#ctl/terminal.ts";

/** A terminal, and `drain`, which resolves when all that was written is out. */
export function processTerminal(): Terminal & { drain(): Promise<void> } {
  const { stdin, stdout, stderr } = process;
  let held = "";
  let ended = false;
  const chunks: AsyncIterator<Buffer> = stdin[Symbol.asyncIterator]();
  const more = async (): Promise<Buffer | undefined> => {
    if (ended) return undefined;
    const { value, done } = await chunks.next();
    if (done !== true) return value;
    ended = true;
    return undefined;
  };
  /** The next line with its end, as latin1, so that a character cut in two by a chunk stays whole. */
  const heldLine = async (): Promise<string | undefined> => {
    for (;;) {
      const end = held.indexOf("\n");
      if (end >= 0) {
        const line = held.slice(0, end + 1);
        held = held.slice(end + 1);
        return line;
      }
      const chunk = await more();
      if (chunk === undefined) return undefined;
      held += chunk.toString("latin1");
    }
  };
  /** A secret that is piped: the next line, or what is left. */
  const given = async (prompt: string): Promise<string> => {
    stdout.write(prompt);
    const line = await heldLine();
    if (line !== undefined) return line;
    const rest = held;
    held = "";
    return rest;
  };
  /** A secret that a person types, unseen; what was typed beyond it stays for the next one. */
  const typed = (prompt: string): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const line = new SecretLine(() => process.exit(130));
    const end = (): void => {
      stdin.off("data", take).off("end", end);
      stdin.setRawMode(false);
      // Whoever is started next has the terminal to himself.
      stdin.pause();
      resolve(line.text);
    };
    const take = (chunk: Buffer | string): void => {
      const bytes = held + chunk.toString("latin1");
      const used = line.take(bytes);
      held = used === undefined ? "" : bytes.slice(used);
      if (used !== undefined) end();
    };
    // Before the prompt: what is typed in answer to it must not be seen.
    stdin.setRawMode(true);
    stdout.write(prompt);
    stdin.on("data", take).once("end", end).resume();
    if (held !== "") take("");
    if (stdin.readableEnded) end();
    return promise;
  };
  const drained = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => stream.write("", () => resolve()));
  // A reader that has gone (`etcdctl watch | head -1`) ends the process quietly.
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      process.exit(error.code === "EPIPE" ? 0 : 1);
    });
  }
  let interrupt: AbortController | undefined;
  return {
    isProcess: true,
    out: (data) => void stdout.write(data),
    err: (data) => void stderr.write(data),
    isWatched: stderr.isTTY === true,
    async readAll() {
      const parts: Buffer[] = [Buffer.from(held, "latin1")];
      held = "";
      for (let chunk = await more(); chunk !== undefined; chunk = await more()) parts.push(chunk);
      return Buffer.concat(parts);
    },
    async readLine() {
      const line = await heldLine();
      return line === undefined ? undefined : Buffer.from(line, "latin1").toString("utf8");
    },
    async readSecret(prompt) {
      const line = stdin.isTTY === true ? await typed(prompt) : await given(prompt);
      stdout.write("\n");
      return Buffer.from(line, "latin1").toString("utf8").trim();
    },
    interrupted() {
      if (interrupt === undefined) {
        const made = new AbortController();
        for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => made.abort());
        interrupt = made;
      }
      return interrupt.signal;
    },
    env: process.env,
    clock: systemClock,
    random: seededRandom(randomInt(0x7fffffff)),
    async drain() {
      await Promise.all([drained(stdout), drained(stderr)]);
    },
  };
}
