// Commands on keys and directories: set, mk, get, ls, rm and their kin.
import type { V2Command, V2Context } from "./command.ts";
import { Ended, endCode, failed } from "./ended.ts";
import type { V2Flag } from "./flags.ts";
import { KeysApi, type Node, printResponse, type Response } from "./keys-api.ts";

const ttlFlag: V2Flag = {
  names: ["ttl"],
  kind: "int",
  usage: "seconds that it lives; 0: for ever",
};
const sortFlag: V2Flag = { names: ["sort"], kind: "bool", usage: "in the order of the keys" };
const quorumFlag: V2Flag = {
  names: ["quorum", "q"],
  kind: "bool",
  usage: "what a majority has, not only the member that is asked",
};

function keyIn({ flags }: V2Context): string {
  const [key] = flags.all;
  if (key === undefined) throw failed(endCode.badArguments, "key required");
  return key;
}

/** The second argument, or all of stdin. */
async function valueIn({ flags, terminal }: V2Context): Promise<string> {
  const value = flags.all[1] ?? Buffer.from(await terminal.readAll()).toString();
  if (flags.all.length < 2 && value === "") throw failed(endCode.badArguments, "value required");
  return value;
}

async function ask(
  context: V2Context,
  request: (api: KeysApi) => Promise<Response>,
): Promise<Response> {
  const client = await context.client();
  try {
    return await request(new KeysApi(client, () => context.deadline()));
  } catch (thrown) {
    if (thrown instanceof Ended) throw thrown;
    throw failed(endCode.serverError, thrown);
  }
}

function print(context: V2Context, response: Response): void {
  printResponse(context.terminal, response, context.output);
}

/** Of a directory there is nothing to say, unless asked for. */
function printUnlessSimple(context: V2Context, response: Response, isDir: boolean): void {
  if (!isDir || context.output !== "simple") print(context, response);
}

export const set: V2Command = {
  name: "set",
  summary: "Writes a key, whatever was there",
  usage: "KEY [VALUE]",
  flags: [
    ttlFlag,
    { names: ["swap-with-value"], kind: "string", usage: "only if this is the value now" },
    { names: ["swap-with-index"], kind: "int", usage: "only if this is the modified index now" },
  ],
  examples: [
    "set /message hello --ttl 60",
    "set /message new --swap-with-value hello",
    "set -- /n -1",
  ],
  async run(context) {
    const key = keyIn(context);
    const value = await valueIn(context);
    const { flags } = context;
    const response = await ask(context, (api) =>
      api.set(key, {
        value,
        ttl: flags.number("ttl"),
        prevValue: flags.string("swap-with-value"),
        prevIndex: flags.number("swap-with-index"),
      }),
    );
    print(context, response);
  },
};

export const mk: V2Command = {
  name: "mk",
  summary: "Makes a key; fails if it is there",
  usage: "KEY [VALUE]",
  flags: [
    { names: ["in-order"], kind: "bool", usage: "make a key below KEY, named by the index" },
    ttlFlag,
  ],
  examples: ["mk /lock me --ttl 30", "mk --in-order /queue job"],
  async run(context) {
    const key = keyIn(context);
    const value = await valueIn(context);
    const ttl = context.flags.number("ttl");
    const response = await ask(context, (api) =>
      context.flags.bool("in-order")
        ? api.createInOrder(key, value, ttl)
        : api.set(key, { value, ttl, prevExist: false }),
    );
    print(context, response);
  },
};

export const update: V2Command = {
  name: "update",
  summary: "Changes a key; fails if it is not there",
  usage: "KEY [VALUE]",
  flags: [ttlFlag],
  examples: ["update /message bye"],
  async run(context) {
    const key = keyIn(context);
    const value = await valueIn(context);
    const ttl = context.flags.number("ttl");
    print(context, await ask(context, (api) => api.set(key, { value, ttl, prevExist: true })));
  },
};

function directoryCommand(
  name: string,
  summary: string,
  prevExist: boolean | undefined,
): V2Command {
  return {
    name,
    summary,
    usage: "KEY",
    flags: [ttlFlag],
    examples: [`${name} /services --ttl 3600`],
    async run(context) {
      const key = keyIn(context);
      const ttl = context.flags.number("ttl");
      const how = prevExist === undefined ? {} : { prevExist };
      const response = await ask(context, (api) =>
        api.set(key, { value: "", ttl, dir: true, ...how }),
      );
      printUnlessSimple(context, response, true);
    },
  };
}

export const mkdir = directoryCommand("mkdir", "Makes a directory; fails if it is there", false);
export const setdir = directoryCommand(
  "setdir",
  "Makes a directory of nothing or of a key",
  undefined,
);
export const updatedir = directoryCommand(
  "updatedir",
  "Changes the life time of a directory",
  true,
);

export const get: V2Command = {
  name: "get",
  summary: "Reads a key",
  usage: "KEY",
  flags: [sortFlag, quorumFlag],
  examples: ["get /message", "-o extended get /message"],
  async run(context) {
    const key = keyIn(context);
    const { flags } = context;
    const response = await ask(context, (api) =>
      api.get(key, { sorted: flags.bool("sort"), quorum: flags.bool("quorum") }),
    );
    if (response.node.dir) throw new Ended(1, `${response.node.key}: is a directory`);
    print(context, response);
  },
};

export const ls: V2Command = {
  name: "ls",
  summary: "Lists a directory",
  usage: "[KEY]",
  flags: [
    sortFlag,
    { names: ["recursive", "r"], kind: "bool", usage: "all that lies below" },
    { names: ["p"], kind: "bool", usage: "a slash behind the names of directories" },
    quorumFlag,
  ],
  examples: ["ls", "ls --recursive -p /services"],
  async run(context) {
    const { flags, terminal } = context;
    const key = flags.all[0] ?? "/";
    const response = await ask(context, (api) =>
      api.get(key, {
        recursive: flags.bool("recursive"),
        sorted: flags.bool("sort"),
        quorum: flags.bool("quorum"),
      }),
    );
    if (context.output !== "simple") return print(context, response);
    const lines: string[] = [];
    const list = (node: Node): void => {
      lines.push(`${node.key}${node.dir && flags.bool("p") ? "/" : ""}\n`);
      node.nodes?.forEach(list);
    };
    if (!response.node.dir) lines.push(`${response.node.key}\n`);
    response.node.nodes?.forEach(list);
    terminal.out(lines.join(""));
  },
};

export const rm: V2Command = {
  name: "rm",
  summary: "Deletes a key, or a directory",
  usage: "KEY",
  flags: [
    { names: ["dir"], kind: "bool", usage: "also an empty directory" },
    { names: ["recursive", "r"], kind: "bool", usage: "also a directory with all that lies below" },
    { names: ["with-value"], kind: "string", usage: "only if this is the value now" },
    { names: ["with-index"], kind: "int", usage: "only if this is the modified index now" },
  ],
  examples: ["rm /message", "rm --recursive /services"],
  async run(context) {
    const key = keyIn(context);
    const { flags } = context;
    const response = await ask(context, (api) =>
      api.delete(key, {
        dir: flags.bool("dir"),
        recursive: flags.bool("recursive"),
        prevValue: flags.string("with-value"),
        prevIndex: flags.number("with-index"),
      }),
    );
    printUnlessSimple(context, response, response.node.dir);
  },
};

export const rmdir: V2Command = {
  name: "rmdir",
  summary: "Deletes an empty directory, or a key",
  usage: "KEY",
  examples: ["rmdir /services"],
  async run(context) {
    const key = keyIn(context);
    const response = await ask(context, (api) => api.delete(key, { dir: true }));
    printUnlessSimple(context, response, response.node.dir);
  },
};
