// The log of the process, on pino: one JSON object a line with etcd's names (level, ts, msg). Made
// once by main and passed on as base/log.ts's port. Lines are written at once, so that none is lost
// in a crash; equal messages are thinned out, so that a storm of them costs little.

import pino from "pino";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { LogRotation } from "#server/config/log-rotation.ts";
import { consoleLine } from "#server/log-console.ts";
import {
  DescriptorOutput,
  fileOutput,
  journalForm,
  type LineForm,
  type LogOutput,
  RotatingOutput,
} from "#server/log-outputs.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "panic" | "fatal";
  /** "stderr", "stdout", "systemd/journal" or paths of files, which are appended to. */
  readonly outputs: readonly string[];
  /** JSON if left out. */
  readonly format?: "json" | "console";
  /** How files are rotated, if they are. */
  readonly rotation?: LogRotation;
}

/** A log that owns its outputs. */
export interface ProcessLog extends Log {
  /** Writes out what a file system may still hold back; the log can be used on. */
  flush(): void;
}

type Level = "debug" | "info" | "warn" | "error" | "fatal";

/** Of each message, so many a second are written, then each so-many-th (as etcd does). */
const firstPerSecond = 100;
const thenEach = 100;
/** Messages are constants of the code, so there are few; more means that one is not. */
const maxMessages = 2000;

const secretFields = ["password", "token", "authorization", "auth-token", "priv-key"];

/** Opens the outputs. Throws OperatingError LOG_OUTPUT, which names the one that cannot be opened. */
export function openLog(options: LogOptions): ProcessLog {
  const streams = options.outputs.map((output) => openOutput(output, options));
  const [only] = streams;
  const level = options.level === "panic" ? "fatal" : options.level;
  const root = pino(
    {
      level,
      base: null,
      messageKey: "msg",
      timestamp: timestamps(),
      formatters: { level: (label) => ({ level: label }), log: plainErrors },
      redact: {
        paths: secretFields.flatMap((name) => [`["${name}"]`, `*["${name}"]`]),
        censor: "***",
      },
    },
    streams.length === 1 && only !== undefined
      ? only
      : pino.multistream(streams.map((stream) => ({ stream, level: "trace" }))),
  );
  const flush = () => {
    for (const stream of streams) stream.flushSync();
  };
  return Object.assign(new PinoLog(root, new Sampler()), { flush });
}

function openOutput(output: string, { format, rotation }: LogOptions): LogOutput {
  const form: LineForm = format === "console" ? consoleLine : asItIs;
  if (output === "stderr") return new DescriptorOutput(2, form);
  if (output === "stdout") return new DescriptorOutput(1, form);
  if (output === "systemd/journal") return new DescriptorOutput(2, journalForm(form));
  try {
    return rotation === undefined
      ? fileOutput(output, form)
      : new RotatingOutput(output, rotation, form);
  } catch (cause) {
    throw new OperatingError(
      "LOG_OUTPUT",
      `cannot open log output ${output}: ${errorText(cause)}`,
      { cause },
    );
  }
}

const asItIs: LineForm = (json) => json;

/** `err` becomes etcd's `error`, the text alone. */
function plainErrors(fields: Record<string, unknown>): Record<string, unknown> {
  if (fields["err"] === undefined) return fields;
  const { err, ...rest } = fields;
  return { ...rest, error: errorText(err) };
}

/** Microseconds since 1970 that follow the wall clock and do not jump back within a millisecond. */
function timestamps(): () => string {
  let second = -1;
  let prefix = "";
  let offsetMs = performance.timeOrigin;
  return () => {
    const wallMs = Date.now();
    let nowMs = offsetMs + performance.now();
    if (Math.abs(wallMs - nowMs) > 2) {
      offsetMs += wallMs - nowMs;
      nowMs = wallMs;
    }
    const whole = Math.floor(nowMs / 1000);
    if (whole !== second) {
      second = whole;
      prefix = `,"ts":"${new Date(whole * 1000).toISOString().slice(0, 19)}.`;
    }
    const micros = Math.floor((nowMs - whole * 1000) * 1000);
    return `${prefix}${String(micros).padStart(6, "0")}Z"`;
  };
}

/** Decides which of many equal messages are written. */
class Sampler {
  readonly #counts = new Map<string, number>();
  #second = 0;

  passes(message: string): boolean {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second || this.#counts.size > maxMessages) {
      this.#second = second;
      this.#counts.clear();
    }
    const count = (this.#counts.get(message) ?? 0) + 1;
    this.#counts.set(message, count);
    return count <= firstPerSecond || (count - firstPerSecond) % thenEach === 0;
  }
}

class PinoLog implements Log {
  readonly #pino: pino.Logger;
  readonly #sampler: Sampler;

  constructor(inner: pino.Logger, sampler: Sampler) {
    this.#pino = inner;
    this.#sampler = sampler;
  }

  debug(fields: object, message: string): void {
    this.#write("debug", fields, message);
  }

  info(fields: object, message: string): void {
    this.#write("info", fields, message);
  }

  warn(fields: object, message: string): void {
    this.#write("warn", fields, message);
  }

  error(fields: object, message: string): void {
    this.#write("error", fields, message);
  }

  fatal(fields: object, message: string): void {
    this.#write("fatal", fields, message);
  }

  child(fields: object): Log {
    return new PinoLog(this.#pino.child(fields), this.#sampler);
  }

  #write(level: Level, fields: object, message: string): void {
    if (!this.#pino.isLevelEnabled(level)) return;
    if (level !== "fatal" && !this.#sampler.passes(message)) return;
    this.#pino[level](fields, message);
  }
}
