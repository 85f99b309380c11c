// --auth-token: which kind of tokens users get, and how those are signed. Pure: key files are read and
// judged by server/credentials.
import { parseGoDurationMs } from "./go-literals.ts";

/** Algorithms that a JWT may be signed with. */
export const signMethods = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "HS256",
  "HS384",
  "HS512",
] as const;

export type SignMethod = (typeof signMethods)[number];

export interface JwtSettings {
  readonly kind: "jwt";
  readonly signMethod: SignMethod;
  readonly ttlMs: number;
  /** Paths of PEM files; undefined where none is named. */
  readonly publicKeyFile: string | undefined;
  readonly privateKeyFile: string | undefined;
}

export type TokenSettings =
  | { readonly kind: "simple" }
  /** Nobody gets a token, so only client certificates name a user. */
  | { readonly kind: "none" }
  | JwtSettings;

const defaultTtlMs = 300_000;
const known = ["sign-method", "pub-key", "priv-key", "ttl"];

/** The settings, or the reason why `text` does not say any. `unknown` takes options without a meaning. */
export function parseAuthToken(text: string, unknown: string[]): TokenSettings | string {
  const [kind, ...pairs] = text.split(",");
  const options = new Map<string, string>();
  for (const pair of pairs) {
    const parts = pair.split("=");
    if (parts.length !== 2) return `${JSON.stringify(pair)} is not of the form name=value`;
    const [name, value] = parts as [string, string];
    if (options.has(name)) return `${name} is given twice`;
    options.set(name, value);
  }
  switch (kind) {
    case "simple":
      return { kind };
    case "":
      return { kind: "none" };
    case "jwt":
      unknown.push(...[...options.keys()].filter((name) => !known.includes(name)));
      return jwtOf(options);
    default:
      return `${JSON.stringify(kind)} is no kind of tokens: simple or jwt`;
  }
}

function jwtOf(options: ReadonlyMap<string, string>): JwtSettings | string {
  const given = options.get("sign-method") ?? "";
  const signMethod = signMethods.find((one) => one === given);
  if (signMethod === undefined) {
    return `sign-method=${given} is none of ${signMethods.join(", ")}`;
  }
  const ttl = options.get("ttl") || undefined;
  const ttlMs = ttl === undefined ? defaultTtlMs : parseGoDurationMs(ttl);
  if (ttlMs === undefined || ttlMs <= 0) return `ttl=${ttl} is not a duration above zero`;
  const publicKeyFile = options.get("pub-key") || undefined;
  const privateKeyFile = options.get("priv-key") || undefined;
  if (signMethod.startsWith("HS") && privateKeyFile === undefined) {
    return `${signMethod} needs priv-key, the file of the shared secret`;
  }
  if (publicKeyFile === undefined && privateKeyFile === undefined) {
    return `${signMethod} needs priv-key, or pub-key to check tokens that others sign`;
  }
  return { kind: "jwt", signMethod, ttlMs, publicKeyFile, privateKeyFile };
}
