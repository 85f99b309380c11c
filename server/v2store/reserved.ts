// A part of the tree for the member itself: hidden, and no request to /v2/keys reaches it. Pure.

/** The directory that holds it. */
export const reservedPath = "/_\u0000etcd-ts";

/** True of that directory and all below it. */
export function isReserved(path: string): boolean {
  return path === reservedPath || path.startsWith(`${reservedPath}/`);
}
