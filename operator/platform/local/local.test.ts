import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#base/system-clock.ts";
import { etcdCluster } from "#operator/api/definitions.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { judge } from "#operator/api/validate.ts";
import type { MemberRecord } from "#operator/plan/types.ts";
import { localAddresses, localMember, volumeMark } from "#operator/platform/local/layout.ts";
import { localTemplate } from "#operator/platform/local/local-platform.ts";
import { requireFreePorts } from "#operator/platform/local/ports.ts";
import { runsWith } from "#operator/platform/local/processes.ts";
import { Screen } from "#operator/platform/local/screen.ts";
import { openState, writeState } from "#operator/platform/local/state.ts";
import { lastFault, pauseMs, Supervisor } from "#operator/platform/local/supervisor.ts";
import {
  formatBytes,
  leaderOf,
  type MemberRow,
  renderTable,
  tableEssence,
} from "#operator/platform/local/table.ts";

function cluster(replicas: number, clientPort = 7000): EtcdCluster {
  const judged = judge(etcdCluster.schema, {
    metadata: { name: "c" },
    spec: {
      replicas,
      options: { "snapshot-count": 7 },
      local: { clientPort, peerPort: 8000, portStep: 10 },
    },
  });
  assert(judged.ok, JSON.stringify(judged));
  return judged.value as EtcdCluster;
}

async function inFolder(run: (folder: string) => unknown): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "local-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const record = (serial: number, place: { peerUrl: string; clientUrl: string }): MemberRecord => ({
  name: `c-${serial}`,
  serial,
  ...place,
  phase: "voter",
  template: "t",
  started: true,
});

test("a member's place and command line; ports are used again", () => {
  const { spec } = cluster(3);
  const addresses = localAddresses(spec.local);
  const first = addresses(1, new Set());
  assert.deepEqual(first, { peerUrl: "http://127.0.0.1:8000", clientUrl: "http://127.0.0.1:7000" });
  const second = addresses(9, new Set([first.peerUrl, "http://127.0.0.1:8020"]));
  assert.equal(second.clientUrl, "http://127.0.0.1:7010");
  const join = {
    state: "new",
    initialCluster: "c-2=http://127.0.0.1:8010",
    token: "c/local",
  } as const;
  const { options } = spec;
  const member = localMember("/d", record(2, second), { join, options, force: true });
  assert.deepEqual(member.args, [
    "--name=c-2",
    "--data-dir=/d/c-2",
    "--listen-client-urls=http://127.0.0.1:7010",
    "--advertise-client-urls=http://127.0.0.1:7010",
    "--listen-peer-urls=http://127.0.0.1:8010",
    "--initial-advertise-peer-urls=http://127.0.0.1:8010",
    "--initial-cluster=c-2=http://127.0.0.1:8010",
    "--initial-cluster-token=c/local",
    "--initial-cluster-state=new",
    "--snapshot-count=7",
    "--force-new-cluster",
  ]);
});

test("the state: that of another place is refused, a broken one too, the first format is taken over", () =>
  inFolder((folder) => {
    const one = cluster(3);
    const template = localTemplate(one);
    assert.deepEqual(openState(folder, one, template), { version: 2, processes: {} });
    const file = join(folder, "cluster.json");
    const initialCluster = "c-1=http://127.0.0.1:8000,c-2=http://127.0.0.1:8010";
    writeFileSync(file, JSON.stringify({ version: 1, initialCluster, formed: true, pids: {} }));
    for (const name of ["c-1", "c-2"]) mkdirSync(join(folder, name, "member"), { recursive: true });
    rmSync(join(folder, "c-2", "member"), { recursive: true });
    const old = openState(folder, one, template);
    assert.deepEqual(
      old.plan?.members.map(({ name, clientUrl, started }) => [name, clientUrl, started]),
      [
        ["c-1", "http://127.0.0.1:7000", true],
        ["c-2", "http://127.0.0.1:7010", true],
      ],
    );
    assert.deepEqual(
      ["c-1", "c-2"].map((name) => existsSync(volumeMark(folder, name))),
      [true, false],
      "an empty folder of a formed cluster is a lost volume",
    );
    writeState(folder, old);
    assert.deepEqual(openState(folder, one, template), old);
    const { local } = one.spec;
    const elsewhere = { ...one, spec: { ...one.spec, local: { ...local, peerPort: 9000 } } };
    assert.throws(() => openState(folder, elsewhere, template), {
      code: "CLUSTER_CHANGED",
      message: /holds c-1 at http:\/\/127\.0\.0\.1:8000, where the manifest puts nobody/,
    });
    writeFileSync(file, "{");
    assert.throws(() => openState(folder, one, template), { code: "BAD_STATE" });
    writeFileSync(file, '{"version": 9}');
    assert.throws(() => openState(folder, one, template), {
      code: "BAD_STATE",
      message: /version is 9/,
    });
  }));

test("processes are known by their arguments", () => {
  const own = process.execPath;
  assert.equal(runsWith(process.pid, own) || runsWith(process.pid, process.argv0), true);
  assert.equal(runsWith(process.pid, "--data-dir=/nowhere"), false);
});

test("ports in use are all named", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert(address !== null && typeof address === "object");
  // The other port is taken from the kernel's free ones as well.
  const free = createServer();
  await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
  const other = free.address();
  assert(other !== null && typeof other === "object");
  await new Promise((resolve) => free.close(resolve));
  const place = (client: number, peer: number) => ({
    name: "c-1",
    clientUrl: `http://127.0.0.1:${client}`,
    peerUrl: `http://127.0.0.1:${peer}`,
  });
  try {
    await assert.rejects(requireFreePorts("127.0.0.1", [place(address.port, other.port)]), {
      code: "PORTS_IN_USE",
      message: `ports in use on 127.0.0.1: c-1 (client ${address.port}). Stop what uses them, or set spec.local.clientPort and peerPort in the manifest`,
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  await requireFreePorts("127.0.0.1", [place(address.port, other.port)]);
});

test("pauses between starts grow up to half a minute", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 60].map(pauseMs),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000],
  );
});

test("what a log says was wrong", () =>
  inFolder((folder) => {
    const file = join(folder, "log");
    const rows = [
      ["", undefined],
      ['{"level":"info","msg":"fine"}\n', undefined],
      [
        '{"level":"fatal","msg":"cannot start","error":"disk full"}\n{"level":"info","msg":"x"}\n',
        "cannot start: disk full",
      ],
      ['{"level":"error","msg":"broken"}\n', "broken"],
      ["Error: boom\n    at f (x.ts:1)\n\n", "Error: boom"],
    ] as const;
    for (const [text, want] of rows) {
      writeFileSync(file, text);
      assert.equal(lastFault(file), want, text);
    }
    assert.equal(lastFault(join(folder, "gone")), undefined);
  }));

test("a process that ends is started again, one that is told to stop is not", () =>
  inFolder(async (folder) => {
    const { spec } = cluster(1);
    const joinInfo = { state: "new", initialCluster: "", token: "" } as const;
    const place = localAddresses(spec.local)(1, new Set());
    const start = { join: joinInfo, options: {}, force: false };
    const member = localMember(folder, record(1, place), start);
    const program = join(folder, "program");
    // Fails the first time; then runs until it is asked to end, and says so.
    writeFileSync(
      program,
      `#!/bin/sh
if [ ! -e ${folder}/second ]; then touch ${folder}/second; echo '{"level":"fatal","msg":"no luck"}'; exit 3; fi
trap 'touch ${folder}/asked; exit 0' TERM
touch ${folder}/up
while :; do sleep 0.05; done
`,
      { mode: 0o755 },
    );
    const events: string[] = [];
    const pauses: number[] = [];
    let onStart = () => {};
    const second = new Promise<void>((resolve) => {
      onStart = resolve;
    });
    const supervisor = new Supervisor({
      member,
      program,
      env: process.env,
      // The pause before a restart is over at once.
      clock: {
        ...systemClock,
        after: (delayMs, run) => {
          pauses.push(delayMs);
          return systemClock.after(delayMs === 1000 ? 0 : delayMs, run);
        },
      },
      onEvent: (event) => {
        events.push(event.kind === "ended" ? `ended ${event.how} ${event.fault}` : "started");
        if (events.length === 3) onStart();
      },
    });
    supervisor.start();
    await second;
    assert.deepEqual(events, ["started", "ended exit code 3 no luck", "started"]);
    assert.equal(pauses[0], 1000);
    assert.equal(supervisor.failures, 1);
    while (!existsSync(join(folder, "up"))) await new Promise((resolve) => setImmediate(resolve));
    await supervisor.stop();
    assert.ok(existsSync(join(folder, "asked")), "it was asked by SIGTERM");
    assert.deepEqual(supervisor.phase, { kind: "stopped" });
    assert.equal(events.length, 3);
    assert.match(readFileSync(member.logFile, "utf8"), /no luck/);
  }));

const rows: readonly MemberRow[] = [
  {
    name: "c-1",
    clientUrl: "http://a:1",
    process: "running",
    status: {
      kind: "answers",
      memberId: 1n,
      leaderId: 2n,
      isLearner: false,
      term: 3,
      index: 10,
      sizeBytes: 1536,
    },
  },
  {
    name: "c-2",
    clientUrl: "http://b:1",
    process: "running",
    status: {
      kind: "answers",
      memberId: 2n,
      leaderId: 2n,
      isLearner: false,
      term: 3,
      index: 9,
      sizeBytes: 100,
    },
  },
  { name: "c-3", clientUrl: "http://c:1", process: "starts in 3 s", status: { kind: "silent" } },
];

test("the table", () => {
  assert.deepEqual(renderTable(rows), [
    "MEMBER  ENDPOINT    PROCESS        ROLE      TERM  INDEX     SIZE",
    "c-1     http://a:1  running        follower     3     10  1.5 KiB",
    "c-2     http://b:1  running        leader       3      9    100 B",
    "c-3     http://c:1  starts in 3 s  -            -      -        -",
  ]);
  assert.deepEqual(leaderOf(rows), { name: "c-2", term: 3 });
  const late = rows.map((row, at) =>
    row.status.kind === "answers" && at === 0
      ? { ...row, status: { ...row.status, leaderId: 1n, term: 2 } }
      : row,
  );
  assert.deepEqual(leaderOf(late), { name: "c-2", term: 3 }, "an older term is out of date");
  assert.equal(leaderOf(rows.slice(2)), undefined);
  assert.deepEqual(leaderOf(rows.slice(0, 1)), { name: "2", term: 3 });
  assert.equal(tableEssence(rows), "c-1 running follower\nc-2 running leader\nc-3 starts in 3 s -");
  assert.deepEqual([0, 1023, 1024, 5 << 20, 3 * 2 ** 40].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "5.0 MiB",
    "3.0 TiB",
  ]);
});

test("a terminal is redrawn, a file gets only what changed", () => {
  const draw = (isTerminal: boolean) => {
    const out: string[] = [];
    const screen = new Screen({ isTerminal, columns: 5, write: (text) => out.push(text) });
    screen.line("hello");
    screen.block(["a", "b"], "1");
    screen.block(["a", "c"], "1");
    screen.line("news");
    screen.block(["d and more"], "2");
    screen.clear();
    screen.line("end");
    return out.join("");
  };
  assert.equal(draw(false), "hello\na\nb\nnews\nd and more\nend\n");
  assert.equal(
    draw(true),
    "hello\na\nb\n\x1b[2A\x1b[Ja\nc\n\x1b[2A\x1b[Jnews\na\nc\n\x1b[2A\x1b[Jd and\n\x1b[1A\x1b[Jend\n",
  );
});
