// The command line of `npm run e2e`: what there is, what is refused, and how that is said. Pure.
import { parseArgs } from "node:util";

export const usage = `npm run e2e -- [OPTION]...
Runs the cases of test/e2e/cases.ts on a real Kubernetes, with images and chart of this checkout, two at a time;
with --body local those that need none on processes of this machine.

  --body NAME        where: BODIES (plain if left out)
  --nodes N          how many nodes, 1 to 9 (3 if left out)
  --case NAME        this case; more of them by more of these (all if left out)
  --core             those that .ci/run runs
  --shard I/N        every N-th case, from the I-th on
  --resume           not those that passed at this commit
  --record           writes docs/e2e.md from what is known of all cases
  --keep             leaves the cluster up, and the next run with --keep goes on with it
  --where-possible   a Kubernetes that is not built, or does not come up, fails nothing
  --list             prints the cases of that body and runs none
  --help             prints this

Ends with "N passed, N failed". Exit code 0: none failed; 1: some did; 2: the command line is wrong.
A machine that cannot run a Kubernetes at all fails nothing: a line "NOT RUN: …" says why.
`;

/** What is asked for. */
export interface Options<Body extends string> {
  readonly body: Body;
  readonly nodes: number;
  readonly cases: readonly string[];
  readonly isCore: boolean;
  /** Every `count`-th, from the `at`-th on, which counts from 0. */
  readonly shard: { readonly at: number; readonly count: number };
  readonly resume: boolean;
  readonly record: boolean;
  readonly keep: boolean;
  readonly wherePossible: boolean;
  readonly list: boolean;
}

/** The options; "help" if that is asked for; a line that says what is wrong with them. */
export function optionsOf<Body extends string>(
  args: readonly string[],
  bodies: readonly Body[],
  casesOf: (body: Body) => readonly string[],
): Options<Body> | "help" | { readonly problem: string } {
  try {
    return read(args, bodies, casesOf);
  } catch (error) {
    // parseArgs explains at length how to pass what begins with a dash.
    const text = error instanceof Error ? error.message : String(error);
    return { problem: text.replace(/\. To specify .*$/s, "") };
  }
}

const flag = { type: "boolean", default: false } as const;

function read<Body extends string>(
  args: readonly string[],
  bodies: readonly Body[],
  casesOf: (body: Body) => readonly string[],
): Options<Body> | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      body: { type: "string", default: "plain" },
      nodes: { type: "string", default: "3" },
      case: { type: "string", multiple: true, default: [] },
      shard: { type: "string", default: "1/1" },
      core: flag,
      resume: flag,
      record: flag,
      keep: flag,
      "where-possible": flag,
      list: flag,
      help: { ...flag, short: "h" },
    },
  });
  if (values.help) return "help";
  const body = bodies.find((one) => one === values.body);
  if (body === undefined) {
    throw new Error(`there is no body ${values.body}; there are ${bodies.join(", ")}`);
  }
  if (!/^[1-9]$/.test(values.nodes)) {
    throw new Error(`--nodes must be a number from 1 to 9, not ${values.nodes}`);
  }
  const known = casesOf(body);
  const unknown = values.case.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`there is no case ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  const [, at, count] = /^([1-9][0-9]?)\/([1-9][0-9]?)$/.exec(values.shard) ?? [];
  if (at === undefined || Number(at) > Number(count)) {
    throw new Error(`--shard must be I/N with I from 1 to N, not ${values.shard}`);
  }
  return {
    body,
    nodes: Number(values.nodes),
    cases: values.case,
    isCore: values.core,
    shard: { at: Number(at) - 1, count: Number(count) },
    resume: values.resume,
    record: values.record,
    keep: values.keep,
    wherePossible: values["where-possible"],
    list: values.list,
  };
}
