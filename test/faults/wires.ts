// What the tests of single faults share: writes that are repeated until they are acknowledged, the
// leader's position, and waiting for a condition of the cluster.
import { b } from "#test/contract/setting.ts";
import type { Wire } from "#test/contract/wire.ts";

const tryLimitMs = 2_000;
const pauseMs = 100;
/** After this a wait is taken for a hang. */
const waitLimitMs = 60_000;

/** Repeats `condition` until it answers something; what it throws counts as not yet. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const endMs = performance.now() + waitLimitMs;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      const answer = await condition();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`waited in vain: ${what}`, { cause: last });
}

/** Puts through these connections in turn until one acknowledges; the same each time. */
export async function put(wires: readonly Wire[], key: string, value: string): Promise<number> {
  let attempt = 0;
  return await until(`put ${key}`, async () => {
    const wire = wires[attempt++ % wires.length]!;
    const answer = await wire.kv.put({ key: b(key), value: b(value) }, { deadlineMs: tryLimitMs });
    return answer.header?.revision;
  });
}

/** Position of the leader, once all of `members` name the same one and it is one of them. */
export async function leaderOf(
  wires: readonly Wire[],
  members: readonly number[],
): Promise<number> {
  return await until("one leader", async () => {
    const statuses = await Promise.all(
      members.map((i) => wires[i]!.maintenance.status({}, { deadlineMs: tryLimitMs })),
    );
    const [first] = statuses;
    if (statuses.some((status) => status.leader !== first?.leader)) return undefined;
    const at = statuses.findIndex((status) => status.header?.memberId === status.leader);
    return at === -1 ? undefined : members[at];
  });
}

/** The gRPC code that a call ends with; 0 if it succeeds. */
export async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    return (error as { code?: number }).code ?? -1;
  }
}
