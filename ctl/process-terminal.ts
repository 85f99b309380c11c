// The terminal of the real process. Only entry points import it.

import { randomInt } from "node:crypto";
import { createInterface } from "node:readline";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
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
      // Bytes are held as latin1, so that a character cut in two by a chunk stays whole.
      for (;;) {
        const end = held.indexOf("\n");
        if (end >= 0) {
          const line = Buffer.from(held.slice(0, end + 1), "latin1").toString("utf8");
          held = held.slice(end + 1);
          return line;
        }
        const chunk = await more();
        if (chunk === undefined) return undefined;
        held += chunk.toString("latin1");
      }
    },
    readSecret(prompt) {
      stdout.write(prompt);
      const lines = createInterface({ input: stdin, terminal: false });
      const isTty = stdin.isTTY === true;
      if (isTty) stdin.setRawMode(true);
      return new Promise((resolve) => {
        let secret = "";
        const end = (): void => {
          if (isTty) stdin.setRawMode(false);
          lines.close();
          stdout.write("\n");
          resolve(secret);
        };
        if (!isTty) {
          lines.once("line", (line) => {
            secret = line;
            end();
          });
          return;
        }
        stdin.on("data", (data: Buffer) => {
          for (const character of data.toString()) {
            if (character === "\r" || character === "\n") return end();
            if (character === "\u0003") process.exit(130);
            if (character === "\u007f") secret = secret.slice(0, -1);
            else secret += character;
          }
        });
      });
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
