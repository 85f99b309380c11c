// TLS of a member, opened from its configuration: what the listeners of the client port and of the peer
// port need, and how connections to other members are made.
import { lookup as lookUp, reverse } from "node:dns/promises";
import path from "node:path";
import { type ConnectionOptions, createSecureContext } from "node:tls";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { TlsSample } from "#server/api/tls-metrics.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import type { PortTls, TlsConfig } from "#server/config/tls.ts";
import type { Endpoint } from "#server/config/urls.ts";
import { RejectionLog } from "#server/rpc/rejections.ts";
import { TlsSecurity } from "#server/rpc/tls.ts";
import {
  addressFault,
  type HostLookup,
  ruleBroken,
  serverFault,
} from "#server/tls/certificate-rules.ts";
import { Credentials, type Loaded } from "#server/tls/credentials.ts";
import { selfSignedPair } from "#server/tls/self-signed.ts";

export interface TlsPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly lookup: HostLookup;
}

/** One port's TLS. */
export interface OpenPort {
  readonly credentials: Credentials;
  /** Undefined if nothing there listens for TLS. */
  readonly security: TlsSecurity | undefined;
}

export interface OpenTls {
  readonly client: OpenPort | undefined;
  readonly peer: OpenPort | undefined;
  /** How to connect to https and unixs URLs of members, from one moment to the next. */
  readonly dial: (() => ConnectionOptions) | undefined;
  /** For metrics; empty without TLS. */
  samples(): readonly TlsSample[];
  close(): void;
}

/** As etcd. */
const handshakeMs = 10_000;
const maxHandshakes = 1000;
/** How long DNS may take to say whose an address is. */
const lookupLimitMs = 5000;

/** DNS and the machine's own table of hosts. */
export const systemHostLookup: HostLookup = {
  reverse: (address) => reverse(address),
  addresses: async (name) => (await lookUp(name, { all: true })).map((one) => one.address),
};

/**
 * Reads, and with auto TLS makes, what the configuration names. Rejects with OperatingError
 * BAD_CERTIFICATE, or with what a disk says.
 */
export async function openTls(config: ServerConfig, ports: TlsPorts): Promise<OpenTls> {
  const { tls } = config;
  const client = await openClientTls(config, ports);
  try {
    const { certFile, caFile, isSelfMade } = tls.peer;
    const peer =
      certFile !== "" || caFile !== "" || isSelfMade
        ? await openPort("peer", config.listenPeerUrls, config, ports)
        : undefined;
    return {
      client,
      peer,
      dial: peer === undefined ? plainDial(tls) : dialOf(peer.credentials, tls),
      samples: () => [client, peer].filter((port) => port !== undefined).map(sampleOf),
      close() {
        client?.credentials.close();
        peer?.credentials.close();
      },
    };
  } catch (error) {
    client?.credentials.close();
    throw error;
  }
}

/** The client port's alone; undefined if nothing there is secure. Rejects as openTls. */
export async function openClientTls(
  config: ServerConfig,
  ports: TlsPorts,
): Promise<OpenPort | undefined> {
  const clientUrls = [...config.listenClientUrls, ...config.listenClientHttpUrls];
  const servesClients = [...clientUrls, ...config.listenMetricsUrls].some(isSecure);
  return servesClients ? await openPort("client", clientUrls, config, ports) : undefined;
}

function sampleOf({ credentials, security }: OpenPort): TlsSample {
  return {
    port: credentials.port,
    ...credentials.loaded.fingerprints,
    reloads: credentials.reloads,
    reloadFailures: credentials.failures,
    handshakeFailures: security?.failures ?? 0,
  };
}

function isSecure(url: Endpoint): boolean {
  return url.scheme === "https" || url.scheme === "unixs";
}

async function openPort(
  side: "client" | "peer",
  urls: readonly Endpoint[],
  config: ServerConfig,
  ports: TlsPorts,
): Promise<OpenPort> {
  const { tls } = config;
  let port = tls[side];
  if (port.isSelfMade) {
    const folder = path.join(config.dataDir, "fixtures", side);
    const hosts = urls.filter((url) => url.scheme.startsWith("http")).map((url) => url.host);
    port = { ...port, ...(await selfSignedPair(folder, hosts, tls.validYears, ports)) };
  }
  const credentials = await Credentials.open(side, port, ports);
  ports.log.info(
    {
      "cert-file": port.certFile,
      "key-file": port.keyFile,
      "trusted-ca-file": port.caFile,
      "client-cert-auth": port.asksForCertificate,
      "crl-file": port.crlFile,
      "leaf-sha256": credentials.loaded.fingerprints.leaf,
      "ca-sha256": credentials.loaded.fingerprints.ca,
    },
    `starting with ${side} TLS`,
  );
  // The client port is only opened for those who listen.
  if (side === "peer" && !urls.some(isSecure)) return { credentials, security: undefined };
  try {
    const security = securityOf(side, port, credentials, tls, ports);
    credentials.onChange((loaded) => security.replace(materialOf(loaded)));
    return { credentials, security };
  } catch (error) {
    credentials.close();
    throw error;
  }
}

function securityOf(
  side: "client" | "peer",
  port: PortTls,
  credentials: Credentials,
  tls: TlsConfig,
  ports: TlsPorts,
): TlsSecurity {
  const { allowedNames, allowedHosts } = port;
  return new TlsSecurity({
    material: materialOf(credentials.loaded),
    clientCertificates: port.asksForCertificate ? "required" : "off",
    namesClients: port.namesUsers,
    ...(side === "peer" ? { protocols: ["http/1.1"] } : {}),
    minVersion: tls.minVersion,
    maxVersion: tls.maxVersion,
    ciphers: tls.ciphers,
    handshakeMs,
    maxHandshakes,
    log: ports.log,
    rejections: new RejectionLog(`rejected connection on ${side} endpoint`, ports),
    check: (certificate, remoteAddress, chain) => {
      const { revoked } = credentials.loaded;
      const broken = ruleBroken(certificate, chain, { allowedNames, allowedHosts, revoked });
      if (broken !== undefined || !port.checksAddress) return broken;
      return inTime(addressFault(certificate, remoteAddress, ports.lookup), ports.clock);
    },
  });
}

function inTime(fault: Promise<string | undefined>, clock: Clock): Promise<string | undefined> {
  return new Promise((resolve) => {
    const late = clock.after(lookupLimitMs, () =>
      resolve("tls: DNS does not say whose the remote address is"),
    );
    fault.then(resolve, (error: unknown) => resolve(String(error))).finally(() => late.cancel());
  });
}

function materialOf({ pair, ca }: Loaded): { cert: string; key: string; clientCa?: string } {
  const { cert, key } = pair!;
  return { cert, key, ...(ca === undefined ? {} : { clientCa: ca }) };
}

/** To members with certificates of public CAs. */
function plainDial({ peer }: TlsConfig): () => ConnectionOptions {
  return () => (peer.serverName === "" ? {} : { servername: peer.serverName });
}

function dialOf(credentials: Credentials, tls: TlsConfig): () => ConnectionOptions {
  const { peer } = tls;
  const optionsOf = ({ clientPair, ca }: Loaded): ConnectionOptions => ({
    secureContext: createSecureContext({
      ...(clientPair === undefined ? {} : { cert: clientPair.cert, key: clientPair.key }),
      ...(ca === undefined ? {} : { ca }),
      // As in Go: what is trusted need not be a root. (Node's servers have no such option.)
      allowPartialTrustChain: true,
      minVersion: tls.minVersion,
      maxVersion: tls.maxVersion,
      ...(tls.ciphers === undefined ? {} : { ciphers: tls.ciphers }),
    }),
    ...(peer.serverName === "" ? {} : { servername: peer.serverName }),
    // A certificate that a member made for itself can be verified by nobody.
    rejectUnauthorized: !peer.isSelfMade,
    checkServerIdentity: (host, certificate) => serverFault(host, certificate, peer),
  });
  let options = optionsOf(credentials.loaded);
  credentials.onChange((loaded) => {
    options = optionsOf(loaded);
  });
  return () => options;
}
