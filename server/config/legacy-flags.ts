// The flags of etcd 0.4 and the tutorials of its time: -addr, -bind-addr, -peer-addr, -peer-bind-addr and
// -peers, as flags or ETCD_ variables. They become today's, and a note says what to write instead. Pure.
import type { ConfigNote } from "./note.ts";

const names = ["addr", "bind-addr", "peer-addr", "peer-bind-addr", "peers"] as const;
type Name = (typeof names)[number];

const variables: ReadonlyMap<string, Name> = new Map(
  names.map((name) => [`ETCD_${name.toUpperCase().replaceAll("-", "_")}`, name]),
);

/** What etcd 0.4 took where nothing was said. */
const defaults = { client: "127.0.0.1:4001", peer: "127.0.0.1:7001" } as const;

export type LegacyResult =
  | {
      readonly kind: "ok";
      /** Without old flags, today's behind the others. */
      readonly argv: readonly string[];
      /** Without old variables. */
      readonly env: Readonly<Record<string, string | undefined>>;
    }
  | { readonly kind: "fault"; readonly reason: string };

interface Given {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

const oldFlag = new RegExp(`^--?(${names.join("|")})(?:=(.*))?$`, "s");

/** Adds a note for each pair of old flags; says what is wrong with one that has no meaning today. */
export function translateLegacy(given: Given, notes: ConfigNote[]): LegacyResult {
  const old = new Map<Name, string>();
  const env: Record<string, string | undefined> = {};
  for (const [variable, value] of Object.entries(given.env)) {
    const name = variables.get(variable);
    if (name === undefined) env[variable] = value;
    else if (value !== undefined && value !== "") old.set(name, value);
  }
  const argv: string[] = [];
  const rest = [...given.argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name, value] = oldFlag.exec(word) ?? [];
    if (name === undefined) argv.push(word);
    else {
      const text = value ?? rest.shift();
      if (text === undefined) {
        return { kind: "fault", reason: `flag needs an argument: -${name}` };
      }
      old.set(name as Name, text);
    }
  }
  if (old.size === 0) return { kind: "ok", argv, env };
  const today = new Today(argv, env, notes);
  if (old.has("peers") && !today.isGiven("initial-cluster")) {
    const reason =
      "-peers of etcd 0.4 names no members: write --initial-cluster=NAME=http://HOST:PORT,… with every member's peer URL, or add this one with `etcdctl member add`";
    return { kind: "fault", reason };
  }
  if (old.has("peers")) today.note("-peers", "--initial-cluster, which is used");
  const fault =
    today.pair(old, "addr", "bind-addr", "client") ??
    today.pair(old, "peer-addr", "peer-bind-addr", "peer");
  return fault === undefined
    ? { kind: "ok", argv: [...argv, ...today.added], env }
    : { kind: "fault", reason: fault };
}

class Today {
  readonly added: string[] = [];
  private readonly argv: readonly string[];
  private readonly env: Given["env"];
  private readonly notes: ConfigNote[];

  constructor(argv: readonly string[], env: Given["env"], notes: ConfigNote[]) {
    this.argv = argv;
    this.env = env;
    this.notes = notes;
  }

  isGiven(option: string): boolean {
    const variable = `ETCD_${option.toUpperCase().replaceAll("-", "_")}`;
    return this.flag(option) !== undefined || (this.env[variable] ?? "") !== "";
  }

  note(old: string, instead: string): void {
    this.notes.push({
      level: "warn",
      message: `${old}: of etcd 0.4; write ${instead}`,
      fields: {},
    });
  }

  /** What is advertised and where is listened; gives what is wrong. */
  pair(
    old: ReadonlyMap<Name, string>,
    advertise: "addr" | "peer-addr",
    listen: "bind-addr" | "peer-bind-addr",
    which: "client" | "peer",
  ): string | undefined {
    const address = old.get(advertise);
    const bound = old.get(listen);
    if (address === undefined && bound === undefined) return undefined;
    const advertised = address ?? defaults[which];
    const port = portOf(advertised);
    if (port === undefined) return `-${advertise} must be HOST:PORT: ${advertised}`;
    const listened =
      bound === undefined ? advertised : portOf(bound) === undefined ? `${bound}:${port}` : bound;
    const set = which === "client" ? this.setClient : this.setPeer;
    const words = set.call(this, `http://${advertised}`, `http://${listened}`);
    const flags = [
      ...(address === undefined ? [] : [`-${advertise}`]),
      ...(bound === undefined ? [] : [`-${listen}`]),
    ];
    this.note(flags.join(" and "), words.join(" "));
    return undefined;
  }

  private setClient(advertised: string, listened: string): string[] {
    return [
      this.set("listen-client-urls", listened),
      this.set("advertise-client-urls", advertised),
    ];
  }

  private setPeer(advertised: string, listened: string): string[] {
    const words = [
      this.set("listen-peer-urls", listened),
      this.set("initial-advertise-peer-urls", advertised),
    ];
    const others = ["discovery", "discovery-srv", "discovery-token"];
    if (!others.some((option) => this.isGiven(option))) {
      const name = this.flag("name") ?? this.env["ETCD_NAME"] ?? "default";
      words.push(this.set("initial-cluster", `${name}=${advertised}`));
    }
    return words;
  }

  /** What is given in today's words wins. */
  private set(option: string, value: string): string {
    const word = `--${option}=${value}`;
    if (!this.isGiven(option)) this.added.push(word);
    return word;
  }

  private flag(option: string): string | undefined {
    for (const [i, word] of this.argv.entries()) {
      const bare = word.replace(/^--?/, "");
      if (bare === word) continue;
      if (bare === option) return this.argv[i + 1] ?? "";
      if (bare.startsWith(`${option}=`)) return bare.slice(option.length + 1);
    }
    return undefined;
  }
}

function portOf(address: string): string | undefined {
  return /:(\d+)$/.exec(address)?.[1];
}
