// `etcd grpc-proxy start`: what its flags mean, and what is wrong with them.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { errorText, OperatingError } from "#base/errors.ts";
import type { TlsOptions } from "#client/options.ts";
import type { ConnectionLimits } from "#server/rpc/limits.ts";
import type { GrpcProxySettings } from "./grpc-proxy.ts";

/** The flags, typed by how they are read. */
export interface FlagValues {
  string(name: string): string;
  number(name: string): number;
  bool(name: string): boolean;
  list(name: string): readonly string[];
}

const fail = (message: string): OperatingError => new OperatingError("BAD_FLAG", message);

/** Throws OperatingError for flags that do not fit together. */
export function checkFlags(flags: FlagValues): void {
  const prefix = flags.string("resolver-prefix");
  const ttl = flags.number("resolver-ttl");
  if (prefix !== "" && ttl < 1) throw fail(`invalid resolver-ttl ${ttl}`);
  if (prefix === "" && ttl > 0) throw fail(`invalid resolver-prefix ${JSON.stringify(prefix)}`);
  const advertised = flags.string("advertise-client-url");
  if (prefix !== "" && advertised === "") {
    throw fail(`invalid advertise-client-url ${JSON.stringify(advertised)}`);
  }
  const addresses = [flags.string("metrics-addr")].filter((text) => text !== "");
  for (const text of addresses) {
    if (!/^https?:\/\//.test(text)) {
      throw fail(`cannot listen on --metrics-addr=${text}: write http://host:port`);
    }
  }
}

/** The URL of --listen-addr. */
export function listenUrl(flags: FlagValues): string {
  const address = flags.string("listen-addr").replace(/^:/, "[::]:");
  return `${servesTls(flags) ? "https" : "http"}://${address}`;
}

/** True if clients are served over TLS. */
export function servesTls(flags: FlagValues): boolean {
  return (
    flags.bool("auto-tls") ||
    ["cert-file", "key-file", "trusted-ca-file"].some((name) => flags.string(name) !== "")
  );
}

/** The server's own flags that say the same of the client port. */
export function serverTlsFlags(flags: FlagValues): string[] {
  const url = listenUrl(flags);
  const metrics = flags.string("metrics-addr");
  const suites = flags.list("listen-cipher-suites").join(",");
  const names = ["cert-file", "key-file", "trusted-ca-file", "client-crl-file"] as const;
  return [
    `--data-dir=${flags.string("data-dir")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    ...(metrics === "" ? [] : [`--listen-metrics-urls=${metrics}`]),
    ...names.flatMap((name) => {
      const value = flags.string(name);
      return value === "" ? [] : [`--${name}=${value}`];
    }),
    ...(flags.bool("auto-tls") ? ["--auto-tls"] : []),
    ...(suites === "" ? [] : [`--cipher-suites=${suites}`]),
    `--tls-min-version=${flags.string("tls-min-version")}`,
    `--tls-max-version=${flags.string("tls-max-version")}`,
    `--self-signed-cert-validity=${flags.number("self-signed-cert-validity")}`,
  ];
}

/** TLS towards members; undefined for plain connections to endpoints without a scheme. */
function clusterTls(flags: FlagValues): TlsOptions | undefined {
  const [certFile, keyFile, caFile] = ["cert", "key", "cacert"].map((name) => flags.string(name));
  const insecureSkipVerify = flags.bool("insecure-skip-tls-verify");
  if (certFile === "" && keyFile === "" && caFile === "" && !insecureSkipVerify) return undefined;
  if ((certFile === "") !== (keyFile === "")) {
    throw fail(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined || path === "" ? undefined : readFileSync(path);
  const [cert, key, ca] = [read(certFile), read(keyFile), read(caFile)];
  if (cert !== undefined && key !== undefined) {
    const certificate = certificateOf(cert, certFile!);
    if (!certificate.checkPrivateKey(createPrivateKey(key))) {
      throw fail(`${keyFile} is not the key of ${certFile}`);
    }
    // All clients of the proxy would be this user.
    const name = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
    if (name !== undefined) {
      throw fail(`cert has non empty Common Name (${name}): ${certFile} would make a user of it`);
    }
  }
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    insecureSkipVerify,
  };
}

function certificateOf(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw fail(`${path} is no certificate: ${errorText(error)}`);
  }
}

const never = 2 ** 31 - 1;

function limitsOf(flags: FlagValues): Partial<ConnectionLimits> {
  const orNever = (name: string): number => flags.number(name) || never;
  return {
    maxConcurrentStreams: flags.number("max-concurrent-streams"),
    keepaliveMinMs: flags.number("grpc-keepalive-min-time"),
    keepaliveIntervalMs: orNever("grpc-keepalive-interval"),
    keepaliveTimeoutMs: orNever("grpc-keepalive-timeout"),
  };
}

/** Reads the files that the flags name; throws OperatingError or what a disk says. */
export function grpcProxySettings(
  flags: FlagValues,
  endpoints: readonly string[],
): GrpcProxySettings {
  const tls = clusterTls(flags);
  const pingMs = flags.number("dial-keepalive-time");
  return {
    listenUrl: listenUrl(flags),
    metricsUrl: flags.string("metrics-addr"),
    cluster: {
      endpoints,
      ...(tls === undefined ? {} : { tls }),
      ...(pingMs === 0 ? {} : { keepAliveTimeMs: pingMs }),
      keepAliveTimeoutMs: flags.number("dial-keepalive-timeout"),
      keepAliveIdle: flags.bool("permit-without-stream"),
      // Looked at by the proxy itself; grpc-js would word it in its own way.
      maxSendBytes: never,
      maxReceiveBytes: flags.number("max-recv-bytes"),
    },
    maxSendBytes: flags.number("max-send-bytes") || never,
    syncIntervalMs: flags.number("endpoints-auto-sync-interval"),
    advertised: flags.string("advertise-client-url"),
    resolverPrefix: flags.string("resolver-prefix"),
    resolverTtlSeconds: flags.number("resolver-ttl"),
    namespace: flags.string("namespace"),
    serializableOrdering: flags.bool("experimental-serializable-ordering"),
    logsCalls: flags.bool("experimental-enable-grpc-logging"),
    limits: limitsOf(flags),
  };
}
