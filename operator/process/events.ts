// Events: what `kubectl describe` shows of an object besides its status.
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import { events, type Kind, type KubeObject } from "#operator/platform/kubernetes/kinds.ts";

const maxMessage = 1000;

/** Makes an event about `object`. Rejects if it cannot be made, which is no reason to stop. */
export async function eventOf(
  api: ApiClient,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { apiVersion, kind }: Pick<Kind<KubeObject>, "apiVersion" | "kind">,
  { metadata }: KubeObject,
  type: "Normal" | "Warning",
  said: { readonly reason: string; readonly message: string },
): Promise<void> {
  const { name, namespace = "default", uid = "" } = metadata;
  const time = new Date(clock.wallMs()).toISOString().replace(/\.[0-9]+Z$/, "Z");
  const suffix = random.uint32().toString(16).padStart(8, "0");
  await api.create(events, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name.slice(0, 200)}.${suffix}`, namespace },
    type,
    reason: said.reason,
    message: said.message.slice(0, maxMessage),
    involvedObject: { apiVersion, kind, name, namespace, uid },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    source: { component: "etcd-operator" },
  });
}
