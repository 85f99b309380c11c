// `etcd gateway start` and `etcd grpc-proxy start`: their flags, their help, and what is wrong with a
// command line. Other than the server's flags these follow the rules of etcdctl's (pflag), have no
// environment variables and no configuration file.
import { flagLines } from "#ctl/flag-lines.ts";
import { type Flag, FlagError, flagText, type ParsedFlags, parseFlags } from "#ctl/flags.ts";

export type ProxyKind = "gateway" | "grpc-proxy";

export type CommandLine =
  | { readonly kind: "help"; readonly text: string }
  /** `usage` follows the message on stderr. */
  | { readonly kind: "error"; readonly message: string; readonly usage: string }
  | { readonly kind: "run"; readonly proxy: ProxyKind; readonly flags: ParsedFlags };

const text = (name: string, initial: string, usage: string): Flag => ({
  name,
  kind: "string",
  initial,
  usage,
});
const bool = (name: string, usage: string): Flag => ({ name, kind: "bool", initial: false, usage });
const list = (name: string, initial: readonly string[], usage: string): Flag => ({
  name,
  kind: "list",
  initial,
  usage,
});
const duration = (name: string, initial: number, usage: string): Flag => ({
  name,
  kind: "duration",
  initial,
  usage,
});
const int = (name: string, initial: number, usage: string): Flag => ({
  name,
  kind: "int",
  initial,
  usage,
});
const uint = (name: string, initial: number, usage: string): Flag => ({
  name,
  kind: "uint",
  initial,
  usage,
});

const help: Flag = {
  name: "help",
  short: "h",
  kind: "bool",
  initial: false,
  usage: "show this help",
};

/** Where the cluster is; both proxies take them. */
const endpointFlags: readonly Flag[] = [
  list("endpoints", ["127.0.0.1:2379"], "members of the cluster, by commas"),
  text("discovery-srv", "", "domain whose SRV records _etcd-client[-ssl] name the members"),
  text("discovery-srv-name", "", "service name within those records"),
  bool("insecure-discovery", "take members from SRV records without checking their certificates"),
  text("listen-addr", "127.0.0.1:23790", "host:port to listen on"),
];

const gatewayFlags: readonly Flag[] = [
  ...endpointFlags,
  duration("retry-delay", 60_000, "how long a member that refused is left alone"),
  text(
    "trusted-ca-file",
    "",
    "PEM file of the authorities that members found by --discovery-srv are checked against",
  ),
  help,
];

const grpcProxyFlags: readonly Flag[] = [
  ...endpointFlags,
  duration(
    "endpoints-auto-sync-interval",
    0,
    "how often to ask the cluster for its members, and to use those from then on; 0 for never",
  ),
  text(
    "advertise-client-url",
    "127.0.0.1:23790",
    "where clients reach this proxy: what the member list shows instead of the members; the members themselves if empty",
  ),
  text("resolver-prefix", "", "prefix of the keys under which proxies register themselves"),
  int("resolver-ttl", 0, "seconds that a registration outlives its proxy"),
  text("namespace", "", "put before every key on the way in, and taken away on the way out"),
  text("data-dir", "default.proxy", "where the certificates of --auto-tls are kept"),
  text("cert", "", "PEM file of the certificate that this proxy shows to members"),
  text("key", "", "PEM file of the key of --cert"),
  text("cacert", "", "PEM file of the authorities that members' certificates are checked against"),
  bool("insecure-skip-tls-verify", "accept any certificate of members: for tests only"),
  text("cert-file", "", "PEM file of the certificate that this proxy shows to clients"),
  text("key-file", "", "PEM file of the key of --cert-file"),
  text(
    "trusted-ca-file",
    "",
    "PEM file of the authorities that clients' certificates are checked against; asks for one",
  ),
  bool("auto-tls", "serve TLS with a certificate that the proxy makes itself"),
  text("client-crl-file", "", "PEM file of clients' certificates that are revoked"),
  list("listen-cipher-suites", [], "cipher suites towards clients, in IANA names"),
  text("tls-min-version", "TLS1.2", "oldest TLS towards clients: TLS1.2 or TLS1.3"),
  text("tls-max-version", "", "newest TLS towards clients: TLS1.2, TLS1.3 or empty"),
  uint("self-signed-cert-validity", 1, "years that a certificate of --auto-tls holds"),
  text("metrics-addr", "", "URL of one more listener for metrics and health"),
  bool("enable-pprof", "serve profiles under /debug/pprof/"),
  bool("debug", "log more"),
  int("max-send-bytes", 1_572_864, "largest request to a member"),
  int("max-recv-bytes", 2_147_483_647, "largest answer of a member"),
  uint("max-concurrent-streams", 4_294_967_295, "calls that one client may have under way"),
  bool("permit-without-stream", "ping members on connections without a call as well"),
  duration("grpc-keepalive-min-time", 5_000, "clients that ping more often are cut off"),
  duration(
    "grpc-keepalive-interval",
    7_200_000,
    "silence after which a client is pinged; 0: never",
  ),
  duration(
    "grpc-keepalive-timeout",
    20_000,
    "how long a pinged client may stay silent; 0: for ever",
  ),
  duration("dial-keepalive-time", 0, "silence after which a member is pinged; 0: never"),
  duration("dial-keepalive-timeout", 20_000, "how long a pinged member may stay silent"),
  text("experimental-leasing-prefix", "", "accepted and of no effect"),
  bool(
    "experimental-serializable-ordering",
    "let no serializable read show an older revision than one before it",
  ),
  bool("experimental-enable-grpc-logging", "log every call with its status and time"),
  help,
];

interface Proxy {
  readonly summary: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  readonly example: string;
}

const proxies: Readonly<Record<ProxyKind, Proxy>> = {
  gateway: {
    summary: "forwards TCP connections to the members",
    description:
      "Forwards TCP connections to the members of a cluster, one after the other. What is said on a\nconnection, TLS included, passes unread. Members that refuse are left alone for --retry-delay.",
    flags: gatewayFlags,
    example: "etcd gateway start --endpoints 10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379",
  },
  "grpc-proxy": {
    summary: "stands between clients and the cluster, and takes load off it",
    description:
      "Serves the API of a cluster and keeps nothing: watches of one range become one watch, renewals of\none lease one renewal, and serializable reads are answered from memory where they can.",
    flags: grpcProxyFlags,
    example: "etcd grpc-proxy start --endpoints http://10.0.0.1:2379 --listen-addr 0.0.0.0:23790",
  },
};

function groupHelp(kind: ProxyKind): string {
  const { summary } = proxies[kind];
  return `etcd ${kind}: ${summary}

Usage:
  etcd ${kind} start [flags]

Explain: etcd ${kind} start --help
`;
}

function startHelp(kind: ProxyKind): string {
  const { description, flags, example } = proxies[kind];
  return `${description}

Usage:
  etcd ${kind} start [flags]

Flags:
${flagLines(flags)}
Example:
  ${example}
`;
}

/** The part of docs/flags.md that is about both. */
export function proxyFlagsDocument(): string {
  const row = (flag: Flag): string => {
    const initial = flagText(flag, flag.initial).replace(/^\[(.*)\]$/, "$1");
    return `| \`--${flag.name}\` | ${flag.kind} | ${initial === "" ? "" : `\`${initial}\``} | ${flag.usage} |`;
  };
  const parts = Object.entries(proxies).map(([name, { description, example, flags }]) =>
    [
      `## \`etcd ${name} start\``,
      "",
      description.replaceAll("\n", " "),
      "",
      `    ${example}`,
      "",
      "| flag | kind | default | what it does |",
      "| --- | --- | --- | --- |",
      ...flags.filter(({ name: flag }) => flag !== "help").map(row),
      "",
    ].join("\n"),
  );
  return [
    "# Flags of the proxies",
    "",
    "Two dashes; a switch may stand alone or as `=true`, `=false`. As in etcd they have no variables and",
    "no file.",
    "",
    ...parts,
  ].join("\n");
}

/** Reads what follows `etcd`; its first word is the kind of proxy. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const [kind, ...rest] = words as readonly [ProxyKind, ...string[]];
  const start = rest.findIndex((word) => !word.startsWith("-"));
  if (start < 0 || rest[start] !== "start") {
    const [first] = rest;
    if (first?.startsWith("-") && first !== "--help" && first !== "-h") {
      return { kind: "error", message: `unknown flag: ${first}`, usage: groupHelp(kind) };
    }
    return { kind: "help", text: groupHelp(kind) };
  }
  try {
    const flags = parseFlags(proxies[kind].flags, rest.toSpliced(start, 1));
    if (flags.bool("help")) return { kind: "help", text: startHelp(kind) };
    return { kind: "run", proxy: kind, flags };
  } catch (thrown) {
    if (!(thrown instanceof FlagError)) throw thrown;
    return { kind: "error", message: thrown.message, usage: startHelp(kind) };
  }
}
