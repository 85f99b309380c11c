// How the operator itself connects to members over TLS: with the CAs that they are verified by, and with a client
// certificate of its own, which lives in memory and is signed by a CA that all members know. Where others give
// the certificates, it shows the one that it was given.
import type { TlsOptions } from "#client/options.ts";
import {
  type Authority,
  authorityId,
  bundleOf,
  secretText,
  trustedByAll,
} from "#operator/platform/kubernetes/authorities.ts";
import {
  type CertifiedKey,
  issue,
  parsedCertificate,
  sha256,
} from "#operator/platform/kubernetes/certificates.ts";
import type { Secret } from "#operator/platform/kubernetes/kinds.ts";
import type { Identity } from "#operator/platform/kubernetes/names.ts";
import {
  givenSecretName,
  serverNameOf,
  type TlsSource,
} from "#operator/platform/kubernetes/tls.ts";
import type { Access } from "#operator/platform/local/etcd-view.ts";

/** Common name of the operator's certificate, and its user where authentication is on. */
export const operatorUser = "etcd-operator";

/**
 * The operator's own user; undefined: no certificate is made that says so. Over plain text, which members may serve
 * beside, it is nobody's: it has no password.
 */
export const certificateUser = (client: TlsSource | undefined): string | undefined =>
  client !== undefined && client.kind !== "given" && client.asksClients ? operatorUser : undefined;

const validityMs = 24 * 3_600_000;

/** What it can show. */
export interface Shown {
  /** CAs of the operator's own, oldest first. */
  readonly authorities: readonly Authority[];
  /** The Secret of certificates that others make. */
  readonly given: Secret | undefined;
  /** Logs in where a certificate does not say who asks. */
  readonly user?: Access["user"];
}

/** Of one cluster; kept from turn to turn. */
export class OperatorAccess {
  #own: { readonly by: string; readonly renewMs: number; readonly pair: CertifiedKey } | undefined;
  /** What the Secret of this name held last. */
  #given: { readonly name: string; readonly tls: TlsOptions } | undefined;

  /** Undefined: plain, and nobody to log in as, or there is nothing yet to connect with. */
  async access(
    identity: Identity,
    source: TlsSource | undefined,
    { authorities, given, user }: Shown,
    nowMs: number,
  ): Promise<Access | undefined> {
    const tls = await this.#tls(identity, source, { authorities, given }, nowMs);
    // Without certificates yet there may be members that still speak plain text.
    if (tls === undefined && user === undefined) return undefined;
    const named = tls === undefined ? undefined : certificateUser(source);
    const { ca = "", cert = "" } = tls ?? {};
    return {
      id: sha256(`${ca}${cert}${user?.password ?? ""}${named ?? ""}`),
      ...(tls === undefined ? {} : { tls }),
      ...(user === undefined ? {} : { user }),
      ...(named === undefined ? {} : { certificateUser: named }),
    };
  }

  async #tls(
    identity: Identity,
    source: TlsSource | undefined,
    { authorities, given }: Shown,
    nowMs: number,
  ): Promise<TlsOptions | undefined> {
    if (source === undefined) return undefined;
    if (source.kind === "operator") return this.#made(identity, authorities, nowMs);
    const pair = { cert: secretText(given, "tls.crt"), key: secretText(given, "tls.key") };
    const ca = secretText(given, "ca.crt");
    const name = givenSecretName(identity, source);
    if (parsedCertificate(pair.cert) !== undefined && ca !== "") {
      this.#given = { name, tls: optionsOf(identity, ca, pair) };
    }
    // One that is deleted, and about to be made again, is what members go on with too.
    return this.#given?.name === name ? this.#given.tls : undefined;
  }

  async #made(
    identity: Identity,
    authorities: readonly Authority[],
    nowMs: number,
  ): Promise<TlsOptions | undefined> {
    const authority = trustedByAll(authorities, nowMs);
    if (authority === undefined) return undefined;
    const by = authorityId(authority);
    if (this.#own === undefined || this.#own.by !== by || this.#own.renewMs <= nowMs) {
      const request = { commonName: operatorUser, names: [], validityMs };
      const pair = await issue(authority, request, nowMs);
      const endMs = Date.parse(parsedCertificate(pair.cert)?.validTo ?? "");
      this.#own = { by, renewMs: nowMs + (endMs - nowMs) / 2, pair };
    }
    return optionsOf(identity, bundleOf(authorities), this.#own.pair);
  }
}

function optionsOf(identity: Identity, ca: string, { cert, key }: CertifiedKey): TlsOptions {
  return {
    ca: Buffer.from(ca),
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    serverName: serverNameOf(identity),
  };
}
