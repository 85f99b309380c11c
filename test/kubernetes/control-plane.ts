// A Kubernetes without nodes: the real API server and controller manager as processes, over a store
// that is given. Pods are made and never run; everything that etcd is used for happens.
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Health, KubeConfig } from "@kubernetes/client-node";
import { eventually } from "#test/cluster/eventually.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import type { KubernetesBinaries } from "./binaries.ts";

const token = "a-token-for-tests";

/** The processes, and how clients reach them. */
export interface ControlPlane extends AsyncDisposable {
  readonly config: KubeConfig;
  readonly apiServer: MemberProcess;
  readonly controllerManager: MemberProcess;
}

/** Starts both on the store at `endpoints` (`http://host:port`); resolves when /readyz says ok. */
export async function startControlPlane(
  binaries: KubernetesBinaries,
  endpoints: readonly string[],
): Promise<ControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-kubernetes-"));
  const ports = await reservePorts(2);
  const server = `https://127.0.0.1:${ports[0]}`;
  const config = configFor(server);
  const at = (name: string): string => join(folder, name);
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  writeFileSync(at("sa.pub"), keys.publicKey);
  writeFileSync(at("sa.key"), keys.privateKey, { mode: 0o600 });
  writeFileSync(at("tokens"), `${token},admin,1,"system:masters"\n`, { mode: 0o600 });
  writeFileSync(at("kubeconfig"), config.exportConfig(), { mode: 0o600 });

  const started: MemberProcess[] = [];
  const start = (name: string, file: string, args: readonly string[]): MemberProcess => {
    const process = new MemberProcess(name, { file, args });
    started.push(process);
    return process;
  };
  const stop = async (): Promise<void> => {
    for (const one of started) one.signal("SIGKILL");
    await Promise.all(started.map((one) => one.exited));
    releasePorts(ports);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const apiServer = start("kube-apiserver", binaries.apiServer, [
      `--etcd-servers=${endpoints.join(",")}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${ports[0]}`,
      `--cert-dir=${at("certificates")}`,
      `--token-auth-file=${at("tokens")}`,
      "--authorization-mode=RBAC",
      // There is no address other than loopback, which Endpoints must not hold.
      "--endpoint-reconciler-type=none",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${at("sa.pub")}`,
      `--service-account-signing-key-file=${at("sa.key")}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      // Its own compaction, often enough to happen within the test.
      "--etcd-compaction-interval=20s",
      "--v=1",
    ]);
    await eventually("the API server's /readyz", async () => {
      if (!apiServer.isRunning) throw new Error(apiServer.logTail());
      if (!(await new Health(config).readyz({}))) throw new Error("not ready");
    });
    const controllerManager = start("kube-controller-manager", binaries.controllerManager, [
      `--kubeconfig=${at("kubeconfig")}`,
      `--authentication-kubeconfig=${at("kubeconfig")}`,
      `--authorization-kubeconfig=${at("kubeconfig")}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${ports[1]}`,
      `--cert-dir=${at("certificates-of-the-controller-manager")}`,
      "--leader-elect=false",
      `--service-account-private-key-file=${at("sa.key")}`,
      "--v=1",
    ]);
    return { config, apiServer, controllerManager, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configFor(server: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "test", server, skipTLSVerify: true }],
    users: [{ name: "admin", token }],
    contexts: [{ name: "test", cluster: "test", user: "admin" }],
    currentContext: "test",
  });
  return config;
}
