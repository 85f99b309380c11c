// The reference's etcdctl against our API, with a member in memory.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";
import { startApiServer } from "#test/fakes/api-server.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";

const run = promisify(execFile);

test("the reference's etcdctl puts, gets, deletes, leases, lists and checks", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  await using server = await startApiServer();
  const ctl = async (...args: string[]): Promise<string> => {
    const all = ["--endpoints", server.address, ...args];
    const { stdout, stderr } = await run(reference.etcdctl, all);
    return stdout + stderr;
  };
  assert.equal(await ctl("put", "a", "1"), "OK\n");
  assert.equal(await ctl("get", "a"), "a\n1\n");
  assert.equal(await ctl("get", "a", "--print-value-only", "--consistency=s"), "1\n");
  assert.match(await ctl("get", "a", "-w", "json"), /"revision":2,"raft_term":2/);
  assert.match(
    await ctl("lease", "grant", "60"),
    /^lease 0000000000001b58 granted with TTL\(60s\)\n$/,
  );
  assert.equal(await ctl("put", "b", "2", "--lease=1b58"), "OK\n");
  assert.match(await ctl("lease", "timetolive", "1b58", "--keys"), /attached keys\(\[b\]\)/);
  assert.equal(
    await ctl("lease", "keep-alive", "--once", "1b58"),
    "lease 0000000000001b58 keepalived with TTL(60)\n",
  );
  assert.match(await ctl("lease", "list"), /1b58/);
  assert.equal(await ctl("lease", "revoke", "1b58"), "lease 0000000000001b58 revoked\n");
  assert.equal(await ctl("del", "a", "b", "--range", "--prev-kv"), "1\na\n1\n");
  assert.match(await ctl("member", "list"), /^8da2f2fad34c553c, started, fake, /);
  assert.match(await ctl("endpoint", "status"), /8da2f2fad34c553c, 3\.7\.3, 3\.7\.0, /);
  assert.match(await ctl("endpoint", "health"), /is healthy: successfully committed proposal/);
  assert.match(await ctl("endpoint", "hashkv"), /, 42/);
  assert.match(await ctl("compaction", "1"), /^compacted revision 1\n$/);
});

test("the reference's etcdctl watches", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  await using server = await startApiServer();
  const watch = spawn(reference.etcdctl, ["--endpoints", server.address, "watch", "w"]);
  try {
    let seen = "";
    const saw = new Promise<void>((resolve) => {
      watch.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        seen += chunk;
        if (seen.split("\n").length > 6) resolve();
      });
    });
    while (server.member.sessions.size === 0) await new Promise((resolve) => setImmediate(resolve));
    // The session exists before its first request has come.
    const put = (value: string) => ["--endpoints", server.address, "put", "w", value];
    const [session] = server.member.sessions;
    while (session!.watchCount === 0) await new Promise((resolve) => setImmediate(resolve));
    await run(reference.etcdctl, put("1"));
    await run(reference.etcdctl, put("2"));
    await saw;
    assert.equal(seen, "PUT\nw\n1\nPUT\nw\n2\n");
  } finally {
    watch.kill();
    await once(watch, "exit");
  }
});
