// Members of ours, each behind a grpc-proxy of its own, ours or the reference's: what the contract says
// of members is to hold through a proxy too.
import { systemClock } from "#base/system-clock.ts";
import { startCluster } from "#test/cluster/cluster.ts";
import { launcherOf, type RunnerName } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import type { ContractCluster, ContractClusterOptions, ContractMember } from "./cluster.ts";

/** A process that is a proxy. */
export interface ProxyProcess {
  /** host:port */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts a grpc-proxy; resolves when it listens. The reference's is started again when it ends by
 * itself, as at a transaction with an empty operation; ours is not to end.
 */
export async function startProxy(
  kind: RunnerName,
  flags: readonly string[],
): Promise<ProxyProcess> {
  const [port] = await reservePorts(1);
  const endpoint = `127.0.0.1:${port}`;
  const launcher = await launcherOf(kind);
  const args = ["grpc-proxy", "start", `--listen-addr=${endpoint}`, ...flags];
  // Not before it has once listened: what cannot start is an error.
  let isWanted = false;
  const start = (): MemberProcess => {
    const made = new MemberProcess("proxy", launcher.command(args, process.env));
    void made.exited.then(() => {
      if (isWanted) started = start();
    });
    return made;
  };
  let started = start();
  await started.waitForLine(/started gRPC proxy/);
  isWanted = kind === "reference";
  return {
    endpoint,
    async stop() {
      isWanted = false;
      started.signal("SIGKILL");
      await started.exited;
      releasePorts([port!]);
    },
  };
}

/** See the head of the file. */
export async function startProxiedCluster(
  kind: RunnerName,
  options: ContractClusterOptions,
): Promise<ContractCluster> {
  const cluster = await startCluster({ runner: "ours", ...options });
  // What bounds the connections of clients is the proxy's to know.
  const own = (options.flags ?? []).filter((flag) => flag.startsWith("--max-concurrent-streams"));
  const proxies = await Promise.all(
    cluster.members.map(({ clientUrl }) =>
      startProxy(kind, [
        `--endpoints=${clientUrl}`,
        "--advertise-client-url=",
        "--max-send-bytes=8388608",
        ...own,
      ]),
    ),
  );
  const members = cluster.members.map((member, at): ContractMember => {
    const { endpoint } = proxies[at]!;
    return {
      name: member.name,
      endpoint,
      // For plain HTTP and in lists of members: a proxy has pages of its own.
      clientUrl: member.clientUrl,
      peerUrl: member.peerUrl,
      get isRunning() {
        return member.isRunning;
      },
      start: () => member.start(),
      kill: (signal) => member.kill(signal),
      pause: () => member.pause(),
      resume: () => member.resume(),
    };
  });
  return {
    members,
    clock: systemClock,
    isProxied: true,
    endpoints: () => members.map(({ endpoint }) => endpoint),
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await cluster.stop();
    },
  };
}
