// What the options say of TLS, on the client port and on the peer port, and what cannot be meant. Pure:
// whether files are there and fit is found out when they are read.
import { cipherSuites } from "./cipher-suites.ts";
import type { ConfigNote } from "./note.ts";
import type { Settings } from "./settings.ts";
import type { Endpoint } from "./urls.ts";

/** TLS on one of the two ports. A path "" means none. */
export interface PortTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** For connections that this member opens; the pair above if "". */
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** Signs the certificates of those who connect, and of those whom this member connects to. */
  readonly caFile: string;
  /** Serial numbers that are refused of those who connect. */
  readonly crlFile: string;
  /** Whoever connects shows a certificate. */
  readonly asksForCertificate: boolean;
  /** The certificate's common name is the user, on the client port. */
  readonly namesUsers: boolean;
  /** One of these must be in a certificate, if there are any; at most one list is not empty. */
  readonly allowedNames: readonly string[];
  readonly allowedHosts: readonly string[];
  /** A certificate is compared with the address it comes from. */
  readonly checksAddress: boolean;
  /** The pair is made by the member itself; the paths above are "". */
  readonly isSelfMade: boolean;
  /** Expected in certificates of members instead of their hosts; "" for the hosts. */
  readonly serverName: string;
}

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

export interface TlsConfig {
  readonly client: PortTls;
  readonly peer: PortTls;
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** In OpenSSL's form; its defaults if undefined. */
  readonly ciphers: string | undefined;
  /** Of certificates that are self made. */
  readonly validYears: number;
}

type Side = "client" | "peer";

const isSecure = (url: Endpoint): boolean => url.scheme === "https" || url.scheme === "unixs";

function filesOf(settings: Settings, side: Side) {
  const peer = side === "peer";
  return {
    cert: settings.get(peer ? "peer-cert-file" : "cert-file"),
    key: settings.get(peer ? "peer-key-file" : "key-file"),
    clientCert: settings.get(peer ? "peer-client-cert-file" : "client-cert-file"),
    clientKey: settings.get(peer ? "peer-client-key-file" : "client-key-file"),
    ca: settings.get(peer ? "peer-trusted-ca-file" : "trusted-ca-file"),
    crl: settings.get(peer ? "peer-crl-file" : "client-crl-file"),
    hosts: settings.get(peer ? "peer-cert-allowed-hostname" : "client-cert-allowed-hostname"),
    names: peer ? settings.get("peer-cert-allowed-cn") : [],
    certAuth: settings.get(peer ? "peer-client-cert-auth" : "client-cert-auth"),
    auto: settings.get(peer ? "peer-auto-tls" : "auto-tls"),
  };
}

function portOf(settings: Settings, side: Side): PortTls {
  const files = filesOf(settings, side);
  const isSelfMade = files.auto && files.cert === "" && files.key === "";
  const trusted = isSelfMade ? "" : files.ca;
  const bySrv = settings.get("discovery-srv");
  return {
    certFile: files.cert,
    keyFile: files.key,
    clientCertFile: isSelfMade ? "" : files.clientCert,
    clientKeyFile: isSelfMade ? "" : files.clientKey,
    caFile: trusted,
    crlFile: isSelfMade ? "" : files.crl,
    asksForCertificate: trusted !== "",
    namesUsers: side === "client" && files.certAuth,
    allowedNames: files.names,
    allowedHosts: files.hosts,
    checksAddress: side === "peer" && !settings.get("peer-skip-client-san-verification"),
    isSelfMade,
    serverName: side === "peer" && trusted === "" ? bySrv : "",
  };
}

/** What validate.ts has found to be sound. */
export function tlsConfigOf(settings: Settings): TlsConfig {
  const suites = cipherSuites(settings.get("cipher-suites"));
  return {
    client: portOf(settings, "client"),
    peer: portOf(settings, "peer"),
    minVersion: versionOf(settings.get("tls-min-version")) ?? "TLSv1.2",
    maxVersion: versionOf(settings.get("tls-max-version")) ?? "TLSv1.3",
    ciphers: suites.ok ? suites.ciphers : undefined,
    validYears: settings.get("self-signed-cert-validity"),
  };
}

function versionOf(text: string): TlsVersion | undefined {
  return text === "TLS1.2" ? "TLSv1.2" : text === "TLS1.3" ? "TLSv1.3" : undefined;
}

/** Why the options of TLS cannot be meant, or undefined. Appends what etcd warns about. */
export function tlsFault(settings: Settings, warnings: ConfigNote[]): string | undefined {
  return (
    versionsFault(settings, warnings) ??
    portFault(settings, "client", warnings) ??
    portFault(settings, "peer", warnings)
  );
}

function versionsFault(settings: Settings, warnings: ConfigNote[]): string | undefined {
  const least = settings.get("tls-min-version");
  const most = settings.get("tls-max-version");
  for (const text of [least, most]) {
    if (text === "" || versionOf(text) !== undefined) continue;
    return `unexpected TLS version ${JSON.stringify(text)} (must be one of: TLS1.2, TLS1.3)`;
  }
  if (least === "TLS1.3" && most === "TLS1.2") {
    return `min version (${least}) is greater than max version (${most})`;
  }
  const names = settings.get("cipher-suites");
  if (least === "TLS1.3" && names.length > 0) {
    return "cipher suites cannot be configured when only TLS1.3 is enabled";
  }
  const suites = cipherSuites(names);
  if (!suites.ok) return suites.reason;
  if (suites.missing.length > 0) {
    const fields = { "cipher-suites": suites.missing };
    warnings.push({ level: "warn", message: "OpenSSL has these cipher suites no more", fields });
  }
  return undefined;
}

function portFault(settings: Settings, side: Side, warnings: ConfigNote[]): string | undefined {
  const files = filesOf(settings, side);
  const dash = side === "peer" ? "--peer-" : "--";
  const urls =
    side === "peer"
      ? settings.get("listen-peer-urls")
      : [...settings.get("listen-client-urls"), ...settings.get("listen-client-http-urls")];
  if ((files.cert === "") !== (files.key === "")) {
    return `KeyFile and CertFile must both be present[key: ${files.key}, cert: ${files.cert}] (${dash}cert-file, ${dash}key-file)`;
  }
  if ((files.clientCert === "") !== (files.clientKey === "")) {
    const flag = side === "peer" ? "--peer-client" : "--client";
    return `ClientKeyFile and ClientCertFile must both be present or both absent: key: ${files.clientKey}, cert: ${files.clientCert} (${flag}-cert-file, ${flag}-key-file)`;
  }
  if (files.names.length > 0 && files.hosts.length > 0) {
    return "--peer-cert-allowed-cn and --peer-cert-allowed-hostname are mutually exclusive";
  }
  const hasPair = files.cert !== "";
  if (files.auto && hasPair) {
    const message = `ignoring ${side} auto TLS since certs given`;
    warnings.push({ level: "warn", message, fields: {} });
  }
  if (files.auto && !hasPair) {
    if (settings.get("self-signed-cert-validity") === 0) {
      return "selfSignedCertValidity is invalid,it should be greater than 0 (--self-signed-cert-validity)";
    }
    if (files.certAuth || files.ca !== "") {
      return `${dash}auto-tls makes a certificate that nobody else's can be verified by: without ${dash}cert-file no certificates can be asked for (${dash === "--" ? "--client-cert-auth, --trusted-ca-file" : "--peer-client-cert-auth, --peer-trusted-ca-file"})`;
    }
  }
  const secure = urls.find(isSecure);
  if (secure !== undefined && !hasPair && !files.auto) {
    return `TLS key/cert (${dash}cert-file, ${dash}key-file) must be provided for ${side} url ${secure.text} with HTTPS scheme`;
  }
  const metrics =
    side === "client" ? settings.get("listen-metrics-urls").find(isSecure) : undefined;
  if (metrics !== undefined && !hasPair && !files.auto) {
    return `client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url ${metrics.text}`;
  }
  const ca = side === "peer" ? "--peer-trusted-ca-file" : "--trusted-ca-file";
  const asks = side === "peer" ? "--peer-client-cert-auth" : "--client-cert-auth";
  const listens = secure ?? metrics;
  if (files.certAuth && files.ca === "" && !files.auto && listens !== undefined) {
    return `${asks} needs ${ca}: whose certificates are to be accepted?`;
  }
  warnOfPlain(urls, side, hasPair || files.auto, files.certAuth ? asks : undefined, warnings);
  return undefined;
}

function warnOfPlain(
  urls: readonly Endpoint[],
  side: Side,
  hasPair: boolean,
  asks: string | undefined,
  warnings: ConfigNote[],
): void {
  const scheme = side === "peer" ? "HTTP" : "http or unix";
  for (const url of urls) {
    if (isSecure(url)) continue;
    const fields = { [`${side}-url`]: url.text };
    if (hasPair) {
      const message = `scheme is ${scheme} while key and cert files are present; ignoring key and cert files`;
      warnings.push({ level: "warn", message, fields });
    }
    if (asks !== undefined) {
      const message = `scheme is ${scheme} while ${asks} is enabled; ignoring client cert auth for this URL`;
      warnings.push({ level: "warn", message, fields });
    }
  }
}
