import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { openRegistry, readRegistry } from "#operator/platform/discovery-registry.ts";
import { startReferenceCluster } from "#test/reference/reference.ts";

const ports = { clock: systemClock, random: seededRandom(1) };

test("tokens of a discovery service, v2 and v3", { timeout: 60_000 }, async (t) => {
  const etcd = fileURLToPath(new URL("../../bin/etcd", import.meta.url));
  const server = await startReferenceCluster({ etcd }, { flags: ["--enable-v2"] });
  const client = new EtcdClient({ endpoints: [server.endpoints], ...ports });
  t.after(async () => {
    client.close();
    await server.stop();
  });
  const folder = `${server.endpoints}/v2/keys/_etcd/registry/u-1`;
  const table: readonly {
    readonly find: Parameters<typeof readRegistry>[0];
    readonly join: (name: string) => Promise<unknown>;
  }[] = [
    {
      find: { kind: "discovery", url: folder },
      join: (name) => {
        const body = new URLSearchParams({ value: `${name}=http://${name}` });
        return fetch(`${folder}/${name}`, { method: "PUT", body });
      },
    },
    {
      find: { kind: "discovery-v3", endpoints: [server.endpoints], token: "u-1" },
      join: (name) => client.kv.put(`/_etcd/registry/u-1/members/${name}`, `${name}=http://x`),
    },
  ];
  for (const { find, join } of table) {
    await t.test(find.kind, async () => {
      const read = () => readRegistry(find, {}, ports);
      assert.deepEqual(await read(), { registered: 0 });
      await openRegistry(find, 3, {}, ports);
      assert.deepEqual(await read(), { registered: 0, size: 3 });
      // Made once, whoever asks again.
      await openRegistry(find, 5, {}, ports);
      assert.deepEqual(await read(), { registered: 0, size: 3 });
      await join("a");
      await join("b");
      assert.deepEqual(await read(), { registered: 2, size: 3 });
    });
  }
});

test("what does not answer as a v2 registry is none, and takes no token", async (t) => {
  const answers: readonly string[] = ["", "<html>", "[]", "{}", '"node"', "null"];
  let answer = "";
  const server = createServer((_, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/t`;
  const find = { kind: "discovery", url } as const;
  for (answer of answers) {
    await assert.rejects(readRegistry(find, {}, ports), /does not answer as the v2 API/, answer);
    await assert.rejects(openRegistry(find, 3, {}, ports), /does not answer as the v2 API/, answer);
  }
  answer = '{"errorCode":107,"message":"Root is read only"}';
  await assert.rejects(openRegistry(find, 3, {}, ports), /Root is read only/);
  answer = '{"node":{"key":"/t/_config/size","value":"many"}}';
  assert.deepEqual(await readRegistry(find, {}, ports), { registered: 0, size: 0 });
});
