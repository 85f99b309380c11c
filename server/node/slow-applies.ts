// Warns of commands that took long to apply, and counts them: `--warning-apply-duration`. The time
// runs from the command before, so that it holds what was read from the disk for this one.
import { formatGoDuration } from "#base/go-duration.ts";
import type { Log } from "#base/log.ts";
import { EtcdError } from "#proto/errors.ts";
import type { Command } from "#server/apply/command.ts";
import { commandText } from "#server/apply/request-text.ts";

export class SlowApplies {
  /** A command that takes longer is slow. */
  readonly limitMs: number;
  /** Slow ones since the start. */
  count = 0;
  private readonly log: Log;

  constructor(limitMs: number, log: Log) {
    this.limitMs = limitMs;
    this.log = log;
  }

  /** Takes one that took longer than the limit. */
  note(tookMs: number, command: Command, result: object): void {
    this.count++;
    const { header, kind, payload } = command;
    this.log.warn(
      {
        took: formatGoDuration(tookMs),
        "expected-duration": formatGoDuration(this.limitMs),
        prefix: "",
        request: commandText(kind, header.id, payload),
        ...(result instanceof EtcdError ? { error: result.message } : {}),
      },
      "apply request took too long",
    );
  }
}
