import assert from "node:assert/strict";
import { test } from "node:test";
import { HealthCheckResponse } from "#proto/gen/health.ts";
import { ServingStatus } from "#server/api/health.ts";
import { startApiServer } from "#test/fakes/api-server.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";

const none = framed(new Uint8Array(0));
const serves = 1;
const stopped = 2;

for (const gate of [true, false]) {
  test(`during a defragmentation, StopGRPCServiceOnDefrag=${gate}`, async () => {
    const told: string[] = [];
    const serving = new ServingStatus(gate, (status) => void told.push(status));
    await using server = await startApiServer({ ports: { serving } });
    using client = new RawClient(server.url);
    const during = gate ? stopped : serves;
    const check = async (): Promise<number> => {
      const { body } = await client.call({ path: "/grpc.health.v1.Health/Check", body: none });
      return HealthCheckResponse.decode(body.subarray(5)).status;
    };
    const seen: number[] = [];
    const stop = serving.watch(() => void seen.push(serving.status));
    assert.equal(await check(), serves);

    const releases: (() => void)[] = [];
    const defragment = () => {
      server.member.defragmentation = new Promise((resolve) => void releases.push(resolve));
      return client.call({ path: "/etcdserverpb.Maintenance/Defragment", body: none });
    };
    const first = defragment();
    while (server.member.defragmented < 1) await new Promise(setImmediate);
    const second = defragment();
    while (server.member.defragmented < 2) await new Promise(setImmediate);
    assert.equal(await check(), during);
    const { body } = await client.call({ path: "/grpc.health.v1.Health/List", body: none });
    assert.equal(body.at(-1), during);
    releases[0]!();
    assert.equal((await first).code, 0);
    assert.equal(await check(), during, "the other one still runs");
    releases[1]!();
    assert.equal((await second).code, 0);
    assert.equal(await check(), serves);
    stop();
    assert.deepEqual(seen, gate ? [stopped, serves] : []);
    assert.deepEqual(told, gate ? ["NOT_SERVING", "SERVING"] : []);
  });
}
