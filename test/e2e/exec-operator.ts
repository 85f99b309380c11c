// The operator as one process after the other in a pod of its image, with the rights and arguments of the Deployment
// that helm made, for tests that end it at its failpoints: whoever is killed in a pod of its own would be started
// again by Kubernetes later each time, and not be told what to do next.
import { type ChildProcess, spawn } from "node:child_process";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { failpoints } from "#operator/reconcile.ts";
import type { Kube } from "./kube.ts";
import { operatorNamespace } from "./operator-release.ts";

const pidFile = "/tmp/operator.pid";
/** An operator that is not killed in so long hangs: the machine may be slow, steps are not many. */
const hangMs = 240_000;
const killedCode = 137;

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly securityContext: object;
}

interface Ended {
  readonly code: number;
  readonly text: string;
}

export class ExecOperator {
  kills = 0;
  readonly #kube: Kube;
  readonly #pod: string;
  readonly #args: readonly string[];
  /** Failpoints that are not to be there, and why. */
  readonly #never: ReadonlyMap<string, string>;
  /** Waits and notes come again and again: only the first ones are cut off. */
  readonly #waits = new Set<string>();

  private constructor(
    kube: Kube,
    pod: string,
    args: readonly string[],
    never: ReadonlyMap<string, string>,
  ) {
    this.#kube = kube;
    this.#pod = pod;
    this.#args = args;
    this.#never = never;
  }

  /** For the clusters of one namespace. The Deployment must have no pods: nobody asks for the lease here. */
  static async open(
    kube: Kube,
    namespace: string,
    never: ReadonlyMap<string, string>,
  ): Promise<ExecOperator> {
    const pod = `of-${namespace}`;
    const at = ["-n", operatorNamespace, "get", "deployment/etcd-operator", "-o", "json"];
    const { spec } = JSON.parse(await kube.kubectl(at)) as {
      spec: {
        template: { spec: { serviceAccountName: string; containers: readonly Container[] } };
      };
    };
    const { serviceAccountName, containers, ...rest } = spec.template.spec;
    const [container] = containers;
    if (container === undefined) throw new Error("the Deployment has no container");
    const { image, args, securityContext } = container;
    await kube.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: pod, namespace: operatorNamespace },
      spec: {
        ...rest,
        serviceAccountName,
        terminationGracePeriodSeconds: 0,
        restartPolicy: "Never",
        containers: [
          {
            name: "operator",
            image,
            securityContext,
            command: ["sleep", "86400"],
            volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
          },
        ],
        volumes: [{ name: "tmp", emptyDir: {} }],
      },
    });
    const wait = ["wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=120s"];
    await kube.kubectl(["-n", operatorNamespace, ...wait]);
    const own = ["--no-leader-election", `--namespaces=${namespace}`, "--listen=127.0.0.1:8080"];
    return new ExecOperator(kube, pod, [...args, ...own], never);
  }

  /** Starts an operator that ends at the first of these failpoints. */
  #start(at: readonly string[]): { readonly child: ChildProcess; readonly exited: Promise<Ended> } {
    const script = `echo $$ >${pidFile}; exec etcd-operator "$@"`;
    const points = [...at, ...this.#never.keys()].join(",");
    const { kubectl, kubeconfig } = this.#kube.body;
    const child = spawn(
      kubectl,
      [
        ...["-n", operatorNamespace, "exec", this.#pod, "--"],
        ...["env", `ETCD_OPERATOR_FAILPOINTS=${points}`],
        ...["sh", "-c", script, "sh", ...this.#args],
      ],
      { env: { ...process.env, KUBECONFIG: kubeconfig }, stdio: ["ignore", "pipe", "pipe"] },
    );
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (data: string) => {
        text += data;
      });
    }
    const exited = new Promise<Ended>((resolve) => {
      child.once("close", (code) => resolve({ code: code ?? -1, text }));
    });
    return { child, exited };
  }

  /** Runs one operator to the first of these points; answers at which it was killed. `beside` is done meanwhile. */
  async until(at: readonly string[], beside?: () => Promise<void>): Promise<string> {
    const { child, exited } = this.#start(at);
    const hang = setTimeout(() => void this.#kill().catch(() => child.kill()), hangMs);
    const [{ code, text }, done] = await Promise.all([
      exited,
      beside?.().then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    ]);
    clearTimeout(hang);
    const point = /killed at (\S+)/.exec(text)?.[1];
    if (code !== killedCode || point === undefined) {
      const wanted = at.length > 5 ? `${at.length} points` : at.join(", ");
      throw new Error(`an operator came to none of ${wanted}, code ${code}:\n${text.slice(-6000)}`);
    }
    if (done !== undefined) throw done.error;
    const why = this.#never.get(point);
    if (why !== undefined) throw new Error(`${point} was passed, which cannot be: ${why}`);
    this.kills++;
    return point;
  }

  /**
   * Runs one operator after the other until there is nothing left to do: behind the act of each step one is killed,
   * and the first time that a kind of step comes in this operation another one before, between the write and the act.
   * Of an operation's notes and of all waits only the first ones count, for they are nothing but looking again. `last`:
   * there is more to do until this point has come, though the cluster may be at rest before, as between two steps of a
   * rotation.
   */
  async throughEveryStep(last?: string): Promise<readonly string[]> {
    const seen = new Set<string>();
    const passed: string[] = [];
    for (;;) {
      const at = failpoints.filter((name) => {
        const [moment, kind] = name.split(":");
        if (kind === undefined) return last === undefined || seen.has(last);
        if (kind === "wait") return !this.#waits.has(name);
        if (kind === "note") return moment === "latched" && !seen.has(name);
        const isFirst = !seen.has(`latched:${kind}`);
        return moment === "latched" ? isFirst : !isFirst;
      });
      const point = await this.until(at);
      seen.add(point);
      if (point.endsWith(":wait")) this.#waits.add(point);
      passed.push(point);
      // Nothing lies between the two moments of a note.
      if (point === "latched:note") passed.push("acted:note");
      if (point === "rest") return passed;
    }
  }

  /** Runs one for as long as `work` takes. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const { exited } = this.#start([]);
    try {
      return await Promise.race([
        work(),
        exited.then(({ code, text }) => {
          throw new Error(`the operator ended, code ${code}:\n${text.slice(-6000)}`);
        }),
      ]);
    } finally {
      let hasEnded = false;
      void exited.then(() => {
        hasEnded = true;
      });
      // An exec that is over at once may lose its streams, and not have been.
      await this.#kube.until("the operator has ended", async () => {
        if (!hasEnded) await this.#kill();
        return hasEnded || "it runs";
      });
    }
  }

  async #kill(): Promise<void> {
    await this.#kube.exec(operatorNamespace, this.#pod, "sh", "-c", `kill -9 $(cat ${pidFile})`);
  }

  async close(): Promise<void> {
    const at = ["-n", operatorNamespace, "delete", "pod", this.#pod, "--ignore-not-found"];
    await this.#kube.kubectl([...at, "--grace-period=0", "--force"]);
    await this.#kube.until("the operator of the test is gone", async () => {
      const is = await this.#kube.api.find(pods, operatorNamespace, this.#pod);
      return is === undefined || "it is still there";
    });
  }
}
