// The cluster that the contract is about, as its cases see it, and the three that can stand there:
// members in this process under simulated time, processes of ours, processes of the reference.
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { systemClock } from "#base/system-clock.ts";
import { type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import type { RunnerName } from "#test/cluster/launchers.ts";
import { startInProcessCluster } from "./in-process/cluster.ts";

/** What the suite runs against. */
export type ContractRunner = RunnerName | "inprocess";

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

/** RUNNER=inprocess|ours|reference, ours if unset. */
export function contractRunner(): ContractRunner {
  const name = process.env["RUNNER"] ?? "ours";
  if (name !== "inprocess" && name !== "ours" && name !== "reference") {
    throw new OperatingError("BAD_RUNNER", `RUNNER=${name}: it is inprocess, ours or reference`);
  }
  return name;
}

/** Starts `size` members with a static bootstrap; resolves when all of them serve clients. */
export async function startContractCluster(
  runner: ContractRunner,
  options: ContractClusterOptions,
): Promise<ContractCluster> {
  if (runner === "inprocess") return startInProcessCluster(options);
  return { ...(await startCluster({ runner, ...options })), clock: systemClock };
}
