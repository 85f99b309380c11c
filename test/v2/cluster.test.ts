// The v2 key space as a cluster of ours keeps it: on every member, over restarts, by snapshots to
// members that fell behind, through changes of leader; and who may be in such a cluster.
import assert from "node:assert/strict";
import { get } from "node:http";
import { type TestContext, test } from "node:test";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { ask, OpenWatch, type V2Answer } from "./http.ts";

async function start(
  t: TestContext,
  options: Partial<Parameters<typeof startCluster>[0]> = {},
): Promise<Cluster> {
  const flags = ["--enable-v2", ...(options.flags ?? [])];
  const cluster = await startCluster({ runner: "ours", size: 3, ...options, flags });
  t.after(() => cluster.stop());
  return cluster;
}

/** Mends what an election under way breaks. */
async function put(member: ClusterMember, key: string, form: string): Promise<V2Answer> {
  for (;;) {
    const call = { method: "PUT", target: `/v2/keys${key}`, form };
    const answer = await ask(member.clientUrl, call);
    if (answer.status < 500) return answer;
  }
}

/** All that a member has, once it has applied what was committed before. */
async function tree(member: ClusterMember): Promise<V2Answer> {
  const target = "/v2/keys?recursive=true&sorted=true&quorum=true";
  for (;;) {
    const answer = await ask(member.clientUrl, { method: "GET", target });
    if (answer.status === 200) return answer;
  }
}

async function assertEqualTrees(members: readonly ClusterMember[]): Promise<V2Answer> {
  const answers = await Promise.all(members.map(tree));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  return answers[0]!;
}

/** One leads, and all have told each other of the log. */
async function assertStats(members: readonly ClusterMember[]): Promise<void> {
  const stats = async (member: ClusterMember, what: string): Promise<V2Answer> =>
    ask(member.clientUrl, { method: "GET", target: `/v2/stats/${what}` });
  let leaders = 0;
  for (const member of members) {
    const self = JSON.parse((await stats(member, "self")).body);
    assert.equal(self.name, member.name);
    const leads = self.state === "StateLeader";
    if (leads) leaders++;
    assert.ok(self[leads ? "sendAppendRequestCnt" : "recvAppendRequestCnt"] > 0);
    assert.equal(self.leaderInfo.leader === self.id, leads);
    const { status, body } = await stats(member, "leader");
    assert.equal(status, leads ? 200 : 403);
    if (leads) assert.equal(Object.keys(JSON.parse(body).followers).length, members.length - 1);
    const { setsSuccess } = JSON.parse((await stats(member, "store")).body);
    assert.equal(setsSuccess, 30);
  }
  assert.equal(leaders, 1);
}

test("members agree, restart, fall behind, expire and lose their leader", async (t) => {
  const cluster = await start(t, {
    flags: ["--snapshot-count=20", "--snapshot-catchup-entries=5", "--snapshot-log-hold=0s"],
  });
  const [one, two, three] = cluster.members as [ClusterMember, ClusterMember, ClusterMember];
  // Nothing is latched by a read.
  assert.equal((await tree(one)).index, "3");

  await Promise.all(
    cluster.members.flatMap((member, m) =>
      Array.from({ length: 10 }, (_, i) => put(member, `/k/${m}-${i}`, `value=${i}`)),
    ),
  );
  assert.equal((await assertEqualTrees(cluster.members)).index, "33");

  await assertStats(cluster.members);

  // One restarts from its own state; a watch from the past is answered from the history it kept.
  await two.kill("SIGKILL");
  await two.start();
  const before = await assertEqualTrees(cluster.members);
  assert.equal(JSON.parse(before.body).node.nodes[0].nodes.length, 30);
  const past = await OpenWatch.open(
    two.clientUrl,
    "/v2/keys/k?wait=true&recursive=true&waitIndex=4",
  );
  assert.match(await past.until(() => false), /"modifiedIndex":4,/);

  // One falls so far behind that it is sent a state.
  await three.kill("SIGTERM");
  for (let i = 0; i < 60; i++) await put(one, "/n", `value=${i}`);
  await three.start();
  const log = three.log().join("\n");
  assert.match(log, /installed a received state/);
  await assertEqualTrees(cluster.members);
  const target = "/v2/keys/n?wait=true&waitIndex=40";
  assert.match(await (await OpenWatch.open(three.clientUrl, target)).until(() => false), /:40,/);

  // What ends does so on all, by one entry of the log; the history has it for who asks late.
  await put(one, "/life", "value=1&ttl=1");
  const ends = await Promise.all(
    cluster.members.map((member) =>
      OpenWatch.open(member.clientUrl, "/v2/keys/life?wait=true&waitIndex=95"),
    ),
  );
  const texts = await Promise.all(ends.map((watch) => watch.until(() => false)));
  for (const text of texts) {
    assert.match(text, /^\{"action":"expire","node":\{"key":"\/life","modifiedIndex":95,/);
    assert.equal(text, texts[0]);
  }

  // Watches outlive the leader that applied what they wait for.
  const streams = await Promise.all(
    [one, two].map((member) =>
      OpenWatch.open(member.clientUrl, "/v2/keys/n?wait=true&stream=true"),
    ),
  );
  await three.kill("SIGKILL");
  await put(one, "/n", "value=last");
  for (const stream of streams) {
    assert.match(await stream.until((text) => text.includes("\n")), /"value":"last"/);
    stream.close();
  }
  await assertEqualTrees([one, two]);
});

test("a member that is etcd keeps v2 writes out, and is not harmed", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  // etcd 3.7 knows no --enable-v2: it is given by the environment.
  const env = { ETCD_ENABLE_V2: "true" };
  const runners = ["ours", "ours", "reference"] as const;
  const mixed = await startCluster({ runner: "ours", size: 3, runners, env });
  t.after(() => mixed.stop());
  const [one, , three] = mixed.members as [ClusterMember, ClusterMember, ClusterMember];
  const write = { method: "PUT", target: "/v2/keys/a", form: "value=1" };
  const refused = await ask(one.clientUrl, write);
  assert.equal(refused.status, 503);
  assert.match(refused.body, new RegExp(`member [0-9a-f]+ \\(${three.name}\\) has not announced`));
  assert.equal((await tree(one)).index, "3");
  assert.ok(three.isRunning);
});

/** What a peer's handshake is answered with. */
function handshake(
  to: ClusterMember,
  clusterId: string,
  capabilities: string | undefined,
): Promise<{ readonly status: number; readonly body: string }> {
  const headers = {
    "X-Server-From": "abcd",
    "X-Server-Version": "3.7.3",
    "X-Min-Cluster-Version": "3.0.0",
    "X-Etcd-Cluster-Id": clusterId,
    "X-Raft-To": "1",
    ...(capabilities === undefined ? {} : { "X-Etcd-Ts-Capabilities": capabilities }),
  };
  return new Promise((resolve, reject) => {
    get(`${to.peerUrl}/raft/stream/message/abcd`, { headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (text: string) => {
        body += text;
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body }));
    }).once("error", reject);
  });
}

test("v2 writes keep out who does not know them, for good", async (t) => {
  const cluster = await start(t, { size: 1 });
  const [one] = cluster.members as [ClusterMember];
  const members = await fetch(`${one.clientUrl}/v2/members`);
  const clusterId = members.headers.get("X-Etcd-Cluster-Id") ?? "";
  const stranger = { status: 404, body: "error sender not found\n" };
  assert.deepEqual(await handshake(one, clusterId, undefined), stranger);
  await put(one, "/a", "value=1");
  for (let round = 0; round < 2; round++) {
    const refused = await handshake(one, clusterId, undefined);
    assert.equal(refused.status, 412);
    assert.match(refused.body, /needs members that know v2/);
    assert.equal((await handshake(one, clusterId, "v1")).status, 412);
    assert.deepEqual(await handshake(one, clusterId, "v1,v2"), stranger);
    await one.kill("SIGKILL");
    await one.start();
  }
});
