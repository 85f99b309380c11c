// A v2 command line of ours without a process of its own, which would cost most of the time.
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { runEtcdctl } from "#ctl/command-line.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type { V2Step } from "./v2-cases.ts";

export async function runV2InProcess(
  step: V2Step,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ stdout: string; stderr: string; code: number | string }> {
  let stdout = "";
  let stderr = "";
  let stopped = false;
  let stdin = step.stdin ?? "";
  const interrupt = new AbortController();
  const terminal: Terminal = {
    isProcess: false,
    isWatched: false,
    out(data) {
      stdout += Buffer.from(data).toString();
      if (step.stopAfterLines === undefined || stdout.split("\n").length <= step.stopAfterLines)
        return;
      stopped = true;
      interrupt.abort();
    },
    err(data) {
      stderr += Buffer.from(data).toString();
    },
    async readAll() {
      const all = Buffer.from(stdin);
      stdin = "";
      return all;
    },
    readLine: async () => undefined,
    readSecret: async () => "",
    interrupted: () => interrupt.signal,
    env,
    clock: systemClock,
    random: seededRandom(1),
  };
  const code = await runEtcdctl(words, terminal);
  const kept = stdout.split("\n").slice(0, step.stopAfterLines).join("\n");
  return stopped ? { stdout: kept, stderr, code: "stopped" } : { stdout, stderr, code };
}
