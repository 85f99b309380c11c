// Whether an object is of this very cluster: names are used again, UIDs are not.
import { ApiError } from "#operator/platform/kubernetes/api-client.ts";
import type { KubeObject } from "#operator/platform/kubernetes/kinds.ts";
import { type Identity, isOwnedBy } from "#operator/platform/kubernetes/objects.ts";

/** Throws an ApiError NotOurs that says what to do: one of an earlier cluster of this name is on its way out. */
export function requireOwn({ uid }: Identity, object: KubeObject, kind: string): void {
  if (!isOwnedBy(object, uid)) throw notOurs(kind, object.metadata.name);
}

export function notOurs(kind: string, name: string): ApiError {
  return new ApiError(
    409,
    "NotOurs",
    `${kind} ${name} belongs to something else: if it is of an earlier cluster of this name it will go by itself, else delete or rename it`,
  );
}
