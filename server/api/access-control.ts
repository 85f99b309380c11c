// Who may ask over plain HTTP: browsers' origins (--cors), host names (--host-whitelist, against DNS
// rebinding), and no client certificate that would be taken for a user where it is none.
import type { HttpRequest, HttpResponse } from "#server/rpc/limits.ts";

export interface AccessRules {
  /** `--cors`; empty or with `*` every origin is allowed. */
  readonly allowedOrigins: readonly string[];
  /** `--host-whitelist`; empty or with `*` every host is allowed. */
  readonly allowedHosts: readonly string[];
  /** True while a client's certificate says who it is: with --client-cert-auth and authentication on. */
  readonly certificatesName?: () => boolean;
}

export const openAccess: AccessRules = { allowedOrigins: ["*"], allowedHosts: ["*"] };

const allowsAll = (list: readonly string[]): boolean => list.length === 0 || list.includes("*");

/** Sets the headers that let a browser's page read the answer, if its origin is allowed. */
export function writeCors(rules: AccessRules, request: HttpRequest, response: HttpResponse): void {
  const { allowedOrigins } = rules;
  const { origin } = request.headers;
  const any = allowsAll(allowedOrigins);
  if (!any && (origin === undefined || !allowedOrigins.includes(origin))) return;
  response.setHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
  response.setHeader("Access-Control-Allow-Origin", any ? "*" : origin!);
  response.setHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
}

/** The host that a request names and may not name; undefined if it may. */
export function refusedHost(rules: AccessRules, request: HttpRequest): string | undefined {
  if (allowsAll(rules.allowedHosts) || request.socket?.encrypted === true) return undefined;
  const host = hostName(request.headers.host ?? "");
  return rules.allowedHosts.includes(host) ? undefined : host;
}

/** Without the port; the whole text if it is not of the form `host:port`. */
function hostName(text: string): string {
  return /^\[([^\]]*)\]:[^:]*$/.exec(text)?.[1] ?? /^([^:]*):[^:]*$/.exec(text)?.[1] ?? text;
}

/** What the refused client reads, in etcd's words. */
export function refusedHostText(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).

`;
}

/** What a client of the gateway reads whose certificate has a name that is not used, in etcd's words. */
export const refusedCertificateText =
  "CommonName of client sending a request against gateway will be ignored and not used as expected\n";

/** True for a request whose client would wrongly take the name in its certificate for its user. */
export function refusesCertificate(rules: AccessRules, request: HttpRequest): boolean {
  if (rules.certificatesName?.() !== true) return false;
  const name = request.socket?.getPeerX509Certificate?.()?.subject ?? "";
  return /(?:^|\n)CN=./.test(name);
}
