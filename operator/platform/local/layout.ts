// Where the members of a local cluster are: URLs, folders and the command line of each. Pure. Ports
// belong to slots; a new member takes the first free one, so that clients find it where one was before.
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { LocalSpec } from "#operator/api/etcd-cluster.ts";
import { optionArguments, type ServerOptions } from "#operator/api/server-options.ts";
import type { Addresses, JoinInfo, MemberRecord } from "#operator/plan/types.ts";

/** One member as it is started. */
export interface LocalMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Flags, without the program. */
  readonly args: readonly string[];
}

/** More members than any manifest asks for, with room for replacements. */
export const maxSlots = 32;

function urlOf(host: string, port: number): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** The URLs of each slot. */
export function slotUrls(local: LocalSpec): readonly { peerUrl: string; clientUrl: string }[] {
  const { host, clientPort, peerPort, portStep } = local;
  return Array.from({ length: maxSlots }, (_, at) => ({
    peerUrl: urlOf(host, peerPort + at * portStep),
    clientUrl: urlOf(host, clientPort + at * portStep),
  }));
}

/** The first slot whose peer URL is not taken. */
export function localAddresses(local: LocalSpec): Addresses {
  const slots = slotUrls(local);
  return (_serial, taken) => {
    const free = slots.find((slot) => !taken.has(slot.peerUrl));
    // No more members than slots: there are twice as many as replicas can ask for.
    if (free === undefined) throw new Error("no free ports are left");
    return free;
  };
}

export function dataFolderOf(folder: string, name: string): string {
  return join(folder, name);
}

export function logFileOf(folder: string, name: string): string {
  return join(folder, `${name}.log`);
}

/** A file in a member's folder that says that this is its volume: whoever empties the folder loses it. */
export function volumeMark(folder: string, name: string): string {
  return join(dataFolderOf(folder, name), "volume");
}

/** How a member is started. */
export function localMember(
  folder: string,
  record: MemberRecord,
  start: { readonly join: JoinInfo; readonly options: ServerOptions; readonly force: boolean },
): LocalMember {
  const { name, clientUrl, peerUrl } = record;
  const dataFolder = dataFolderOf(folder, name);
  return {
    name,
    clientUrl,
    peerUrl,
    dataFolder,
    logFile: logFileOf(folder, name),
    args: [
      `--name=${name}`,
      `--data-dir=${dataFolder}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=${start.join.initialCluster}`,
      `--initial-cluster-token=${start.join.token}`,
      `--initial-cluster-state=${start.join.state}`,
      ...optionArguments(start.options),
      ...(start.force ? ["--force-new-cluster"] : []),
    ],
  };
}
