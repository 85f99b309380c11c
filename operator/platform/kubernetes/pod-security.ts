// What pods of the store's image may: members and the Jobs of their snapshots alike. Pure.
import type { V1PodSecurityContext, V1SecurityContext } from "@kubernetes/client-node";

/** Of the image's own user. */
const userId = 65_532;

/** What a pod of the store's image may, unless the cluster's own settings say otherwise. */
export function podSecurity(given: V1PodSecurityContext | undefined): V1PodSecurityContext {
  return {
    runAsNonRoot: true,
    runAsUser: userId,
    runAsGroup: userId,
    fsGroup: userId,
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
    ...given,
  };
}

/** The same of its containers. */
export function containerSecurity(given: V1SecurityContext | undefined): V1SecurityContext {
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
    ...given,
  };
}
