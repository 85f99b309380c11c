// TLS from cert-manager: its own controllers (test/kubernetes/go/cert-manager) as a process of this machine, a CA that
// signed itself, and an issuer that signs with it. Certificates are renewed as `cmctl renew` has it done: by the
// condition Issuing.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { certificates } from "#operator/platform/kubernetes/cert-manager.ts";
import { clusters, secrets } from "#operator/platform/kubernetes/kinds.ts";
import { locatePrograms } from "#test/kubernetes/binaries.ts";
import type { Case, CaseContext } from "./case.ts";
import type { Kube } from "./kube.ts";

const name = "db";
const connection = "db-connection";
const port = { certManager: { issuerRef: { name: "members" } } };
const spec = {
  replicas: 3,
  tls: { client: port, peer: port },
  connectionSecret: { name: connection },
};
const logged = 8000;

/** The controllers, until it is disposed of. */
class CertManager implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** The end of what they said. */
  said = "";

  constructor(program: string, kubeconfig: string) {
    this.#child = spawn(program, ["--kubeconfig", kubeconfig], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.said = (this.said + text).slice(-logged);
      });
    }
  }

  static async start(kube: Kube): Promise<CertManager> {
    const found = await locatePrograms(["cert-manager"]);
    if (typeof found === "string") throw new Error(found);
    const [program = ""] = found;
    // Too long for the annotation in which a client would keep it.
    const kinds = join(dirname(program), "cert-manager-crds.yaml");
    await kube.kubectl(["apply", "--server-side", "--force-conflicts", "-f", kinds]);
    await kube.kubectl(["wait", "--for=condition=Established", "--timeout=60s", "-f", kinds]);
    return new CertManager(program, kube.body.kubeconfig);
  }

  requireAlive(): void {
    const { exitCode } = this.#child;
    if (exitCode !== null) throw new Error(`cert-manager ended with ${exitCode}: ${this.said}`);
  }

  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}

async function makeIssuers({ kube, namespace }: CaseContext): Promise<void> {
  const apiVersion = "cert-manager.io/v1";
  const issuer = (its: string, how: object) => ({
    apiVersion,
    kind: "Issuer",
    metadata: { name: its, namespace },
    spec: how,
  });
  await kube.apply(issuer("itself", { selfSigned: {} }));
  await kube.apply({
    apiVersion,
    kind: "Certificate",
    metadata: { name: "authority", namespace },
    spec: {
      ...{ isCA: true, commonName: "authority", secretName: "authority" },
      privateKey: { algorithm: "ECDSA", size: 256 },
      issuerRef: { name: "itself", kind: "Issuer" },
    },
  });
  await kube.apply(issuer("members", { ca: { secretName: "authority" } }));
}

/** What a member's process has loaded, by its port: the fingerprint of its certificate. */
async function loadedBy({ kube, namespace }: CaseContext, member: string, side: string) {
  const url = `http://${member}.${name}-peers:2381/metrics`;
  const text = await kube.fetchFromProbe(namespace, url);
  const line = new RegExp(`^etcd_server_tls_loaded\\{[^}]*port="${side}"[^}]*\\} 1$`, "m");
  return /leaf_sha256="([0-9a-f]+)"/.exec(line.exec(text)?.[0] ?? "")?.[1] ?? "";
}

/** Fingerprint of the certificate in a Secret; empty while there is none. */
async function heldBy({ kube, namespace }: CaseContext, secret: string): Promise<string> {
  const found = await kube.api.find(secrets, namespace, secret);
  const pem = Buffer.from(found?.data?.["tls.crt"] ?? "", "base64");
  if (pem.length === 0) return "";
  return createHash("sha256").update(new X509Certificate(pem).raw).digest("hex");
}

/** Waits until the Secret of this name holds another certificate than `old`, and the member whose it is has loaded it. */
async function requireLoaded(
  context: CaseContext,
  manager: CertManager,
  secret: string,
  old: string,
): Promise<void> {
  const [, member, side] = /^(db-[0-9]+)-[0-9a-f]+-(client|peer)-tls$/.exec(secret) ?? [];
  const what = `${secret} is made anew${member === undefined ? "" : " and loaded"}`;
  await context.kube.until(what, async () => {
    manager.requireAlive();
    const now = await heldBy(context, secret);
    if (now === "" || now === old) return "it is not";
    if (member === undefined || side === undefined) return true;
    const loaded = await loadedBy(context, member, side);
    return loaded === now || `${member} has loaded ${loaded}, not ${now}`;
  });
}

/** Changes what restarts nobody, and waits until the operator has seen it: by then its turn before is over. */
async function requireSeen({ kube, namespace }: CaseContext, turn: string): Promise<void> {
  const spec = { service: { annotations: { turn } } };
  const { metadata } = await kube.api.patch(clusters, namespace, name, { spec });
  await kube.until(`the operator has seen change ${turn}`, async () => {
    const { observedGeneration = 0 } = await kube.status(namespace, name);
    return observedGeneration >= (metadata.generation ?? 0) || `it has seen ${observedGeneration}`;
  });
}

/** Asks for another certificate, as `cmctl renew` does. */
async function renew({ kube, namespace }: CaseContext, certificate: string): Promise<void> {
  const value = {
    ...{ type: "Issuing", status: "True", reason: "ManuallyTriggered", message: "asked for" },
    lastTransitionTime: new Date().toISOString().replace(/\.[0-9]+Z$/, "Z"),
  };
  const change = JSON.stringify([{ op: "add", path: "/status/conditions/-", value }]);
  const how = ["--subresource=status", "--type=json", "-p", change];
  await kube.kubectl(["-n", namespace, "patch", "certificate", certificate, ...how]);
}

export const certManager: Case = {
  name: "cert-manager",
  what: "TLS for clients and members by a CA issuer of cert-manager's own controllers: an issuer that is not there is told; every certificate renewed, then all their Secrets deleted by hand, under load: loaded, nobody restarted, no request fails; a member joins",
  isLong: true,
  async unavailable() {
    const found = await locatePrograms(["cert-manager"]);
    return typeof found === "string" ? found : undefined;
  },
  async run(context) {
    const { kube, namespace } = context;
    await using manager = await CertManager.start(kube);
    await kube.applyCluster(namespace, name, spec);
    await kube.until("the missing issuer is told of", async () => {
      manager.requireAlive();
      const { conditions = [] } = await kube.status(namespace, name);
      const text = JSON.stringify(conditions.find((one) => one.type === "Degraded"));
      return /"True".*CertificateNotReady|CertificateNotReady.*"True"/.test(text ?? "") || text;
    });
    await makeIssuers(context);
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, connection);
    await kube.requireSound(namespace, name, true);
    const before = await kube.memberStarts(namespace);
    // Members' of both ports, the operator's, that of applications.
    const { items } = await kube.api.list(certificates, { namespace });
    const renewed = items.map((one) => one.metadata.name).filter((one) => one !== "authority");
    assert.equal(renewed.length, 8, renewed.join());
    const old = new Map<string, string>();
    for (const one of renewed) old.set(one, await heldBy(context, one));
    for (const one of renewed) await renew(context, one);
    for (const one of renewed) await requireLoaded(context, manager, one, old.get(one) ?? "");
    const requireTold = () =>
      kube.until("applications have the new certificate", async () => {
        const { data = {} } = await kube.api.get(secrets, namespace, connection);
        const made = await kube.api.get(secrets, namespace, `${name}-connection-tls`);
        return data["tls.crt"] === made.data?.["tls.crt"] || "they have the old one";
      });
    await requireTold();
    await kube.until("the prober shows it", async () => {
      const { reloads } = await kube.askProbe<{ readonly reloads: number }>(namespace, "");
      return reloads > 0 || "it went on with its old certificate";
    });
    // All at once are deleted by hand, looked for in vain by a whole turn of the operator, and issued again.
    for (const one of renewed) old.set(one, await heldBy(context, one));
    const { data: told } = await kube.api.get(secrets, namespace, connection);
    manager.pause();
    await kube.kubectl(["-n", namespace, "delete", "secret", ...renewed]);
    for (const turn of ["1", "2"]) await requireSeen(context, turn);
    assert.deepEqual((await kube.api.get(secrets, namespace, connection)).data, told);
    manager.goOn();
    for (const one of renewed) await requireLoaded(context, manager, one, old.get(one) ?? "");
    await requireTold();
    await kube.settled(namespace, name, 3);
    await kube.requireSound(namespace, name, true);
    assert.deepEqual(await kube.memberStarts(namespace), before, "members were restarted");
    await kube.scale(namespace, name, 4);
    const grown = await kube.settled(namespace, name, 4);
    await kube.requireSound(namespace, name, true);
    assert.equal(grown.clusterId, clusterId);
  },
};
