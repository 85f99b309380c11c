// The hash that member and cluster IDs are made by, which the pure folders take as a port.
import { createHash } from "node:crypto";

/** The 20 bytes of SHA-1. */
export const sha1 = (bytes: Uint8Array): Uint8Array => createHash("sha1").update(bytes).digest();
