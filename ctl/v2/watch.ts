// watch and exec-watch: until one event, or for ever.
import { runProgram } from "#ctl/run-program.ts";
import type { V2Command, V2Context } from "./command.ts";
import { Ended, endCode, failed } from "./ended.ts";
import type { V2Flag } from "./flags.ts";
import { KeysApi, printResponse, type Response } from "./keys-api.ts";

const watchFlags: readonly V2Flag[] = [
  { names: ["after-index"], kind: "int", usage: "what came behind this index; 0: from now on" },
  { names: ["recursive", "r"], kind: "bool", usage: "also what lies below the key" },
];

/** Programs of exec-watch that run at a time; further events wait for one to end. */
const maxPrograms = 64;

/** Calls `onEvent` for each event until it says that it has enough; ends at an interrupt. */
async function follow(
  context: V2Context,
  key: string,
  onEvent: (event: Response) => Promise<"enough" | undefined>,
): Promise<void> {
  const { flags, terminal } = context;
  const client = await context.client();
  const interrupted = terminal.interrupted();
  const api = new KeysApi(client, () => undefined);
  const how = { recursive: flags.bool("recursive"), afterIndex: flags.number("after-index") };
  try {
    for await (const event of api.watch(key, how, interrupted)) {
      if ((await onEvent(event)) === "enough") return;
    }
  } catch (thrown) {
    if (interrupted.aborted) return;
    if (thrown instanceof Ended) throw thrown;
    throw failed(endCode.serverError, thrown);
  }
}

export const watch: V2Command = {
  name: "watch",
  summary: "Shows the next change of a key, or all",
  usage: "KEY",
  flags: [{ names: ["forever", "f"], kind: "bool", usage: "until interrupted" }, ...watchFlags],
  examples: ["watch /message", "watch --forever --recursive /services"],
  async run(context) {
    const { flags, terminal } = context;
    const [key] = flags.all;
    if (key === undefined) throw failed(endCode.badArguments, "key required");
    await follow(context, key, async (event) => {
      if (event.node.dir) return undefined;
      if (flags.bool("recursive")) terminal.out(`[${event.action}] ${event.node.key}\n`);
      printResponse(terminal, event, context.output);
      return flags.bool("forever") ? undefined : "enough";
    });
  },
};

export const execWatch: V2Command = {
  name: "exec-watch",
  summary: "Runs a program at every change of a key",
  usage: "KEY -- PROGRAM [ARGUMENT...]",
  flags: watchFlags,
  examples: [
    `exec-watch --recursive /services -- sh -c 'echo "$ETCD_WATCH_KEY is $ETCD_WATCH_VALUE"'`,
  ],
  async run(context) {
    const { flags, terminal } = context;
    const [key, ...words] = flags.all;
    if (key === undefined || words.length === 0) {
      throw failed(endCode.badArguments, "key and command to exec required");
    }
    const running = new Set<Promise<unknown>>();
    let failure: string | undefined;
    await follow(context, key, async ({ action, node }) => {
      if (failure !== undefined) throw new Ended(1, failure);
      if (node.dir) {
        terminal.err(`Ignored dir ${node.key} change\n`);
        return undefined;
      }
      const env = {
        ...terminal.env,
        ETCD_WATCH_ACTION: action,
        ETCD_WATCH_MODIFIED_INDEX: String(node.modifiedIndex),
        ETCD_WATCH_KEY: node.key,
        ETCD_WATCH_VALUE: node.value,
      };
      const one = runProgram(terminal, words, env).then((end) => {
        running.delete(one);
        if (end.code === undefined) failure = end.failure;
      });
      running.add(one);
      // One that cannot be started says so at once.
      await Promise.race([one, new Promise((resolve) => setImmediate(resolve))]);
      if (running.size >= maxPrograms) await Promise.race(running);
      if (failure !== undefined) throw new Ended(1, failure);
      return undefined;
    });
    await Promise.all(running);
  },
};
