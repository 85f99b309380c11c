// The operator's process: commands, signals, and the exit code. Wires the parts together.
import { randomBytes } from "node:crypto";
import { readFileSync, writeSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { Command } from "commander";
import { errorText, OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { readManifest as parseManifest } from "#operator/api/manifest.ts";
import { parseDuration } from "#operator/api/quantity.ts";
import type { Problem } from "#operator/api/validate.ts";
import { addCommands } from "#operator/commands/commands.ts";
import { LocalClusterReader } from "#operator/commands/local-clusters.ts";
import { restartPatienceMs } from "#operator/plan/rolling.ts";
import { deleteLocalCluster } from "#operator/platform/local/delete-cluster.ts";
import { localBackupProblem, localProblem } from "#operator/platform/local/fit.ts";
import { type LocalWanted, runLocalCluster } from "#operator/platform/local/local-cluster.ts";
import { operatorLog } from "#operator/process/log.ts";
import { runOperator } from "#operator/process/run.ts";
import type { Failpoint } from "#operator/reconcile.ts";

const root = join(import.meta.dirname, "..");
/** A Ctrl-C so long after the first one means "at once". */
const secondSignalMs = 500;
/** Another server binary with etcd's flags may stand in for ours. */
const serverProgram = process.env["ETCD_OPERATOR_SERVER"] ?? join(root, "bin", "etcd");
const etcdutl = join(root, "bin", "etcdutl");
const exampleManifest = join(root, "examples", "cluster.yaml");

function readManifest(file: string): LocalWanted {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new OperatingError("NO_MANIFEST", `cannot read ${file}: ${errorText(cause)}`, { cause });
  }
  return judgeManifest(file, text);
}

/** A manifest that can be run on this machine, its cluster in place of `old` if that is given. */
function judgeManifest(file: string, text: string, old?: EtcdCluster): LocalWanted {
  const manifest = parseManifest(shown(file), text, old);
  const { object: cluster, text: written } = manifest.cluster;
  const slots = Math.max(1, cluster.spec.replicas);
  const problem = localProblem(written.value(), cluster, slots) ?? moved(cluster, old);
  if (problem !== undefined) throw written.error(problem);
  for (const one of [...manifest.backups, ...manifest.schedules]) {
    const wrong = localBackupProblem(one.object, cluster);
    if (wrong !== undefined) throw one.text.error(wrong);
  }
  return {
    cluster,
    backups: manifest.backups.map((one) => one.object),
    schedules: manifest.schedules.map((one) => one.object),
  };
}

/** Members of a running cluster stay where they are. */
function moved(cluster: EtcdCluster, old: EtcdCluster | undefined): Problem | undefined {
  if (old === undefined) return undefined;
  if (JSON.stringify(cluster.spec.local) === JSON.stringify(old.spec.local)) return undefined;
  return { path: ["spec", "local"], message: "cannot be changed while the cluster runs" };
}

/** A path as short as it can be written from here. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("../..") || isAbsolute(short) ? path : short;
}

function dataFolder(cluster: EtcdCluster, file: string): string {
  const named = cluster.spec.local.dataFolder;
  if (named !== undefined) return resolve(dirname(file), named);
  const state = process.env["XDG_STATE_HOME"] || join(homeFolder(file), ".local", "state");
  return join(state, "etcd-ts", cluster.metadata.name);
}

function homeFolder(manifest: string): string {
  try {
    return homedir();
  } catch (cause) {
    const text = `this user has no home to keep data in: name spec.local.dataFolder in ${manifest}`;
    throw new OperatingError("NO_HOME", text, { cause });
  }
}

/** The members' environment: ours without what would count as their options. */
function memberEnvironment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_"));
  return Object.fromEntries(own);
}

/** Stops all members, and takes away what spec.deletionPolicy says. */
async function deleteCluster(file: string): Promise<void> {
  const path = resolve(file);
  const { cluster } = readManifest(path);
  await deleteLocalCluster({
    cluster,
    folder: dataFolder(cluster, path),
    program: serverProgram,
    etcdutl,
    env: memberEnvironment(),
    clock: systemClock,
    random: seededRandom(process.pid),
    failpoint: failpoint(),
    say: (line) => process.stdout.write(`${line}\n`),
  });
}

async function local(file: string): Promise<void> {
  const path = resolve(file);
  const wanted = readManifest(path);
  const { cluster } = wanted;
  const stop = new AbortController();
  const kill = new AbortController();
  let stoppedMs = 0;
  const stopOnce = () => {
    if (stop.signal.aborted) return;
    stoppedMs = systemClock.monotonicMs();
    stop.abort();
  };
  // One Ctrl-C may arrive more than once, from the terminal and from npm; a second one comes later.
  process.on("SIGINT", () => {
    const isSecond = stop.signal.aborted && systemClock.monotonicMs() - stoppedMs > secondSignalMs;
    if (isSecond) kill.abort();
    stopOnce();
  });
  process.on("SIGTERM", stopOnce);
  process.on("SIGHUP", stopOnce);
  // Whoever read the output is gone: the members must not outlive this process.
  process.stdout.on("error", stopOnce);
  process.on("exit", () => kill.abort());
  await runLocalCluster({
    ...wanted,
    readManifest: (text, old) => judgeManifest(path, text, old),
    manifestFile: path,
    folder: dataFolder(cluster, path),
    program: serverProgram,
    etcdutl,
    etcdctl: shown(join(root, "bin", "etcdctl")),
    env: memberEnvironment(),
    clock: systemClock,
    random: seededRandom(process.pid),
    output: {
      isTerminal: process.stdout.isTTY === true,
      get columns() {
        return process.stdout.columns || 80;
      },
      write: (text) => process.stdout.write(text),
    },
    failpoint: failpoint(),
    stop: stop.signal,
    kill: kill.signal,
  });
}

interface RunFlags {
  readonly storeImage: string;
  readonly clusterDomain: string;
  readonly namespaces?: string;
  readonly leaseNamespace?: string;
  readonly leaderElection: boolean;
  readonly workers: number;
  readonly restartPatience?: number;
  readonly listen: string;
  readonly logLevel: string;
}

async function run(flags: RunFlags): Promise<void> {
  const stop = new AbortController();
  process.on("SIGINT", () => stop.abort());
  process.on("SIGTERM", () => stop.abort());
  const [, host = "", port = ""] = /^(.*):([0-9]{1,5})$/.exec(flags.listen) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new OperatingError("BAD_FLAG", `--listen must be HOST:PORT, not ${flags.listen}`);
  }
  const namespaces = (flags.namespaces ?? "").split(",").filter((one) => one !== "");
  const version = ownVersion();
  await runOperator({
    clock: systemClock,
    random: seededRandom(randomBytes(4).readUInt32LE(0)),
    log: operatorLog(flags.logLevel),
    failpoint: failpoint(),
    stop: stop.signal,
    version,
    defaults: { image: flags.storeImage, version },
    clusterDomain: flags.clusterDomain,
    restartPatienceMs: flags.restartPatience ?? restartPatienceMs,
    namespaces: namespaces.length === 0 ? undefined : namespaces,
    leaseNamespace: flags.leaseNamespace,
    elect: flags.leaderElection,
    identity: `${hostname()}_${randomBytes(4).toString("hex")}`,
    workers: flags.workers,
    host: host.replace(/^\[(.*)\]$/, "$1") || "0.0.0.0",
    port: Number(port),
  });
}

function workersOf(text: string): number {
  if (/^[1-9][0-9]?$/.test(text)) return Number(text);
  throw new OperatingError("BAD_FLAG", `--workers must be 1 to 99, not ${text}`);
}

function patienceOf(text: string): number {
  const ms = parseDuration(text) ?? 0;
  if (ms >= 1000) return ms;
  throw new OperatingError(
    "BAD_FLAG",
    `--restart-patience must be as 10m, 1s or more, not ${text}`,
  );
}

/** For tests: ends the process, as if it were killed, at the first of those that the variable names. */
function failpoint(): Failpoint {
  const text = process.env["ETCD_OPERATOR_FAILPOINTS"];
  if (text === undefined) return () => {};
  const at = new Set(text.split(","));
  return (name) => {
    if (!at.has(name)) return;
    writeSync(process.stderr.fd, `killed at ${name}\n`);
    process.kill(process.pid, "SIGKILL");
  };
}

function ownVersion(): string {
  const text = readFileSync(join(root, "package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** As kubectl calls it, it is called so. */
const program = new Command(process.env["ETCD_OPERATOR_NAME"] ?? "etcd-operator")
  .description("Runs clusters of etcd-ts from EtcdCluster manifests.")
  .version(ownVersion());

program
  .command("local")
  .description("Run the cluster of a manifest as processes of this machine, until Ctrl-C.")
  .argument("[file]", "an EtcdCluster manifest", exampleManifest)
  .action(local);
program
  .command("delete")
  .description(
    "Stop the members of a local cluster and let it go, with its data if the manifest says so.",
  )
  .argument("<file>", "its EtcdCluster manifest")
  .action(deleteCluster);

program
  .command("run")
  .description("Run the clusters of a Kubernetes: in a pod, or with KUBECONFIG.")
  .requiredOption("--store-image <image>", "image of the store, for clusters that name none")
  .option("--cluster-domain <domain>", "domain of names in the cluster", "cluster.local")
  .option("--namespaces <list>", "follow only these, separated by commas; all if left out")
  .option("--lease-namespace <namespace>", "where the lease is; the pod's own if left out")
  .option("--no-leader-election", "take no lease: only if no other operator runs")
  .option("--workers <count>", "clusters that are looked at together", workersOf, 4)
  .option(
    "--restart-patience <duration>",
    "how long the first member that gets other settings may take to serve again before it gets its old ones (10m if left out)",
    patienceOf,
  )
  .option("--listen <host:port>", "where /healthz, /readyz and /metrics are", ":8080")
  .option("--log-level <level>", "debug, info, warn or error", "info")
  .action(run);

let exitCode = 0;
addCommands(program, {
  clock: systemClock,
  openLocal(file) {
    const path = resolve(file);
    const wanted = readManifest(path);
    const random = seededRandom(process.pid);
    const ports = { clock: systemClock, random, etcdutl };
    return new LocalClusterReader(wanted, dataFolder(wanted.cluster, path), ports);
  },
  say: (lines) => process.stdout.write(`${lines.join("\n")}\n`),
  exit(code) {
    exitCode = code;
  },
});

try {
  await program.parseAsync();
  process.exit(exitCode);
} catch (thrown) {
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const text = thrown instanceof OperatingError ? thrown.message : stack;
  process.stderr.write(`etcd-operator: ${text}\n`);
  process.exit(1);
}
