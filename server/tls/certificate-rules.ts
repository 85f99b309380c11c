// What a certificate must be beyond being signed by a trusted CA: not revoked, one of the names that
// are allowed, and, on the peer port, of the address it comes from. Rules: etcd 3.7, client/pkg/transport.
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import { commonNameOf, type PeerChain } from "#server/rpc/tls.ts";
import { plainSerial } from "#server/tls/revocation.ts";

/** Looks names up. Rejects if there is no answer. */
export interface HostLookup {
  /** The names of an address, without a dot at their end. */
  reverse(address: string): Promise<readonly string[]>;
  /** The addresses of a name. */
  addresses(name: string): Promise<readonly string[]>;
}

const unknownIssuer =
  "transport: an issuer of the certificate is not in the trusted CA file, so that it cannot be looked up in the revocation list; add it there";
/** In etcd's words. */
const notAllowed = "client certificate authentication failed";

/** A certificate carries one of the names or hosts; true if none are asked for. */
export function isAllowed(
  certificate: X509Certificate,
  allowedNames: readonly string[],
  allowedHosts: readonly string[],
): boolean {
  if (allowedNames.length > 0) return allowedNames.includes(commonNameOf(certificate));
  if (allowedHosts.length > 0) return allowedHosts.some((host) => isForHost(certificate, host));
  return true;
}

/** Why a verified certificate is refused all the same, or undefined. */
export function ruleBroken(
  certificate: X509Certificate,
  { serials, isWhole }: PeerChain,
  rules: {
    readonly allowedNames: readonly string[];
    readonly allowedHosts: readonly string[];
    readonly revoked: ReadonlySet<string> | undefined;
  },
): string | undefined {
  if (!isAllowed(certificate, rules.allowedNames, rules.allowedHosts)) return notAllowed;
  for (const serial of serials.map(plainSerial)) {
    if (rules.revoked?.has(serial) === true) {
      // Whole bytes, as etcd writes it.
      const digits = serial.toLowerCase().padStart(2 * Math.ceil(serial.length / 2), "0");
      return `transport: certificate serial ${digits} revoked`;
    }
  }
  // A list that cannot be asked about all of them must not pass for one that was.
  if (rules.revoked !== undefined && !isWhole) return unknownIssuer;
  return undefined;
}

/** True if the certificate was made for this host name or address. Common names do not count. */
export function isForHost(certificate: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (isIP(bare) !== 0) return certificate.checkIP(plainAddress(bare)) !== undefined;
  const name = bare.replace(/\.$/, "").toLowerCase();
  return certificate.checkHost(name, { subject: "never", partialWildcards: false }) !== undefined;
}

/** For tls.connect: undefined if the certificate is for `host` and may be used. */
export function serverFault(
  host: string,
  certificate: PeerCertificate,
  rules: { readonly allowedNames: readonly string[]; readonly allowedHosts: readonly string[] },
): Error | undefined {
  const parsed = new X509Certificate(certificate.raw);
  if (!isForHost(parsed, host)) {
    const names = parsed.subjectAltName ?? "no host";
    return new Error(`tls: the certificate is for ${names}, not for ${host}`);
  }
  if (isAllowed(parsed, rules.allowedNames, rules.allowedHosts)) return undefined;
  return new Error(notAllowed);
}

/** Why a member's certificate does not fit the address that it comes from, or undefined. */
export async function addressFault(
  certificate: X509Certificate,
  remoteAddress: string,
  lookup: HostLookup,
): Promise<string | undefined> {
  const alternatives = alternativesOf(certificate);
  if (alternatives.addresses === 0 && alternatives.names.length === 0) return undefined;
  const address = plainAddress(remoteAddress);
  if (alternatives.addresses > 0 && certificate.checkIP(address) !== undefined) return undefined;
  if (alternatives.names.length === 0) {
    return `x509: certificate is valid for ${certificate.subjectAltName}, not ${address}`;
  }
  const found = await isOfNames(address, alternatives.names, lookup);
  if (found === true) return undefined;
  const why = found === false ? "" : ` (${found})`;
  const names = `[${alternatives.names.map((name) => JSON.stringify(name)).join(" ")}]`;
  return `tls: ${JSON.stringify(address)} does not match any of DNSNames ${names}${why}`;
}

async function isOfNames(
  address: string,
  names: readonly string[],
  lookup: HostLookup,
): Promise<boolean | string> {
  const endings = names.filter((name) => name.startsWith("*.")).map((name) => name.slice(1));
  const whole = names.filter((name) => !name.startsWith("*."));
  let fault: string | undefined;
  const failed = (error: unknown): readonly string[] => {
    fault = error instanceof Error ? error.message : String(error);
    return [];
  };
  for (const name of await lookup.reverse(address).catch(failed)) {
    if (whole.includes(name) || endings.some((ending) => name.endsWith(ending))) return true;
  }
  for (const name of whole) {
    const addresses = await lookup.addresses(name).catch(failed);
    if (addresses.some((one) => plainAddress(one) === address)) return true;
  }
  return fault ?? false;
}

/** The DNS names and the number of addresses that a certificate is for. */
function alternativesOf(certificate: X509Certificate): {
  readonly names: readonly string[];
  readonly addresses: number;
} {
  const text: unknown = certificate.toLegacyObject().subjectaltname;
  const names: string[] = [];
  let addresses = 0;
  // A name with a comma in it is quoted as JSON by node, and is no host name.
  for (const part of typeof text === "string" ? text.split(", ") : []) {
    if (part.startsWith("DNS:")) names.push(part.slice(4));
    else if (part.startsWith("IP Address:")) addresses++;
  }
  return { names, addresses };
}

/** An IPv4 address is not written as a part of IPv6. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
