// One member as a process of its own: started, signalled and watched from outside.
//
// The process leads a group of its own, and every signal goes to the whole group: a launcher that
// starts the server as its child must neither hide it from a kill nor outlive it. What the process
// prints is kept up to a limit, and waiting is done by its lines or by its end, never by the clock;
// deadlines exist only so that a hang becomes an error that shows the log.
import { type ChildProcess, spawn } from "node:child_process";
import { OperatingError } from "#base/errors.ts";

/** How a process ended. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to start. */
export interface ProcessCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Lines kept of a process; older ones are dropped and counted. */
const MAX_LINES = 20_000;
/** After this a wait is taken for a hang. */
export const WAIT_LIMIT_MS = 60_000;

interface LineWait {
  readonly pattern: RegExp;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

const running = new Set<MemberProcess>();

/** A started process and its output. */
export class MemberProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process and everything that held its output are gone. */
  readonly exited: Promise<ProcessExit>;
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private readonly waits = new Set<LineWait>();
  private droppedLines = 0;
  private exit: ProcessExit | undefined;

  constructor(name: string, command: ProcessCommand) {
    this.name = name;
    this.child = spawn(command.file, command.args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: command.env ?? process.env,
    });
    this.pid = this.child.pid ?? -1;
    running.add(this);
    this.collect(this.child.stdout);
    this.collect(this.child.stderr);
    this.exited = new Promise((resolve) => {
      const end = (exit: ProcessExit): void => {
        if (this.exit !== undefined) return;
        this.exit = exit;
        running.delete(this);
        for (const wait of this.waits) wait.reject(this.failure("ended", wait.pattern));
        this.waits.clear();
        resolve(exit);
      };
      this.child.once("error", (error) => {
        this.lines.push(String(error));
        end({ code: null, signal: null });
      });
      this.child.once("close", (code, signal) => end({ code, signal }));
    });
  }

  get isRunning(): boolean {
    return this.exit === undefined;
  }

  /** All lines kept so far, standard output and error together. */
  log(): readonly string[] {
    return this.lines;
  }

  /** How many lines were printed so far: a place to begin `waitForLine` at. */
  lineCount(): number {
    return this.droppedLines + this.lines.length;
  }

  /** The last lines, for a message. */
  logTail(lineCount = 30): string {
    return this.lines.slice(-lineCount).join("\n");
  }

  /** The first line that matches, at or after line number `from`; fails when the process ends. */
  waitForLine(pattern: RegExp, from = 0): Promise<string> {
    for (let i = Math.max(0, from - this.droppedLines); i < this.lines.length; i++) {
      const line = this.lines[i]!;
      if (pattern.test(line)) return Promise.resolve(line);
    }
    if (!this.isRunning) return Promise.reject(this.failure("ended", pattern));
    return new Promise((resolve, reject) => {
      const wait: LineWait = {
        pattern,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.waits.delete(wait);
        reject(this.failure(`hung for ${WAIT_LIMIT_MS} ms`, pattern));
      }, WAIT_LIMIT_MS);
      this.waits.add(wait);
    });
  }

  /** Sends a signal to the whole process group; no error if it is gone. */
  signal(signal: NodeJS.Signals): void {
    if (!this.isRunning || this.pid <= 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  private failure(what: string, pattern: RegExp): OperatingError {
    const exit = this.exit === undefined ? "" : ` (${this.exit.signal ?? this.exit.code})`;
    return new OperatingError(
      "MEMBER_FAILED",
      `${this.name} ${what}${exit} before printing ${pattern}; its last lines:\n${this.logTail()}`,
    );
  }

  private collect(stream: NodeJS.ReadableStream | null): void {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) this.keep(line);
    });
    stream?.on("end", () => {
      if (rest !== "") this.keep(rest);
    });
  }

  private keep(line: string): void {
    if (this.lines.length >= MAX_LINES) {
      this.lines.splice(0, MAX_LINES / 2);
      this.droppedLines += MAX_LINES / 2;
    }
    this.lines.push(line);
    for (const wait of this.waits) {
      if (!wait.pattern.test(line)) continue;
      this.waits.delete(wait);
      wait.resolve(line);
    }
  }
}

function killAll(): void {
  for (const member of running) member.signal("SIGKILL");
}

// A test that dies must not leave members behind: their groups get no signal of the terminal.
process.on("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}
