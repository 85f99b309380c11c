// How large a member's volume is asked to be and how far it has grown, and what was refused. Whether a storage
// class lets its volumes grow is known to the API server: it is asked, and its refusal kept for a while.
import { parseQuantity } from "#operator/api/quantity.ts";
import type { ObservedMember } from "#operator/plan/types.ts";
import type { Claim } from "#operator/platform/kubernetes/kinds.ts";

/** A driver that can enlarge a file system in use has done so by then; else the pod must go for it. */
const onlinePatienceMs = 2 * 60_000;
/** So long what was refused is not asked for again. */
const refusalMs = 10 * 60_000;

export interface Refusal {
  readonly bytes: number;
  readonly message: string;
  readonly untilMs: number;
}

/** By name of the claim. */
export type Refusals = Map<string, Refusal>;

export function refuse(
  refusals: Refusals,
  claim: string,
  bytes: number,
  message: string,
  nowMs: number,
): void {
  refusals.set(claim, { bytes, message, untilMs: nowMs + refusalMs });
}

/** Where the growth of this claim's volume stands. */
export function growthOf(
  claim: Claim | undefined,
  wantedBytes: number | undefined,
  refusals: Refusals,
  nowMs: number,
): Pick<ObservedMember, "volumeBytes" | "resize" | "resizeRefusal"> {
  const volumeBytes = parseQuantity(claim?.spec.resources?.requests?.["storage"] ?? "");
  if (claim === undefined || volumeBytes === undefined) return {};
  const refusal = refusals.get(claim.metadata.name);
  if (refusal !== undefined && refusal.bytes === wantedBytes && nowMs < refusal.untilMs) {
    return { volumeBytes, resize: "refused", resizeRefusal: refusal.message };
  }
  const { capacity = {}, conditions = [] } = claim.status ?? {};
  const pending = conditions.find(
    (one) => one.type === "FileSystemResizePending" && one.status === "True",
  );
  if (pending !== undefined) {
    const sinceMs = Date.parse(pending.lastTransitionTime ?? "");
    const isLate = !Number.isNaN(sinceMs) && nowMs - sinceMs >= onlinePatienceMs;
    return { volumeBytes, resize: isLate ? "offline" : "resizing" };
  }
  const hasBytes = parseQuantity(capacity["storage"] ?? "");
  return hasBytes !== undefined && hasBytes < volumeBytes
    ? { volumeBytes, resize: "resizing" }
    : { volumeBytes };
}
