// etcdctl with ETCDCTL_API=2: from the words of a command line to a command that has run. Its own
// parser, flags, environment and exit codes: those of etcdctl 3.4 (facts: v2 API §6).
import type { Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { Exit } from "#ctl/exit.ts";
import { credentialsIn, tlsOfFiles } from "#ctl/globals.ts";
import { goQuote } from "#ctl/go-text.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { apiVersion } from "#ctl/versions.ts";
import { auth, role, user } from "./auth.ts";
import { backup } from "./backup.ts";
import {
  ClusterClient,
  DeadlineError,
  isConnectionError,
  NoEndpointsError,
} from "./cluster-client.ts";
import type { V2Command, V2Context } from "./command.ts";
import { Ended, endCode, failed } from "./ended.ts";
import { parseCommand, parseLeading, type V2Flag, V2FlagError, type V2Flags } from "./flags.ts";
import { helpText } from "./help.ts";
import { get, ls, mk, mkdir, rm, rmdir, set, setdir, update, updatedir } from "./keys.ts";
import { clusterHealth, listMembers, member } from "./members.ts";
import { execWatch, watch } from "./watch.ts";

export const globalFlags: readonly V2Flag[] = [
  { names: ["debug"], kind: "bool", usage: "show each request as a command line of curl" },
  { names: ["no-sync"], kind: "bool", usage: "use the endpoints given, not those of the members" },
  {
    names: ["output", "o"],
    kind: "string",
    initial: "simple",
    usage: "simple, extended or json",
  },
  {
    names: ["discovery-srv", "D"],
    kind: "string",
    usage: "domain whose SRV records name endpoints",
  },
  { names: ["insecure-discovery"], kind: "bool", usage: "accept SRV records without TLS" },
  { names: ["peers", "C"], kind: "string", usage: "old name of --endpoints" },
  { names: ["endpoint"], kind: "string", usage: "old name of --endpoints" },
  {
    names: ["endpoints"],
    kind: "string",
    usage: "URLs of members, by commas (http://127.0.0.1:2379,http://127.0.0.1:4001)",
  },
  { names: ["cert-file"], kind: "string", usage: "PEM file of the client's certificate" },
  { names: ["key-file"], kind: "string", usage: "PEM file of its key" },
  { names: ["ca-file"], kind: "string", usage: "PEM file of the authorities of servers" },
  { names: ["username", "u"], kind: "string", usage: "NAME or NAME:PASSWORD" },
  { names: ["timeout"], kind: "duration", initial: 2000, usage: "until an endpoint answers (2s)" },
  {
    names: ["total-timeout"],
    kind: "duration",
    initial: 5000,
    usage: "for the whole command, but for a watch (5s)",
  },
];

const versionFlag: V2Flag = { names: ["version", "v"], kind: "bool", usage: "print the version" };

const commands: readonly V2Command[] = [
  backup,
  clusterHealth,
  mk,
  mkdir,
  rm,
  rmdir,
  get,
  ls,
  set,
  setdir,
  update,
  updatedir,
  watch,
  execWatch,
  member,
  user,
  role,
  auth,
];

const root: V2Command = {
  name: "etcdctl",
  summary: "Talks to an etcd cluster by the v2 API",
  usage: "[GLOBAL FLAGS] COMMAND [FLAGS] [ARGUMENTS...]",
  flags: [...globalFlags, versionFlag],
  children: commands,
};

/** The first of the values that is not empty. */
const firstOf = (...texts: readonly (string | undefined)[]): string =>
  texts.find((text) => text !== undefined && text !== "") ?? "";

class Session {
  private readonly terminal: Terminal;
  private readonly globals: V2Flags;
  private readonly timers: Timer[] = [];
  private client: ClusterClient | undefined;

  constructor(terminal: Terminal, globals: V2Flags) {
    this.terminal = terminal;
    this.globals = globals;
  }

  deadline(): AbortSignal {
    const over = new AbortController();
    const { clock } = this.terminal;
    this.timers.push(clock.after(this.globals.number("total-timeout"), () => over.abort()));
    return over.signal;
  }

  async open(sync: "no sync" | undefined): Promise<ClusterClient> {
    const debug = this.globals.bool("debug");
    const client = await this.make(debug);
    this.client = client;
    const say = (text: string): void => this.terminal.err(`${text}\n`);
    if (sync === undefined && !this.globals.bool("no-sync")) {
      const before = client.endpoints.join(",");
      if (debug) say(`start to sync cluster using endpoints(${before})`);
      try {
        const members = await listMembers(client, this.deadline());
        client.setEndpoints(members.flatMap(({ clientURLs }) => clientURLs));
      } catch (thrown) {
        if (thrown instanceof NoEndpointsError) {
          say("etcd cluster has no published client endpoints.");
          say(`Try '--no-sync' if you want to access non-published client endpoints(${before}).`);
          throw failed(endCode.serverError, thrown);
        }
        // What else is wrong shows when the command asks.
        if (isConnectionError(thrown)) throw failed(endCode.badConnection, thrown);
      }
      if (debug) say(`got endpoints(${client.endpoints.join(",")}) after sync`);
    }
    if (debug) say(`Cluster-Endpoints: ${client.endpoints.join(", ")}`);
    return client;
  }

  close(): void {
    for (const timer of this.timers) timer.cancel();
    this.client?.close();
  }

  private async make(debug: boolean): Promise<ClusterClient> {
    const { terminal, globals } = this;
    const { env } = terminal;
    try {
      const named = firstOf(globals.string("username"), env["ETCDCTL_USERNAME"]);
      const user =
        named === ""
          ? undefined
          : await credentialsIn(terminal, { user: named, password: "" }, "Password: ");
      return new ClusterClient({
        endpoints: await this.endpoints(),
        tls: tlsOfFiles({
          cert: firstOf(globals.string("cert-file"), env["ETCDCTL_CERT_FILE"]),
          key: firstOf(globals.string("key-file"), env["ETCDCTL_KEY_FILE"]),
          cacert: firstOf(globals.string("ca-file"), env["ETCDCTL_CA_FILE"]),
          insecureSkipVerify: false,
          insecureTransport: true,
        }),
        user,
        timeoutMs: globals.number("timeout"),
        terminal,
        debug,
      });
    } catch (thrown) {
      throw new Ended(1, errorText(thrown));
    }
  }

  private async endpoints(): Promise<readonly string[]> {
    const { env } = this.terminal;
    const flag = (name: string): string => this.globals.string(name);
    const domain = firstOf(flag("discovery-srv"), env["ETCDCTL_DISCOVERY_SRV"]);
    if (domain !== "") {
      const { discoverEndpoints } = await import("#ctl/srv-discovery.ts");
      const found = await discoverEndpoints(
        {
          domain,
          serviceName: env["ETCDCTL_DISCOVERY_SRV_NAME"] ?? "",
          insecure:
            this.globals.bool("insecure-discovery") ||
            (env["ETCDCTL_INSECURE_DISCOVERY"] ?? "") !== "",
        },
        (endpoint) =>
          this.terminal.err(`ignoring discovered insecure endpoint ${goQuote(endpoint)}\n`),
      );
      if (found.length > 0) return found;
    }
    return firstOf(
      flag("endpoints"),
      env["ETCDCTL_ENDPOINTS"],
      flag("endpoint"),
      env["ETCDCTL_ENDPOINT"],
      flag("peers"),
      env["ETCDCTL_PEERS"],
      "http://127.0.0.1:2379,http://127.0.0.1:4001",
    ).split(",");
  }
}

/** What is wrong with a command line: the reason first on stdout, before the help, then on stderr. */
function misused(terminal: Terminal, path: readonly V2Command[], how: string, error: Error): Ended {
  terminal.out(`${how} ${error.message}\n\n${helpText(path)}`);
  return new Ended(1, error.message);
}

async function run(words: readonly string[], terminal: Terminal): Promise<void> {
  const path: V2Command[] = [root];
  let globals: V2Flags | undefined;
  let rest = words;
  for (;;) {
    const node = path.at(-1)!;
    if (node.children === undefined) break;
    let parsed: V2Flags;
    try {
      ({ parsed, rest } = parseLeading(node.flags ?? [], rest));
    } catch (thrown) {
      if (!(thrown instanceof V2FlagError)) throw thrown;
      if (!thrown.message.startsWith("Cannot use two")) {
        throw misused(terminal, path, "Incorrect Usage.", thrown);
      }
      terminal.out(`${thrown.message}\n${helpText(path)}`);
      throw new Ended(1, thrown.message);
    }
    globals ??= parsed;
    const [name] = rest;
    if (parsed.bool("help")) return terminal.out(helpText(path));
    if (parsed.bool("version")) {
      return terminal.out(`etcdctl version: ${apiVersion.etcd}\nAPI version: 2\n`);
    }
    if (name === undefined) return terminal.out(helpText(path));
    rest = rest.slice(1);
    const isHelp = name === "help" || name === "h";
    const wanted = isHelp ? rest[0] : name;
    if (wanted === undefined) return terminal.out(helpText(path));
    const child = node.children.find((each) => each.name === wanted);
    if (child === undefined) throw new Ended(3, `No help topic for '${wanted}'`);
    path.push(child);
    if (isHelp) return terminal.out(helpText(path));
  }
  const command = path.at(-1)!;
  let flags: V2Flags;
  try {
    flags = parseCommand(command.flags ?? [], rest);
  } catch (thrown) {
    if (!(thrown instanceof V2FlagError)) throw thrown;
    throw misused(terminal, path, "Incorrect Usage:", thrown);
  }
  if (flags.bool("help")) return terminal.out(helpText(path));
  const session = new Session(terminal, globals!);
  const context: V2Context = {
    flags,
    globals: globals!,
    terminal,
    output: globals!.string("output"),
    client: (sync) => session.open(sync),
    deadline: () => session.deadline(),
  };
  try {
    await command.run?.(context);
  } finally {
    session.close();
  }
}

/** Runs a v2 command line, without the program's name; gives the exit code. */
export async function runEtcdctlV2(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await run(words, terminal);
    return 0;
  } catch (thrown) {
    if (thrown instanceof Ended || thrown instanceof Exit || thrown instanceof DeadlineError) {
      if (thrown.message !== "") terminal.err(`${thrown.message}\n`);
      return thrown instanceof Ended ? thrown.code : 1;
    }
    terminal.err(`${errorText(thrown)}\n`);
    return 1;
  }
}
