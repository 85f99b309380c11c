// The cluster that the contract is about, as its cases see it, and those that can stand there: members
// in this process under simulated time, processes of ours, processes of the reference, and processes
// of ours with a proxy before each, ours or the reference's.
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { systemClock } from "#base/system-clock.ts";
import { type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import type { RunnerName } from "#test/cluster/launchers.ts";
import { startInProcessCluster } from "./in-process/cluster.ts";
import { startProxiedCluster } from "./proxied-cluster.ts";

/** What the suite runs against. */
export type ContractRunner = RunnerName | "inprocess" | "proxy" | "reference-proxy";

/** What every runner has of a member. */
export type ContractMember = Pick<
  ClusterMember,
  | "name"
  | "endpoint"
  | "clientUrl"
  | "peerUrl"
  | "isRunning"
  | "start"
  | "kill"
  | "pause"
  | "resume"
>;

/** Members that form one cluster. */
export interface ContractCluster {
  readonly members: readonly ContractMember[];
  /** The time that the members live in: by it cases wait for what takes time, and measure it. */
  readonly clock: Clock;
  /** True if clients talk to proxies: what they do is then not what the members see. */
  readonly isProxied?: boolean;
  /** host:port of every member. */
  endpoints(): string[];
  /** Ends all members and removes their data. */
  stop(): Promise<void>;
}

export interface ContractClusterOptions {
  readonly size: number;
  /** More of etcd's flags, given to every member. */
  readonly flags?: readonly string[];
}

const runners: readonly ContractRunner[] = [
  "inprocess",
  "ours",
  "reference",
  "proxy",
  "reference-proxy",
];

/** RUNNER=inprocess|ours|reference|proxy|reference-proxy, ours if unset. */
export function contractRunner(): ContractRunner {
  const name = process.env["RUNNER"] ?? "ours";
  const runner = runners.find((one) => one === name);
  if (runner === undefined) {
    throw new OperatingError("BAD_RUNNER", `RUNNER=${name}: it is one of ${runners.join(", ")}`);
  }
  return runner;
}

/** Starts `size` members with a static bootstrap; resolves when all of them serve clients. */
export async function startContractCluster(
  runner: ContractRunner,
  options: ContractClusterOptions,
): Promise<ContractCluster> {
  if (runner === "inprocess") return startInProcessCluster(options);
  if (runner === "proxy") return startProxiedCluster("ours", options);
  if (runner === "reference-proxy") return startProxiedCluster("reference", options);
  return { ...(await startCluster({ runner, ...options })), clock: systemClock };
}
