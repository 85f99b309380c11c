// The three ways to begin a cluster, each with real servers behind it: a discovery service of the v3
// or v2 API, a DNS server, or nothing but flags. Members may be of several kinds.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import type { Reference } from "#test/reference/reference.ts";
import { DnsServer } from "./dns-server.ts";
import { assertOneCluster, clientOf } from "./one-cluster.ts";
import { refusalOfOurs } from "./refused-start.ts";

const urlsOf = (members: readonly ClusterMember[]) =>
  new Map(members.map((one) => [one.name, [one.peerUrl]]));

/** Begins a cluster by --initial-cluster. */
export async function beginStatically(runners: readonly MemberKind[]): Promise<void> {
  await using cluster = await startCluster({ runner: "ours", size: runners.length, runners });
  await assertOneCluster(cluster.members, {
    members: urlsOf(cluster.members),
    token: "etcd-ts-test",
  });
}

/** A discovery service; `stop` it. */
export function startService(kind: MemberKind): Promise<Cluster> {
  const hasV2 = kind === "reference-3.4" || kind === "reference-3.5" || kind === "ours";
  const flags = hasV2 ? ["--enable-v2"] : [];
  return startCluster({ runner: "ours", size: 1, runners: [kind], flags });
}

/** Makes a token for v3 discovery: a cluster of `size` members, or whatever text stands for it. */
export async function makeV3Token(service: Cluster, token: string, size: string): Promise<void> {
  const client = clientOf(service.endpoints());
  try {
    await client.kv.put(`/_etcd/registry/${token}/_config/size`, size, {}, { timeoutMs: 15_000 });
  } finally {
    client.close();
  }
}

/** The flags that make a member find its cluster by a v3 token. */
export const v3Flags = (service: Cluster, token: string): readonly string[] => [
  `--discovery-token=${token}`,
  `--discovery-endpoints=${service.members.map((one) => one.clientUrl).join()}`,
];

/** Begins a cluster by a v3 token. */
export async function beginByV3(service: Cluster, runners: readonly MemberKind[]): Promise<void> {
  const token = `token-${runners.join("-")}`;
  await makeV3Token(service, token, String(runners.length));
  await using cluster = await startCluster({
    runner: "ours",
    size: runners.length,
    runners,
    bootstrap: { flags: () => v3Flags(service, token) },
  });
  await assertOneCluster(cluster.members, { members: urlsOf(cluster.members), token });
}

/** Makes a directory for v2 discovery and returns its URL. */
export async function makeV2Url(service: Cluster, token: string, size: string): Promise<string> {
  const url = `${service.members[0]!.clientUrl}/v2/keys/_etcd/registry/${token}`;
  const answer = await fetch(`${url}/_config/size`, {
    method: "PUT",
    body: new URLSearchParams({ value: size }),
  });
  if (answer.ok) return url;
  throw new OperatingError("NO_V2", `PUT of the size answered ${answer.status}`);
}

/** Begins a cluster by a v2 URL. */
export async function beginByV2(service: Cluster, runners: readonly MemberKind[]): Promise<void> {
  const url = await makeV2Url(service, runners.join("-"), String(runners.length));
  await using cluster = await startCluster({
    runner: "ours",
    size: runners.length,
    runners,
    bootstrap: { flags: () => [`--discovery=${url}`] },
  });
  await assertOneCluster(cluster.members, { members: urlsOf(cluster.members), token: url });
}

export interface SrvCluster {
  readonly dns: DnsServer;
  readonly members: readonly ClusterMember[];
  /** What a command prints that asks the same DNS server. */
  run(file: string, args: readonly string[]): { readonly stdout: string; readonly stderr: string };
}

export interface SrvSetup {
  readonly runners: readonly MemberKind[];
  readonly domain: string;
  /** --discovery-srv-name; none if empty. */
  readonly serviceName?: string;
  /** Called when all members but one can be resolved; the last one is added afterwards. */
  readonly whileIncomplete?: (members: readonly ClusterMember[]) => Promise<void>;
  readonly check?: (cluster: SrvCluster) => Promise<void>;
}

/**
 * Begins a cluster by SRV records. The first member advertises its address, the others their names;
 * all have names in the records.
 */
export async function beginBySrv(setup: SrvSetup): Promise<void> {
  const { domain, runners, serviceName = "" } = setup;
  const suffix = serviceName === "" ? "" : `-${serviceName}`;
  const hostOf = (member: ClusterMember) => `${member.name}.${domain}`;
  const urlOf = (member: ClusterMember) =>
    `http://${hostOf(member)}:${new URL(member.peerUrl).port}`;
  let dns: DnsServer | undefined;
  let incomplete = Promise.resolve();
  try {
    await using cluster = await startCluster({
      runner: "ours",
      size: runners.length,
      runners,
      wrap: (command) => dns!.wrap(command),
      bootstrap: {
        async prepare(members) {
          const records = members.flatMap((one) => [
            {
              service: `_etcd-server${suffix}`,
              host: hostOf(one),
              port: Number(new URL(one.peerUrl).port),
            },
            {
              service: `_etcd-client${suffix}`,
              host: hostOf(one),
              port: Number(new URL(one.clientUrl).port),
            },
          ]);
          dns = await DnsServer.start(domain, records);
          const hosts = Object.fromEntries(members.map((one) => [hostOf(one), "127.0.0.1"]));
          if (setup.whileIncomplete === undefined) {
            await dns.setHosts(hosts);
            return;
          }
          const { [hostOf(members.at(-1)!)]: _, ...others } = hosts;
          await dns.setHosts(others);
          const wait = async (): Promise<void> => {
            await setup.whileIncomplete?.(members);
            await dns!.setHosts(hosts);
          };
          // Begins once the members were started, which follows in this turn.
          incomplete = new Promise<void>((resolve) => setImmediate(resolve)).then(wait);
        },
        flags: (member) => [
          `--discovery-srv=${domain}`,
          ...(serviceName === "" ? [] : [`--discovery-srv-name=${serviceName}`]),
          ...(member.name === "m1" ? [] : [`--initial-advertise-peer-urls=${urlOf(member)}`]),
          "--initial-cluster-token=by-srv",
        ],
      },
    });
    await incomplete;
    const { members } = cluster;
    const urls = new Map(members.map((one) => [one.name, [urlOf(one)]]));
    await assertOneCluster(members, { members: urls, token: "by-srv" });
    await setup.check?.({
      dns: dns!,
      members,
      run: (file, args) => {
        const command = dns!.wrap({ file, args });
        const { status, stderr, stdout } = spawnSync(command.file, command.args, {
          encoding: "utf8",
        });
        assert.equal(status, 0, `${file} ${args.join(" ")}: ${stdout}${stderr}`);
        return { stdout, stderr };
      },
    });
  } finally {
    await dns?.stop();
  }
}

/**
 * Begins clusters of one by a v3 service with TLS and users: one that trusts its certificate, one that
 * checks nothing. Returns what a wrong password and a missing certificate lead to.
 */
export async function beginWithTlsAndUser(reference: Reference): Promise<readonly string[]> {
  await using service = await startCluster({
    runner: "reference",
    size: 1,
    bootstrap: {
      flags: ({ clientUrl, name, peerUrl }) => [
        "--auto-tls",
        `--listen-client-urls=${clientUrl.replace("http:", "https:")}`,
        `--advertise-client-urls=${clientUrl.replace("http:", "https:")}`,
        `--initial-cluster=${name}=${peerUrl}`,
      ],
    },
  });
  const [server] = service.members;
  const endpoint = `https://${server!.endpoint}`;
  const certificate = join(server!.dataDir, "fixtures", "client", "cert.pem");
  const run = (...args: readonly string[]) =>
    execFileSync(reference.etcdctl, [
      `--endpoints=${endpoint}`,
      `--cacert=${certificate}`,
      ...args,
    ]);
  for (const token of ["trusting", "blind"]) {
    run("put", `/_etcd/registry/${token}/_config/size`, "1");
  }
  run("user", "add", "root:secret");
  run("user", "grant-role", "root", "root");
  run("auth", "enable");
  const flagsOf = (token: string) => [
    `--discovery-token=${token}`,
    `--discovery-endpoints=${endpoint}`,
    "--discovery-user=root",
  ];
  const password = "--discovery-password=secret";
  for (const [token, ...more] of [
    ["trusting", password, `--discovery-cacert=${certificate}`],
    ["blind", password, "--discovery-insecure-skip-tls-verify"],
  ] as const) {
    await using cluster = await startCluster({
      runner: "ours",
      size: 1,
      bootstrap: { flags: () => [...flagsOf(token), ...more] },
    });
    await assertOneCluster(cluster.members, { members: urlsOf(cluster.members), token });
  }
  const peerUrl = "http://127.0.0.1:3";
  const trust = `--discovery-cacert=${certificate}`;
  return await Promise.all([
    refusalOfOurs({ peerUrl, flags: [...flagsOf("x"), trust, "--discovery-password=wrong"] }),
    refusalOfOurs({ peerUrl, flags: [...flagsOf("x"), trust] }),
  ]);
}
