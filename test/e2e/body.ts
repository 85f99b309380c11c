// Where end-to-end cases run: a Kubernetes that is started for them and taken away after them.
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
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
  /** What its DNS server was asked and answered. */
  dnsLog(): string;
  /** The writes that its API server has noted, from the first one on. */
  auditLog(): readonly AuditEntry[];
  /** The process of a pod, by its host name and a part of its command line. */
  pidIn(hostname: string, part: string): number;
  /** Where this machine has the volume of the claim with this UID. */
  volumeFolder(claimUid: string): string;
  /** Takes the network of a node away, as node2; what it answers gives it back. */
  cutOff(node: string): () => void;
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

/** Both images of this checkout, whatever a docker that is here could pull. */
export async function buildImages(): Promise<{ readonly store: Image; readonly operator: Image }> {
  const said = await output(join(root, "images", "build.sh"), [], { BUILDER: "buildah" });
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

/** What is at the same place in every plain body. */
export function plainParts(kubeconfig: string): Omit<Body, "down"> {
  const state = join(kubeconfig, "..", "..");
  return {
    name: "plain",
    kubeconfig,
    kubectl: join(state, "kubectl"),
    dnsLog: () => readFileSync(join(state, "log", "coredns.log"), "utf8"),
    auditLog: () => {
      const lines = readFileSync(join(state, "log", "audit.log"), "utf8").split("\n");
      // The last line may be half written.
      return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEntry);
    },
    pidIn,
    volumeFolder: (claimUid) => join(state, "volumes", `plain-${claimUid}`),
    cutOff,
  };
}

/** The host's end of the pair of devices that test/e2e/plain/up.sh makes for each node. */
function cutOff(node: string): () => void {
  const device = `etcdtsv${node.replace(/^node/, "")}`;
  const set = (state: "up" | "down") => {
    const { status, stderr } = spawnSync("ip", ["link", "set", device, state], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`ip link set ${device} ${state}: ${stderr}`);
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

/** Real nodes on this machine: test/e2e/plain. They start while the images are still being made. */
export async function plainBody(nodes: number, images: Promise<readonly Image[]>): Promise<Body> {
  const script = (name: string) => join(root, "test", "e2e", "plain", name);
  const keep = process.env["E2E_KEEP_STATE"] === undefined ? {} : { KEEP: "1" };
  const down = async (): Promise<void> => {
    await output("bash", [script("down.sh")], keep);
  };
  // Whoever ends a run before its time wants nothing left of it.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      spawnSync("bash", [script("down.sh")], { env: { ...process.env, ...keep } });
      process.exit(1);
    });
  }
  // What a run that was killed has left.
  await down();
  const starting = output("bash", [script("up.sh"), String(nodes)]);
  const [started, made] = await Promise.allSettled([starting, images]);
  try {
    if (started.status === "rejected") throw new NoKubernetes(started.reason);
    if (made.status === "rejected") throw made.reason;
    await output("bash", [script("load.sh"), ...made.value.map((one) => one.archive)]);
  } catch (error) {
    await down();
    throw error;
  }
  const kubeconfig = started.value.trim().split("\n").at(-1) ?? "";
  return { ...plainParts(kubeconfig), down };
}
