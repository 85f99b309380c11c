// A command in a pod. On a busy machine one that ends at once may lose what it wrote, or not be run at all, and
// kubectl does not always say so.
import { until } from "./until.ts";

/** Written behind all that the command writes. */
const end = "==end==";
/** For so long it is begun again. */
const againMs = 60_000;

/**
 * What the command writes to stdout; rejects at once with what it wrote to stderr if it ends with another code than 0.
 * One whose end is not seen is run again: doing it twice must do no harm.
 */
export async function execIn(
  kubectl: (args: readonly string[]) => Promise<string>,
  namespace: string,
  pod: string,
  command: readonly string[],
  limitMs: number = againMs,
): Promise<string> {
  const script = `"$@" || exit; printf %s ${end}`;
  const args = ["-n", namespace, "exec", pod, "--", "sh", "-c", script, "sh", ...command];
  let said: string | Error = "";
  const isOver = async (): Promise<true | string> => {
    try {
      said = await kubectl(args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes(ended)) throw error;
      said = error;
      return true;
    }
    return said.endsWith(end) || `its end was not seen behind ${JSON.stringify(said)}`;
  };
  await until(`${command.join(" ")} in ${pod} ends`, isOver, limitMs);
  if (typeof said !== "string") throw said;
  return said.slice(0, -end.length);
}

/** How kubectl says that the command itself has failed. */
const ended = "command terminated with exit code";
