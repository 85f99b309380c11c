// Certificates that the operator makes: a CA for a cluster, and what it signs. Keys are ECDSA P-256. Time is
// passed in; keys and serial numbers are random.
import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** Clocks of nodes differ. */
const backdateMs = 5 * 60_000;
/** A CA lives so many times as long as what it signs. */
const authorityLives = 10;

/** PEM: a certificate and its key. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is to say. */
export interface Request {
  readonly commonName: string;
  /** Host names and addresses; one without any is for a client alone. */
  readonly names: readonly string[];
  readonly validityMs: number;
}

/** A new CA, whose name is not that of any before. */
export async function makeAuthority(
  cluster: string,
  validityMs: number,
  nowMs: number,
): Promise<CertifiedKey> {
  const x509 = await library();
  const keys = await newKeys();
  const serialNumber = newSerial();
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name: `O=etcd-ts, CN=${cluster} CA ${serialNumber.slice(0, 8)}`,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(nowMs + authorityLives * validityMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(cert.toString("pem")), key: await keyText(keys) };
}

/** A certificate by this CA, which it does not outlive. */
export async function issue(
  authority: CertifiedKey,
  { commonName, names, validityMs }: Request,
  nowMs: number,
): Promise<CertifiedKey> {
  const x509 = await library();
  const ca = new x509.X509Certificate(authority.cert);
  const der = createPrivateKey(authority.key).export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const keys = await newKeys();
  const { digitalSignature } = x509.KeyUsageFlags;
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: `O=etcd-ts, CN=${commonName}`,
    issuer: ca.subject,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(Math.min(nowMs + validityMs, ca.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        names.length === 0 ? [clientAuth] : [serverAuth, clientAuth],
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
      ...(names.length === 0
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
            ),
          ]),
    ],
  });
  return { cert: pem(cert.toString("pem")), key: await keyText(keys) };
}

/** SHA-256 in lower-case hexadecimal, as members report what they have loaded. */
export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The first certificate of a PEM text; undefined if there is none that can be read. */
export function parsedCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

/** Whether the key is the certificate's. */
export function fits(cert: X509Certificate, key: string): boolean {
  try {
    return cert.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

export function isIssuedBy(cert: X509Certificate, authority: X509Certificate): boolean {
  return cert.checkIssued(authority) && cert.verify(authority.publicKey);
}

/** Both cost time to load, and few operators need them; the library wants the former to be there first. */
async function library(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

/** Positive and without leading zeros. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function keyText({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  return String(
    createPrivateKey({ key, format: "der", type: "pkcs8" }).export({
      format: "pem",
      type: "pkcs8",
    }),
  );
}

const pem = (text: string): string => `${text.trim()}\n`;
