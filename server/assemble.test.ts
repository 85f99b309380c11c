// Whole members on real folders: what only shows when everything is wired together.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Log, silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { type RunningMember, startMember } from "#server/assemble.ts";
import { parseServerConfig } from "#server/config/config.ts";
import { systemResolver } from "#server/discovery/resolver.ts";

const folder = mkdtempSync(join(tmpdir(), "assemble-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Started {
  readonly member: RunningMember;
  readonly lines: string[];
}

async function start(name: string, cluster: (peer: string) => string): Promise<Started> {
  const [peer, client] = [await freePort(), await freePort()];
  const peerUrl = `http://127.0.0.1:${peer}`;
  const result = parseServerConfig({
    argv: [
      `--name=${name}`,
      `--data-dir=${join(folder, name)}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--initial-cluster=${cluster(peerUrl)}`,
    ],
    env: {},
    readFile: () => assert.fail("no file is read"),
  });
  assert(result.kind === "run");
  const lines: string[] = [];
  const write = (_fields: object, text: string): void => void lines.push(text);
  const log: Log = { ...silentLog, info: write, warn: write };
  const member = await startMember(result.config, {
    clock: systemClock,
    log,
    random: seededRandom(1),
    processName: "a test",
    resolver: systemResolver,
    schedule: setImmediate,
    fatal: (error) => assert.fail(error as Error),
    removed: () => assert.fail("nobody removed it"),
  });
  return { member, lines };
}

test("a member stopped before its cluster has a quorum ends, and serves nobody", async () => {
  const started = await start("lonely", (url) => `lonely=${url},other=http://127.0.0.1:1`);
  await started.member.stop();
  await started.member.ready;
  assert.equal(started.lines.includes("ready to serve client requests"), false);
});

test("a member starts again on what it left, but for states on their way", async () => {
  const transfer = join(folder, "single", "member", "transfer");
  for (let life = 0; life < 2; life++) {
    const started = await start("single", (url) => `single=${url}`);
    await started.member.ready;
    assert(started.lines.includes("ready to serve client requests"));
    const found = readdirSync(transfer);
    await started.member.stop();
    assert.deepEqual(found, []);
    writeFileSync(join(transfer, "receive-1.part"), "half of a state");
  }
});

test("a log that is gone does not begin again beside a state", async () => {
  const cluster = (url: string): string => `bereft=${url}`;
  const started = await start("bereft", cluster);
  await started.member.ready;
  await started.member.stop();
  rmSync(join(folder, "bereft", "member", "wal"), { recursive: true });
  // The second time its log is there, and empty.
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(start("bereft", cluster), { code: "STATE_AHEAD" });
  }
});
