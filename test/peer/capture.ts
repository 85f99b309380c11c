// Records what three reference members say to each other, for server/peer/testdata: each member
// advertises a proxy that keeps the bodies of its streams. Run it by hand when the reference changes:
//   node test/peer/capture.ts server/peer/testdata

import { Buffer } from "node:buffer";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts, locateReference } from "#test/reference/reference.ts";

const run = promisify(execFile);

/** What one stream carried, in order, from its beginning. */
interface Recording {
  readonly path: string;
  readonly to: string;
  readonly parts: Buffer[];
}

const recordings: Recording[] = [];

/** Passes requests on to `target` and records the bodies of stream answers and of POSTs. */
async function proxy(port: number, target: number): Promise<void> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const upstream = httpRequest(
      {
        host: "127.0.0.1",
        port: target,
        method: request.method,
        path,
        headers: request.headers,
        agent: false,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        response.flushHeaders();
        const to = path.split("/").at(-1) ?? "";
        const recording: Recording = { path, to, parts: [] };
        if (path.startsWith("/raft/stream/") && answer.statusCode === 200)
          recordings.push(recording);
        answer.on("data", (part: Buffer) => {
          recording.parts.push(part);
          response.write(part);
        });
        answer.on("end", () => response.end());
        answer.on("error", () => response.destroy());
      },
    );
    upstream.on("error", () => response.destroy());
    if (path === "/raft/snapshot") {
      const recording: Recording = { path, to: "", parts: [] };
      recordings.push(recording);
      request.on("data", (part: Buffer) => recording.parts.push(part));
    }
    request.pipe(upstream);
    response.on("error", () => {});
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

async function main(folder: string): Promise<void> {
  const reference = await locateReference();
  if (typeof reference === "string") throw new Error(reference);
  const dir = await mkdtemp(join(tmpdir(), "etcd-ts-capture-"));
  const ports = await freePorts(9);
  const names = ["a", "b", "c"];
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const cluster = names.map((name, i) => `${name}=${url(ports[i]!)}`).join(",");
  const client = (i: number): string => url(ports[6 + i]!);
  const members: ChildProcess[] = [];
  const start = (i: number): void => {
    members[i] = spawn(
      reference.etcd,
      [
        ...["--name", names[i]!, "--data-dir", join(dir, names[i]!)],
        ...["--listen-peer-urls", url(ports[3 + i]!)],
        ...["--initial-advertise-peer-urls", url(ports[i]!)],
        ...["--listen-client-urls", client(i), "--advertise-client-urls", client(i)],
        ...["--initial-cluster", cluster, "--initial-cluster-token", "capture"],
        ...["--snapshot-count", "10", "--snapshot-catchup-entries", "5"],
      ],
      { stdio: "ignore" },
    );
  };
  const ctl = async (...args: string[]): Promise<string> =>
    (await run(reference.etcdctl, ["--endpoints", `${client(0)},${client(1)}`, ...args])).stdout;
  try {
    for (const i of [0, 1, 2]) await proxy(ports[i]!, ports[3 + i]!);
    start(0);
    start(1);
    for (let i = 0; i < 20; i++) await ctl("put", `key-${i}`, `value-${i}`);
    // The third is behind the log: it gets a snapshot, then the streams.
    start(2);
    await ctl(
      "--endpoints",
      client(2),
      "--dial-timeout",
      "20s",
      "--command-timeout",
      "20s",
      "get",
      "key-1",
    );
    await ctl("lease", "grant", "100");
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => ctl("put", `burst-${i}`, "x".repeat(i * 20))),
    );
    await ctl("--endpoints", client(2), "get", "key-2");
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const longest = (prefix: string): Buffer =>
      recordings
        .filter((one) => one.path.startsWith(prefix))
        .map((one) => Buffer.concat(one.parts))
        .reduce((best, one) => (one.length > best.length ? one : best), Buffer.alloc(0));
    await writeFile(
      join(folder, "msgapp-3.7.3.bin"),
      longest("/raft/stream/msgapp").subarray(0, 20_000),
    );
    await writeFile(
      join(folder, "message-3.7.3.bin"),
      longest("/raft/stream/message").subarray(0, 20_000),
    );
    await writeFile(
      join(folder, "snapshot-3.7.3.bin"),
      longest("/raft/snapshot").subarray(0, 16_000),
    );
    for (const one of recordings) console.log(one.path, Buffer.concat(one.parts).length);
  } finally {
    for (const member of members) member.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true });
  }
}

await main(process.argv[2] ?? ".");
process.exit(0);
