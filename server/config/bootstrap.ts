// The static bootstrap: what --initial-cluster says, and whether this member is rightly in it.
// Only for a new data folder; afterwards the stored membership rules. Pure.
import type { ServerConfig } from "./server-config.ts";
import { parseEndpoints } from "./urls.ts";

/** The first members by name, each with its peer URLs, sorted. */
export type InitialMembers = ReadonlyMap<string, readonly string[]>;

export type BootstrapResult =
  | { readonly ok: true; readonly members: InitialMembers }
  | { readonly ok: false; readonly reason: string };

const fail = (reason: string): BootstrapResult => ({ ok: false, reason });

/** Reads "name=url,name=url". A name may come again; empty items are skipped. */
export function parseInitialCluster(text: string): BootstrapResult {
  const lists = new Map<string, string[]>();
  for (const item of text.split(",")) {
    if (item === "") continue;
    const cut = item.indexOf("=");
    const name = cut < 0 ? item : item.slice(0, cut);
    const urls = lists.get(name) ?? [];
    urls.push(cut < 0 ? "" : item.slice(cut + 1));
    lists.set(name, urls);
  }
  const members = new Map<string, readonly string[]>();
  for (const [name, urls] of lists) {
    const endpoints = parseEndpoints(urls.join(","));
    if (typeof endpoints === "string") {
      return fail(`error setting up initial cluster: ${endpoints} (--initial-cluster=${text})`);
    }
    members.set(
      name,
      endpoints.map((one) => one.text),
    );
  }
  return { ok: true, members };
}

/** "a=http://x:1,a=http://y:1,b=…", sorted. */
export function formatInitialCluster(members: InitialMembers): string {
  return [...members]
    .flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`))
    .sort()
    .join(",");
}

/** The members to begin with, or etcd's reason why this member cannot be started with them. */
export function bootstrapMembers(config: ServerConfig): BootstrapResult {
  const parsed = parseInitialCluster(config.initialCluster);
  if (!parsed.ok) return parsed;
  const own = parsed.members.get(config.name);
  if (own === undefined) {
    return fail(`couldn't find local name "${config.name}" in the initial cluster configuration`);
  }
  if (config.initialClusterState === "new") {
    const mismatch = advertisedMismatch(config, own);
    if (mismatch !== undefined) return fail(mismatch);
  }
  const seen = new Set<string>();
  for (const url of [...parsed.members.values()].flat()) {
    if (seen.has(url)) {
      return fail(`initial cluster ${formatInitialCluster(parsed.members)} has duplicate url`);
    }
    seen.add(url);
  }
  return parsed;
}

/** "localhost" and its address count as one, as they do after etcd's look-up. */
function resolved(url: string): string {
  return url.replace(/^(https?:\/\/)localhost:/, "$1127.0.0.1:");
}

function advertisedMismatch(config: ServerConfig, own: readonly string[]): string | undefined {
  const given = config.advertisePeerUrls;
  const quoted = (urls: readonly string[]) => `"${urls.join(",")}"`;
  const mine = new Set(given.map(resolved));
  const theirs = new Set(own.map(resolved));
  const missing = own.filter((url) => !mine.has(resolved(url)));
  if (missing.length > 0) {
    const names = missing.map((url) => `${config.name}=${url}`).join(",");
    return `--initial-cluster has ${names} but missing from --initial-advertise-peer-urls=${given.join(",")} (resolved urls: ${quoted(given)} != ${quoted(own)})`;
  }
  const extra = given.filter((url) => !theirs.has(resolved(url)));
  if (extra.length === 0) return undefined;
  const cluster = given.map((url) => `${config.name}=${url}`).join(",");
  return `--initial-advertise-peer-urls has ${extra.join(",")} but missing from --initial-cluster=${cluster}`;
}
