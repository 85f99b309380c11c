// A cluster in this process: three replicas wired as in server/assemble.ts, without RocksDB and
// without peer sockets, under simulated time that runs by itself (running-time.ts says how fast).
import { OperatingError } from "#base/errors.ts";
import { bootstrapMembers } from "#server/config/bootstrap.ts";
import { parseServerConfig } from "#server/config/config.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { initialCluster } from "#server/membership/bootstrap-ids.ts";
import type { ReplicaSettings } from "#server/node/replica.ts";
import { sha1 } from "#server/sha1.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { StateDepot } from "#test/simulation/cluster/slow-disk.ts";
import type { ContractCluster, ContractClusterOptions } from "../cluster.ts";
import { InProcessMember } from "./member.ts";
import { Network } from "./network.ts";
import { LifeTimers, RunningTime } from "./running-time.ts";

const token = "etcd-ts-test";

function parse(argv: readonly string[]): ServerConfig {
  const readFile = (path: string): string => {
    throw new OperatingError("NO_FILE", `a member in process reads no file: ${path}`);
  };
  const result = parseServerConfig({ argv, env: {}, readFile });
  if (result.kind === "run") return result.config;
  const reason = result.kind === "error" ? result.message : `they ask for ${result.kind}`;
  throw new OperatingError("BAD_FLAGS", `the flags of a member in process: ${reason}`);
}

export interface InProcessOptions extends ContractClusterOptions {
  /** What no flag sets. */
  readonly settings?: Pick<ReplicaSettings, "leaseCheckpointMs">;
}

/** Starts `size` members; resolves when all of them serve clients. */
export async function startInProcessCluster(options: InProcessOptions): Promise<ContractCluster> {
  const clientPorts = await reservePorts(options.size);
  const names = clientPorts.map((_, i) => `m${i + 1}`);
  // Nobody listens on these: they name the members, and the IDs come of them.
  const peerUrls = names.map((name) => `http://${name}.test:2380`);
  const initial = names.map((name, i) => `${name}=${peerUrls[i]}`).join(",");
  const running = new RunningTime();
  const { time } = running;
  const network = new Network();
  const depot = new StateDepot();
  let failure: unknown;
  const members = names.map((name, i) => {
    const config = parse([
      `--name=${name}`,
      `--listen-client-urls=http://127.0.0.1:${clientPorts[i]}`,
      `--advertise-client-urls=http://127.0.0.1:${clientPorts[i]}`,
      `--initial-advertise-peer-urls=${peerUrls[i]}`,
      `--initial-cluster=${initial}`,
      `--initial-cluster-token=${token}`,
      ...(options.flags ?? []),
    ]);
    const parsed = bootstrapMembers(config);
    if (!parsed.ok) throw new OperatingError("BAD_INITIAL_CLUSTER", parsed.reason);
    const { clusterId, members: first } = initialCluster(
      parsed.members,
      config.initialClusterToken,
      sha1,
    );
    const failed = (error: unknown): void => {
      failure ??= error;
    };
    const record = first.find((one) => one.name === name)!;
    const clientPort = clientPorts[i]!;
    return new InProcessMember({
      clusterId,
      record,
      first,
      config: { ...config, ...options.settings },
      clientPort,
      time,
      depot,
      network,
      failed,
    });
  });
  running.start();
  const stop = async (): Promise<void> => {
    const up = members.filter((member) => member.isRunning);
    // All of them, even if one fails: time stands still afterwards.
    const stops = await Promise.allSettled(up.map((member) => member.kill("SIGTERM")));
    await running.stop();
    releasePorts(clientPorts);
    for (const stopped of stops) if (stopped.status === "rejected") failure ??= stopped.reason;
    if (failure !== undefined) throw failure;
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    members,
    clock: new LifeTimers(time),
    endpoints: () => members.map((member) => member.endpoint),
    stop,
  };
}
