// How the first members of a cluster are found when --initial-cluster does not name them. Pure.
import type { Settings } from "./settings.ts";

/** DNS SRV records of a domain name the members. */
export interface SrvDiscovery {
  readonly kind: "srv";
  readonly domain: string;
  /** Appended to the service with a dash; none if empty. */
  readonly serviceName: string;
}

/** Members register under a token in another etcd, by the v3 API. Files are PEM; "" means none. */
export interface V3Discovery {
  readonly kind: "v3";
  readonly token: string;
  /** Never empty. */
  readonly endpoints: readonly string[];
  readonly dialTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly insecureTransport: boolean;
  readonly insecureSkipTlsVerify: boolean;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  /** "" means none; may be "user:password". */
  readonly user: string;
  readonly password: string;
}

/** Members register below a URL of an etcd that serves the v2 API. */
export interface V2Discovery {
  readonly kind: "v2";
  readonly url: string;
  /** An HTTP proxy on the way; "" means none. */
  readonly proxy: string;
}

export type Discovery = SrvDiscovery | V3Discovery | V2Discovery;

/** What the options ask for; undefined: --initial-cluster. At most one way is set: see validate.ts. */
export function discoveryOf(settings: Settings): Discovery | undefined {
  const url = settings.get("discovery");
  if (url !== "") return { kind: "v2", url, proxy: settings.get("discovery-proxy") };
  const domain = settings.get("discovery-srv");
  if (domain !== "") {
    return { kind: "srv", domain, serviceName: settings.get("discovery-srv-name") };
  }
  const endpoints = settings.get("discovery-endpoints");
  if (endpoints.length === 0) return undefined;
  return {
    kind: "v3",
    token: settings.get("discovery-token"),
    endpoints,
    dialTimeoutMs: settings.get("discovery-dial-timeout"),
    requestTimeoutMs: settings.get("discovery-request-timeout"),
    keepaliveTimeMs: settings.get("discovery-keepalive-time"),
    keepaliveTimeoutMs: settings.get("discovery-keepalive-timeout"),
    insecureTransport: settings.get("discovery-insecure-transport"),
    insecureSkipTlsVerify: settings.get("discovery-insecure-skip-tls-verify"),
    certFile: settings.get("discovery-cert"),
    keyFile: settings.get("discovery-key"),
    caFile: settings.get("discovery-cacert"),
    user: settings.get("discovery-user"),
    password: settings.get("discovery-password"),
  };
}

const v2AndV3 =
  "both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings (discovery-token, discovery-endpoints, discovery-cert, discovery-key, discovery-cacert, discovery-user, discovery-password) are set";

/** etcd's reason why the ways to find the first members exclude each other, or undefined. */
export function discoveryFault(settings: Settings): string | undefined {
  const v2 = settings.get("discovery") !== "";
  const srv = settings.get("discovery-srv") !== "";
  const endpoints = settings.get("discovery-endpoints");
  const v3 = endpoints.length > 0;
  const statically = settings.given("initial-cluster") && settings.get("initial-cluster") !== "";
  if ([v2, srv, v3, statically].filter(Boolean).length > 1) {
    const choices = v2
      ? `"initial-cluster", "discovery", "discovery-endpoints" or "discovery-srv"`
      : `"initial-cluster", "discovery-endpoints" or "discovery-srv"`;
    return `multiple discovery or bootstrap flags are set. Choose one of ${choices}`;
  }
  const v3Flags = ["token", "cert", "key", "cacert", "user", "password"] as const;
  const anyV3 = v3 || v3Flags.some((name) => settings.get(`discovery-${name}`) !== "");
  if ((v2 || settings.get("discovery-proxy") !== "") && anyV3) return v2AndV3;
  if ((settings.get("discovery-token") !== "") !== v3) {
    return "both --discovery-token and --discovery-endpoints must be set";
  }
  if (endpoints.some((one) => one.trim() === "")) {
    return "--discovery-endpoints must not contain empty endpoints";
  }
  return undefined;
}
