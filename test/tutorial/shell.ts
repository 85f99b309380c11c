// A shell for tutorials: commands as they are typed, with bin/ on the PATH, and processes that are meant
// to go on. Nothing outlives the suite.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../bin", import.meta.url));
const commandLimitMs = 120_000;

export interface Said {
  readonly code: number | string | null;
  /** stdout and stderr, as a terminal shows them. */
  readonly text: string;
}

export class Shell {
  private readonly running = new Set<ChildProcess>();
  private readonly cwd: string;

  constructor(cwd: string) {
    this.cwd = cwd;
  }

  private spawn(line: string, more: NodeJS.ProcessEnv): ChildProcess {
    const around = Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD"));
    const env = { ...Object.fromEntries(around), PATH: `${bin}:${process.env["PATH"]}`, ...more };
    const child = spawn("sh", ["-c", line], { cwd: this.cwd, env, detached: true, stdio: "pipe" });
    this.running.add(child);
    child.once("close", () => this.running.delete(child));
    return child;
  }

  /** Runs a line to its end. */
  run(line: string, env: NodeJS.ProcessEnv = {}): Promise<Said> {
    const child = this.spawn(line, env);
    let text = "";
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
    }
    child.stdin!.end();
    const timer = setTimeout(() => end(child), commandLimitMs);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        clearTimeout(timer);
        resolve({ code: code ?? signal, text });
      });
    });
  }

  /** Starts what goes on; resolves once it has said `ready`, rejects if it ends before. */
  start(
    line: string,
    ready: RegExp,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ text(): string; until(wanted: RegExp): Promise<void>; stop(): Promise<void> }> {
    const child = this.spawn(line, env);
    let text = "";
    let isOver = false;
    const waiting = new Set<() => void>();
    const tell = (): void => {
      for (const one of waiting) one();
    };
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        tell();
      });
    }
    child.once("close", () => {
      isOver = true;
      tell();
    });
    const until = (wanted: RegExp): Promise<void> =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`never said ${wanted}: ${text}`)),
          commandLimitMs,
        );
        const look = (): void => {
          if (!wanted.test(text) && !isOver) return;
          clearTimeout(timer);
          waiting.delete(look);
          if (wanted.test(text)) resolve();
          else reject(new Error(`${line} ended without ${wanted}: ${text.slice(-2000)}`));
        };
        waiting.add(look);
        look();
      });
    const stop = async (): Promise<void> => {
      const closed = new Promise((resolve) => child.once("close", resolve));
      end(child);
      if (!isOver) await closed;
    };
    return until(ready).then(() => ({ text: () => text, until, stop }));
  }

  stopAll(): void {
    for (const child of this.running) end(child);
  }
}

/** Ends a line and all that it started. */
function end(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
