// Identities as branded bigints, so that one kind is never passed for another, and their text form:
// lower-case hexadecimal without leading zeros (facts: peer protocol, conventions).

export type MemberId = bigint & { readonly brand?: "member" };
export type ClusterId = bigint & { readonly brand?: "cluster" };
export type LeaseId = bigint & { readonly brand?: "lease" };

/** No member: what Raft calls None. */
export const noMember = 0n as MemberId;

/** An ID as etcd prints it: hexadecimal, lower case, no leading zeros. Signed IDs print as unsigned. */
export function formatId(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

/** Reads what formatId prints; undefined if it is not a hexadecimal number of at most 64 bits. */
export function parseId(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{1,16}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}
