// Keeps one member's process running: starts it, notices its end, starts it again after a pause that
// grows, and stops it. The process leads a group of its own, so that Ctrl-C in a terminal reaches
// the operator alone, which then stops the members in order. A process of an earlier operator is taken
// over: it is no child, so whether it lives is asked again and again.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readSync, renameSync, statSync } from "node:fs";
import type { Clock, Timer } from "#base/clock.ts";
import type { LocalMember } from "#operator/platform/local/layout.ts";
import { isAlive } from "#operator/platform/local/processes.ts";

const firstPauseMs = 1000;
const maxPauseMs = 30_000;
/** A process that ran so long is healthy: the next pause is the first one again. */
const healthyAfterMs = 30_000;
const maxLogBytes = 10 << 20;
const killAfterMs = 15_000;
const lookMs = 200;

export type MemberPhase =
  | { readonly kind: "stopped" }
  | { readonly kind: "running"; readonly pid: number }
  /** Starts again at `atMs` of the clock's monotonic time. */
  | { readonly kind: "waiting"; readonly atMs: number };

/** What happened to a process. */
export type SupervisorEvent =
  | { readonly kind: "started"; readonly pid: number }
  /** `fault` is the last thing it logged as an error. */
  | {
      readonly kind: "ended";
      readonly how: string;
      readonly fault: string | undefined;
      readonly restartInMs: number;
    };

export interface SupervisorOptions {
  readonly member: LocalMember;
  /** The program to run with the member's flags. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  onEvent(event: SupervisorEvent): void;
}

/** The pause after `failures` ends in a row: 1 s, doubled each time, at most 30 s. */
export function pauseMs(failures: number): number {
  return Math.min(firstPauseMs * 2 ** Math.max(0, failures - 1), maxPauseMs);
}

export class Supervisor {
  readonly member: LocalMember;
  readonly #options: SupervisorOptions;
  #child: ChildProcess | undefined;
  /** A process of an earlier operator. */
  #adopted: { readonly pid: number; readonly look: Timer } | undefined;
  #isUp = false;
  #timer: Timer | undefined;
  #phase: MemberPhase = { kind: "stopped" };
  #startedMs = 0;
  #failures = 0;
  #stopping = false;
  #onStopped: (() => void) | undefined;

  constructor(options: SupervisorOptions) {
    this.member = options.member;
    this.#options = options;
  }

  get phase(): MemberPhase {
    return this.#phase;
  }

  /** Ends in a row since the process last ran for a while. */
  get failures(): number {
    return this.#failures;
  }

  /** Starts the process, and starts it again whenever it ends, until stop. */
  start(): void {
    const { program, env, clock } = this.#options;
    this.#timer = undefined;
    this.#startedMs = clock.monotonicMs();
    const log = openLog(this.member.logFile);
    const child = spawn(program, this.member.args, {
      stdio: ["ignore", log, log],
      detached: true,
      env,
    });
    closeSync(log);
    this.#child = child;
    this.#isUp = true;
    child.once("error", (error) => this.#ended(error.message));
    child.once("exit", (code, signal) => this.#ended(signal ?? `exit code ${code}`));
    if (child.pid === undefined) return;
    this.#phase = { kind: "running", pid: child.pid };
    this.#options.onEvent({ kind: "started", pid: child.pid });
  }

  /** Goes on with a process that an earlier operator has started. */
  adopt(pid: number): void {
    const { clock } = this.#options;
    this.#startedMs = clock.monotonicMs();
    this.#phase = { kind: "running", pid };
    this.#isUp = true;
    const look = clock.every(lookMs, () => {
      if (isAlive(pid)) return;
      this.#forgetAdopted();
      this.#ended("it is gone");
    });
    this.#adopted = { pid, look };
  }

  #forgetAdopted(): void {
    this.#adopted?.look.cancel();
    this.#adopted = undefined;
  }

  #signal(name: "SIGTERM" | "SIGKILL"): void {
    this.#child?.kill(name);
    if (this.#adopted === undefined) return;
    try {
      process.kill(this.#adopted.pid, name);
    } catch {
      // It is gone, which the next look finds.
    }
  }

  /** Asks the process to stop and resolves when it has; kills it after 15 s. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#timer?.cancel();
    if (this.#child === undefined && this.#adopted === undefined) {
      this.#phase = { kind: "stopped" };
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const last = this.#options.clock.after(killAfterMs, () => this.#signal("SIGKILL"));
      this.#onStopped = () => {
        last.cancel();
        resolve();
      };
      this.#signal("SIGTERM");
    });
  }

  /** Ends the process at once. */
  kill(): void {
    this.#stopping = true;
    this.#timer?.cancel();
    this.#signal("SIGKILL");
  }

  #ended(how: string): void {
    // A process that could not be started tells so twice.
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#child = undefined;
    if (this.#stopping) {
      this.#phase = { kind: "stopped" };
      this.#onStopped?.();
      return;
    }
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#failures = nowMs - this.#startedMs >= healthyAfterMs ? 1 : this.#failures + 1;
    const restartInMs = pauseMs(this.#failures);
    this.#phase = { kind: "waiting", atMs: nowMs + restartInMs };
    this.#timer = clock.after(restartInMs, () => this.start());
    const fault = lastFault(this.member.logFile);
    this.#options.onEvent({ kind: "ended", how, fault, restartInMs });
  }
}

/** Opens the log for appending; one that has grown too big is put aside. */
function openLog(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > maxLogBytes) renameSync(file, `${file}.1`);
  return openSync(file, "a");
}

/** The last line of the log that tells of an error, without its wrapping. */
export function lastFault(file: string): string | undefined {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const buffer = Buffer.alloc(Math.min(size, 16_384));
  if (buffer.length === 0) return undefined;
  const handle = openSync(file, "r");
  try {
    readSync(handle, buffer, 0, buffer.length, size - buffer.length);
  } finally {
    closeSync(handle);
  }
  const lines = buffer.toString("utf8").trimEnd().split("\n").reverse();
  for (const line of lines) {
    try {
      const { msg, level, error } = JSON.parse(line) as Record<string, unknown>;
      if (error !== undefined) return `${msg}: ${error}`;
      if (level === "fatal" || level === "error") return String(msg);
    } catch {
      if (!line.startsWith("{") && !/^\s+at |^\s*$/.test(line)) return line.slice(0, 300);
    }
  }
  return undefined;
}
