// What a run has asked for: every RPC, every option (each field of a request given, each value of an
// enum, both of a bool) and every row of the error table that was answered. The list of what there is
// comes from proto/etcd and proto/errors.ts; what one member cannot be brought to is listed here with
// the reason, and nothing else may stay below the least count.
import { errorTable } from "#proto/errors.ts";
import { enumOf, type Field, isScalar, schema } from "./schema.ts";
import type { Answer } from "./side.ts";
import type { Step } from "./step.ts";

/** How often a default run must have asked for everything. */
export const leastCount = 20;

/** Services that are not asked yet, with the reason. */
export const unaskedServices: Readonly<Record<string, string>> = {};

/** Options that cannot be given, with the reason. */
export const unaskedOptions: Readonly<Record<string, string>> = {};

const oneMember = "needs more than one member";

/** Rows of the error table that a client cannot bring one healthy member to, with the reason. */
export const unaskedErrors: Readonly<Record<string, string>> = {
  watchCanceled: "answers a client that has gone",
  requestCanceled: "answers a client that has gone",
  memberExists: "an ID is made of the time",
  memberNotEnoughStarted: oneMember,
  clusterIdMismatch: "is of the wire between members",
  tooManyRequests: "needs 5,000 requests that wait to be applied",
  noLeader: oneMember,
  notLeader: oneMember,
  leaderChanged: oneMember,
  notCapable: "needs a cluster older than 3.0",
  stopped: "needs a member that stops",
  timeout: oneMember,
  timeoutLeaderFail: oneMember,
  timeoutConnectionLost: oneMember,
  timeoutWaitAppliedIndex: oneMember,
  unhealthy: oneMember,
  notSupportedForLearner: oneMember,
  clusterVersionNotFound: "the cluster's version is known from the start",
  downgradeInProgress:
    "a downgrade ends at its own time; test/contract/downgrade-cases.ts compares it",
  noInflightDowngrade: "a cancel that finds none succeeds",
};

const errorNames = new Map<string, string>(
  Object.entries(errorTable).map(([name, [, text]]) => [`etcdserver: ${text}`, name]),
);

/** An option of a request: a field, or one of the values that it can have. */
export interface Option {
  /** `RangeRequest.limit`, `RangeRequest.sortOrder=ASCEND`; of a nested message with its own name. */
  readonly name: string;
  readonly message: string;
  readonly field: Field;
  /** Of an enum or a bool. */
  readonly value?: string;
}

/** The options of a message and of those in it. */
export function optionsOf(
  message: string,
  seen: ReadonlySet<string> = new Set(),
): readonly Option[] {
  if (seen.has(message)) return [];
  const inner = new Set([...seen, message]);
  return (schema.messages.get(message) ?? []).flatMap((field): readonly Option[] => {
    const name = `${message}.${field.property}`;
    const values = field.type === "bool" ? ["true", "false"] : enumOf(field.type)?.keys();
    if (values !== undefined) {
      return [...values].map((value) => ({ name: `${name}=${value}`, message, field, value }));
    }
    const own = [{ name, message, field }];
    return isScalar(field.type) ? own : [...own, ...optionsOf(field.type, inner)];
  });
}

/** Everything that a run is to ask for, by the kind of thing. */
export function expected(): {
  readonly rpcs: readonly string[];
  readonly options: readonly string[];
  readonly errors: readonly string[];
} {
  const rpcs = [...schema.rpcs.values()].filter(
    ({ key }) => !(key.split("/")[0]! in unaskedServices),
  );
  const options = rpcs.flatMap(({ request }) => optionsOf(request).map(({ name }) => name));
  return {
    rpcs: rpcs.map(({ key }) => key),
    options: [...new Set(options)].filter((name) => !(name in unaskedOptions)),
    errors: Object.keys(errorTable).filter((name) => !(name in unaskedErrors)),
  };
}

function isGiven(value: unknown): boolean {
  if (value === undefined || value === 0 || value === 0n || value === "") return false;
  return !((value instanceof Uint8Array || Array.isArray(value)) && value.length === 0);
}

/** Counts what is played. */
export class Coverage {
  readonly counts = new Map<string, number>();
  /** Requests of all kinds, on each member. */
  requests = 0;

  private add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  /** Counts a step and what the reference answered. */
  count(step: Step, answer: Answer): void {
    this.requests++;
    this.addAnswer(answer);
    switch (step.do) {
      case "call":
      case "begin":
        this.addCall(step.rpc, step.request);
        return;
      case "keepAlive":
        for (const ID of step.ids) this.addCall("Lease/LeaseKeepAlive", { ID });
        return;
      case "watchCreate":
        this.addWatch("createRequest", step.request);
        return;
      case "watchCancel":
        this.addWatch("cancelRequest", { watchId: step.id });
        return;
      case "watchProgress":
        this.addWatch("progressRequest", {});
        return;
      case "expire":
        for (const one of answer.answers) this.addAnswer(one as Answer);
        return;
      default:
        return;
    }
  }

  private addAnswer({ code, message }: Answer): void {
    if (code === 0) return;
    const name = errorNames.get(message);
    this.add(name === undefined ? `other error: ${code} ${message.slice(0, 90)}` : `error ${name}`);
  }

  private addWatch($case: string, value: Readonly<Record<string, unknown>>): void {
    this.addCall("Watch/Watch", { requestUnion: { $case, value } });
  }

  private addCall(key: string, request: Readonly<Record<string, unknown>>): void {
    this.add(key);
    const rpc = schema.rpcs.get(key);
    if (rpc !== undefined) this.addMessage(rpc.request, request);
  }

  private addMessage(message: string, value: Readonly<Record<string, unknown>>): void {
    for (const field of schema.messages.get(message) ?? []) {
      this.addField(`${message}.${field.property}`, field, givenIn(field, value));
    }
  }

  private addField(name: string, field: Field, value: unknown): void {
    const values = enumOf(field.type);
    if (values !== undefined) {
      const list: readonly unknown[] = field.repeated ? ((value as unknown[]) ?? []) : [value ?? 0];
      for (const one of list) {
        const known = [...values].find(([, number]) => number === one);
        this.add(`${name}=${known?.[0] ?? "unknown"}`);
      }
    } else if (field.type === "bool") this.add(`${name}=${value === true}`);
    else if (isScalar(field.type)) {
      if (isGiven(value)) this.add(name);
    } else if (value !== undefined) {
      const list = field.repeated ? (value as unknown[]) : [value];
      if (list.length > 0) this.add(name);
      for (const one of list) this.addMessage(field.type, one as Record<string, unknown>);
    }
  }

  /** Takes over what another run has counted. */
  merge(other: Coverage): void {
    this.requests += other.requests;
    for (const [name, count] of other.counts) {
      this.counts.set(name, (this.counts.get(name) ?? 0) + count);
    }
  }

  /** What was asked for less often than `least`, with how often. */
  missing(least: number): readonly string[] {
    const { rpcs, options, errors } = expected();
    return [...rpcs, ...options, ...errors.map((name) => `error ${name}`)]
      .filter((name) => (this.counts.get(name) ?? 0) < least)
      .map((name) => `${name}: ${this.counts.get(name) ?? 0}`);
  }

  /** A few lines: what was asked for, and the rarest of each kind. */
  summary(): readonly string[] {
    const { rpcs, options, errors } = expected();
    const line = (what: string, names: readonly string[]): string => {
      const rarest = names
        .map((name) => [this.counts.get(name) ?? 0, name] as const)
        .sort(([a], [b]) => a - b)
        .slice(0, 4)
        .map(([count, name]) => `${name} ${count}`);
      return `${names.length} ${what}, the rarest: ${rarest.join(", ")}`;
    };
    return [
      `${this.requests} requests to each`,
      line("RPCs", rpcs),
      line("options", options),
      line(
        "errors",
        errors.map((name) => `error ${name}`),
      ),
    ];
  }
}

function givenIn(field: Field, message: Readonly<Record<string, unknown>>): unknown {
  if (field.oneof === undefined) return message[field.property];
  const union = message[field.oneof] as { readonly $case: string; readonly value: unknown };
  return union?.$case === field.property ? union.value : undefined;
}
