// Certificates for tests, made when they are needed: a root, and what it signs.
import "reflect-metadata"; // the library's injection needs it to be there first
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from "@peculiar/x509";

/** A certificate and its key, PEM. */
export interface CertifiedKey {
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 86_400_000;
cryptoProvider.set(webcrypto);

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = der.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

/** Signs certificates for 127.0.0.1 and localhost. */
export class TestAuthority {
  readonly cert: string;
  private readonly root: X509Certificate;
  private readonly keys: webcrypto.CryptoKeyPair;
  private serial = 1;

  private constructor(root: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.root = root;
    this.keys = keys;
    this.cert = root.toString("pem");
  }

  static async create(name: string): Promise<TestAuthority> {
    const keys = await newKeys();
    const root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 1, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(root, keys);
  }

  /** An authority between this one and those that it signs; they send its certificate along with theirs. */
  async subordinate(name: string): Promise<TestAuthority> {
    const keys = await newKeys();
    const cert = await X509CertificateGenerator.create({
      serialNumber: this.nextSerial(),
      subject: `CN=${name}`,
      issuer: this.root.subject,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + dayMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    return new TestAuthority(cert, keys);
  }

  private nextSerial(): string {
    this.serial++;
    return this.serial.toString(16).padStart(4, "0");
  }

  /**
   * A certificate for servers and clients alike unless `serversOnly`; `expired` makes one of yesterday, and a
   * common name of "" makes none. For 127.0.0.1 and localhost unless `hosts` says otherwise.
   */
  async issue(
    commonName: string,
    options: {
      readonly expired?: boolean;
      readonly hosts?: readonly string[];
      readonly serversOnly?: boolean;
    } = {},
  ): Promise<CertifiedKey> {
    const keys = await newKeys();
    const cert = await X509CertificateGenerator.create({
      serialNumber: this.nextSerial(),
      subject: commonName === "" ? "O=nameless" : `CN=${commonName}`,
      issuer: this.root.subject,
      notBefore: new Date(Date.now() - dayMs),
      notAfter: new Date(Date.now() + (options.expired === true ? -dayMs / 2 : dayMs)),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([
          ExtendedKeyUsage.serverAuth,
          ...(options.serversOnly === true ? [] : [ExtendedKeyUsage.clientAuth]),
        ]),
        new SubjectAlternativeNameExtension(
          (options.hosts ?? ["localhost", "127.0.0.1"]).map((value) => ({
            type: isIP(value) === 0 ? "dns" : "ip",
            value,
          })),
        ),
      ],
    });
    return { cert: cert.toString("pem"), key: await pemOf(keys.privateKey) };
  }

  /** A list of revoked certificates, DER, as etcd reads it. */
  async revoke(...certificates: readonly Pick<CertifiedKey, "cert">[]): Promise<Buffer> {
    const list = await X509CrlGenerator.create({
      issuer: this.root.subject,
      thisUpdate: new Date(Date.now() - dayMs),
      nextUpdate: new Date(Date.now() + dayMs),
      entries: certificates.map(({ cert }) => ({
        serialNumber: new X509Certificate(cert).serialNumber,
        revocationDate: new Date(Date.now() - dayMs),
      })),
      signingAlgorithm: algorithm,
      signingKey: this.keys.privateKey,
    });
    return Buffer.from(list.rawData);
  }
}
