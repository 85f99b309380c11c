// After the faults: all members agree, everything acknowledged is in the history that they agree on,
// and the reference, given that history revision by revision, computes the same hash.
import { OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { DeleteRangeRequest, KVDefinition, PutRequest, TxnRequest } from "#proto/gen/kv.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { type Event, Event_EventType as EventType } from "#proto/gen/mvcc.ts";
import { locateReference, startReferenceCluster } from "#test/reference/reference.ts";
import type { Operation } from "./history.ts";
import type { Leaders } from "./leaders.ts";
import { callOnce, openChannel } from "./load.ts";

const callLimitMs = 20_000;
const settleLimitMs = 40_000;
const everything = new Uint8Array(1);
const decoder = new TextDecoder();

/** One revision of the store: its events in order. */
export type Revisions = readonly (readonly Event[])[];

/** Waits until every member has applied the same index; answers the revision they are at. */
export async function settled(leaders: Leaders, memberCount: number): Promise<number> {
  const endMs = performance.now() + settleLimitMs;
  let last = "";
  for (;;) {
    const answers = await Promise.all(
      Array.from({ length: memberCount }, (_, i) => leaders.status(i, 2000)),
    );
    const now = answers.map((one) =>
      one === undefined ? "silent" : `${one.leader} ${one.raftAppliedIndex} ${one.raftIndex}`,
    );
    const text = now.join(", ");
    const revision = answers[0]?.header?.revision;
    if (text === last && new Set(now).size === 1 && revision !== undefined) return revision;
    last = text;
    if (performance.now() > endMs) {
      throw new OperatingError("NOT_SETTLED", `members do not come together again: ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** The hash of all history up to `revision`, as each of `endpoints` computes it. */
export async function hashes(endpoints: readonly string[], revision: number): Promise<number[]> {
  const { hashKV } = MaintenanceDefinition.methods;
  return await Promise.all(
    endpoints.map(async (endpoint) => {
      const channel = openChannel(endpoint);
      try {
        const request = { revision };
        return (await callOnce(channel, hashKV, MaintenanceDefinition, request, callLimitMs)).hash;
      } finally {
        channel.close();
      }
    }),
  );
}

/** All history up to `revision`, through one watch from the beginning; the first is revision 2. */
export async function readHistory(endpoint: string, revision: number): Promise<Revisions> {
  const client = new EtcdClient({
    endpoints: [endpoint],
    clock: systemClock,
    random: seededRandom(1),
  });
  const revisions: Event[][] = [];
  const limit = setTimeout(() => client.close(), settleLimitMs);
  try {
    if (revision < 2) return revisions;
    const watcher = client.watch.watch(everything, { rangeEnd: everything, startRevision: 1 });
    for await (const { events } of watcher) {
      for (const event of events) {
        const at = event.kv!.modRevision - 2;
        if (at !== revisions.length - 1 && at !== revisions.length) {
          throw new OperatingError(
            "BAD_WATCH",
            `revision ${at + 2} came after revision ${revisions.length + 1}`,
          );
        }
        revisions[at] ??= [];
        revisions[at].push(event);
      }
      if (revisions.length >= revision - 1) return revisions.slice(0, revision - 1);
    }
    throw new OperatingError("BAD_WATCH", `the watch ended at revision ${revisions.length + 1}`);
  } finally {
    clearTimeout(limit);
    client.close();
  }
}

/** The first acknowledged write that is not in the history at its revision, as a sentence. */
export function missing(
  acknowledged: ReadonlyMap<number, Operation>,
  revisions: Revisions,
): string | undefined {
  for (const [revision, operation] of acknowledged) {
    const { kind, key, value, client } = operation;
    const event = revisions[revision - 2]?.[0];
    const isThere =
      event?.kv !== undefined &&
      decoder.decode(event.kv.key) === key &&
      (kind === "delete"
        ? event.type === EventType.DELETE
        : event.type === EventType.PUT && decoder.decode(event.kv.value) === value);
    if (!isThere) {
      return `${kind} of ${key}=${value} by client ${client}, acknowledged at revision ${revision}, is not there`;
    }
  }
  return undefined;
}

/** The hash that a fresh reference computes after the same history. */
export async function referenceHash(revisions: Revisions): Promise<number> {
  const reference = await locateReference();
  if (typeof reference === "string") throw new OperatingError("NO_REFERENCE", reference);
  // It is asked for a hash, not for durability.
  const cluster = await startReferenceCluster(reference, { flags: ["--unsafe-no-fsync"] });
  const endpoint = cluster.members[0]!.clientUrl.slice("http://".length);
  const channel = openChannel(endpoint);
  const { txn } = KVDefinition.methods;
  try {
    for (const [i, events] of revisions.entries()) {
      const answer = await callOnce(channel, txn, KVDefinition, replay(events), callLimitMs);
      if (answer.header?.revision !== i + 2) {
        throw new OperatingError(
          "BAD_REPLAY",
          `the reference is at revision ${answer.header?.revision} where the history is at ${i + 2}`,
        );
      }
    }
    return (await hashes([endpoint], revisions.length + 1))[0]!;
  } finally {
    channel.close();
    await cluster.stop();
  }
}

function replay(events: readonly Event[]): TxnRequest {
  return TxnRequest.fromPartial({
    success: events.map(({ type, kv }) => ({
      request:
        type === EventType.DELETE
          ? {
              $case: "requestDeleteRange" as const,
              value: DeleteRangeRequest.fromPartial({ key: kv!.key }),
            }
          : {
              $case: "requestPut" as const,
              value: PutRequest.fromPartial({ key: kv!.key, value: kv!.value }),
            },
    })),
  });
}
