// Two reference members of a static cluster of three; the third is the test's own. Nobody but the
// reference decides what is right here.

import type { Buffer } from "node:buffer";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type InitialCluster, initialCluster } from "#server/membership/bootstrap-ids.ts";
import type { Member } from "#server/membership/member-json.ts";
import { freePorts, type Reference } from "#test/reference/reference.ts";

const run = promisify(execFile);
const token = "peer-test";

export interface ReferencePair {
  readonly cluster: InitialCluster;
  /** The member that the test plays: its peer URL is free to listen on. */
  readonly own: Member;
  readonly port: number;
  readonly clientUrls: readonly string[];
  readonly others: readonly Member[];
  start(which: number): void;
  kill(which: number): Promise<void>;
  /** Resolves once a member that was started has ended by itself. */
  ended(which: number): Promise<void>;
  /** A member's database, as a snapshot would carry it. */
  database(which: number): Promise<Buffer>;
  /** Runs the reference's etcdctl against both members; resolves with what it prints. */
  ctl(...args: string[]): Promise<string>;
  /** Puts a value too large for a command line. */
  put(key: string, value: string): Promise<void>;
  logTail(): string;
  stop(): Promise<void>;
}

/** Reserves ports and folders; starts nothing yet. */
export async function referencePair(
  reference: Reference,
  flags: readonly string[] = [],
): Promise<ReferencePair> {
  const folder = await mkdtemp(join(tmpdir(), "etcd-ts-peer-"));
  const ports = await freePorts(5);
  const peerUrls = ports.slice(0, 3).map((port) => `http://127.0.0.1:${port}`);
  const clientUrls = ports.slice(3).map((port) => `http://127.0.0.1:${port}`);
  const names = ["ref0", "ref1", "ours"];
  const cluster = initialCluster(
    new Map(names.map((name, i) => [name, [peerUrls[i]!]])),
    token,
    (bytes) => createHash("sha1").update(bytes).digest(),
  );
  const byName = (name: string): Member => cluster.members.find((one) => one.name === name)!;
  const processes = new Map<number, ChildProcess>();
  const tail: string[] = [];

  const start = (which: number): void => {
    const child = spawn(
      reference.etcd,
      [
        ...["--name", names[which]!, "--data-dir", join(folder, names[which]!)],
        ...["--listen-client-urls", clientUrls[which]!],
        ...["--advertise-client-urls", clientUrls[which]!],
        ...["--listen-peer-urls", peerUrls[which]!],
        ...["--initial-advertise-peer-urls", peerUrls[which]!],
        ...["--initial-cluster", names.map((name, i) => `${name}=${peerUrls[i]}`).join(",")],
        ...["--initial-cluster-token", token, "--heartbeat-interval", "50"],
        ...["--election-timeout", "500", ...flags],
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    child.stderr.on("data", (chunk: Buffer) => {
      tail.push(...chunk.toString().trimEnd().split("\n"));
      tail.splice(0, tail.length - 40);
    });
    processes.set(which, child);
  };
  const kill = async (which: number): Promise<void> => {
    const child = processes.get(which);
    processes.delete(which);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  const ended = async (which: number): Promise<void> => {
    const child = processes.get(which);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await once(child, "exit");
  };
  return {
    cluster,
    own: byName("ours"),
    port: ports[2]!,
    clientUrls,
    others: [byName("ref0"), byName("ref1")],
    start,
    kill,
    ended,
    database: async (which) => {
      const file = join(folder, "saved.db");
      await run(reference.etcdctl, ["--endpoints", clientUrls[which]!, "snapshot", "save", file]);
      const saved = await readFile(file);
      // Behind the database lies its SHA-256.
      return saved.subarray(0, saved.length - 32);
    },
    ctl: async (...args) =>
      (await run(reference.etcdctl, ["--endpoints", clientUrls.join(","), ...args])).stdout,
    put: async (key, value) => {
      const putting = run(reference.etcdctl, ["--endpoints", clientUrls.join(","), "put", key]);
      putting.child.stdin?.end(value);
      await putting;
    },
    logTail: () => tail.join("\n"),
    stop: async () => {
      await Promise.all([kill(0), kill(1)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
