// Volumes of the plain cluster: a folder of this machine for each claim of the storage class `plain`, bound to
// the node that the scheduler chose, and taken away when the claim is. Usage: provisioner.ts FOLDER, with
// KUBECONFIG.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import type { Log } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { ApiClient, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import {
  type Claim,
  claims,
  type Kind,
  type KubeObject,
} from "#operator/platform/kubernetes/kinds.ts";
import { watchKind } from "#operator/platform/kubernetes/watcher.ts";

const className = "plain";
/** Its volumes can be asked to grow; a folder has no size, so what grows is what the claim says. */
const growingClassName = "plain-growing";
const provisioner = "etcd-ts.dev/e2e-plain";

interface Volume extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: { readonly phase?: string };
}
const volumes: Kind<Volume> = {
  apiVersion: "v1",
  kind: "PersistentVolume",
  plural: "persistentvolumes",
};
const classes: Kind<KubeObject> = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  plural: "storageclasses",
};

const [folder = ""] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const stop = new AbortController();
const api = new ApiClient(config, stop.signal);
const say = (fields: object, message: string) =>
  console.log(JSON.stringify({ message, ...fields }));
const log: Log = { debug: say, info: say, warn: say, error: say, fatal: say, child: () => log };

const storageClass = (name: string) => ({
  apiVersion: classes.apiVersion,
  kind: classes.kind,
  metadata: {
    name,
    annotations: { "storageclass.kubernetes.io/is-default-class": String(name === className) },
  },
  provisioner,
  volumeBindingMode: "WaitForFirstConsumer",
  reclaimPolicy: "Delete",
  allowVolumeExpansion: name === growingClassName,
});

const size = (parts: Readonly<Record<string, string>> | undefined): string =>
  parts?.["storage"] ?? "";

/** As an external resizer does it: first the volume, then what the claim says it has. */
async function enlarge({ metadata, spec, status }: Claim): Promise<void> {
  const { volumeName, storageClassName, resources } = spec;
  const storage = size(resources?.requests);
  if (storageClassName !== growingClassName || volumeName === undefined) return;
  if (status?.phase !== "Bound" || size(status.capacity) === storage) return;
  const { namespace = "", name } = metadata;
  await api.patch(volumes, undefined, volumeName, { spec: { capacity: { storage } } });
  await api.patch(claims, namespace, name, { status: { capacity: { storage } } }, "/status");
  log.info({ name, storage }, "a volume has grown");
}

async function provide({ metadata, spec, status }: Claim): Promise<void> {
  const node = metadata.annotations?.["volume.kubernetes.io/selected-node"];
  const { storageClassName = "" } = spec;
  if (![className, growingClassName].includes(storageClassName)) return;
  if (spec.volumeName !== undefined) return enlarge({ metadata, spec, ...(status && { status }) });
  if (node === undefined || metadata.deletionTimestamp !== undefined) return;
  const name = `plain-${metadata.uid}`;
  const path = join(folder, name);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const { namespace, name: claimName, uid } = metadata;
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }];
  try {
    await api.create(volumes, {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations: { "pv.kubernetes.io/provisioned-by": provisioner } },
      spec: {
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: spec.resources?.requests?.["storage"] },
        claimRef: {
          apiVersion: "v1",
          kind: "PersistentVolumeClaim",
          namespace,
          name: claimName,
          uid,
        },
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
        persistentVolumeReclaimPolicy: "Delete",
        storageClassName,
      },
    });
    log.info({ name, node, claimName }, "a volume was made");
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

async function reclaim(volume: Volume): Promise<void> {
  const { name } = volume.metadata;
  if (!name.startsWith("plain-") || volume.status?.phase !== "Released") return;
  rmSync(join(folder, name), { recursive: true, force: true });
  await api.delete(volumes, volume);
  log.info({ name }, "a volume was taken away");
}

function note(work: Promise<void>): void {
  work.catch((error: unknown) => log.error({ error: String(error) }, "failed"));
}

process.on("SIGTERM", () => stop.abort());
for (const name of [className, growingClassName]) {
  try {
    await api.create(classes, storageClass(name));
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}
const common = { api, clock: systemClock, log, stop: stop.signal, namespace: undefined };
await Promise.all([
  watchKind({ ...common, kind: claims, onObject: (one, isGone) => isGone || note(provide(one)) }),
  watchKind({ ...common, kind: volumes, onObject: (one, isGone) => isGone || note(reclaim(one)) }),
]);
