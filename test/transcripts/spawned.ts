// One command as a process, to its end or until it has printed so many lines.
import { spawn } from "node:child_process";

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** "stopped" if it was ended because it had printed enough. */
  readonly code: number | string | null;
}

export interface SpawnOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: string | undefined;
  /** For commands that do not end. */
  readonly stopAfterLines: number | undefined;
  /** Then it is killed. */
  readonly limitMs: number;
  /** Of stdout: latin1 where bytes are compared. */
  readonly encoding: "utf8" | "latin1";
}

export function spawned(command: readonly string[], options: SpawnOptions): Promise<Outcome> {
  const { encoding, env, limitMs, stdin, stopAfterLines } = options;
  return new Promise((resolve, reject) => {
    const [file = "", ...words] = command;
    const child = spawn(file, words, { env, stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    let stopped = false;
    const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
    child.stdout.setEncoding(encoding).on("data", (chunk: string) => {
      stdout += chunk;
      if (stopAfterLines === undefined || stdout.split("\n").length <= stopAfterLines) return;
      stopped = true;
      child.kill("SIGKILL");
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      const kept = stdout.split("\n").slice(0, stopAfterLines).join("\n");
      resolve(
        stopped
          ? { stdout: kept, stderr, code: "stopped" }
          : { stdout, stderr, code: code ?? signal },
      );
    });
    child.stdin.on("error", () => {});
    child.stdin.end(stdin ?? "");
  });
}
