// etcdutl's log: lines for a person on stderr, as the reference words them but for the places in its
// source.
import type { Log } from "#base/log.ts";

/** Writes lines of level info and above through `write`. */
export function consoleLog(write: (line: string) => void, now: () => Date): Log {
  const at =
    (level: string) =>
    (fields: object, message: string): void => {
      const time = now()
        .toISOString()
        .replace(/\.\d+Z$/, "Z");
      const values = Object.entries(fields).map(
        ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
      );
      write(`${time}\t${level}\t${message}\t{${values.join(", ")}}\n`);
    };
  const log: Log = {
    debug: () => {},
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    fatal: at("fatal"),
    child: () => log,
  };
  return log;
}
