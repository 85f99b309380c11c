// txn: reads comparisons and two lists of requests from standard input and commits them at once.
import { utf8 } from "#base/bytes.ts";
import type { Command } from "#ctl/command.ts";
import { deleteRequest, delFlags } from "#ctl/commands/del.ts";
import { getFlags, rangeRequest } from "#ctl/commands/get.ts";
import { putFlags, putRequest } from "#ctl/commands/put.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { FlagError, parseFlags } from "#ctl/flags.ts";
import { GoSyntaxError, goQuote, goUnquote, parseInt64, safeNumber } from "#ctl/go-text.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { splitWords } from "#ctl/words.ts";
import {
  type Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  type RequestOp,
  TxnRequest,
} from "#proto/gen/kv.ts";

const results: Readonly<Record<string, Compare_CompareResult>> = {
  "=": Compare_CompareResult.EQUAL,
  "!=": Compare_CompareResult.NOT_EQUAL,
  ">": Compare_CompareResult.GREATER,
  "<": Compare_CompareResult.LESS,
};

function invalid(message: string): Exit {
  return new Exit(exitCode.invalidInput, message);
}

interface ComparisonParts {
  readonly key: Uint8Array;
  readonly operator: string;
  readonly value: Uint8Array;
  /** How many of the three could be read. */
  readonly read: number;
}

/** Reads `"key") operator "value"`, as far as it goes. */
function comparisonParts(text: string): ComparisonParts {
  const none = new Uint8Array();
  const key = goUnquote(text.trimStart());
  if (key === undefined) return { key: none, operator: "", value: none, read: 0 };
  const afterKey = text.trimStart().slice(key.length);
  const operator = /^\)\s*(\S+)/.exec(afterKey);
  if (operator === null) return { key: key.bytes, operator: "", value: none, read: 1 };
  const [whole, sign = ""] = operator;
  const value = goUnquote(afterKey.slice(whole.length).trimStart());
  return value === undefined
    ? { key: key.bytes, operator: sign, value: none, read: 2 }
    : { key: key.bytes, operator: sign, value: value.bytes, read: 3 };
}

/** One comparison, as `mod("key") > "3"`; throws Exit. */
export function parseComparison(line: string): Compare {
  const paren = line.indexOf("(");
  if (paren < 0) throw invalid(`malformed comparison: ${line}`);
  const target = line.slice(0, paren);
  const { key, operator, value, read } = comparisonParts(line.slice(paren + 1));
  if (read !== 3) {
    throw invalid(
      `malformed comparison: ${line}; got ${target}(${goQuote(key)}) ${operator} ${goQuote(value)}`,
    );
  }
  const number = (base: 10 | 16): bigint => {
    try {
      return parseInt64(Buffer.from(value).toString(), base);
    } catch (thrown) {
      if (!(thrown instanceof GoSyntaxError)) throw thrown;
      throw invalid(`invalid txn compare request: ${line}`);
    }
  };
  const compared = ((): Pick<Compare, "target" | "targetUnion"> => {
    switch (target) {
      case "ver":
      case "version":
        return {
          target: Compare_CompareTarget.VERSION,
          targetUnion: { $case: "version", value: safeNumber(number(10)) },
        };
      case "c":
      case "create":
        return {
          target: Compare_CompareTarget.CREATE,
          targetUnion: { $case: "createRevision", value: safeNumber(number(10)) },
        };
      case "m":
      case "mod":
        return {
          target: Compare_CompareTarget.MOD,
          targetUnion: { $case: "modRevision", value: safeNumber(number(10)) },
        };
      case "val":
      case "value":
        return {
          target: Compare_CompareTarget.VALUE,
          targetUnion: { $case: "value", value },
        };
      case "lease":
        return {
          target: Compare_CompareTarget.LEASE,
          targetUnion: { $case: "lease", value: number(16) },
        };
      default:
        throw invalid(`malformed comparison: ${line} (unknown target ${target})`);
    }
  })();
  const result = results[operator];
  if (result === undefined) {
    throw invalid(`malformed comparison: ${line} (unknown operator ${operator})`);
  }
  return { key, result, ...compared, rangeEnd: utf8("") };
}

/** One request, as `put key "some value"`; throws Exit. */
async function parseOperation(line: string, terminal: Terminal): Promise<RequestOp> {
  const [name = "", ...words] = splitWords(line);
  if (words.length === 0) throw invalid(`invalid txn compare request: ${line}`);
  try {
    switch (name) {
      case "get": {
        const flags = parseFlags(getFlags, words);
        return { request: { $case: "requestRange", value: rangeRequest(flags.args, flags) } };
      }
      case "put": {
        const flags = parseFlags(putFlags, words);
        const value = await putRequest(flags.args, flags, () => terminal.readAll());
        return { request: { $case: "requestPut", value } };
      }
      case "del": {
        const flags = parseFlags(delFlags, words);
        const value = await deleteRequest(flags.args, flags, terminal);
        return { request: { $case: "requestDeleteRange", value } };
      }
      default:
        throw new FlagError(`unknown command ${name}`);
    }
  } catch (thrown) {
    if (thrown instanceof FlagError) throw invalid(`invalid txn request: ${line}`);
    throw thrown;
  }
}

/** Lines up to an empty one, each read by `parse`. */
async function readBlock<T>(
  terminal: Terminal,
  parse: (line: string) => T | Promise<T>,
): Promise<T[]> {
  const items: T[] = [];
  for (;;) {
    const line = await terminal.readLine();
    if (line === undefined) throw invalid("EOF");
    const text = line.trim();
    if (text === "") return items;
    items.push(await parse(text));
  }
}

export const command: Command = {
  usage: "[flags] < FILE",
  description: `Reads three blocks from standard input, each ended by an empty line: comparisons, the requests to
carry out if all of them hold, and those to carry out otherwise. All of it happens at once.

A comparison is TARGET("KEY") OPERATOR "VALUE": the targets are ver (version), c (create revision),
m (mod revision), val (value) and lease (in hexadecimal), the operators = != < >.
A request is a get, put or del with its flags.`,
  examples: [
    `printf 'mod("key1") > "0"\\n\\nput key1 changed\\n\\nput key1 created\\n\\n' | etcdctl txn`,
    "etcdctl txn -i",
  ],
  flags: [
    {
      name: "interactive",
      short: "i",
      kind: "bool",
      initial: false,
      usage: "say which block is read next",
    },
  ],
  async run({ args, flags, terminal, connect }) {
    if (args.length !== 0) throw badArguments("txn command does not accept argument");
    const { client, print, timeoutMs } = await connect();
    const prompt = (text: string): void => {
      if (flags.bool("interactive")) terminal.out(`${text}\n`);
    };
    prompt("compares:");
    const compare = await readBlock(terminal, parseComparison);
    prompt("success requests (get, put, del):");
    const success = await readBlock(terminal, (line) => parseOperation(line, terminal));
    prompt("failure requests (get, put, del):");
    const failure = await readBlock(terminal, (line) => parseOperation(line, terminal));
    const request = TxnRequest.fromPartial({ compare, success, failure });
    print.txn(await client.kv.txn(request, { timeoutMs }));
  },
};
