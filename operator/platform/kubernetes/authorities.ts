// The CAs of one cluster and the certificates of its members, as they are kept: a Secret with the CAs and their
// keys, a ConfigMap with the bundle that members mount, a Secret for each member. The first is the truth; the
// bundle follows it, and is what is left to go by if somebody deletes the first: a CA that members still trust
// is never forgotten before its time. Pure.
import type { ObservedTrust } from "#operator/plan/types.ts";
import {
  fits,
  isIssuedBy,
  parsedCertificate,
  sha256,
} from "#operator/platform/kubernetes/certificates.ts";
import type { ConfigMap, Secret } from "#operator/platform/kubernetes/kinds.ts";

/** One CA. */
export interface Authority {
  /** PEM. */
  readonly cert: string;
  /** Undefined: it is lost, the CA can sign nothing any more. */
  readonly key?: string;
  /** When it was made. */
  readonly sinceMs: number;
  readonly request?: string;
}

/** Key of the Secret that tells everything; the others are for people and for cert-manager's CA issuer. */
const recordKey = "authorities.json";
/** Of a member's Secret: what names its certificate was made for. */
export const namesAnnotation = "etcd-ts.dev/names";

export const authorityId = ({ cert }: Authority): string =>
  sha256(parsedCertificate(cert)?.raw ?? cert).slice(0, 16);

/** When a CA ends, ms since 1970. */
export const endOf = ({ cert }: Authority): number =>
  Date.parse(parsedCertificate(cert)?.validTo ?? "1970-01-01");

const encode = (text: string): string => Buffer.from(text).toString("base64");
/** Empty if it is not there. */
export const secretText = (secret: Secret | undefined, key: string): string =>
  Buffer.from(secret?.data?.[key] ?? "", "base64").toString();

/** The file of CAs that members trust, oldest first: its bytes are what they report the fingerprint of. */
export const bundleOf = (authorities: readonly Authority[]): string =>
  authorities.map((one) => one.cert).join("");

/** The data of the Secret. */
export function authorityData(authorities: readonly Authority[]): Readonly<Record<string, string>> {
  const newest = authorities.at(-1);
  return {
    "ca.crt": encode(bundleOf(authorities)),
    "tls.crt": encode(newest?.cert ?? ""),
    "tls.key": encode(newest?.key ?? ""),
    [recordKey]: encode(JSON.stringify(authorities)),
  };
}

/** The CAs as they are kept, oldest first; undefined if what is kept cannot be read. */
export function keptAuthorities(
  secret: Secret | undefined,
  bundle: ConfigMap | undefined,
): readonly Authority[] | undefined {
  if (secret === undefined) return fromBundle(bundle?.data?.["ca.crt"] ?? "");
  try {
    const authorities = JSON.parse(secretText(secret, recordKey)) as readonly Authority[];
    const isRead = authorities.every(
      ({ cert, key, sinceMs }) =>
        Number.isFinite(sinceMs) && isCertificate(cert) && (key === undefined || key !== ""),
    );
    return isRead && authorities.length > 0 ? authorities : undefined;
  } catch {
    return undefined;
  }
}

const isCertificate = (cert: unknown): boolean =>
  typeof cert === "string" && parsedCertificate(cert) !== undefined;

/** What members trust, without keys. */
function fromBundle(text: string): readonly Authority[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g);
  return (blocks ?? []).filter(isCertificate).map((cert) => ({
    cert,
    sinceMs: Date.parse(parsedCertificate(cert)?.validFrom ?? ""),
  }));
}

/** Fingerprint of the names that a certificate is for. */
export const namesId = (names: readonly string[]): string =>
  sha256([...names].sort().join()).slice(0, 16);

/** A member's own Secret, and the names that its certificate is to have. */
export interface Leaf {
  readonly member: string;
  readonly secret: Secret;
  readonly names: readonly string[];
}

/** What the plan goes by. */
export function observedTrust(
  authorities: readonly Authority[],
  leaves: readonly Leaf[],
): ObservedTrust {
  return {
    cas: authorities.map((one) => ({
      id: authorityId(one),
      sinceMs: one.sinceMs,
      // One that can sign nothing is as good as ended: another one is made.
      notAfterMs: one.key === undefined ? 0 : endOf(one),
      ...(one.request === undefined ? {} : { request: one.request }),
    })),
    bundle: sha256(bundleOf(authorities)),
    leaves: Object.fromEntries(
      leaves.flatMap((leaf) => {
        const seen = observedLeaf(authorities, leaf);
        return seen === undefined ? [] : [[leaf.member, seen]];
      }),
    ),
  };
}

/** Undefined: it is not there as it must be, and is made again. */
function observedLeaf(
  authorities: readonly Authority[],
  { secret, names }: Leaf,
): ObservedTrust["leaves"][string] | undefined {
  const cert = parsedCertificate(secretText(secret, "tls.crt"));
  if (cert === undefined || !fits(cert, secretText(secret, "tls.key"))) return undefined;
  const authority = authorities.find((one) => {
    const by = parsedCertificate(one.cert);
    return by !== undefined && isIssuedBy(cert, by);
  });
  const isNamed = secret.metadata.annotations?.[namesAnnotation] === namesId(names);
  return {
    fingerprint: sha256(cert.raw),
    caId: authority === undefined ? "" : authorityId(authority),
    // One for other names is renewed.
    notAfterMs: isNamed ? Date.parse(cert.validTo) : 0,
  };
}

/** The CA that all members know, to sign what the operator shows them: the oldest that still can. */
export function trustedByAll(
  authorities: readonly Authority[],
  nowMs: number,
): (Authority & { readonly key: string }) | undefined {
  const able = authorities.filter(
    (one): one is Authority & { readonly key: string } => one.key !== undefined,
  );
  return able.find((one) => endOf(one) > nowMs) ?? able.at(-1);
}
