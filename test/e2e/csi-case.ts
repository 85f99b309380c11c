// Volumes that really grow: a driver of the Container Storage Interface, Kubernetes' external provisioner and resizer,
// and the kubelets, which have the file systems enlarged while members write to them.
import assert from "node:assert/strict";
import { claims, clusters, pods } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const members = ["db-1", "db-2", "db-3"];
const gibibyteInKib = 1 << 20;

/** How large the file system is that a member sees, in KiB. */
async function sizeInside({ kube, namespace }: CaseContext, member: string): Promise<number> {
  const { spec } = await kube.api.get(pods, namespace, member);
  const [container] = spec.containers as readonly {
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  const path = container?.volumeMounts?.find((one) => one.name === "data")?.mountPath ?? "";
  const table = await kube.exec(namespace, member, "df", "-kP", path);
  const [, size = ""] = table.trim().split("\n").at(-1)?.split(/\s+/) ?? [];
  return Number(size);
}

export const growthByCsi: Case = {
  name: "volume-growth-csi",
  what: "volumes of a CSI driver, made and enlarged by Kubernetes' external provisioner and resizer: one after the other, file systems grow under load, no pod is restarted, no request fails",
  bodies: ["plain"],
  async run(context) {
    const { kube, namespace } = context;
    await kube.body.startVolumeDriver();
    await kube.applyCluster(namespace, name, {
      replicas: 3,
      storage: { size: "1Gi", storageClassName: "plain-csi" },
    });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const uids = async () =>
      Promise.all(
        members.map(async (one) => (await kube.api.get(pods, namespace, one)).metadata.uid),
      );
    const before = await uids();
    for (const member of members) {
      const size = await sizeInside(context, member);
      assert(size > 0.8 * gibibyteInKib && size <= gibibyteInKib, `${member} has ${size} KiB`);
    }
    await kube.api.patch(clusters, namespace, name, { spec: { storage: { size: "2Gi" } } });
    let most = 0;
    await kube.until("all volumes have the new size", async () => {
      const { items } = await kube.api.list(claims, { namespace });
      const sizes = items.map(({ spec, status }) => [
        spec.resources?.requests?.["storage"],
        status?.capacity?.["storage"],
      ]);
      most = Math.max(most, sizes.filter(([wanted, is]) => wanted !== is).length);
      return sizes.flat().every((one) => one === "2Gi") || JSON.stringify(sizes);
    });
    assert.equal(most, 1, "so many volumes grew at once");
    const status = await kube.settled(namespace, name, 3);
    assert.deepEqual([status.clusterId, await uids()], [clusterId, before]);
    for (const member of members) {
      const size = await sizeInside(context, member);
      assert(size > 1.8 * gibibyteInKib, `${member} still has ${size} KiB`);
    }
    await kube.requireSound(namespace, name, true);
  },
};
