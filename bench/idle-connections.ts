// What an idle HTTP/2 connection costs a server: the growth of its resident memory with so many connections
// that were set up, made one request and then stay silent, ours and the reference's in turn.
// `node bench/idle-connections.ts [connections] [rounds]`; needs as many open files (ulimit -n).
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { frameFlag, frameType, preface } from "#server/rpc/http2/frame.ts";
import { frame, literal, settings } from "#test/http2/frames.ts";
import { locateReference } from "#test/reference/reference.ts";

const [connections = 10_000, rounds = 3] = process.argv.slice(2).map(Number);
const ports = { ours: 26_900, reference: 26_910 } as const;
type Kind = keyof typeof ports;
const found = await locateReference();
if (typeof found === "string") throw new Error(found);
const { etcd } = found;

/** What a client of gRPC sends first: settings, and a Status call. */
const path = "/etcdserverpb.Maintenance/Status";
const block = Buffer.concat([
  Buffer.of(0x83, 0x86, 0x44, path.length),
  Buffer.from(path, "latin1"),
  Buffer.of(0x41, 9),
  Buffer.from("127.0.0.1", "latin1"),
  literal("content-type", "application/grpc", true),
  literal("te", "trailers", true),
]);
const hello = Buffer.concat([
  preface,
  settings(),
  frame(frameType.headers, frameFlag.endHeaders, 1, block),
  frame(frameType.data, frameFlag.endStream, 1, Buffer.alloc(5)),
]);

function start(kind: Kind, folder: string): ChildProcess {
  const url = `http://127.0.0.1:${ports[kind]}`;
  const peer = `http://127.0.0.1:${ports[kind] + 1}`;
  const args = [
    `--name=m`,
    `--data-dir=${folder}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=m=${peer}`,
    "--log-level=error",
  ];
  const main = join(import.meta.dirname, "../server/main.ts");
  return kind === "ours"
    ? spawn(process.execPath, [main, ...args], { stdio: "ignore" })
    : spawn(etcd, args, { stdio: "ignore" });
}

async function ready(kind: Kind): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    try {
      const answer = await fetch(`http://127.0.0.1:${ports[kind]}/health`);
      if (answer.ok) return;
    } catch {}
    await sleep(100);
  }
  throw new Error(`${kind} does not answer`);
}

/** Proportional resident memory of a process, in bytes. */
function memory(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+)/m.exec(text)![1]) * 1024;
}

/** One that was answered. */
async function idle(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.write(hello);
  const parts: Buffer[] = [];
  while (!endsStream(Buffer.concat(parts))) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    parts.push(chunk);
  }
  socket.write(frame(frameType.settings, frameFlag.ack, 0));
  return socket;
}

function endsStream(bytes: Buffer): boolean {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === frameType.goaway || bytes[at + 3] === frameType.rstStream)
      throw new Error("the request was not answered");
    if (bytes[at + 3] === frameType.headers && (bytes[at + 4]! & frameFlag.endStream) !== 0)
      return true;
  }
  return false;
}

async function measure(kind: Kind): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-idle-"));
  const child = start(kind, folder);
  const sockets: Socket[] = [];
  try {
    await ready(kind);
    // What the first connections warm up is no cost of the rest.
    const open = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 50)
        sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => idle(ports[kind])))));
    };
    await open(500);
    await sleep(5000);
    const before = memory(child.pid!);
    await open(connections);
    await sleep(10_000);
    return (memory(child.pid!) - before) / connections;
  } finally {
    child.kill("SIGKILL");
    for (const socket of sockets) socket.destroy();
    await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  }
}

for (let round = 0; round < rounds; round++) {
  for (const kind of Object.keys(ports) as Kind[]) {
    const bytes = await measure(kind);
    process.stdout.write(`${kind}: ${(bytes / 1024).toFixed(1)} KiB a connection\n`);
  }
}
