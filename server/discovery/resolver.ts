// The domain name system as a port, and the machine's own resolver behind it: /etc/hosts and
// /etc/resolv.conf for addresses, the latter for SRV records, as any program of the machine sees them.
import { promises as dns } from "node:dns";
import { isIP } from "node:net";

/** Where one SRV record points to. */
export interface SrvTarget {
  /** Without the dot at the end. */
  readonly host: string;
  readonly port: number;
}

export interface Resolver {
  /** What the SRV records of `name` point to; empty if there are none. Rejects if that is not known. */
  srv(name: string): Promise<readonly SrvTarget[]>;
  /** The addresses of a host, at least one; an address is its own. Rejects if there are none. */
  addresses(host: string): Promise<readonly string[]>;
}

/** The answers that say for certain that there is no such record. */
const noRecord = new Set(["ENODATA", "ENOTFOUND"]);

/** One text for each address: IPv6 can be written in several ways. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address;
}

/** The resolver of this machine. */
export const systemResolver: Resolver = {
  async srv(name) {
    try {
      const records = await dns.resolveSrv(name);
      return records.map((one) => ({ host: one.name.replace(/\.$/, ""), port: one.port }));
    } catch (error) {
      if (noRecord.has((error as NodeJS.ErrnoException).code ?? "")) return [];
      throw error;
    }
  },
  async addresses(host) {
    if (isIP(host) !== 0) return [canonical(host)];
    const found = await dns.lookup(host, { all: true });
    return found.map((one) => canonical(one.address));
  },
};
