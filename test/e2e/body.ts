// Where end-to-end cases run: a Kubernetes that is started for them and taken away after them.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { locatePrograms } from "#test/kubernetes/binaries.ts";

const root = join(import.meta.dirname, "..", "..");

/** What the audit log has of one write. */
export interface AuditEntry {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: {
    readonly username: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly objectRef?: { readonly resource: string };
}

/** A Kubernetes with our images in it. */
export interface Body {
  readonly name: string;
  readonly kubeconfig: string;
  readonly kubectl: string;
  /** Names of its nodes; the first has the control plane. */
  readonly nodes: readonly string[];
  /** What its DNS server was asked and answered. */
  dnsLog(): Promise<string>;
  /** Its DNS server asks this address, HOST:PORT, for names of this domain; undefined: nobody any more. */
  forwardDomain(domain: string, to: string | undefined): Promise<void>;
  /** The writes that its API server has noted, from the first one on. */
  auditLog(): readonly AuditEntry[];
  /** Brings more images to its nodes. */
  load(images: readonly Image[]): Promise<void>;
  /** Gives an image that is on its nodes another reference too. */
  tagImage(from: string, to: string): Promise<void>;
  /** The process of a pod, by its host name and a part of its command line. */
  pidIn(hostname: string, part: string): number;
  /** Where this machine has the volume of the claim with this UID. */
  volumeFolder(claimUid: string): string;
  /** Takes the network of a node away; what it answers gives it back. */
  cutOff(node: string): () => void;
  /** Starts a CSI driver with the storage class plain-csi; what it needs is built the first time. */
  startVolumeDriver(): Promise<void>;
  down(): Promise<void>;
}

/** The Kubernetes itself did not come up. */
export class NoKubernetes extends Error {
  constructor(cause: unknown) {
    super(`there is no Kubernetes: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** What images/build.sh printed of one image. */
export interface Image {
  readonly reference: string;
  readonly archive: string;
}

/** Runs a program, its stderr shown; resolves with its stdout, rejects with what it said. */
export function output(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (data: string) => {
      stdout += data;
    });
    child.stderr?.setEncoding("utf8").on("data", (data: string) => {
      stderr += data;
      if (process.env["E2E_VERBOSE"] !== undefined) process.stderr.write(data);
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${file} ${args.join(" ")}: code ${code}\n${stderr.slice(-2000)}`));
    });
    child.stdin?.end(input);
  });
}

/** Both images of a checkout, of this one if none is named, whatever a docker that is here could pull. */
export async function buildImages(
  checkout: string = root,
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly store: Image; readonly operator: Image }> {
  const script = join(checkout, "images", "build.sh");
  const said = await output(script, [], { BUILDER: "buildah", ...env });
  const lines = said.trim().split("\n");
  const of = (name: string): Image => {
    const [, reference = "", archive = ""] =
      lines.map((line) => line.split(" ")).find(([first]) => first === name) ?? [];
    if (archive === "") throw new Error(`images/build.sh printed no ${name}: ${lines.join("; ")}`);
    return { reference, archive };
  };
  return { store: of("store"), operator: of("operator") };
}

/**
 * Makes what is made once for all runs: the programs, which are only looked for if `onlyBuilt`, and the images' base.
 * One line that says why not if that fails.
 */
export async function prepareEndToEnd(onlyBuilt: boolean): Promise<string | undefined> {
  const names = [
    ...["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"],
    ...["kubectl", "coredns", "helm", "pause"],
  ];
  const programs = await locatePrograms(names, onlyBuilt);
  if (typeof programs === "string") return programs;
  try {
    await output(join(root, "images", "build.sh"), ["--base"]);
    return undefined;
  } catch (error) {
    return String(error).replace(/\s*\n\s*/g, "; ");
  }
}

/** One line that says why there can be no Kubernetes here; undefined if there can. */
export function machineProblem(): string | undefined {
  const script = join(import.meta.dirname, "plain", "can.sh");
  const { status, stdout, stderr } = spawnSync("bash", [script], {
    encoding: "utf8",
    timeout: 60_000,
  });
  if (status === 0) return undefined;
  const said = [...stderr.trim().split("\n"), ...stdout.trim().split("\n")].at(-1);
  return said || `this machine cannot run a Kubernetes: to find out took longer than a minute`;
}

/** The bodies that are a Kubernetes; `local` is processes of this machine (local-stage.ts). */
export const kubernetesNames = ["plain", "kind-local", "kind"] as const;
export type KubernetesName = (typeof kubernetesNames)[number];
export const bodyNames = [...kubernetesNames, "local"] as const;
export type BodyName = (typeof bodyNames)[number];

/** Tells several plain bodies on this machine from each other: see test/e2e/plain/env.sh. */
const place = process.env["E2E_PLACE"] ?? "0";

/** A body is three scripts in a folder (up.sh, load.sh, down.sh) and what the first of them leaves in `state`. */
interface Scripts {
  readonly folder: string;
  readonly state: string;
  readonly env: NodeJS.ProcessEnv;
}

function scriptsOf(name: KubernetesName): Scripts {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "etcd-ts");
  const here = join(root, "test", "e2e");
  if (name === "plain") {
    const state = process.env["E2E_STATE"] || join(cache, "e2e", `run${place}`);
    return { folder: join(here, "plain"), state, env: {} };
  }
  const state = process.env["E2E_KIND_STATE"] ?? join(cache, "e2e", "kind");
  const ownDocker = { DOCKER_HOST: `unix://${join(state, "docker.sock")}` };
  const env = { E2E_BODY: name, ...(name === "kind-local" ? ownDocker : {}) };
  return { folder: join(here, "kind"), state, env };
}

/** What can be had of a body that is up. */
function partsOf(name: KubernetesName, count: number): Omit<Body, "down"> {
  const { folder, state, env } = scriptsOf(name);
  const kubeconfig = join(state, "kubeconfig", "admin");
  const kubectl = join(state, "kubectl");
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const kindNode = (i: number) =>
    i === 1 ? "control-plane" : i === 2 ? "worker" : `worker${i - 1}`;
  const dnsPods = ["-n", "kube-system", "logs", "-l", "k8s-app=kube-dns", "--tail=-1"];
  return {
    name,
    kubeconfig,
    kubectl,
    nodes: numbers.map((i) => (name === "plain" ? `node${i}` : `etcd-ts-e2e-${kindNode(i)}`)),
    dnsLog: async () =>
      name === "plain"
        ? readFileSync(join(state, "log", "coredns.log"), "utf8")
        : output(kubectl, dnsPods, { KUBECONFIG: kubeconfig }),
    forwardDomain: (domain, to) => {
      const zone = to === undefined ? [] : [`${domain}:53 {`, `    forward . ${to}`, "}"];
      const env = { KUBECONFIG: kubeconfig };
      return name === "plain" ? plainZone(state, zone) : kindZone(kubectl, env, zone);
    },
    auditLog: () => {
      const lines = readFileSync(join(state, "log", "audit.log"), "utf8").split("\n");
      // The last line may be half written.
      return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEntry);
    },
    load: (images) => load(name, images),
    tagImage: async (from, to) => {
      const { env } = scriptsOf(name);
      for (const i of numbers) {
        const tag = ["-n", "k8s.io", "images", "tag", "--force", from, to];
        const socket = `/run/etcd-ts-e2e-${place}/${i}/containerd.sock`;
        if (name === "plain") await output("ctr", ["-a", socket, ...tag]);
        else await output("docker", ["exec", `etcd-ts-e2e-${kindNode(i)}`, "ctr", ...tag], env);
      }
    },
    pidIn,
    volumeFolder: (claimUid) => join(state, "volumes", `plain-${claimUid}`),
    startVolumeDriver: async () => {
      await output("bash", [join(folder, "csi.sh"), String(count)], env);
    },
    cutOff: (node) => cutOff(name === "plain" ? plainDevice(node) : kindDevice(name, node)),
  };
}

const zoneBegin = "# names of a case";

/** A Corefile with these lines in place of those that are there of the kind. */
function withZone(corefile: string, lines: readonly string[]): string {
  const [own = ""] = corefile.split(zoneBegin);
  return [own.trimEnd(), ...(lines.length === 0 ? [] : [zoneBegin, ...lines]), ""].join("\n");
}

async function plainZone(state: string, zone: readonly string[]): Promise<void> {
  const file = join(state, "Corefile");
  const text = readFileSync(file, "utf8");
  const bind = /^ *bind .*$/m.exec(text)?.[0] ?? "";
  const [first, ...rest] = zone;
  writeFileSync(file, withZone(text, first === undefined ? [] : [first, bind, ...rest]));
  const log = join(state, "log", "coredns.log");
  const reloads = () => readFileSync(log, "utf8").split("Reloading complete").length;
  const before = reloads();
  process.kill(Number(readFileSync(join(state, "pid", "coredns"), "utf8")), "SIGUSR1");
  for (let left = 300; reloads() === before; left--) {
    if (left === 0) throw new Error(`the DNS server does not take ${file}: see ${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function kindZone(
  kubectl: string,
  env: NodeJS.ProcessEnv,
  zone: readonly string[],
): Promise<void> {
  const at = ["-n", "kube-system"];
  const path = "jsonpath={.data.Corefile}";
  const text = await output(kubectl, [...at, "get", "configmap/coredns", "-o", path], env);
  const patch = JSON.stringify({ data: { Corefile: withZone(text, zone) } });
  await output(kubectl, [...at, "patch", "configmap/coredns", "--type=merge", "-p", patch], env);
  await output(kubectl, [...at, "rollout", "restart", "deployment/coredns"], env);
  await output(kubectl, [...at, "rollout", "status", "deployment/coredns"], env);
}

/** The host's end of the pair of devices that test/e2e/plain/up.sh makes for each node. */
const plainDevice = (node: string): readonly string[] => [
  ...["link", "set", `etcdtsv${place}-${node.replace(/^node/, "")}`],
];

/** The host's end of the pair that docker makes for a node. */
function kindDevice(name: KubernetesName, node: string): readonly string[] {
  const { env } = scriptsOf(name);
  const asked = spawnSync("docker", ["exec", node, "cat", "/sys/class/net/eth0/iflink"], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  const at = name === "kind-local" ? ["-n", "etcd-ts-kind"] : [];
  const links = spawnSync("ip", [...at, "-o", "link"], { encoding: "utf8" }).stdout.split("\n");
  const found = links.find((line) => line.startsWith(`${asked.stdout.trim()}: `));
  const device = /^[0-9]+: ([^@:]+)/.exec(found ?? "")?.[1];
  if (device === undefined) throw new Error(`no device of ${node} here: ${asked.stderr}`);
  return [...at, "link", "set", device];
}

/** `link`: how `ip` is told of a device. */
function cutOff(link: readonly string[]): () => void {
  const set = (state: "up" | "down") => {
    const { status, stderr } = spawnSync("ip", [...link, state], { encoding: "utf8" });
    if (status !== 0) throw new Error(`ip ${link.join(" ")} ${state}: ${stderr}`);
  };
  set("down");
  return () => set("up");
}

function pidIn(hostname: string, part: string): number {
  const read = (pid: string, file: string): readonly string[] => {
    try {
      return readFileSync(join("/proc", pid, file), "utf8").split("\0");
    } catch {
      return [];
    }
  };
  const found = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => read(pid, "environ").includes(`HOSTNAME=${hostname}`))
    .filter((pid) => read(pid, "cmdline").some((one) => one.includes(part)));
  const [pid] = found;
  if (found.length !== 1) throw new Error(`${found.length} processes ${part} in ${hostname}`);
  return Number(pid);
}

/** Starts a body with `nodes` nodes, while the images are still being made, and gives them to it. */
export async function startBody(
  name: KubernetesName,
  nodes: number,
  images: Promise<readonly Image[]>,
): Promise<Body> {
  const { folder, env } = scriptsOf(name);
  const script = (file: string) => join(folder, file);
  const withKeep = process.env["E2E_KEEP_STATE"] === undefined ? env : { ...env, KEEP: "1" };
  const down = async (): Promise<void> => {
    await output("bash", [script("down.sh")], withKeep);
  };
  // Whoever ends a run before its time wants nothing left of it.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      spawnSync("bash", [script("down.sh")], { env: { ...process.env, ...withKeep } });
      process.exit(1);
    });
  }
  // What a run that was killed has left.
  await down();
  const starting = output("bash", [script("up.sh"), String(nodes)], env);
  const [started, made] = await Promise.allSettled([starting, images]);
  try {
    if (started.status === "rejected") throw new NoKubernetes(started.reason);
    if (made.status === "rejected") throw made.reason;
    await load(name, made.value);
  } catch (error) {
    await down();
    throw error;
  }
  return { ...partsOf(name, nodes), down };
}

async function load(name: KubernetesName, images: readonly Image[]): Promise<void> {
  const { folder, env } = scriptsOf(name);
  await output("bash", [join(folder, "load.sh"), ...images.map((one) => one.archive)], env);
}

/** The body that a run with --keep has left, given these images; undefined if there is none. */
export async function keptBody(
  name: KubernetesName,
  nodes: number,
  images: Promise<readonly Image[]>,
): Promise<Body | undefined> {
  const { state } = scriptsOf(name);
  if (!existsSync(join(state, "pid", name === "plain" ? "apiserver" : "provisioner"))) {
    return undefined;
  }
  await load(name, await images);
  return { ...partsOf(name, nodes), down: async () => {} };
}
