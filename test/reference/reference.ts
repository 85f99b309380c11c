// The reference etcd for tests: finds its binaries, starts clusters of it in temporary folders on free
// ports, and stops them. Tests that need it call `referenceOrSkip` and skip where there is none; under
// CI a missing reference is a failure, never a skip.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** Paths of the reference's binaries; `etcdutl` and `benchmark` may be missing in a folder of one's own. */
export interface Reference {
  readonly folder: string;
  readonly etcd: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
  readonly benchmark: string;
}

const scriptAt = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const buildScript = scriptAt("./build.sh");
const buildV2Script = scriptAt("./build-v2.sh");
const located = new Map<string, Promise<Reference | string>>();

/**
 * The binaries of a release such as `v3.6.16`, by default the one that everything is compared with;
 * built on first use (minutes). Or one line that says why there are none.
 */
export function locateReference(release = ""): Promise<Reference | string> {
  let found = located.get(release);
  if (found === undefined) {
    found = locate(buildScript, release);
    located.set(release, found);
  }
  return found;
}

/** etcd and etcdctl 3.4, the last that serve the v2 API; or one line that says why there are none. */
export function locateReferenceV2(): Promise<Reference | string> {
  const found = located.get(buildV2Script) ?? locate(buildV2Script, "");
  located.set(buildV2Script, found);
  return found;
}

function locate(script: string, release: string): Promise<Reference | string> {
  const env = release === "" ? process.env : { ...process.env, ETCD_REFERENCE_VERSION: release };
  return new Promise((resolve) => {
    execFile("bash", [script], { maxBuffer: 1 << 20, env }, (error, stdout, stderr) => {
      const folder = stdout.trim();
      if (error !== null || folder === "") {
        const reason = stderr.trim().split("\n").at(-1) || error?.message || "no folder printed";
        resolve(`the reference etcd/etcdctl is not there: ${reason}`);
        return;
      }
      const at = (name: string): string => join(folder, name);
      resolve({
        folder,
        etcd: at("etcd"),
        etcdctl: at("etcdctl"),
        etcdutl: at("etcdutl"),
        benchmark: at("benchmark"),
      });
    });
  });
}

/**
 * The reference, or undefined after the test was marked as skipped with one line that names the tools.
 * Under CI=true it throws instead.
 */
export async function referenceOrSkip(
  test: Pick<TestContext, "skip">,
): Promise<Reference | undefined> {
  return orSkip(await locateReference(), test);
}

/** As referenceOrSkip, of etcd 3.4. */
export async function referenceV2OrSkip(
  test: Pick<TestContext, "skip">,
): Promise<Reference | undefined> {
  return orSkip(await locateReferenceV2(), test);
}

function orSkip(found: Reference | string, test: Pick<TestContext, "skip">): Reference | undefined {
  if (typeof found !== "string") return found;
  if (process.env["CI"] === "true") throw new Error(found);
  test.skip(found);
  return undefined;
}

/** `count` ports of 127.0.0.1 that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<{ port: number; close: () => Promise<void> }>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            if (address === null || typeof address === "string") {
              reject(new Error("no port"));
              return;
            }
            resolve({
              port: address.port,
              close: () => new Promise((closed) => server.close(() => closed())),
            });
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => server.close()));
  return servers.map((server) => server.port);
}

/** One member of a reference cluster. */
export interface ReferenceMember {
  readonly name: string;
  /** `http://127.0.0.1:PORT`, where clients connect. */
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  /** The arguments it was started with. */
  readonly args: readonly string[];
  /** Its process id while it runs. */
  readonly pid: number | undefined;
  /** The last lines of its log, for failure messages. */
  logTail(): string;
  /** Ends the process with `signal` (SIGTERM) and waits for its exit. The data stays. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same data and ports, and waits until it answers. */
  start(): Promise<void>;
}

export interface ReferenceCluster {
  readonly members: readonly ReferenceMember[];
  /** Client URLs of all members, joined by commas: what `--endpoints` takes. */
  readonly endpoints: string;
  /** Stops all members and removes their folders. */
  stop(): Promise<void>;
}

export interface ReferenceClusterOptions {
  /** How many members; 1 if not given. */
  readonly size?: number;
  /** More flags for every member, for example `["--quota-backend-bytes", "1000000"]`. */
  readonly flags?: readonly string[];
  /** 2 × size ports (client, peer, client, peer …); free ones if not given. */
  readonly ports?: readonly number[];
  /** How long the start may take, milliseconds; 60,000 if not given. */
  readonly readyTimeoutMs?: number;
}

const readyLine = "ready to serve client requests";
const tailBytes = 16_384;

function referenceMember(
  binary: string,
  setup: Pick<ReferenceMember, "name" | "clientUrl" | "peerUrl" | "dataDir" | "args">,
  readyTimeoutMs: number,
): ReferenceMember {
  let child: ChildProcess | undefined;
  let exited: Promise<void> = Promise.resolve();
  let tail = "";

  async function start(): Promise<void> {
    if (child !== undefined) throw new Error(`${setup.name} runs already`);
    tail = "";
    // ETCD_* variables of the surroundings would win over nothing, or be fatal beside a flag.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD")),
    );
    const started = spawn(binary, setup.args, { env, stdio: ["ignore", "ignore", "pipe"] });
    child = started;
    running.add(started);
    exited = new Promise((resolve) => {
      const ended = (): void => {
        running.delete(started);
        if (child === started) child = undefined;
        resolve();
      };
      started.once("exit", ended);
      started.once("error", (error) => {
        tail += String(error);
        ended();
      });
    });
    let onReady: () => void = () => {};
    const ready = new Promise<boolean>((resolve) => {
      onReady = () => resolve(true);
    });
    started.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      tail = (tail + chunk).slice(-tailBytes);
      if (tail.includes(readyLine)) onReady();
    });
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, readyTimeoutMs, false);
    });
    const isReady = await Promise.race([ready, tooLate, exited.then(() => false)]);
    clearTimeout(timer);
    if (!isReady) {
      started.kill("SIGKILL");
      throw new Error(`the reference member ${setup.name} did not become ready:\n${tail}`);
    }
  }

  return {
    ...setup,
    get pid() {
      return child?.pid;
    },
    logTail: () => tail,
    start,
    async stop(signal = "SIGTERM") {
      child?.kill(signal);
      await exited;
    },
  };
}

// Nothing outlives the test process, however it ends.
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a fresh cluster of the reference etcd and waits until every member serves clients. */
export async function startReferenceCluster(
  reference: Pick<Reference, "etcd">,
  options: ReferenceClusterOptions = {},
): Promise<ReferenceCluster> {
  const size = options.size ?? 1;
  const ports = options.ports ?? (await freePorts(2 * size));
  if (ports.length < 2 * size) throw new Error(`${size} members need ${2 * size} ports`);
  const folder = await mkdtemp(join(tmpdir(), "reference-etcd-"));
  const nodes = Array.from({ length: size }, (_, i) => ({
    name: `m${i}`,
    clientUrl: `http://127.0.0.1:${ports[2 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
    dataDir: join(folder, `m${i}`),
  }));
  const initialCluster = nodes.map((node) => `${node.name}=${node.peerUrl}`).join(",");
  const members = nodes.map((node) =>
    referenceMember(
      reference.etcd,
      {
        ...node,
        args: [
          `--name=${node.name}`,
          `--data-dir=${node.dataDir}`,
          `--listen-client-urls=${node.clientUrl}`,
          `--advertise-client-urls=${node.clientUrl}`,
          `--listen-peer-urls=${node.peerUrl}`,
          `--initial-advertise-peer-urls=${node.peerUrl}`,
          `--initial-cluster=${initialCluster}`,
          "--initial-cluster-state=new",
          ...(options.flags ?? []),
        ],
      },
      options.readyTimeoutMs ?? 60_000,
    ),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop("SIGKILL")));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { members, endpoints: members.map((member) => member.clientUrl).join(","), stop };
}
