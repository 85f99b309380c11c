// get: reads a key or a range of keys.

import type { Command } from "#ctl/command.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import type { Flag, ParsedFlags } from "#ctl/flags.ts";
import { intervalOf, isSerializable, refuseBoth } from "#ctl/range-arguments.ts";
import { RangeRequest, RangeRequest_SortOrder, RangeRequest_SortTarget } from "#proto/gen/kv.ts";

const orders: Readonly<Record<string, RangeRequest_SortOrder>> = {
  "": RangeRequest_SortOrder.NONE,
  ASCEND: RangeRequest_SortOrder.ASCEND,
  DESCEND: RangeRequest_SortOrder.DESCEND,
};
const targets: Readonly<Record<string, RangeRequest_SortTarget>> = {
  "": RangeRequest_SortTarget.KEY,
  CREATE: RangeRequest_SortTarget.CREATE,
  KEY: RangeRequest_SortTarget.KEY,
  MODIFY: RangeRequest_SortTarget.MOD,
  VALUE: RangeRequest_SortTarget.VALUE,
  VERSION: RangeRequest_SortTarget.VERSION,
};

export const getFlags: readonly Flag[] = [
  {
    name: "consistency",
    kind: "string",
    initial: "l",
    usage:
      "l: linearizable, sees every write acknowledged before; s: serializable, from this member",
  },
  { name: "count-only", kind: "bool", initial: false, usage: "only count, with -w fields" },
  { name: "from-key", kind: "bool", initial: false, usage: "this key and all behind it" },
  { name: "keys-only", kind: "bool", initial: false, usage: "leave the values out" },
  { name: "limit", kind: "int", initial: 0, usage: "at most so many results; 0 means all" },
  { name: "max-create-rev", kind: "int", initial: 0, usage: "created at this revision or before" },
  { name: "max-mod-rev", kind: "int", initial: 0, usage: "changed at this revision or before" },
  { name: "min-create-rev", kind: "int", initial: 0, usage: "created at this revision or later" },
  { name: "min-mod-rev", kind: "int", initial: 0, usage: "changed at this revision or later" },
  { name: "order", kind: "string", initial: "", usage: "ASCEND or DESCEND" },
  { name: "prefix", kind: "bool", initial: false, usage: "all keys that begin so" },
  {
    name: "print-value-only",
    kind: "bool",
    initial: false,
    usage: "print values without keys, with -w simple",
  },
  { name: "rev", kind: "int", initial: 0, usage: "as of this revision; 0 means now" },
  {
    name: "sort-by",
    kind: "string",
    initial: "",
    usage: "CREATE, KEY, MODIFY, VALUE or VERSION",
  },
  { name: "stream", kind: "bool", initial: false, usage: "fetch in chunks (RangeStream)" },
];

/** The request of a get command, also inside a transaction; throws Exit. */
export function rangeRequest(args: readonly string[], flags: ParsedFlags): RangeRequest {
  if (args.length === 0) {
    throw badArguments(
      "get command needs one argument as key and an optional argument as range_end",
    );
  }
  const shape = { prefix: flags.bool("prefix"), fromKey: flags.bool("from-key") };
  refuseBoth(shape);
  if (flags.bool("keys-only") && flags.bool("count-only")) {
    throw badArguments(
      "`--keys-only` and `--count-only` cannot be set at the same time, choose one",
    );
  }
  const serializable = isSerializable(flags.string("consistency"));
  const interval = intervalOf(args, shape);
  const order = orders[flags.string("order").toUpperCase()];
  if (order === undefined) {
    throw new Exit(exitCode.badFeature, `bad sort order ${flags.string("order")}`);
  }
  const sortTarget = targets[flags.string("sort-by").toUpperCase()];
  if (sortTarget === undefined) {
    throw new Exit(exitCode.badFeature, `bad sort target ${flags.string("sort-by")}`);
  }
  const positive = (name: string): number => Math.max(0, flags.number(name));
  const revisions = {
    minCreateRevision: positive("min-create-rev"),
    maxCreateRevision: positive("max-create-rev"),
    minModRevision: positive("min-mod-rev"),
    maxModRevision: positive("max-mod-rev"),
  };
  for (const kind of ["Create", "Mod"] as const) {
    const min = flags.number(`min-${kind.toLowerCase()}-rev`);
    const max = revisions[`max${kind}Revision`];
    if (max > 0 && min > max) {
      throw new Exit(exitCode.badFeature, `getMin${kind}Rev(=${min}) > getMax${kind}Rev(=${max})`);
    }
  }
  // Keys come in ascending order anyway; asking for it would make the server sort everything.
  const isPlainOrder =
    sortTarget === RangeRequest_SortTarget.KEY && order === RangeRequest_SortOrder.ASCEND;
  return RangeRequest.fromPartial({
    ...interval,
    ...revisions,
    serializable,
    limit: flags.number("limit"),
    revision: positive("rev"),
    sortOrder: isPlainOrder ? RangeRequest_SortOrder.NONE : order,
    sortTarget,
    keysOnly: flags.bool("keys-only"),
    countOnly: flags.bool("count-only"),
  });
}

export const command: Command = {
  usage: "[flags] KEY [RANGE_END]",
  description:
    "Prints KEY and its value, or all keys from KEY up to but without RANGE_END, in order.",
  examples: [
    "etcdctl get greeting",
    "etcdctl get --prefix /app/ --keys-only",
    "etcdctl get a z --limit 10 --order DESCEND",
    "etcdctl get greeting --rev 3",
    "etcdctl get greeting --print-value-only",
    "etcdctl get greeting -w json",
  ],
  flags: getFlags,
  async run({ args, flags, connect }) {
    const request = rangeRequest(args, flags);
    const { client, print, timeoutMs } = await connect();
    const read = flags.bool("stream") ? "rangeStream" : "range";
    const response = await client.kv[read](request.key, request, { timeoutMs });
    if (flags.bool("count-only") && print.format !== "fields") {
      throw badArguments("--count-only is only for `--write-out=fields`");
    }
    const valueOnly = flags.bool("print-value-only");
    if (valueOnly && print.format !== "simple") {
      throw badArguments("print-value-only is only for `--write-out=simple`");
    }
    print.get(response, { valueOnly });
  },
};
