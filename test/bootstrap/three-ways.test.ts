// Three members find each other in three ways: by flags, by a discovery service (v3 and v2), by DNS.
// The long form, with every kind of member and service: run.ts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { ClusterMember } from "#test/cluster/cluster.ts";
import { referenceOrSkip, referenceV2OrSkip } from "#test/reference/reference.ts";
import { canServeDns } from "./dns-server.ts";
import {
  beginBySrv,
  beginByV2,
  beginByV3,
  beginStatically,
  type SrvCluster,
  startService,
} from "./ways.ts";

const ctl = join(import.meta.dirname, "..", "..", "bin", "etcdctl");

test("by flags", async () => {
  await beginStatically(["ours", "ours", "ours"]);
});

test("by v3 discovery: ours and etcd 3.7, through etcd and through ours", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  for (const kind of ["reference", "ours"] as const) {
    await using service = await startService(kind);
    await beginByV3(service, ["ours", "reference", "ours"]);
  }
});

test("by v2 discovery: ours, through etcd 3.4 and through ours", async (t) => {
  if ((await referenceV2OrSkip(t)) === undefined) return;
  for (const kind of ["reference-3.4", "ours"] as const) {
    await using service = await startService(kind);
    await beginByV2(service, ["ours", "ours", "ours"]);
  }
});

/** etcdctl finds the members by DNS as etcd's own does. */
async function checkEtcdctl(cluster: SrvCluster, reference: string): Promise<void> {
  const asked = ["--discovery-srv=cluster.test"];
  const both = (args: readonly string[]) => {
    const run = (file: string) => {
      const { stderr, stdout } = cluster.run(file, [...asked, ...args]);
      // DNS gives records in any order.
      return { stderr: stderr.split("\n").sort().join("\n"), stdout };
    };
    const ours = run(ctl);
    assert.deepEqual(ours, run(reference), args.join(" "));
    return ours;
  };
  const listed = both(["member", "list"]);
  assert.equal(listed.stdout.trimEnd().split("\n").length, cluster.members.length);
  both(["get", "from-m1"]);
  // Without endpoints of TLS, those of the flag.
  const strict = both([
    "--insecure-discovery=false",
    `--endpoints=${cluster.members[0]!.clientUrl}`,
    "get",
    "from-m1",
  ]);
  assert.match(
    strict.stderr,
    /^ignoring discovered insecure endpoint "http:.*m1\.cluster\.test\./m,
  );
}

test("by DNS: ours and etcd 3.7; etcdctl finds them", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined || !canServeDns(t)) return;
  await beginBySrv({
    runners: ["ours", "ours", "reference"],
    domain: "cluster.test",
    check: (cluster) => checkEtcdctl(cluster, reference.etcdctl),
  });
});

test("by DNS: nobody begins before every name resolves", async (t) => {
  if (!canServeDns(t)) return;
  const waits = async (member: ClusterMember): Promise<void> => {
    const line = await member.waitForLog(/waiting for DNS to name every member/);
    assert.match(line, /"missing":"[^"]*m3\.named\.test/);
    assert.ok(!member.log().some((one) => one.includes("made the log")), `${member.name} waits`);
  };
  await beginBySrv({
    runners: ["ours", "ours", "ours"],
    domain: "named.test",
    serviceName: "blue",
    whileIncomplete: async (members) => {
      for (const member of members) await waits(member);
    },
  });
});
