// The flags that every command takes, their environment variables, and the client made from them.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { errorText } from "#base/errors.ts";
import type { EtcdClient } from "#client/client.ts";
import type { TlsOptions } from "#client/options.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { type Flag, flagText, type ParsedFlags } from "#ctl/flags.ts";
import { GoSyntaxError, goQuote } from "#ctl/go-text.ts";
import { logLine } from "#ctl/log-line.ts";
import type { Terminal } from "#ctl/terminal.ts";

/** In the order of their names, as --debug prints them. */
export const globalFlags: readonly Flag[] = [
  {
    name: "auth-jwt-token",
    kind: "string",
    initial: "",
    usage: "token to authenticate with, instead of --user and --password",
  },
  {
    name: "cacert",
    kind: "string",
    initial: "",
    usage: "PEM file of the authorities that server certificates are checked against",
  },
  {
    name: "cert",
    kind: "string",
    initial: "",
    usage: "PEM file of the certificate that identifies this client",
  },
  {
    name: "command-timeout",
    kind: "duration",
    initial: 5_000,
    usage: "how long a command may take, connecting included",
  },
  { name: "debug", kind: "bool", initial: false, usage: "show the settings in use" },
  {
    name: "dial-timeout",
    kind: "duration",
    initial: 2_000,
    usage: "how long connecting may take where no other limit applies",
  },
  {
    name: "discovery-srv",
    short: "d",
    kind: "string",
    initial: "",
    usage: "domain whose SRV records name the endpoints",
  },
  {
    name: "discovery-srv-name",
    kind: "string",
    initial: "",
    usage: "service name within those records",
  },
  {
    name: "endpoints",
    kind: "list",
    initial: ["127.0.0.1:2379"],
    usage: "members to talk to: http://HOST:PORT, https://HOST:PORT or HOST:PORT, by commas",
  },
  { name: "hex", kind: "bool", initial: false, usage: "print bytes and IDs in hexadecimal" },
  {
    name: "insecure-discovery",
    kind: "bool",
    initial: true,
    usage: "accept SRV records of endpoints without TLS",
  },
  {
    name: "insecure-skip-tls-verify",
    kind: "bool",
    initial: false,
    usage: "accept any server certificate: for tests only",
  },
  {
    name: "insecure-transport",
    kind: "bool",
    initial: true,
    usage: "use no TLS where neither endpoint nor certificate flags ask for it",
  },
  {
    name: "keepalive-time",
    kind: "duration",
    initial: 2_000,
    usage: "silence after which a connection is probed",
  },
  {
    name: "keepalive-timeout",
    kind: "duration",
    initial: 6_000,
    usage: "how long a probed connection may stay silent",
  },
  { name: "key", kind: "string", initial: "", usage: "PEM file of the key of --cert" },
  {
    name: "max-recv-bytes",
    kind: "int",
    initial: 0,
    usage: "largest answer in bytes; 0 means 2147483647",
  },
  {
    name: "max-request-bytes",
    kind: "int",
    initial: 0,
    usage: "largest request in bytes; 0 means 2097152",
  },
  { name: "password", kind: "string", initial: "", usage: "password of --user" },
  {
    name: "user",
    kind: "string",
    initial: "",
    usage: "NAME or NAME:PASSWORD to authenticate with",
  },
  {
    name: "write-out",
    short: "w",
    kind: "string",
    initial: "simple",
    usage: "format of the output: simple, fields, json, protobuf or table",
  },
];

const prefix = "ETCDCTL_";
/** Read by other parts: watch's own variables, and the API level that older versions had a choice of. */
const knownVariables = new Set(["ETCDCTL_API", "ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"]);

const variableOf = (flag: string): string => `${prefix}${flag.toUpperCase().replaceAll("-", "_")}`;

/**
 * Sets flags from ETCDCTL_ variables. A flag and its variable together end the command, a variable
 * that nobody knows is warned about. `inherited` are the flags that have variables.
 */
export function applyEnvironment(
  terminal: Terminal,
  flags: ParsedFlags,
  inherited: readonly Flag[],
): void {
  const used = new Set<string>();
  for (const { name } of inherited) {
    const variable = variableOf(name);
    const text = terminal.env[variable] ?? "";
    if (flags.isGiven(name) || text === "") continue;
    used.add(variable);
    try {
      flags.set(name, text);
    } catch (thrown) {
      if (!(thrown instanceof GoSyntaxError)) throw thrown;
      throw badArguments(`invalid value ${goQuote(text)} for ${variable}: ${thrown.message}`);
    }
  }
  const given = new Set(
    inherited.filter(({ name }) => flags.isGiven(name)).map(({ name }) => variableOf(name)),
  );
  for (const [variable, text] of Object.entries(terminal.env)) {
    if (!variable.startsWith(prefix) || used.has(variable) || knownVariables.has(variable))
      continue;
    if (given.has(variable)) {
      logLine(
        terminal,
        "fatal",
        "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))",
        { "environment-variable": variable },
      );
      throw new Exit(exitCode.error, "");
    }
    logLine(terminal, "warn", "unrecognized environment variable", {
      "environment-variable": `${variable}=${text}`,
    });
  }
  if (flags.bool("debug")) {
    const rows = [...inherited].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const flag of rows) {
      terminal.err(`${variableOf(flag.name)}=${flagText(flag, flags.value(flag.name))}\n`);
    }
  }
}

function pem(path: string): Buffer | undefined {
  if (path === "") return undefined;
  try {
    return readFileSync(path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "no such file or directory" : errorText(thrown);
    throw badArguments(`open ${path}: ${why}`);
  }
}

/** Throws Exit, in Go's words, unless the key belongs to the certificate. */
function checkPair(cert: Buffer, key: Buffer): void {
  const isPem = (bytes: Buffer): boolean => bytes.includes("-----BEGIN ");
  if (!isPem(cert)) throw badArguments("tls: failed to find any PEM data in certificate input");
  if (!isPem(key)) throw badArguments("tls: failed to find any PEM data in key input");
  let fits: boolean;
  try {
    fits = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (thrown) {
    throw badArguments(`tls: failed to read certificate or key: ${errorText(thrown)}`);
  }
  if (!fits) throw badArguments("tls: private key does not match public key");
}

/** TLS as the flags ask for it; undefined for plain connections to endpoints without a scheme. */
export function tlsOf(flags: ParsedFlags): TlsOptions | undefined {
  for (const name of ["cert", "key", "cacert"]) {
    if (flags.isGiven(name) && flags.string(name) === "") {
      throw badArguments(`empty string is passed to --${name} option`);
    }
  }
  return tlsOfFiles({
    cert: flags.string("cert"),
    key: flags.string("key"),
    cacert: flags.string("cacert"),
    insecureSkipVerify: flags.bool("insecure-skip-tls-verify"),
    insecureTransport: flags.bool("insecure-transport"),
  });
}

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly cacert: string;
  readonly insecureSkipVerify: boolean;
  readonly insecureTransport: boolean;
}

/** TLS of PEM files, "" for none; throws Exit. */
export function tlsOfFiles(files: TlsFiles): TlsOptions | undefined {
  if ((files.cert === "") !== (files.key === "")) {
    throw badArguments(
      `KeyFile and CertFile must both be present[key: ${files.key}, cert: ${files.cert}]`,
    );
  }
  const cert = pem(files.cert);
  const key = pem(files.key);
  if (cert !== undefined && key !== undefined) checkPair(cert, key);
  const ca = pem(files.cacert);
  const { insecureSkipVerify, insecureTransport } = files;
  const wanted = cert !== undefined || ca !== undefined || insecureSkipVerify || !insecureTransport;
  if (!wanted) return undefined;
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    insecureSkipVerify,
  };
}

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Name and password of a pair of flags, NAME or NAME:PASSWORD and PASSWORD; asks for what is missing. */
export async function credentialsIn(
  terminal: Terminal,
  given: Credentials,
  prompt: string,
): Promise<Credentials> {
  const { user, password } = given;
  if (password !== "") return given;
  const colon = user.indexOf(":");
  if (colon >= 0) return { user: user.slice(0, colon), password: user.slice(colon + 1) };
  return { user, password: await terminal.readSecret(prompt) };
}

/** Name and password to authenticate with; undefined if nobody asked for it. Asks for a password. */
async function credentialsOf(
  terminal: Terminal,
  flags: ParsedFlags,
): Promise<Credentials | undefined> {
  const user = flags.string("user");
  if (user === "" || flags.string("auth-jwt-token") !== "") return undefined;
  return credentialsIn(terminal, { user, password: flags.string("password") }, "Password: ");
}

/** A client of `endpoints` as the flags describe it; throws Exit. */
export async function openClient(
  terminal: Terminal,
  flags: ParsedFlags,
  endpoints: readonly string[],
): Promise<EtcdClient> {
  const tls = tlsOf(flags);
  const who = await credentialsOf(terminal, flags);
  const token = flags.string("auth-jwt-token");
  return openClientWith(terminal, flags, { endpoints, tls, who, token });
}

export interface ClientTarget {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly who: Credentials | undefined;
  /** "" for none. */
  readonly token: string;
}

/** A client of another target, with the limits that the flags set; throws Exit. */
export async function openClientWith(
  terminal: Terminal,
  flags: ParsedFlags,
  { endpoints, tls, token, who }: ClientTarget,
): Promise<EtcdClient> {
  const { EtcdClient } = await import("#client/client.ts");
  let client: EtcdClient;
  try {
    client = new EtcdClient({
      endpoints,
      clock: terminal.clock,
      random: terminal.random,
      callTimeoutMs: flags.number("command-timeout"),
      keepAliveTimeMs: flags.number("keepalive-time"),
      keepAliveTimeoutMs: flags.number("keepalive-timeout"),
      maxSendBytes: flags.number("max-request-bytes"),
      maxReceiveBytes: flags.number("max-recv-bytes"),
      ...(tls === undefined ? {} : { tls }),
      ...(token === "" ? {} : { token }),
    });
  } catch (thrown) {
    throw new Exit(exitCode.badConnection, errorText(thrown));
  }
  // As etcd's client: who shows no password asks as nobody.
  if (who !== undefined && who.user !== "" && who.password !== "") {
    try {
      await client.authenticate(who.user, who.password, {
        timeoutMs: flags.number("dial-timeout"),
      });
    } catch (thrown) {
      client.close();
      const { errorLine } = await import("#client/errors.ts");
      throw new Exit(exitCode.badConnection, errorLine(thrown));
    }
  }
  return client;
}
