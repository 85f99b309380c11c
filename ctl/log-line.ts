// Log lines on stderr, in the form of etcd's own: one JSON object each.
import type { Terminal } from "#ctl/terminal.ts";

export function logLine(
  terminal: Pick<Terminal, "err" | "clock">,
  level: "info" | "warn" | "fatal",
  message: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const ts = new Date(terminal.clock.wallMs()).toISOString();
  terminal.err(`${JSON.stringify({ level, ts, msg: message, ...fields })}\n`);
}
