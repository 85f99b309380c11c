// Certificates for --auto-tls and --peer-auto-tls: made once, kept in the data folder under the names
// that etcd uses, so that a member of either takes over those of the other.
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { access } from "node:fs/promises";
import { isIP } from "node:net";
import path from "node:path";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { makeFolder, replaceFile } from "#server/backend/folder.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" };
const yearMs = 365 * 24 * 3600 * 1000;

export interface KeptPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/**
 * The pair in `folder`, made for `hosts` if there is none. Who trusts it cannot verify it: those who
 * connect must skip that.
 */
export async function selfSignedPair(
  folder: string,
  hosts: readonly string[],
  validYears: number,
  ports: { readonly clock: Clock; readonly log: Log },
): Promise<KeptPair> {
  const certFile = path.resolve(folder, "cert.pem");
  const keyFile = path.resolve(folder, "key.pem");
  if ((await isThere(certFile)) && (await isThere(keyFile))) return { certFile, keyFile };
  const nowMs = ports.clock.wallMs();
  const notAfter = new Date(nowMs + validYears * yearMs);
  ports.log.warn(
    { "certificate-validity-bound-not-after": notAfter.toISOString() },
    "automatically generate certificates",
  );
  const made = await makePair(hosts, new Date(nowMs), notAfter);
  await makeFolder(folder);
  // The certificate last: a start that is cut short between the two makes both again.
  await replaceFile(keyFile, made.key);
  ports.log.info({ path: keyFile }, "created key file");
  await replaceFile(certFile, made.cert);
  ports.log.info({ path: certFile }, "created cert file");
  return { certFile, keyFile };
}

async function makePair(
  hosts: readonly string[],
  notBefore: Date,
  notAfter: Date,
): Promise<{ readonly cert: string; readonly key: string }> {
  // Both cost time to load, and few members need them; the library wants the former to be there first.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const usages = x509.KeyUsageFlags;
  const serial = randomBytes(16);
  // Positive and without leading zeros.
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial.toString("hex"),
    name: "O=etcd",
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.KeyUsagesExtension(
        usages.keyEncipherment | usages.digitalSignature | usages.cRLSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.SubjectAlternativeNameExtension(
        [...new Set(hosts)].map((host) =>
          isIP(host) === 0
            ? { type: "dns" as const, value: host }
            : { type: "ip" as const, value: host },
        ),
      ),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return {
    cert: `${cert.toString("pem")}\n`,
    key: String(key.export({ format: "pem", type: "sec1" })),
  };
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
