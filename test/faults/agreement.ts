// After the faults: all members agree, everything acknowledged is in the history that they agree on,
// and the reference, given that history revision by revision, computes the same hash.
import { OperatingError } from "#base/errors.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { DeleteRangeRequest, KVDefinition, PutRequest, TxnRequest } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import {
  AlarmRequest,
  AlarmRequest_AlarmAction,
  MaintenanceDefinition,
} from "#proto/gen/maintenance.ts";
import { type Event, Event_EventType as EventType } from "#proto/gen/mvcc.ts";
import { locateReference, startReferenceCluster } from "#test/reference/reference.ts";
import { callOnce, openChannel } from "./caller.ts";
import type { Operation } from "./history.ts";
import type { Leaders } from "./leaders.ts";

const callLimitMs = 20_000;
const settleLimitMs = 40_000;
/** No lease of the replay ends by itself. */
const replayTtlSeconds = 36_000;
const everything = new Uint8Array(1);
const decoder = new TextDecoder();

/** One revision of the store: its events in order. */
export type Revisions = readonly (readonly Event[])[];

/** Waits until every member has applied the same index; answers the revision they are at. */
export async function settled(
  leaders: Leaders,
  memberCount: number,
  limitMs = settleLimitMs,
): Promise<number> {
  const endMs = performance.now() + limitMs;
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

/** The hash of what a member keeps of all history up to a revision, and what it has compacted. */
export interface KeptHash {
  readonly hash: number;
  readonly compactRevision: number;
}

/** The hash at `revision`, as each of `endpoints` computes it. */
export async function hashes(endpoints: readonly string[], revision: number): Promise<KeptHash[]> {
  const { hashKV } = MaintenanceDefinition.methods;
  return await Promise.all(
    endpoints.map(async (endpoint) => {
      const channel = openChannel(endpoint);
      try {
        const request = { revision };
        const { hash, compactRevision } = await callOnce(
          channel,
          hashKV,
          MaintenanceDefinition,
          request,
          callLimitMs,
        );
        // A revision that is not compacted is -1 or 0, depending on what was asked before.
        return { hash, compactRevision: Math.max(0, compactRevision) };
      } finally {
        channel.close();
      }
    }),
  );
}

/** What the cluster complains of, its own corruption checks among it. */
export async function alarms(endpoint: string): Promise<string[]> {
  const channel = openChannel(endpoint);
  const { alarm } = MaintenanceDefinition.methods;
  const request = AlarmRequest.fromPartial({ action: AlarmRequest_AlarmAction.GET });
  try {
    const answer = await callOnce(channel, alarm, MaintenanceDefinition, request, callLimitMs);
    return answer.alarms.map((one) => `${one.memberID.toString(16)}: alarm ${one.alarm}`);
  } finally {
    channel.close();
  }
}

/** All history so far, read piece by piece before it is compacted. */
export class Archive {
  /** The first is revision 2. */
  readonly revisions: Event[][] = [];
  private reading: Promise<unknown> = Promise.resolve();

  /** The revision that all of the archive ends with; 1 if it is empty. */
  get newest(): number {
    return this.revisions.length + 1;
  }

  /** Reads up to `revision` through one watch of `endpoint`; one such call follows the other. */
  upTo(endpoint: string, revision: number, limitMs = settleLimitMs): Promise<void> {
    const read = this.reading.then(() => this.read(endpoint, revision, limitMs));
    this.reading = read.catch(() => {});
    return read;
  }

  private async read(endpoint: string, revision: number, limitMs: number): Promise<void> {
    if (revision <= this.newest) return;
    const client = new EtcdClient({
      endpoints: [endpoint],
      clock: systemClock,
      random: seededRandom(1),
    });
    const limit = setTimeout(() => client.close(), limitMs);
    const startRevision = this.newest + 1;
    const fresh: Event[][] = [];
    try {
      const watcher = client.watch.watch(everything, { rangeEnd: everything, startRevision });
      for await (const { events } of watcher) {
        for (const event of events) {
          const at = event.kv!.modRevision - startRevision;
          if (at !== fresh.length - 1 && at !== fresh.length) {
            throw new OperatingError(
              "BAD_WATCH",
              `revision ${at + startRevision} came after revision ${startRevision + fresh.length - 1}`,
            );
          }
          fresh[at] ??= [];
          fresh[at].push(event);
        }
        // The last revision is whole: events of one are never split.
        if (startRevision + fresh.length - 1 >= revision) {
          for (const events of fresh) this.revisions.push(events);
          return;
        }
      }
      throw new OperatingError(
        "BAD_WATCH",
        `the watch from ${startRevision} to ${revision} ended at ${startRevision + fresh.length - 1}`,
      );
    } finally {
      clearTimeout(limit);
      client.close();
    }
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

/** The hash that a fresh reference computes after the same history and the same compaction. */
export async function referenceHash(
  revisions: Revisions,
  { upTo, compactRevision }: { readonly upTo: number; readonly compactRevision: number },
): Promise<number> {
  const reference = await locateReference();
  if (typeof reference === "string") throw new OperatingError("NO_REFERENCE", reference);
  // It is asked for a hash, not for durability.
  const cluster = await startReferenceCluster(reference, { flags: ["--unsafe-no-fsync"] });
  const endpoint = cluster.members[0]!.clientUrl.slice("http://".length);
  const channel = openChannel(endpoint);
  const { txn, compact } = KVDefinition.methods;
  const { leaseGrant } = LeaseDefinition.methods;
  const leases = new Set<bigint>();
  try {
    for (const [i, events] of revisions.slice(0, upTo - 1).entries()) {
      for (const { kv } of events) {
        const ID = kv!.lease;
        if (ID === 0n || leases.has(ID)) continue;
        leases.add(ID);
        const request = { ID, TTL: replayTtlSeconds };
        await callOnce(channel, leaseGrant, LeaseDefinition, request, callLimitMs);
      }
      const answer = await callOnce(channel, txn, KVDefinition, replay(events), callLimitMs);
      if (answer.header?.revision !== i + 2) {
        throw new OperatingError(
          "BAD_REPLAY",
          `the reference is at revision ${answer.header?.revision} where the history is at ${i + 2}`,
        );
      }
    }
    if (compactRevision > 0) {
      const request = { revision: compactRevision, physical: true };
      await callOnce(channel, compact, KVDefinition, request, callLimitMs);
    }
    return (await hashes([endpoint], upTo))[0]!.hash;
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
              value: PutRequest.fromPartial({ key: kv!.key, value: kv!.value, lease: kv!.lease }),
            },
    })),
  });
}
