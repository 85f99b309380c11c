// The cipher suites that etcd knows by name, and what OpenSSL calls them. Pure.

/** Suites of TLS 1.3: always on there, whatever --cipher-suites says, as with Go. */
const newest = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/** By IANA's name, as Go spells it; undefined: OpenSSL 3 has it no more. */
const older: Readonly<Record<string, string | undefined>> = {
  TLS_RSA_WITH_RC4_128_SHA: undefined,
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: undefined,
  TLS_RSA_WITH_AES_128_CBC_SHA: "AES128-SHA",
  TLS_RSA_WITH_AES_256_CBC_SHA: "AES256-SHA",
  TLS_RSA_WITH_AES_128_CBC_SHA256: "AES128-SHA256",
  TLS_RSA_WITH_AES_128_GCM_SHA256: "AES128-GCM-SHA256",
  TLS_RSA_WITH_AES_256_GCM_SHA384: "AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: undefined,
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: undefined,
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: undefined,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: "ECDHE-ECDSA-AES128-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: "ECDHE-RSA-AES128-SHA256",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  // Their names in older versions.
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
};

export type CipherSuites =
  | {
      readonly ok: true;
      /** OpenSSL's list, colons between; undefined: its defaults. */
      readonly ciphers: string | undefined;
      /** Asked for, and not to be had here. */
      readonly missing: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** What --cipher-suites asks for; the reason in etcd's words if a name is unknown. */
export function cipherSuites(names: readonly string[]): CipherSuites {
  if (names.length === 0) return { ok: true, ciphers: undefined, missing: [] };
  const chosen = new Set<string>();
  const missing: string[] = [];
  for (const name of names) {
    if (newest.includes(name)) continue;
    if (!Object.hasOwn(older, name)) {
      return { ok: false, reason: `unexpected TLS cipher suite ${JSON.stringify(name)}` };
    }
    const known = older[name];
    if (known === undefined) missing.push(name);
    else chosen.add(known);
  }
  if (chosen.size === 0 && missing.length === names.length) {
    return {
      ok: false,
      reason: `no TLS cipher suite is left: ${missing.join(", ")} is gone from OpenSSL`,
    };
  }
  return { ok: true, ciphers: [...newest, ...chosen].join(":"), missing };
}
