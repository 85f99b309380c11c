// SRV records as this process sees them: those of a domain that is not Kubernetes' own are made by users, and
// only looked at.
import { Resolver } from "node:dns/promises";

const timeoutMs = 2000;
/** The answers that say for certain that there is no such record. */
const noRecord = new Set(["ENODATA", "ENOTFOUND"]);

/** Host and port of each record; empty if there are none, undefined if that is not known. */
export async function lookUpRecords(name: string): Promise<readonly string[] | undefined> {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  try {
    const records = await resolver.resolveSrv(name);
    return [...new Set(records.map((one) => `${one.name.replace(/\.$/, "")}:${one.port}`))].sort();
  } catch (error) {
    return noRecord.has((error as NodeJS.ErrnoException).code ?? "") ? [] : undefined;
  }
}
