// make-mirror of the reference and of ours, side by side from one prefix to two others: both copies must
// come to hold what the source holds, and one revision of the source must be one of each copy.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test("a mirror of ours holds what one of the reference holds", { timeout: 60_000 }, async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const server = await startReferenceCluster({ etcd: root("bin/etcd") });
  t.after(() => server.stop());
  const client = new EtcdClient({
    endpoints: [server.endpoints],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
  t.after(() => client.close());
  const children: ChildProcess[] = [];
  t.after(() => {
    for (const child of children) child.kill("SIGKILL");
  });
  const range = (prefix: string) => ({ key: prefix, rangeEnd: prefixEnd(utf8(prefix)) });
  /** Keys without their prefix, values, and which of them came with one another. */
  const contents = async (prefix: string): Promise<string[]> => {
    const { kvs } = await client.kv.range(prefix, range(prefix));
    const revisions = [...new Set(kvs.map(({ modRevision }) => modRevision))].sort((a, b) => a - b);
    return kvs.map(({ key, modRevision, value }) => {
      const name = Buffer.from(key.subarray(prefix.length)).toString("latin1");
      return `${name} ${Buffer.from(value).toString()} ${revisions.indexOf(modRevision)}`;
    });
  };
  /** Resolves when the copy has the key `name`. */
  const arrived = async (prefix: string, name: string): Promise<void> => {
    for (;;) {
      const { kvs, header } = await client.kv.range(`${prefix}${name}`);
      if (kvs.length > 0) return;
      const startRevision = (header?.revision ?? 0) + 1;
      const changes = client.watch.watch(`${prefix}${name}`, { startRevision });
      for await (const _change of changes) break;
    }
  };
  // More than one page.
  for (let page = 0; page < 11; page++) {
    await client.kv.txn({
      success: Array.from({ length: 100 }, (_, i) => ({
        request: {
          $case: "requestPut" as const,
          value: PutRequest.fromPartial({ key: utf8(`s/${page}-${i}`), value: utf8(`${i}`) }),
        },
      })),
    });
  }
  await client.kv.put(Buffer.from("s/\xff\x00s/", "latin1"), "no text");
  const started = (await client.kv.range("none")).header?.revision ?? 0;
  const words = ["--endpoints", server.endpoints, "make-mirror", "--prefix", "s/"];
  const target = server.endpoints.replace("http://", "");
  const sides = [
    { prefix: "theirs/", command: [reference.etcdctl] },
    { prefix: "ours/", command: [process.execPath, root("ctl/etcdctl.ts")] },
  ];
  for (const { command, prefix } of sides) {
    const [file = "", ...before] = command;
    const args = [...before, ...words, "--dest-prefix", prefix, "--max-txn-ops", "3", target];
    children.push(spawn(file, args, { stdio: "ignore" }));
    await arrived(prefix, "9-99");
  }
  await client.kv.put("s/end of the keys", "");
  for (const { prefix } of sides) await arrived(prefix, "end of the keys");
  for (const prefix of ["theirs/", "ours/"]) {
    const [copy, source] = await Promise.all([contents(prefix), contents("s/")]);
    const bare = (rows: readonly string[]): string[] => rows.map((row) => row.replace(/ \d+$/, ""));
    assert.deepEqual(bare(copy), bare(source), prefix);
  }
  await client.kv.delete("s/1", { rangeEnd: utf8("s/9") });
  await client.kv.put("s/0-0", "changed");
  await client.kv.put("s/last", "");
  for (const { prefix } of sides) await arrived(prefix, "last");
  assert.deepEqual(await contents("ours/"), await contents("theirs/"));
  // Interrupted, it goes on from a revision; what it did already it does again.
  children[1]?.kill("SIGKILL");
  await client.kv.put("s/later", "");
  const [file = "", ...before] = sides[1]?.command ?? [];
  const more = ["--rev", String(started + 1), "--dest-prefix", "ours/", target];
  children.push(spawn(file, [...before, ...words, ...more], { stdio: "ignore" }));
  for (const { prefix } of sides) await arrived(prefix, "later");
  const names = async (prefix: string): Promise<string[]> =>
    (await contents(prefix)).map((row) => row.split(" ")[0] ?? "");
  assert.deepEqual(await names("ours/"), await names("s/"));
});
