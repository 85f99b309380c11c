// What the prober (probe.mts) answers, and what must hold of it.
export interface ProbeReport {
  readonly acknowledged: number;
  readonly missing: readonly string[];
  readonly failures: readonly string[];
  readonly longestMs: number;
  readonly clusterId: string;
}

/** How a prober is asked: by a path, for JSON. */
export type AskProbe = (path: string) => Promise<unknown>;

/** A request of the prober that fails takes longer than this. */
export const requestDeadlineMs = 10_000;

/** Whether the prober has begun to write. */
export async function probeWrites(ask: AskProbe): Promise<true | string> {
  const { acknowledged } = (await ask("")) as ProbeReport;
  return acknowledged > 0 || "it has written nothing yet";
}

/** Every acknowledged write is there, and in planned work no write failed. */
export async function requireWritten(ask: AskProbe, plannedWork: boolean): Promise<ProbeReport> {
  const report = (await ask("report")) as ProbeReport;
  const { missing, failures, acknowledged } = report;
  if (missing.length > 0) throw new Error(`acknowledged and not there: ${missing.join(", ")}`);
  if (plannedWork && failures.length > 0) throw new Error(`failed: ${failures.join("; ")}`);
  if (acknowledged === 0) throw new Error("the prober has written nothing");
  return report;
}

/** All members, by host name or URL, have the same keys; `until` asks again of one that does not answer in time. */
export async function requireEqual(
  ask: AskProbe,
  members: readonly string[],
  until: (what: string, look: () => Promise<true>) => Promise<void>,
): Promise<void> {
  let hashes: object = {};
  // A member of a busy machine may not answer in time; what it answers is what counts.
  await until("the members say what they hold", async () => {
    const path = `hashes?members=${encodeURIComponent(members.join(","))}`;
    ({ hashes } = (await ask(path)) as { readonly hashes: object });
    return true;
  });
  const different = new Set(Object.values(hashes));
  if (different.size !== 1 || Object.keys(hashes).length !== members.length) {
    throw new Error(`the members' data differ: ${JSON.stringify(hashes)}`);
  }
}
