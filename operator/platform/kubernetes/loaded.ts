// Which certificates a member has loaded, as it says at /metrics of its plain port: by that the plan knows when
// everybody has taken over a change. It needs no certificate, and so answers when all of them have ended.
import { request } from "node:http";
import type { ObservedMember } from "#operator/plan/types.ts";
import type { Side, TlsSources } from "#operator/platform/kubernetes/tls.ts";

const timeoutMs = 3000;
const maxBytes = 8 << 20;

export type Loaded = NonNullable<ObservedMember["loaded"]>;

/** Asks the member at this URL, as `http://10.0.0.1:2381`; undefined if it does not answer. */
export async function askLoaded(
  url: string,
  sources: TlsSources,
  sides: readonly Side[],
  published: string,
): Promise<Loaded | undefined> {
  try {
    return loadedOf(await textOf(`${url}/metrics`), sources, sides, published);
  } catch {
    return undefined;
  }
}

/**
 * What the text of /metrics says of these ports, whose certificates are the same; a fingerprint is empty where
 * they differ, and undefined is for a member that says nothing of one of them. `published`: the fingerprint of the
 * bundle that members mount.
 */
export function loadedOf(
  text: string,
  sources: TlsSources,
  sides: readonly Side[],
  published: string,
): Loaded | undefined {
  const leaves = new Set<string>();
  const bundles = new Set<string>();
  for (const side of sides) {
    const line = new RegExp(`^etcd_server_tls_loaded\\{([^}]*port="${side}"[^}]*)\\} 1$`, "m");
    const labels = line.exec(text)?.[1];
    if (labels === undefined) return undefined;
    const value = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? "";
    leaves.add(value("leaf_sha256"));
    // A port that asks for no certificates has no CAs: what is published is no concern of it.
    if (side === "peer" || sources.client?.asksClients) bundles.add(value("ca_sha256"));
  }
  const only = (values: ReadonlySet<string>) => (values.size === 1 ? ([...values][0] ?? "") : "");
  return { leaf: only(leaves), bundle: bundles.size === 0 ? published : only(bundles) };
}

function textOf(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const call = request(url, { signal, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (part: string) => {
        text += part;
        if (text.length > maxBytes) answer.destroy(new Error("the answer is too long"));
      });
      answer.on("end", () => resolve(text));
      answer.on("error", reject);
    });
    call.on("error", reject);
    call.end();
  });
}
