// What is measured once on each side, for it takes long: memory with many watchers, leases that all end
// in one second, a member that was away.
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { LeaseGrantRequest } from "#proto/gen/lease.ts";
import { startCluster } from "#test/cluster/cluster.ts";
import { benchmarkTool, type Call, h2loadCount } from "./load.ts";
import { pssMib } from "./million-keys.ts";

type Runner = "reference" | "ours";

const pollMs = 50;
const callTimeoutMs = 30_000;

/** A client of one endpoint. */
export function clientOf(endpoint: string): EtcdClient {
  const random = seededRandom(1);
  return new EtcdClient({ endpoints: [endpoint], clock: systemClock, random, callTimeoutMs });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, pollMs));
}

/** A lease of `ttl` seconds under an ID of the server's. */
export function grantOf(ttl: number): Call {
  return {
    method: "etcdserverpb.Lease/LeaseGrant",
    message: LeaseGrantRequest.encode(LeaseGrantRequest.fromPartial({ TTL: ttl })).finish(),
  };
}

/** The proportional set size of one member in MiB, with `count` watches of a key each, 1,000 a client. */
export async function memoryWithWatchers(runner: Runner, count: number): Promise<number> {
  await using cluster = await startCluster({ runner, size: 1 });
  const member = cluster.members[0]!;
  const clients = Array.from({ length: count / 1000 }, () => clientOf(member.endpoint));
  try {
    for (let i = 0; i < count; i++) clients[i % clients.length]!.watch.watch(`watched/${i}`);
    const total = new RegExp(`^etcd_debugging_mvcc_watcher_total ${count}$`, "m");
    const openAll = async (): Promise<boolean> =>
      // Large counts are printed as 1e+04 by Go.
      total.test((await metricsOf(member.clientUrl)).replaceAll(/ (\S+)$/gm, plainNumber));
    await until(openAll);
    return pssMib(member.pid);
  } finally {
    for (const client of clients) client.close();
  }
}

function plainNumber(_: string, figure: string): string {
  return ` ${Number(figure)}`;
}

async function metricsOf(clientUrl: string): Promise<string> {
  return await (await fetch(`${clientUrl}/metrics`)).text();
}

/** Seconds from the end of the last of `count` leases, granted as fast as can be, until all are revoked. */
export async function leasesEnding(runner: Runner, count: number): Promise<number> {
  // Longer than the grants take, so that none ends before all are there.
  const ttl = 3 + count / 10_000;
  await using cluster = await startCluster({ runner, size: 1 });
  const { clientUrl, endpoint } = cluster.members[0]!;
  await h2loadCount(endpoint, grantOf(ttl), 100, count);
  const endMs = performance.now() + ttl * 1000;
  // The list of all leases, asked for again and again, would cost more than their end.
  const ended = /^etcd_debugging_server_lease_expired_total (\S+)$/m;
  await until(async () => Number(ended.exec(await metricsOf(clientUrl))?.[1]) >= count);
  return (performance.now() - endMs) / 1000;
}

/**
 * Seconds that one of three members takes, from the start of its process, until it has applied what the
 * others wrote while it was away: `entries` puts of 256 bytes to a tenth as many keys.
 */
export async function catchUp(runner: Runner, benchmark: string, entries: number): Promise<number> {
  await using cluster = await startCluster({ runner, size: 3 });
  const [first, , away] = cluster.members;
  await away!.kill("SIGTERM");
  await benchmarkTool(
    benchmark,
    [first!.endpoint],
    [
      ...["--conns", "100", "--clients", "1000", "put", "--total", String(entries)],
      ...["--val-size", "256", "--sequential-keys", "--key-space-size", String(entries / 10)],
    ],
  );
  const [behind, ahead] = [clientOf(away!.endpoint), clientOf(first!.endpoint)];
  try {
    const { raftIndex } = await ahead.maintenance.status();
    const startedMs = performance.now();
    await away!.start();
    await until(async () => (await behind.maintenance.status()).raftAppliedIndex >= raftIndex);
    return (performance.now() - startedMs) / 1000;
  } finally {
    behind.close();
    ahead.close();
  }
}
