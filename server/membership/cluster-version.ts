// Which cluster version the leader proposes, from what every member's /version said (facts: peer
// protocol §12). Pure: the caller asks the members and proposes.

import { utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";

/** The API level that this program speaks: what it names itself wherever the protocol asks. */
export const serverVersion = "3.7.3";
/** What a cluster has when some member cannot be asked. */
const minimumClusterVersion = "3.0.0";

interface Version {
  readonly major: number;
  readonly minor: number;
}

function parse(text: string): Version | undefined {
  const match = /^(\d{1,5})\.(\d{1,5})\.\d{1,5}/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

function compare(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor;
}

/** `major.minor` of a version text such as `3.7.3`, or undefined if it is none. */
export function majorMinor(text: string): string | undefined {
  const version = parse(text);
  return version && `${version.major}.${version.minor}`;
}

/** Throws OperatingError if a cluster of that version is beyond what this program understands. */
export function checkClusterVersion(clusterVersion: string): void {
  const cluster = parse(clusterVersion);
  if (cluster === undefined || compare(cluster, parse(serverVersion)!) <= 0) return;
  throw new OperatingError(
    "CLUSTER_TOO_NEW",
    `the cluster is at version ${clusterVersion}, this member speaks ${serverVersion}: run a version of at least the cluster's`,
  );
}

/** The storage version of a member in a cluster of that version: the lower of it and our own. */
export function storageVersionFor(clusterVersion: string): string {
  const own = parse(serverVersion)!;
  const cluster = parse(clusterVersion) ?? own;
  const { major, minor } = compare(cluster, own) < 0 ? cluster : own;
  return `${major}.${minor}.0`;
}

/** Key of the record in bucket `meta` that holds the storage version. */
export const storageVersionKey = utf8("storageVersion");

/** The record's text in a cluster of that version; undefined up to 3.5, which had none. */
export function storageVersionRecord(clusterVersion: string): string | undefined {
  const version = storageVersionFor(clusterVersion);
  return compare(parse(version)!, { major: 3, minor: 5 }) > 0 ? version : undefined;
}

const textOf = ({ major, minor }: Version): string => `${major}.${minor}.0`;

/** A version given as `3.6`, `3.6.9` or `3.6.0-rc.1`, as a cluster version: `3.6.0`. */
export function clusterVersionOf(given: string): string | undefined {
  const word = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
  const form = new RegExp(`^(\\d{1,5})\\.(\\d{1,5})(?:\\.\\d{1,5}(?:-${word})?(?:\\+${word})?)?$`);
  const match = form.exec(given);
  return match === null ? undefined : textOf({ major: Number(match[1]), minor: Number(match[2]) });
}

/** The one version that a cluster of this one may be downgraded to; undefined if there is none. */
export function allowedDowngrade(clusterVersion: string): string | undefined {
  const now = parse(clusterVersion);
  if (now === undefined || now.minor === 0) return undefined;
  return textOf({ major: now.major, minor: now.minor - 1 });
}

/** True for a step that a cluster version may take: any number up, one minor version down. */
function mayBecome(from: Version, to: Version): boolean {
  return from.major === to.major && (from.minor < to.minor || from.minor === to.minor + 1);
}

/**
 * The version to propose, or undefined to leave things as they are. `servers` holds each member's
 * server version, the own one included; undefined for a member that could not be asked. `target`:
 * that of the downgrade under way, if any.
 */
export function clusterVersionToPropose(
  current: string | undefined,
  servers: readonly (string | undefined)[],
  target?: string,
): string | undefined {
  const versions = servers.map((text) => (text === undefined ? undefined : parse(text)));
  const known = versions.filter((one) => one !== undefined);
  const complete = known.length === servers.length && known.length > 0;
  const lowest = known.reduce(
    (a, b) => (compare(b, a) < 0 ? b : a),
    known[0] ?? parse(serverVersion)!,
  );
  if (current === undefined) return complete ? textOf(lowest) : minimumClusterVersion;
  const now = parse(current);
  if (!complete || now === undefined) return undefined;
  if (target !== undefined) {
    const wanted = parse(target);
    const isPossible = wanted !== undefined && mayBecome(now, wanted) && mayBecome(lowest, wanted);
    return isPossible ? textOf(wanted) : undefined;
  }
  return now.major === lowest.major && compare(now, lowest) < 0 ? textOf(lowest) : undefined;
}

/** True once every server is of the downgrade's target: then there is nothing left to do. */
export function isDowngraded(target: string, servers: readonly (string | undefined)[]): boolean {
  const wanted = majorMinor(target);
  return servers.every((text) => text !== undefined && majorMinor(text) === wanted);
}
