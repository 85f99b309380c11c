// SIGTERM to a leader that has clients: it says GOAWAY, ends endless calls with a status that sends
// clients elsewhere, answers what it was asked, hands leadership over, and ends by the signal.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { PutRequest } from "#proto/gen/kv.ts";
import { b, openWatch } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import { framed } from "#test/fakes/raw-grpc.ts";
import { startCluster } from "./cluster.ts";

const putCount = 300;

test("SIGTERM, twice, to a leader under load", async () => {
  await using cluster = await startCluster({ runner: "ours", size: 3 });
  const wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
  const statuses = await Promise.all(wires.map((wire) => wire.maintenance.status({})));
  const { leader } = statuses[0]!;
  const at = statuses.findIndex(({ header }) => header!.memberId === leader);
  const member = cluster.members[at]!;
  const wire = wires[at]!;
  const other = wires[(at + 1) % 3]!;

  const { stream } = await openWatch(wire, { key: b("a") });
  const { ID } = await wire.lease.leaseGrant({ TTL: 100 });
  const keepAlive = wire.keepAlive();
  keepAlive.send({ ID });
  await keepAlive.next();
  await wire.lock.lock({ name: b("lock"), lease: ID });
  const { ID: second } = await wire.lease.leaseGrant({ TTL: 100 });
  const waiting = wire.lock.lock({ name: b("lock"), lease: second }).then(
    () => "locked",
    ({ code, details }) => `${code} ${details}`,
  );

  // One put a stream, all in one write; GOAWAY tells which of them the member has seen.
  const session = connect(member.clientUrl);
  session.on("error", () => {});
  await once(session, "connect");
  const goaway = once(session, "goaway") as Promise<[number, number]>;
  const firstAnswer = Promise.withResolvers<void>();
  const puts = Array.from({ length: putCount }, (_, i) => {
    const put = session.request({
      ":method": "POST",
      ":path": "/etcdserverpb.KV/Put",
      "content-type": "application/grpc",
      te: "trailers",
    });
    put.on("error", () => {});
    put.end(framed(PutRequest.encode(PutRequest.fromPartial({ key: b(`k${i}`) })).finish()));
    put.resume();
    return new Promise<{ id: number | undefined; code: number }>((resolve) => {
      let code = -1;
      put.on("trailers", (trailers) => {
        code = Number(trailers["grpc-status"]);
        firstAnswer.resolve();
      });
      put.on("close", () => resolve({ id: put.id, code }));
    });
  });
  await firstAnswer.promise;
  const ended = member.kill("SIGTERM");
  process.kill(member.pid, "SIGTERM");

  const [code, last] = await goaway;
  assert.equal(code, 0);
  for (const put of await Promise.all(puts)) {
    if (put.id !== undefined && put.id <= last) assert.equal(put.code, 0, `stream ${put.id}`);
  }
  for (const one of [stream, keepAlive]) {
    const { code, details } = await one.ended;
    assert.deepEqual([code, details], [14, "etcdserver: server stopped"]);
  }
  assert.equal(await waiting, "14 etcdserver: server stopped");
  assert.deepEqual(await ended, { code: null, signal: "SIGTERM" });
  const log = member.log().join("\n");
  assert.equal(log.split("received signal; shutting down").length, 2, "the second changes nothing");
  assert.match(log, /leadership transfer finished/);
  await other.kv.put({ key: b("after") });
  const after = await other.maintenance.status({});
  assert.ok(after.leader !== 0n && after.leader !== leader);
  for (const one of wires) one.close();
});
