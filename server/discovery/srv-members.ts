// The first members from DNS: SRV records `_etcd-server-ssl` (https) and `_etcd-server` (http) of a
// domain. Each record is one member. The own one is found by address and gets the own name; the
// others are called 0, 1, …: names count for nothing in IDs, and each member announces its own later.
//
// Invariant: no member begins with a part of the records. etcd leaves out a target that cannot be
// resolved, so that its members can begin different clusters; here all must resolve, in bounded time.
import { errorText, OperatingError } from "#base/errors.ts";
import type { InitialMembers } from "#server/config/bootstrap.ts";
import type { SrvDiscovery } from "#server/config/discovery.ts";
import { parseEndpoint } from "#server/config/urls.ts";
import { type LookupPorts, places, untilResolved } from "#server/discovery/same-hosts.ts";

/** How long the records may stay unresolved. */
const srvLimitMs = 60_000;
/** More records than any cluster has members: a mistake. */
const maxTargets = 1024;
/** Of these in an error. */
const maxShown = 20;

/** This member, as it tells others. */
export interface SrvSelf {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

interface Found {
  readonly service: string;
  readonly url: string;
  readonly scheme: string;
  /** host:port of every address. */
  readonly places: readonly string[];
}

const fail = (message: string): OperatingError => new OperatingError("BAD_SRV_RECORDS", message);

/** Peer URLs by name. Rejects with OperatingError if the records are none, incomplete or ambiguous. */
export async function srvMembers(
  query: SrvDiscovery,
  self: SrvSelf,
  ports: LookupPorts,
): Promise<InitialMembers> {
  const suffix = query.serviceName === "" ? "" : `-${query.serviceName}`;
  const names = (
    [
      ["etcd-server-ssl", "https"],
      ["etcd-server", "http"],
    ] as const
  ).map(([service, scheme]) => ({ scheme, name: `_${service}${suffix}._tcp.${query.domain}` }));
  const result = await untilResolved(ports, srvLimitMs, async (isLate) => {
    const own = await ownPlaces(self, ports);
    if (typeof own === "string") return own;
    const found = await allTargets(names, ports, isLate);
    return typeof found === "string" ? found : { own, found };
  });
  if (typeof result === "string") {
    throw fail(
      `DNS does not name every member of --discovery-srv=${query.domain}, so that members could begin different clusters: ${result}; mend the records and start again`,
    );
  }
  const { found, own } = result;
  if (found.length === 0) {
    const tried = names.map(({ name }) => name).join(" and ");
    throw fail(`error querying DNS SRV records for ${tried}: no such records`);
  }
  const members = nameMembers(found, own, self);
  for (const [name, urls] of members) {
    for (const url of urls) {
      ports.log.info({ node: `${name}=${url}` }, "got bootstrap from DNS for etcd-server");
    }
  }
  return members;
}

/** Where this member's advertised peer URLs lead: the URL by host:port. */
async function ownPlaces(
  self: SrvSelf,
  ports: LookupPorts,
): Promise<ReadonlyMap<string, string> | string> {
  const own = new Map<string, string>();
  for (const url of self.peerUrls) {
    const endpoint = parseEndpoint(url);
    if (typeof endpoint === "string") continue;
    try {
      for (const place of await places(ports.resolver, endpoint.host, endpoint.port)) {
        own.set(place, url);
      }
    } catch (error) {
      return `own host ${endpoint.host} (${errorText(error)})`;
    }
  }
  return own;
}

async function allTargets(
  names: readonly { readonly scheme: string; readonly name: string }[],
  ports: LookupPorts,
  isLate: () => boolean,
): Promise<Found[] | string> {
  const found: Found[] = [];
  const seen = new Set<string>();
  const missing: string[] = [];
  for (const { name, scheme } of names) {
    try {
      for (const { host, port } of await ports.resolver.srv(name)) {
        const shown = host.includes(":") ? `[${host}]` : host;
        const url = `${scheme}://${shown}:${port}`;
        if (seen.has(url)) continue;
        seen.add(url);
        if (seen.size > maxTargets) throw fail(`${name} has more than ${maxTargets} records`);
        if (isLate()) return [...shownOf(missing), "no time is left for others"].join(", ");
        try {
          found.push({
            service: name,
            url,
            scheme,
            places: await places(ports.resolver, host, port),
          });
        } catch (error) {
          missing.push(`${host} of ${name} (${errorText(error)})`);
        }
      }
    } catch (error) {
      if (error instanceof OperatingError) throw error;
      missing.push(`${name} (${errorText(error)})`);
    }
  }
  return missing.length === 0 ? found : shownOf(missing).join(", ");
}

/** The first of what is missing: a domain may name a thousand hosts. */
function shownOf(missing: readonly string[]): readonly string[] {
  if (missing.length <= maxShown) return missing;
  return [...missing.slice(0, maxShown), `and ${missing.length - maxShown} more`];
}

function nameMembers(
  found: readonly Found[],
  own: ReadonlyMap<string, string>,
  self: SrvSelf,
): InitialMembers {
  const members = new Map<string, readonly string[]>();
  const byPlace = new Map<string, Found>();
  let nextNumber = 0;
  for (const one of found) {
    for (const place of one.places) {
      const other = byPlace.get(place);
      if (other !== undefined) {
        throw fail(
          `SRV records ${other.url} (${other.service}) and ${one.url} (${one.service}) lead to one place, ${place}: name each member once`,
        );
      }
      byPlace.set(place, one);
    }
    const expected = one.places.map((place) => own.get(place)).find((url) => url !== undefined);
    if (expected === undefined) {
      while (String(nextNumber) === self.name) nextNumber++;
      members.set(String(nextNumber++), [one.url]);
      continue;
    }
    if (!expected.startsWith(`${one.scheme}://`)) {
      throw fail(
        `bootstrap at ${one.url} from DNS for ${one.service} has scheme mismatch with expected peer ${expected}`,
      );
    }
    const earlier = members.get(self.name);
    if (earlier !== undefined) {
      throw fail(
        `SRV records ${earlier[0]} and ${one.url} both lead to this member, and others would take them for two: keep one record for each member`,
      );
    }
    members.set(self.name, [one.url]);
  }
  if (!members.has(self.name)) {
    throw fail(
      `cannot find local etcd member ${JSON.stringify(self.name)} in SRV records: none of ${shownOf(found.map((one) => one.url)).join(", ")} leads to --initial-advertise-peer-urls=${self.peerUrls.join(",")}`,
    );
  }
  return members;
}
