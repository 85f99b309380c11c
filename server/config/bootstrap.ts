// The static bootstrap: what --initial-cluster says, and whether this member is rightly in it.
// Only for a new data folder; afterwards the stored membership rules. Pure.
import type { ServerConfig } from "./server-config.ts";
import { parseEndpoints } from "./urls.ts";

/** The first members by name, each with its peer URLs, sorted. */
export type InitialMembers = ReadonlyMap<string, readonly string[]>;

export type BootstrapResult =
  | { readonly ok: true; readonly members: InitialMembers }
  | { readonly ok: false; readonly reason: string };

/** The settings that the checks read. */
export type BootstrapSettings = Pick<
  ServerConfig,
  "name" | "initialCluster" | "initialClusterState" | "advertisePeerUrls"
>;

const fail = (reason: string): BootstrapResult => ({ ok: false, reason });

/** Reads "name=url,name=url". A name may come again; empty items are skipped. */
export function parseInitialCluster(text: string): BootstrapResult {
  const parsed = parseMemberUrls(text);
  if (parsed.ok) return parsed;
  return fail(`error setting up initial cluster: ${parsed.reason} (--initial-cluster=${text})`);
}

/** As parseInitialCluster, with the bare reason of the first bad URL. */
export function parseMemberUrls(text: string): BootstrapResult {
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
    if (typeof endpoints === "string") return fail(endpoints);
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

/** A name for the place that a URL leads to; equal names, one place. */
export type PlaceOf = (url: string) => string;

/** "localhost" and its address count as one, as they do after etcd's look-up. */
export const placeWithoutDns: PlaceOf = (url) =>
  url.replace(/^(https?:\/\/)localhost:/, "$1127.0.0.1:");

/**
 * The members to begin with, or etcd's reason why this member cannot be started with them. `found`
 * are the members that --initial-cluster or DNS names.
 */
export function bootstrapMembers(
  config: BootstrapSettings,
  found: BootstrapResult = parseInitialCluster(config.initialCluster),
  placeOf: PlaceOf = placeWithoutDns,
): BootstrapResult {
  if (!found.ok) return found;
  const own = found.members.get(config.name);
  if (own === undefined) {
    return fail(`couldn't find local name "${config.name}" in the initial cluster configuration`);
  }
  if (config.initialClusterState === "new") {
    const mismatch = advertisedMismatch(config, own, placeOf);
    if (mismatch !== undefined) return fail(mismatch);
  }
  if (hasDuplicateUrl(found.members)) {
    return fail(`initial cluster ${formatInitialCluster(found.members)} has duplicate url`);
  }
  return found;
}

/** True if a URL stands twice. */
export function hasDuplicateUrl(members: InitialMembers): boolean {
  const urls = [...members.values()].flat();
  return new Set(urls).size < urls.length;
}

function advertisedMismatch(
  config: BootstrapSettings,
  own: readonly string[],
  placeOf: PlaceOf,
): string | undefined {
  const given = config.advertisePeerUrls;
  const quoted = (urls: readonly string[]) => `"${urls.join(",")}"`;
  const mine = new Set(given.map(placeOf));
  const theirs = new Set(own.map(placeOf));
  const missing = own.filter((url) => !mine.has(placeOf(url)));
  if (missing.length > 0) {
    const names = missing.map((url) => `${config.name}=${url}`).join(",");
    return `--initial-cluster has ${names} but missing from --initial-advertise-peer-urls=${given.join(",")} (resolved urls: ${quoted(given)} != ${quoted(own)})`;
  }
  const extra = given.filter((url) => !theirs.has(placeOf(url)));
  if (extra.length === 0) return undefined;
  const cluster = given.map((url) => `${config.name}=${url}`).join(",");
  return `--initial-advertise-peer-urls has ${extra.join(",")} but missing from --initial-cluster=${cluster}`;
}
