// The certificate, key, CA and revocation list of one port, read from their files, and read again when
// those change. What is loaded is always whole: files that are half written, do not fit together or
// cannot be read leave in force what was loaded before, and say so once.
//
// Changes are found by looking at the files once a second. That sees through the symbolic links that
// Kubernetes swaps under a mounted secret and works on every file system, which notifications do not.
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { PortTls } from "#server/config/tls.ts";
import { revokedSerials } from "#server/tls/revocation.ts";

/** What is loaded. Replaced as a whole, never changed. */
export interface Loaded {
  /** What listeners show; undefined: nothing, so that they cannot serve TLS. */
  readonly pair: Pair | undefined;
  /** What this member shows where it connects to others. */
  readonly clientPair: Pair | undefined;
  /** PEM of the trusted CAs; undefined: the machine's. */
  readonly ca: string | undefined;
  /** In upper-case hexadecimal; undefined: there is no list. */
  readonly revoked: ReadonlySet<string> | undefined;
  readonly fingerprints: Fingerprints;
}

/** PEM: the certificate and those between it and its root, and the key. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** SHA-256 in lower-case hexadecimal. */
export interface Fingerprints {
  /** Of the DER of the certificate that listeners show; and when that ends, in seconds since 1970. */
  readonly leaf: string | undefined;
  readonly leafNotAfter: number | undefined;
  /** Of the bytes of the CA file. */
  readonly ca: string | undefined;
}

export interface CredentialsPorts {
  readonly clock: Clock;
  readonly log: Log;
}

const lookMs = 1000;
/** No certificate, key or list is larger; a bundle of all public CAs has 200 KiB. */
const maxFileBytes = 8 * 1024 * 1024;

type FileRole = "cert" | "key" | "clientCert" | "clientKey" | "ca" | "crl";
type Contents = Partial<Record<FileRole, Buffer>>;

export class Credentials {
  readonly port: "client" | "peer";
  private readonly ports: CredentialsPorts;
  private readonly paths: readonly (readonly [FileRole, string])[];
  private readonly listeners: ((loaded: Loaded) => void)[] = [];
  private loadedNow: Loaded;
  private seen: string;
  private lastFault = "";
  private looking = false;
  private readonly timer: { cancel(): void };
  /** Changes taken over, and looks that found files which could not be. */
  reloads = 0;
  failures = 0;

  private constructor(
    port: "client" | "peer",
    paths: readonly (readonly [FileRole, string])[],
    first: { readonly seen: string; readonly loaded: Loaded },
    ports: CredentialsPorts,
  ) {
    this.port = port;
    this.paths = paths;
    this.ports = ports;
    this.seen = first.seen;
    this.loadedNow = first.loaded;
    this.timer = ports.clock.every(lookMs, () => void this.look());
  }

  /** Rejects with OperatingError BAD_CERTIFICATE, which names the file and what is wrong with it. */
  static async open(
    port: "client" | "peer",
    tls: PortTls,
    ports: CredentialsPorts,
  ): Promise<Credentials> {
    const all: readonly (readonly [FileRole, string])[] = [
      ["cert", tls.certFile],
      ["key", tls.keyFile],
      ["clientCert", tls.clientCertFile],
      ["clientKey", tls.clientKeyFile],
      ["ca", tls.caFile],
      ["crl", tls.crlFile],
    ];
    const paths = all.filter(([, path]) => path !== "");
    const seen = await stampOf(paths);
    return new Credentials(port, paths, { seen, loaded: await load(paths) }, ports);
  }

  get loaded(): Loaded {
    return this.loadedNow;
  }

  /** Calls `run` with what is loaded from now on. */
  onChange(run: (loaded: Loaded) => void): void {
    this.listeners.push(run);
  }

  close(): void {
    this.timer.cancel();
  }

  /** Looks whether files changed, and takes over what they hold now. Never rejects. */
  async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      // Before the files are read: what is written meanwhile is another change.
      const seen = await stampOf(this.paths);
      if (seen === this.seen && this.lastFault === "") return;
      const loaded = await load(this.paths);
      const changed = !isSame(loaded, this.loadedNow);
      if (changed) for (const run of this.listeners) run(loaded);
      this.seen = seen;
      this.lastFault = "";
      if (!changed) return;
      this.loadedNow = loaded;
      this.reloads++;
      this.ports.log.info(
        {
          port: this.port,
          "leaf-sha256": loaded.fingerprints.leaf,
          "ca-sha256": loaded.fingerprints.ca,
        },
        "loaded changed certificates",
      );
    } catch (error) {
      this.faulted(errorText(error));
    } finally {
      this.looking = false;
    }
  }

  private faulted(fault: string): void {
    if (fault === this.lastFault) return;
    this.lastFault = fault;
    this.failures++;
    this.ports.log.warn(
      { port: this.port, error: fault },
      "cannot load changed certificates; those loaded before stay in force",
    );
  }
}

/** Equal as long as no file changed. A file that is not there has a stamp, too. */
async function stampOf(paths: readonly (readonly [FileRole, string])[]): Promise<string> {
  const stamps = await Promise.all(
    paths.map(async ([, path]) => {
      const found = await stat(path, { bigint: true }).catch(() => undefined);
      if (found === undefined) return "none";
      return `${found.dev}.${found.ino}.${found.size}.${found.mtimeNs}.${found.ctimeNs}`;
    }),
  );
  return stamps.join(" ");
}

async function load(paths: readonly (readonly [FileRole, string])[]): Promise<Loaded> {
  const contents: Contents = {};
  for (const [role, path] of paths) contents[role] = await contentOf(path);
  const pathOf = (role: FileRole): string => paths.find(([one]) => one === role)?.[1] ?? "";
  const pair = pairOf(contents.cert, contents.key, pathOf("cert"), pathOf("key"));
  const own = [contents.clientCert, contents.clientKey] as const;
  const clientPair = pairOf(...own, pathOf("clientCert"), pathOf("clientKey")) ?? pair;
  const ca = contents.ca === undefined ? undefined : authoritiesOf(contents.ca, pathOf("ca"));
  return {
    pair,
    clientPair,
    ca,
    revoked: contents.crl === undefined ? undefined : await listOf(contents.crl, pathOf("crl")),
    fingerprints: {
      leaf: pair === undefined ? undefined : sha256(pair.leaf.raw),
      leafNotAfter:
        pair === undefined ? undefined : Math.floor(Date.parse(pair.leaf.validTo) / 1000),
      ca: contents.ca === undefined ? undefined : sha256(contents.ca),
    },
  };
}

async function contentOf(path: string): Promise<Buffer> {
  try {
    if ((await stat(path)).size > maxFileBytes)
      throw new Error(`larger than ${maxFileBytes} bytes`);
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw bad(`open ${path}: no such file or directory`, error);
    if (code === "EACCES") throw bad(`open ${path}: permission denied`, error);
    throw bad(`read ${path}: ${errorText(error)}`, error);
  }
}

function pairOf(
  certBytes: Buffer | undefined,
  keyBytes: Buffer | undefined,
  certPath: string,
  keyPath: string,
): (Pair & { readonly leaf: X509Certificate }) | undefined {
  if (certBytes === undefined || keyBytes === undefined) return undefined;
  const cert = String(certBytes);
  const key = String(keyBytes);
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(cert);
  } catch (error) {
    throw bad(`${certPath} holds no certificate in PEM: ${errorText(error)}`, error);
  }
  let isPair: boolean;
  try {
    isPair = leaf.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw bad(`${keyPath} holds no private key in PEM: ${errorText(error)}`, error);
  }
  if (!isPair) throw bad(`the key in ${keyPath} does not belong to the certificate in ${certPath}`);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw bad(`${certPath} and ${keyPath} cannot be used: ${errorText(error)}`, error);
  }
  return { cert, key, leaf };
}

/** Every certificate of the file must be readable: OpenSSL says nothing of one that is not. */
function authoritiesOf(bytes: Buffer, path: string): string {
  const text = bytes.toString();
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw bad(`${path} holds no certificate in PEM`);
  // One that begins and does not end is still being written.
  if (blocks.length !== text.split("-----BEGIN CERTIFICATE-----").length - 1) {
    throw bad(`${path} ends within a certificate`);
  }
  try {
    for (const block of blocks) new X509Certificate(block);
  } catch (error) {
    throw bad(`${path} holds a certificate that cannot be read: ${errorText(error)}`, error);
  }
  // Bundles that were joined without line ends between are read, too.
  return `${blocks.join("\n")}\n`;
}

async function listOf(bytes: Buffer, path: string): Promise<ReadonlySet<string>> {
  try {
    return await revokedSerials(bytes);
  } catch (error) {
    throw bad(`${path} holds no revocation list: ${errorText(error)}`, error);
  }
}

function isSame(a: Loaded, b: Loaded): boolean {
  const revoked = (one: Loaded) => [...(one.revoked ?? ["none"])].sort().join();
  return (
    isSamePair(a.pair, b.pair) &&
    isSamePair(a.clientPair, b.clientPair) &&
    a.ca === b.ca &&
    revoked(a) === revoked(b)
  );
}

function isSamePair(a: Pair | undefined, b: Pair | undefined): boolean {
  return a?.cert === b?.cert && a?.key === b?.key;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function bad(message: string, cause?: unknown): OperatingError {
  return new OperatingError("BAD_CERTIFICATE", message, { cause });
}
