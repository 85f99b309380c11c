// What members are run with, from the manifest and the operator's own defaults. Pure but for the hash.
import { createHash } from "node:crypto";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Template } from "#operator/plan/types.ts";
import type { TemplateContent } from "#operator/platform/kubernetes/objects.ts";
import { tlsSources } from "#operator/platform/kubernetes/tls.ts";

/** What the operator gives where a manifest says nothing. */
export interface StoreDefaults {
  /** Image of the operator's own version of the store, with tag or digest. */
  readonly image: string;
  readonly version: string;
}

/** The image of a manifest: what it names, else the operator's own, under another version's tag if it wants one. */
export function imageOf({ spec }: EtcdCluster, defaults: StoreDefaults): string {
  const { repository, tag } = spec.image ?? {};
  const version = spec.version ?? defaults.version;
  if (repository === undefined && tag === undefined && version === defaults.version) {
    return defaults.image;
  }
  return `${repository ?? repositoryOf(defaults.image)}:${tag ?? version}`;
}

function repositoryOf(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}

/** `bridge`: the one under which members change over from plain text to TLS between them, or back. */
export function kubernetesTemplate(
  cluster: EtcdCluster,
  defaults: StoreDefaults,
  bridge = false,
): Template {
  const { spec } = cluster;
  const tls = tlsSources(cluster, bridge);
  const content: TemplateContent = {
    image: imageOf(cluster, defaults),
    pullPolicy: spec.image?.pullPolicy ?? "IfNotPresent",
    options: spec.options,
    pod: spec.pod,
    // Left out where it is plain: the name of a template that is in use must not change.
    ...(tls.client === undefined && tls.peer === undefined ? {} : { tls }),
  };
  const version = spec.version ?? defaults.version;
  return { id: contentId(content), version, content: { ...content } };
}

/** Differs when anything in `content` differs. */
export function contentId(content: unknown): string {
  const text = JSON.stringify(sorted(content));
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** The same data with the keys of every map in order, so that equal things read equal. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
