// Who a member is at its first start: by --initial-cluster, by DNS or through a registry, and, if it
// joins, by the running cluster. Nothing here is asked once there is a log.
import { rm } from "node:fs/promises";
import path from "node:path";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { type ClusterId, formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { makeFolder, readSmallFile, replaceFile } from "#server/backend/folder.ts";
import {
  type BootstrapResult,
  bootstrapMembers,
  formatInitialCluster,
  hasDuplicateUrl,
  type InitialMembers,
  type PlaceOf,
  parseInitialCluster,
  placeWithoutDns,
} from "#server/config/bootstrap.ts";
import type { V2Discovery, V3Discovery } from "#server/config/discovery.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { joinByRegistry, type RegistrationMark } from "#server/discovery/registry.ts";
import type { Resolver } from "#server/discovery/resolver.ts";
import { placesOfUrls } from "#server/discovery/same-hosts.ts";
import { srvMembers } from "#server/discovery/srv-members.ts";
import { openV2Registry } from "#server/discovery/v2-registry.ts";
import { openV3Registry } from "#server/discovery/v3-registry.ts";
import { initialCluster, memberIdOf } from "#server/membership/bootstrap-ids.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { adoptMembers, canJoin, wasBootstrapped } from "#server/membership/joining.ts";
import type { Member } from "#server/membership/member-json.ts";
import type { PeerClient, RemoteCluster } from "#server/peer/peer-client.ts";
import { sha1 } from "#server/sha1.ts";

const joinTimeoutMs = 10_000;
const bootstrappedTimeoutMs = 1000;
/** How long host names of peer URLs may stay unresolved where they are compared. */
const hostsLimitMs = 30_000;

export interface Identity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

export interface FirstStartPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly resolver: Resolver;
  readonly peerClient: PeerClient;
}

export interface FirstStart extends Identity {
  readonly members: readonly Member[];
  /** False for a member that joins: its log begins empty. */
  readonly bootstraps: boolean;
}

/** The mark of a registration, in the data folder; see registrationMark. */
const markFile = (dataDir: string): string => path.join(dataDir, "discovery");

/**
 * To be called once the first log is made: from then on a folder that lost it must not pass for a
 * first start that was cut short.
 */
export async function endFirstStart(config: ServerConfig): Promise<void> {
  if (config.discovery?.kind === "v2") await rm(markFile(config.dataDir), { force: true });
}

/** Who this member is. Rejects with OperatingError, having changed nothing but a registry. */
export async function firstStart(
  config: ServerConfig,
  ports: FirstStartPorts,
): Promise<FirstStart> {
  const { discovery } = config;
  const isNew = config.initialClusterState === "new";
  if (discovery?.kind === "v2" || discovery?.kind === "v3") {
    if (!isNew)
      throw refuse("discovery URL should not be set when joining existing initial cluster");
    const token = discovery.kind === "v2" ? discovery.url : discovery.token;
    const members = await registeredMembers(config, discovery, token, ports);
    return await bootstrap(config, { members, token }, ports.peerClient);
  }
  const found: BootstrapResult =
    discovery === undefined
      ? parseInitialCluster(config.initialCluster)
      : { ok: true, members: await srvMembers(discovery, selfOf(config), ports) };
  const checked = bootstrapMembers(config, found, await placesOfOwnUrls(config, found, ports));
  if (!checked.ok) throw refuse(checked.reason);
  const { members } = checked;
  return isNew
    ? await bootstrap(config, { members, token: config.initialClusterToken }, ports.peerClient)
    : await join(config, members, ports);
}

const refuse = (reason: string): OperatingError =>
  new OperatingError("BAD_INITIAL_CLUSTER", reason);

const selfOf = ({ advertisePeerUrls, name }: ServerConfig) => ({
  name,
  peerUrls: advertisePeerUrls,
});

/** Host names are looked up only where advertised and listed URLs are not written alike. */
async function placesOfOwnUrls(
  config: ServerConfig,
  found: BootstrapResult,
  ports: FirstStartPorts,
): Promise<PlaceOf> {
  const listed = (found.ok && found.members.get(config.name)) || [];
  const mine = config.advertisePeerUrls.map(placeWithoutDns).sort();
  const theirs = listed.map(placeWithoutDns).sort();
  const isAlike = mine.length === theirs.length && mine.every((url, i) => url === theirs[i]);
  if (isAlike || listed.length === 0 || config.initialClusterState !== "new")
    return placeWithoutDns;
  const urls = [...config.advertisePeerUrls, ...listed];
  const placeOf = await placesOfUrls(urls, hostsLimitMs, ports);
  return (url) => placeOf.get(url) ?? url;
}

/** The first members that registered; this one is among them. */
async function registeredMembers(
  config: ServerConfig,
  discovery: V2Discovery | V3Discovery,
  token: string,
  ports: FirstStartPorts,
): Promise<InitialMembers> {
  const id = formatId(memberIdOf({ peerUrls: config.advertisePeerUrls, token }, sha1));
  const value = formatInitialCluster(new Map([[config.name, config.advertisePeerUrls]]));
  const where = discovery.kind === "v2" ? { url: token } : { endpoints: discovery.endpoints };
  const log = ports.log.child({ "discovery-token": token, ...where });
  log.info({}, "bootstrapping the cluster through a discovery service");
  const registry =
    discovery.kind === "v2"
      ? openV2Registry(discovery, ports.clock)
      : await openV3Registry(discovery, ports);
  try {
    const mark = registrationMark(config.dataDir, `${discovery.kind} ${token} ${id}`);
    const found = await joinByRegistry(registry, { id, value }, { clock: ports.clock, log, mark });
    const cluster = formatInitialCluster(found);
    if (hasDuplicateUrl(found)) throw refuse(`discovery cluster ${cluster} has duplicate url`);
    const own = found.get(config.name);
    if (own?.join() !== config.advertisePeerUrls.join()) {
      throw refuse(
        `this member registered under another name than ${JSON.stringify(config.name)} before: ${cluster}; start it with that --name`,
      );
    }
    log.info({ cluster }, "discovery joined cluster successfully");
    return found;
  } finally {
    registry.close();
  }
}

/** A file in the data folder: after a first start that was cut short, the registration is known again. */
function registrationMark(dataDir: string, text: string): RegistrationMark {
  const file = markFile(dataDir);
  return {
    isSet: async () => (await readSmallFile(file)) === `${text}\n`,
    set: async () => {
      await makeFolder(dataDir);
      await replaceFile(file, `${text}\n`);
    },
  };
}

function otherUrls(members: InitialMembers, name: string): string[] {
  return [...members]
    .filter(([other]) => other !== name)
    .flatMap(([, urls]) => urls)
    .sort();
}

async function bootstrap(
  config: ServerConfig,
  initial: { readonly members: InitialMembers; readonly token: string },
  client: PeerClient,
): Promise<FirstStart> {
  const { clusterId, members } = initialCluster(initial.members, initial.token, sha1);
  const others = otherUrls(initial.members, config.name);
  const self = members.find((one) => one.name === config.name)!;
  const running = await Promise.all(
    others.map((url) => client.members(url, bootstrappedTimeoutMs).catch(() => undefined)),
  );
  for (const one of running) {
    if (one !== undefined) refuseToForget(self, one.members, config.dataDir);
  }
  return { clusterId, memberId: self.id, members, bootstraps: true };
}

async function join(
  config: ServerConfig,
  initial: InitialMembers,
  ports: FirstStartPorts,
): Promise<FirstStart> {
  const client = ports.peerClient;
  const others = otherUrls(initial, config.name);
  const remote = await firstAnswer(others, client);
  let adopted = adoptMembers(initial, remote.members);
  if (!adopted.ok && initial.size === remote.members.length) {
    // Perhaps one side names hosts and the other their addresses.
    const theirs = remote.members.flatMap((one) => one.peerUrls);
    const urls = [...initial.values()].flat().concat(theirs);
    const placeOf = await placesOfUrls(urls, hostsLimitMs, ports);
    adopted = adoptMembers(initial, remote.members, (url) => placeOf.get(url) ?? url);
  }
  if (!adopted.ok) {
    throw new OperatingError(
      "BAD_INITIAL_CLUSTER",
      `error validating peerURLs: ${adopted.reason}; --initial-cluster must name the members that the cluster has now`,
    );
  }
  const self = adopted.members.find((one) => one.name === config.name)!;
  refuseToForget(self, remote.members, config.dataDir);
  await checkVersions(others, client);
  return {
    clusterId: remote.clusterId,
    memberId: self.id,
    members: adopted.members,
    bootstraps: false,
  };
}

/**
 * A member that the cluster has seen at work may have voted and acknowledged entries: without its log
 * it must not come back under its old ID, or what it acknowledged could be lost.
 */
function refuseToForget(self: Member, known: readonly Member[], dataDir: string): void {
  if (!wasBootstrapped(self, known)) return;
  throw new OperatingError(
    "ALREADY_BOOTSTRAPPED",
    `member ${formatId(self.id)} has already been bootstrapped: its folder ${dataDir} is gone or empty; remove the member and add it again, then start it with --initial-cluster-state=existing`,
  );
}

async function firstAnswer(urls: readonly string[], client: PeerClient): Promise<RemoteCluster> {
  let last = "--initial-cluster names no other member";
  for (const url of urls) {
    try {
      return await client.members(url, joinTimeoutMs);
    } catch (error) {
      last = errorText(error);
    }
  }
  throw new OperatingError(
    "NO_CLUSTER",
    `cannot fetch cluster info from peer urls: ${last}; is the cluster to join running?`,
  );
}

async function checkVersions(urls: readonly string[], client: PeerClient): Promise<void> {
  const answers = await Promise.all(
    urls.map((url) => client.versions(url, joinTimeoutMs).catch(() => undefined)),
  );
  const versions = answers.filter((one) => one !== undefined).map((one) => one.cluster);
  const downgrading = await Promise.any(
    urls.map((url) => client.downgradeEnabled(url, joinTimeoutMs)),
  ).catch(() => false);
  if (canJoin(serverVersion, versions, downgrading)) return;
  throw new OperatingError(
    "INCOMPATIBLE_CLUSTER",
    `incompatible with current running cluster: it has version ${versions.join(", ") || "none yet"}, this member speaks ${serverVersion}`,
  );
}
