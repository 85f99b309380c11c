// --log-rotation-config-json: what lumberjack, which rotates etcd's logs, is told. Pure.

export interface LogRotation {
  /** A file that would grow beyond this is put aside. */
  readonly maxBytes: number;
  /** What was put aside is deleted after so many days; 0: never. */
  readonly maxAgeDays: number;
  /** So many are kept; 0: all. */
  readonly maxBackups: number;
  /** Names carry the local time instead of UTC. */
  readonly localTime: boolean;
  readonly compress: boolean;
}

const megabyte = 1024 * 1024;
const numbers = ["maxsize", "maxage", "maxbackups"] as const;
const flags = ["localtime", "compress"] as const;

/** The settings, or why the text is none; what is left out has lumberjack's default. */
export function parseLogRotation(text: string): LogRotation | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `improperly formatted log rotation config: ${(error as Error).message}`;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return "invalid log rotation config: it must be an object";
  const given = Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name.toLowerCase(), one as unknown]),
  );
  for (const name of numbers) {
    const one = given[name] ?? 0;
    if (!Number.isSafeInteger(one)) return `invalid log rotation config: ${name} must be a number`;
  }
  for (const name of flags) {
    if (typeof (given[name] ?? false) !== "boolean")
      return `invalid log rotation config: ${name} must be true or false`;
  }
  const number = (name: (typeof numbers)[number]): number => Math.max(Number(given[name] ?? 0), 0);
  return {
    maxBytes: (number("maxsize") || 100) * megabyte,
    maxAgeDays: number("maxage"),
    maxBackups: number("maxbackups"),
    localTime: given["localtime"] === true,
    compress: given["compress"] === true,
  };
}

const streams = ["default", "stderr", "stdout", "systemd/journal"];

/** Why logs to `outputs` cannot be rotated, in etcd's words; undefined if they can. */
export function rotationFault(outputs: readonly string[], text: string): string | undefined {
  const files = outputs.filter((one) => !streams.includes(one));
  if (files.length > 1 || (files.length === 0 && outputs.length === 1))
    return "--log-outputs requires a single file path when --log-rotate-config-json is defined";
  const parsed = parseLogRotation(text);
  return typeof parsed === "string" ? parsed : undefined;
}
