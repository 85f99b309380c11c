// `etcd-operator run`: the operator of the clusters of an API server, until it is told to stop. It waits for
// the lease, then works; without the lease it writes nothing and ends.
import { readFileSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { ApiClient, ApiError } from "#operator/platform/kubernetes/api-client.ts";
import type { StoreDefaults } from "#operator/platform/kubernetes/template.ts";
import { BackupController } from "#operator/process/backup-controller.ts";
import { Controller } from "#operator/process/controller.ts";
import { serveHttp } from "#operator/process/http.ts";
import { LeaderElection } from "#operator/process/leader-election.ts";
import { OperatorMetrics } from "#operator/process/metrics.ts";
import type { Failpoint } from "#operator/reconcile.ts";

const leaseName = "etcd-operator.etcd-ts.dev";
const podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

export interface RunOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly failpoint: Failpoint;
  /** Aborted once: stop cleanly. */
  readonly stop: AbortSignal;
  readonly version: string;
  readonly defaults: StoreDefaults;
  readonly clusterDomain: string;
  readonly restartPatienceMs: number;
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** Where the lease is; that of the pod if left out. */
  readonly leaseNamespace: string | undefined;
  /** False: no lease is asked for, because nobody else runs. */
  readonly elect: boolean;
  readonly identity: string;
  readonly workers: number;
  readonly host: string;
  readonly port: number;
}

/** Resolves after a clean stop; throws OperatingError if it cannot go on. */
export async function runOperator(options: RunOptions): Promise<void> {
  const { log, clock, stop } = options;
  const config = loadConfig();
  // Aborted too when the lease is lost, so that no request outlives it.
  const abort = new AbortController();
  const end = new Promise<string | undefined>((resolve) => {
    stop.addEventListener("abort", () => resolve(undefined));
    abort.signal.addEventListener("abort", () => resolve(String(abort.signal.reason)));
  });
  const plain = new ApiClient(config, abort.signal);
  const namespace = options.leaseNamespace ?? ownNamespace();
  const controllerStop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const election = new LeaderElection({
    api: plain,
    clock,
    log,
    namespace,
    name: leaseName,
    identity: options.identity,
    onLead: () => begin(),
    onLost: (reason) => abort.abort(reason),
  });
  const leads = () => !options.elect || election.leads;
  const metrics = new OperatorMetrics(options.version, leads);
  const guarded = plain.guarded(() => {
    if (!leads()) throw new ApiError(0, "NotLeader", "this operator does not have the lease");
  });
  const begin = () => {
    log.info({ identity: options.identity }, "leading");
    const stop = AbortSignal.any([controllerStop.signal, abort.signal]);
    const parts = { ...options, api: guarded, stop, metrics };
    const controllers = [new Controller(parts), new BackupController(parts)];
    const all = Promise.all(controllers.map((one) => one.run()));
    running = all.then(() => {}).catch((error: unknown) => abort.abort(errorText(error)));
  };
  const server = await serveHttp({ ...options, metrics, ready: () => plain.ready() });
  log.info({ port: options.port, version: options.version }, "serving /healthz and /metrics");
  if (options.elect) election.start();
  else begin();
  const reason = await end;
  server.close();
  server.closeAllConnections();
  controllerStop.abort();
  if (reason !== undefined) {
    throw new OperatingError("LEASE_LOST", `${reason}: ending, so that nothing is written twice`);
  }
  log.info({}, "stopping");
  await running;
  await election.release();
}

/** In a pod the service account's, else that of KUBECONFIG or ~/.kube/config. */
function loadConfig(): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromDefault();
  } catch (cause) {
    const text = `there is no API server to talk to: run in a pod, or set KUBECONFIG (${errorText(cause)})`;
    throw new OperatingError("NO_KUBECONFIG", text, { cause });
  }
  return config;
}

function ownNamespace(): string {
  try {
    return readFileSync(podNamespaceFile, "utf8").trim();
  } catch {
    return "default";
  }
}
