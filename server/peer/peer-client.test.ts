import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { systemClock } from "#base/system-clock.ts";
import { clusterId, FakeMember } from "#server/peer/fake-member.ts";
import { PeerClient } from "#server/peer/peer-client.ts";

test("a peer is asked for members, versions, leases, promotions and hashes", async (t) => {
  const peer = new FakeMember(1n);
  await peer.listen();
  t.after(() => peer.stop());
  const client = new PeerClient({ clock: systemClock });
  const { url } = peer;
  const named = (errorName: string) => ({ errorName });

  assert.deepEqual(await client.members(url, 5000), {
    clusterId,
    members: [{ id: 1n, peerUrls: [], isLearner: false, name: "", clientUrls: [] }],
  });
  assert.deepEqual(await client.versions(url, 5000), {
    server: "3.7.3",
    cluster: undefined,
    storage: undefined,
  });
  assert.equal(await client.downgradeEnabled(url, 5000), false);
  assert.equal(await client.renewLease(url, 5n, 5000), 60);
  await assert.rejects(client.renewLease(url, 6n, 5000), named("leaseNotFound"));
  assert.deepEqual(await client.promote(url, 7n, undefined, 5000), []);
  await assert.rejects(client.promote(url, 8n, "token", 5000), named("memberNotFound"));
  assert.deepEqual(await client.hashKv(url, clusterId, 0, 5000), {
    revision: 9,
    hash: 17,
    compactRevision: -1,
    hashRevision: 9,
  });
  await assert.rejects(client.hashKv(url, clusterId, 10, 5000), {
    code: "PEER_ANSWER",
    status: 400,
  });
  await assert.rejects(client.hashKv(url, 1n, 0, 5000), { status: 412 });
});

test("questions come from the address that is given", async (t) => {
  const from: (string | undefined)[] = [];
  const peer = createServer((request, response) => {
    from.push(request.socket.remoteAddress);
    response.end("false");
  });
  peer.listen(0, "127.0.0.1");
  await once(peer, "listening");
  t.after(() => peer.close());
  const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
  for (const localAddress of [undefined, "127.0.0.9"]) {
    await new PeerClient({ clock: systemClock, localAddress }).downgradeEnabled(url, 5000);
  }
  assert.deepEqual(from, ["127.0.0.1", "127.0.0.9"]);
});

test("a peer that does not answer, or not as a peer, is an error in time", async (t) => {
  const silent = createServer((request, response) => {
    if (request.url === "/version") response.end('{"etcdserver":');
    if (request.url === "/members") response.end("[]");
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => {
    silent.close();
    silent.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const client = new PeerClient({ clock: systemClock });
  await assert.rejects(client.downgradeEnabled(url, 50), { code: "PEER_TIMEOUT" });
  await assert.rejects(client.versions(url, 5000), SyntaxError);
  await assert.rejects(client.members(url, 5000), { code: "PEER_ANSWER" });
  await assert.rejects(client.members("http://127.0.0.1:1", 5000), { code: "ECONNREFUSED" });
});

test("a peer whose JSON is no object says nothing", async (t) => {
  const odd = createServer((_request, response) => response.end("null"));
  odd.listen(0, "127.0.0.1");
  await once(odd, "listening");
  t.after(() => odd.close());
  const url = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
  const client = new PeerClient({ clock: systemClock });
  await assert.rejects(client.versions(url, 5000), { code: "PEER_ANSWER" });
  const silent = { revision: 0, hash: 0, compactRevision: 0, hashRevision: 0 };
  assert.deepEqual(await client.hashKv(url, clusterId, 0, 5000), silent);
});
