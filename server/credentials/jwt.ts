// Tokens that are signed instead of remembered (RFC 7519): user, auth revision and expiry. Any member
// checks them by key alone; a member with the public key only can make none (facts: apply rules §7).
// Verified tokens are kept, so that a client that sends one with every call costs one check.
import { Buffer } from "node:buffer";
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";
import { errorText, OperatingError } from "#base/errors.ts";
import { EtcdError, grpcCode } from "#proto/errors.ts";
import type { AppliedAuthentication, Identity, TokenProvider } from "#server/auth/tokens.ts";

const maxKept = 1024;
/** Longer ones are none of ours. */
const maxTokenLength = 16 * 1024;

export interface JwtOptions {
  /** As `RS256`; see config/auth-token.ts. */
  readonly signMethod: string;
  readonly ttlMs: number;
  /** Contents of the key files. */
  readonly publicKey: Uint8Array | undefined;
  readonly privateKey: Uint8Array | undefined;
  wallMs(): number;
}

interface Signer {
  /** Undefined for a member that can only verify. */
  readonly sign: ((input: Uint8Array) => Uint8Array) | undefined;
  verify(input: Uint8Array, signature: Uint8Array): boolean;
}

interface Verified {
  readonly identity: Identity;
  readonly notBeforeSeconds: number;
  readonly expirySeconds: number;
}

export class JwtTokens implements TokenProvider {
  readonly #options: JwtOptions;
  readonly #signer: Signer;
  readonly #kept = new Map<string, Verified>();

  /** Throws OperatingError BAD_TOKEN_KEY. */
  constructor(options: JwtOptions) {
    this.#options = options;
    this.#signer = signerOf(options);
  }

  prefix(): string {
    return "";
  }

  /** Empty where nobody waits for it. */
  assign({ username, revision, answers }: AppliedAuthentication): string {
    if (!answers) return "";
    const { sign } = this.#signer;
    if (sign === undefined) {
      const words = "auth: token signing attempted with verify-only key";
      throw new EtcdError(grpcCode.unknown, words);
    }
    const { signMethod, ttlMs, wallMs } = this.#options;
    const exp = Math.floor((wallMs() + ttlMs) / 1000);
    const header = segment({ alg: signMethod, typ: "JWT" });
    const input = `${header}.${segment({ exp, revision, username })}`;
    return `${input}.${Buffer.from(sign(Buffer.from(input))).toString("base64url")}`;
  }

  identify(token: string): Identity | undefined {
    let verified = this.#kept.get(token);
    if (verified === undefined) {
      verified = this.#verify(token);
      if (verified === undefined) return undefined;
      if (this.#kept.size >= maxKept) this.#kept.delete(this.#kept.keys().next().value!);
      this.#kept.set(token, verified);
    }
    const seconds = this.#options.wallMs() / 1000;
    const { expirySeconds, identity, notBeforeSeconds } = verified;
    return seconds < expirySeconds && seconds >= notBeforeSeconds ? identity : undefined;
  }

  awaitedIndex(): number {
    return 0;
  }

  enable(): void {}
  disable(): void {}
  invalidateUser(): void {}

  #verify(token: string): Verified | undefined {
    if (token.length > maxTokenLength) return undefined;
    const parts = token.split(".");
    if (parts.length !== 3) return undefined;
    const [head, body, signature] = parts as [string, string, string];
    if (readSegment(head)?.["alg"] !== this.#options.signMethod) return undefined;
    const signed = fromBase64Url(signature);
    const input = Buffer.from(`${head}.${body}`);
    if (signed === undefined || !this.#signer.verify(input, signed)) return undefined;
    const claims = readSegment(body);
    if (claims === undefined) return undefined;
    const { username, revision, exp = 0, nbf = 0 } = claims;
    if (typeof username !== "string" || typeof revision !== "number") return undefined;
    if (typeof exp !== "number" || typeof nbf !== "number") return undefined;
    const identity = { username, revision: Math.max(0, Math.floor(revision)) };
    // As the library that etcd uses: whole seconds count, and 0 says nothing.
    const expirySeconds = exp === 0 ? Number.POSITIVE_INFINITY : Math.floor(exp);
    return { identity, notBeforeSeconds: Math.floor(nbf), expirySeconds };
  }
}

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

const base64Url = /^[A-Za-z0-9_-]*$/;

function fromBase64Url(text: string): Buffer | undefined {
  return base64Url.test(text) ? Buffer.from(text, "base64url") : undefined;
}

function readSegment(text: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = fromBase64Url(text);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const curves: Readonly<Record<string, string>> = {
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
};

function signerOf(options: JwtOptions): Signer {
  const { signMethod } = options;
  const hash = `sha${signMethod.slice(-3)}`;
  if (signMethod.startsWith("HS")) {
    const { privateKey: secret } = options;
    if (secret === undefined || secret.length === 0) throw badKey("missing key data");
    const mac = (input: Uint8Array): Buffer => createHmac(hash, secret).update(input).digest();
    return {
      sign: mac,
      verify: (input, signature) => {
        const own = mac(input);
        return own.length === signature.length && timingSafeEqual(own, signature);
      },
    };
  }
  const { privateKey, publicKey } = keysOf(options);
  const algorithm = signMethod === "EdDSA" ? null : hash;
  const padding = signMethod.startsWith("PS")
    ? constants.RSA_PKCS1_PSS_PADDING
    : constants.RSA_PKCS1_PADDING;
  const how = (key: KeyObject, saltLength: number) => ({
    key,
    ...(key.asymmetricKeyType === "rsa" ? { padding } : {}),
    ...(signMethod.startsWith("PS") ? { saltLength } : {}),
    ...(signMethod.startsWith("ES") ? { dsaEncoding: "ieee-p1363" as const } : {}),
  });
  const forSigning =
    privateKey === undefined ? undefined : how(privateKey, constants.RSA_PSS_SALTLEN_DIGEST);
  const forVerifying = how(publicKey, constants.RSA_PSS_SALTLEN_AUTO);
  return {
    sign: forSigning === undefined ? undefined : (input) => sign(algorithm, input, forSigning),
    verify: (input, signature) => verify(algorithm, input, forVerifying, signature),
  };
}

interface Keys {
  readonly privateKey: KeyObject | undefined;
  readonly publicKey: KeyObject;
}

function keysOf({ signMethod, privateKey: secret, publicKey: open }: JwtOptions): Keys {
  const privateKey = readKey("priv-key", secret, (pem) => createPrivateKey(pem));
  const given = readKey("pub-key", open, (pem) => {
    if (pem.includes("PRIVATE KEY")) throw new Error("the file holds a private key");
    return createPublicKey(pem);
  });
  const derived = privateKey === undefined ? undefined : createPublicKey(privateKey);
  const publicKey = derived ?? given;
  if (publicKey === undefined) throw badKey("missing key data");
  if (derived !== undefined && given !== undefined && !derived.equals(given)) {
    throw badKey("public and private keys don't match");
  }
  const wanted = signMethod === "EdDSA" ? "ed25519" : signMethod.startsWith("ES") ? "ec" : "rsa";
  const { asymmetricKeyDetails, asymmetricKeyType } = publicKey;
  if (asymmetricKeyType !== wanted) {
    throw badKey(`${signMethod} needs a key of type ${wanted}, not ${asymmetricKeyType}`);
  }
  const curve = curves[signMethod];
  if (curve !== undefined && asymmetricKeyDetails?.namedCurve !== curve) {
    throw badKey(`${signMethod} needs a key on ${curve}, not ${asymmetricKeyDetails?.namedCurve}`);
  }
  return { privateKey, publicKey };
}

function readKey(
  option: string,
  bytes: Uint8Array | undefined,
  parse: (pem: string) => KeyObject,
): KeyObject | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return parse(Buffer.from(bytes).toString());
  } catch (error) {
    throw badKey(`${option}: ${errorText(error)}`);
  }
}

function badKey(reason: string): OperatingError {
  return new OperatingError("BAD_TOKEN_KEY", `--auth-token: ${reason}`);
}
