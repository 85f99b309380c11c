// Bootstraps that cannot be: etcd's own reason, exit code 1, and nothing changed, neither on the disk
// nor in the registry.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { formatId } from "#base/ids.ts";
import { memberIdOf } from "#server/membership/bootstrap-ids.ts";
import { sha1 } from "#server/sha1.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { launcherOf, type MemberKind } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { referenceOrSkip, referenceV2OrSkip } from "#test/reference/reference.ts";
import { canServeDns, DnsServer } from "./dns-server.ts";
import { clientOf } from "./one-cluster.ts";
import { refusalOfOurs, refusalOfProcess } from "./refused-start.ts";
import { makeV2Url, makeV3Token, startService, v3Flags } from "./ways.ts";

/** Flags, and what both we and etcd say; etcd is not asked where its words differ. */
type Case = readonly [flags: readonly string[], says: string, etcdDiffers?: true];

/** Whether the reference is asked as well: `npm run test:bootstrap`, the long form. */
const isLong = process.env["ETCD_TS_LONG"] === "1";

async function refuses(
  cases: readonly Case[],
  reference: MemberKind,
  peerUrl = "http://127.0.0.1:3",
): Promise<void> {
  for (const [flags, says, etcdDiffers] of cases) {
    const ours = await refusalOfOurs({ flags, peerUrl });
    assert.ok(ours.includes(says), `${flags.join(" ")}: ${ours}`);
    if (!isLong || etcdDiffers === true) continue;
    const theirs = await refusalOfProcess({ flags, peerUrl }, reference);
    assert.ok(theirs.includes(says), `etcd, ${flags.join(" ")}: ${theirs}`);
  }
}

async function keysOf(service: Cluster): Promise<readonly string[]> {
  const client = clientOf(service.endpoints());
  try {
    const { kvs } = await client.kv.range("/", { rangeEnd: Buffer.from("0") });
    return kvs.map((one) => `${Buffer.from(one.key)} ${one.modRevision}`);
  } finally {
    client.close();
  }
}

test("flags that contradict each other, and static clusters that are none", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const both = "multiple discovery or bootstrap flags are set. Choose one of ";
  await refuses(
    [
      [["--initial-cluster=a=http://h:1", "--discovery-srv=d"], both],
      [
        ["--discovery-srv=d", "--discovery-endpoints=h:1", "--discovery-token=t"],
        `${both}"initial-cluster", "discovery-endpoints" or "discovery-srv"`,
      ],
      [["--discovery-token=t"], "both --discovery-token and --discovery-endpoints must be set"],
      [["--discovery-fallback=proxy"], "v2 proxy is deprecated"],
      [["--discovery-srv-name=x"], `couldn't find local name "m1" in the initial cluster`],
      [["--initial-cluster=a=http://127.0.0.1:1"], `couldn't find local name "m1" in the initial`],
      [
        ["--initial-cluster=m1=http://127.0.0.1:1"],
        "--initial-cluster has m1=http://127.0.0.1:1 but",
      ],
    ],
    "reference",
  );
  await refuses(
    [
      [
        ["--discovery=http://h/t", "--initial-cluster=a=http://h:1"],
        `${both}"initial-cluster", "discovery", "discovery-endpoints" or "discovery-srv"`,
      ],
      [
        ["--discovery=http://h/t", "--discovery-user=u"],
        "both v2 discovery settings (discovery, discovery-proxy) and v3 discovery settings",
        true,
      ],
    ],
    "reference-3.6",
  );
});

test("v3 tokens that lead nowhere", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  await using service = await startService("reference");
  await makeV3Token(service, "words", "three");
  await makeV3Token(service, "zero", "0");
  await makeV3Token(service, "full", "1");
  const client = clientOf(service.endpoints());
  await client.kv.put("/_etcd/registry/full/members/1", "other=http://127.0.0.1:1");
  client.close();
  const before = await keysOf(service);
  const join = (reason: string) => `failed to join discovery cluster (discovery: ${reason})`;
  await refuses(
    [
      [v3Flags(service, "unknown"), join("size key not found")],
      [v3Flags(service, "words"), join("size key is bad")],
      [v3Flags(service, "zero"), join("size key is bad")],
      [v3Flags(service, "full"), join("cluster is full")],
      [
        [...v3Flags(service, "full"), "--initial-cluster-state=existing"],
        "discovery URL should not be set when joining existing initial cluster",
      ],
      [[...v3Flags(service, "full"), "--discovery-cacert=/none"], "no such file", true],
    ],
    "reference",
  );
  assert.deepEqual(await keysOf(service), before);
});

test("an endpoint that is no etcd is told, and asked again", async () => {
  const [port, clientPort, peerPort] = await reservePorts(3);
  const server = createServer((_, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const { command } = await launcherOf("ours");
  const flags = [
    "--data-dir=/nonexistent/never-made",
    `--listen-client-urls=http://127.0.0.1:${clientPort}`,
    `--advertise-client-urls=http://127.0.0.1:${clientPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    "--discovery-token=t",
    `--discovery-endpoints=http://127.0.0.1:${port}`,
    "--discovery-request-timeout=500ms",
  ];
  const member = new MemberProcess("m1", command(flags, process.env));
  try {
    const line = await member.waitForLine(/retry connecting to discovery service/);
    assert.match(line, /"backoff":"2s"/);
  } finally {
    member.signal("SIGKILL");
    await member.exited;
    server.closeAllConnections();
    server.close();
    releasePorts([port!, clientPort!, peerPort!]);
  }
});

test("v2 URLs that lead nowhere", async (t) => {
  if ((await referenceV2OrSkip(t)) === undefined) return;
  await using service = await startService("reference-3.4");
  const peerUrl = "http://127.0.0.1:1";
  const used = await makeV2Url(service, "used", "3");
  const id = formatId(memberIdOf({ peerUrls: [peerUrl], token: used }, sha1));
  const full = await makeV2Url(service, "full", "1");
  const enter = async (url: string) => {
    const body = new URLSearchParams({ value: "m1=http://127.0.0.1:1" });
    assert.ok((await fetch(url, { method: "PUT", body })).ok);
  };
  await enter(`${used}/${id}`);
  await enter(`${full}/abc`);
  const join = (reason: string) => `failed to join discovery cluster (discovery: ${reason})`;
  const { clientUrl } = service.members[0]!;
  const state = async () => await (await fetch(`${clientUrl}/v2/keys/?recursive=true`)).text();
  const words = await makeV2Url(service, "words", "three");
  const before = await state();
  await refuses(
    [
      [[`--discovery=${clientUrl}/v2/keys/unknown`], join("size key not found"), true],
      [[`--discovery=${words}`], join("size key is bad")],
      [[`--discovery=${full}`], join("cluster is full")],
      [[`--discovery=${used}`], join("found duplicate id"), true],
      [[`--discovery=${clientUrl}/version`], join("bad discovery endpoint"), true],
      [["--discovery=no-url"], join("invalid URL"), true],
      [
        [`--discovery=${used}`, "--initial-cluster-state=existing"],
        "discovery URL should not be set when joining existing initial cluster",
      ],
    ],
    "reference-3.6",
    peerUrl,
  );
  assert.equal(await state(), before);
});

test("SRV records that name nobody, or not this member", async (t) => {
  if ((await referenceOrSkip(t)) === undefined || !canServeDns(t)) return;
  const service = "_etcd-server";
  await using dns = await DnsServer.start("bad.test", [
    { service, host: "a.bad.test", port: 1 },
    { service: `${service}-none`, host: "a.bad.test", port: 1 },
  ]);
  await dns.setHosts({ "a.bad.test": "127.0.0.1" });
  // The namespace is a process's own: no start in this one.
  const wrap = dns.wrap.bind(dns);
  for (const kind of isLong ? (["ours", "reference"] as const) : (["ours"] as const)) {
    for (const [flags, says] of [
      [["--discovery-srv=bad.test"], `cannot find local etcd member "m1" in SRV records`],
      [
        ["--discovery-srv=bad.test", "--discovery-srv-name=blue"],
        "error querying DNS SRV records for _etcd-server-ssl-blue",
      ],
    ] as const) {
      const output = await refusalOfProcess({ flags, peerUrl: "http://127.0.0.1:3", wrap }, kind);
      assert.ok(output.includes(says), `${kind}, ${flags.join(" ")}: ${output}`);
    }
  }
});

test("a member that comes back without its data does not join under its old ID", async () => {
  // Its log was what it had promised: votes, and entries that count as written. etcd lets it in.
  await using cluster = await startCluster({ runner: "ours", size: 2 });
  const [other, self] = cluster.members;
  const says = await refusalOfOurs({
    flags: [
      `--initial-cluster=m1=${self!.peerUrl},other=${other!.peerUrl}`,
      "--initial-cluster-state=existing",
    ],
    peerUrl: self!.peerUrl,
  });
  assert.match(says, /has already been bootstrapped: .* remove the member and add it again/);
});
