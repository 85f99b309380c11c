// The operator's log: one JSON object a line on stderr, written at once.
import pino from "pino";
import { OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";

const levels = ["debug", "info", "warn", "error"];

/** Throws OperatingError for a level that there is not. */
export function operatorLog(level: string): Log {
  if (!levels.includes(level)) {
    throw new OperatingError(
      "BAD_FLAG",
      `--log-level must be one of ${levels.join(", ")}, not ${level}`,
    );
  }
  const root = pino(
    {
      level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return wrap(root);
}

function wrap(inner: pino.Logger): Log {
  return {
    debug: (fields, message) => inner.debug(fields, message),
    info: (fields, message) => inner.info(fields, message),
    warn: (fields, message) => inner.warn(fields, message),
    error: (fields, message) => inner.error(fields, message),
    fatal: (fields, message) => inner.fatal(fields, message),
    child: (fields) => wrap(inner.child(fields)),
  };
}
