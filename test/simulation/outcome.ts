// Runs a simulation's run.ts as a process of its own, as its tests do.
import { execFile } from "node:child_process";

export interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** The exit code and all that was printed. */
export function simulate(script: string, options: readonly string[]): Promise<Outcome> {
  const args = ["--disable-warning=ExperimentalWarning", script, ...options];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
      resolve({ code, output: stdout + stderr });
    });
  });
}
