import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { startCluster } from "./cluster.ts";
import { runnerFromEnvironment } from "./launchers.ts";
import { MemberProcess } from "./member-process.ts";
import { releasePorts, reservePorts } from "./ports.ts";

test("two reservations never share a port, and what is released can be had again", async () => {
  const first = await reservePorts(8);
  const second = await reservePorts(8);
  assert.equal(new Set([...first, ...second]).size, 16);
  releasePorts(first);
  const third = await reservePorts(8);
  assert.deepEqual(third, first);
  releasePorts([...second, ...third]);
});

test("a process that ends before its line is an error that shows its log", async () => {
  const started = new MemberProcess("m1", { file: "sh", args: ["-c", "echo no room >&2; exit 7"] });
  await assert.rejects(started.waitForLine(/ready/), /m1 ended \(7\) before printing.*no room/s);
  await assert.rejects(started.waitForLine(/ready/), /m1 ended/);
});

// `exited` waits for everything that holds the output: it never resolves while the child lives.
test("a signal reaches the children of a launcher too", { timeout: 20_000 }, async () => {
  const started = new MemberProcess("m1", {
    file: "sh",
    args: ["-c", "sleep 600 & echo child; wait"],
  });
  await started.waitForLine(/child/);
  started.signal("SIGKILL");
  assert.equal((await started.exited).signal, "SIGKILL");
});

test("one member starts, pauses, ends and starts again on its data", async () => {
  await using cluster = await startCluster({ runner: runnerFromEnvironment(), size: 1 });
  const member = cluster.members[0]!;
  const health = async (limitMs = 30_000): Promise<string> => {
    const signal = AbortSignal.timeout(limitMs);
    const answer = await fetch(`${member.clientUrl}/health`, { signal });
    return await answer.text();
  };
  assert.match(await health(), /"health":"true"/);
  member.pause();
  await assert.rejects(health(300), { name: "TimeoutError" });
  member.resume();
  assert.match(await health(), /"health":"true"/);
  const exit = await member.kill("SIGTERM");
  assert.deepEqual(exit, { code: null, signal: "SIGTERM" });
  assert.ok(existsSync(member.dataDir));
  await member.start();
  assert.match(await health(), /"health":"true"/);
  await member.kill();
  assert.equal(member.isRunning, false);
});
