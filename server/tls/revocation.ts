// Lists of revoked certificates. As in etcd the serial numbers count and nothing else: who signed the
// list, and until when it is good, is for whoever puts the file there.

/**
 * The serial numbers of a list, DER or PEM, in upper-case hexadecimal without leading zeros. Rejects if
 * it cannot be read.
 */
export async function revokedSerials(bytes: Uint8Array): Promise<ReadonlySet<string>> {
  // Costs time to load, and few members have a list.
  await import("reflect-metadata");
  const { X509Crl } = await import("@peculiar/x509");
  const isPem = Buffer.from(bytes.subarray(0, 5)).toString("latin1") === "-----";
  const list = new X509Crl(isPem ? Buffer.from(bytes).toString() : Uint8Array.from(bytes));
  return new Set(list.entries.map((entry) => plainSerial(entry.serialNumber)));
}

/** A serial number in hexadecimal, in the one spelling that can be compared. */
export function plainSerial(hex: string): string {
  return hex.toUpperCase().replace(/^0+(?=.)/, "");
}
