// v3electionpb.Election: the oldest key under the election's name leads, and its value is what the
// leader proclaims (facts: apply rules §8). A campaign whose call ends takes its key along.
import { EtcdError, etcdError } from "#proto/errors.ts";
import {
  CampaignRequest,
  CampaignResponse,
  LeaderRequest,
  LeaderResponse,
  ProclaimRequest,
  ProclaimResponse,
  ResignRequest,
  ResignResponse,
} from "#proto/gen/election.ts";
import { RangeRequest } from "#proto/gen/kv.ts";
import { Event_EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { Responder, SingleRequestMethod } from "#server/rpc/service-registry.ts";
import { type KeySpace, onBehalfOf } from "./access.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import { singleRequest } from "./method-gate.ts";
import {
  deleteOp,
  eventsOf,
  ifCreatedAt,
  intervalOf,
  keyOf,
  leaseOf,
  oldest,
  ordered,
  pairRead,
  prefixOf,
  putOp,
  rangeOp,
  read,
  WaitingCall,
  waitForOlder,
} from "./ordered-keys.ts";
import { Room } from "./room.ts";

const service = "/v3electionpb.Election/";

/** The methods of the Election service. */
export function electionMethods(context: ServiceContext): SingleRequestMethod[] {
  const { access, gate, headers } = context;
  const as = (caller: Responder): KeySpace => onBehalfOf(context.member, access, caller);
  return [
    singleRequest(
      gate,
      ordered({
        path: `${service}Campaign`,
        endless: true,
        decode: (bytes) => CampaignRequest.decode(bytes),
        async run(request, responder) {
          const won = await campaign(as(responder), new WaitingCall(responder), request);
          if (won === undefined) return undefined;
          const { key, created: rev, lease, revision } = won;
          const answer = { header: undefined, leader: { name: request.name, key, rev, lease } };
          return encodeAnswer(headers, CampaignResponse, answer, revision);
        },
      }),
    ),
    singleRequest(
      gate,
      ordered({
        path: `${service}Proclaim`,
        decode: (bytes) => ProclaimRequest.decode(bytes),
        async run({ leader, value }, responder) {
          if (leader === undefined) throw new Error(noLeaderField);
          const member = as(responder);
          const lease = await leaseOf(member, leader.lease);
          mustBeKey(leader.key);
          const revision = await proclaim(member, leader.key, leader.rev, value, lease);
          return encodeAnswer(headers, ProclaimResponse, { header: undefined }, revision);
        },
      }),
    ),
    singleRequest(
      gate,
      ordered({
        path: `${service}Leader`,
        decode: (bytes) => LeaderRequest.decode(bytes),
        async run({ name }, responder) {
          const { kvs, header } = await read(as(responder), oldest(prefixOf(name)));
          const [kv] = kvs;
          if (kv === undefined) throw new Error("election: no leader");
          return encodeAnswer(headers, LeaderResponse, { header, kv }, header?.revision ?? 0);
        },
      }),
    ),
    singleRequest(
      gate,
      ordered({
        path: `${service}Observe`,
        responseStream: true,
        endless: true,
        decode: (bytes) => LeaderRequest.decode(bytes),
        async run({ name }, responder) {
          const room = new Room(responder);
          const call = new WaitingCall(responder);
          try {
            for await (const { kv, revision } of leaders(as(responder), call, prefixOf(name))) {
              const answer = { header: undefined, kv };
              if (responder.write(encodeAnswer(headers, LeaderResponse, answer, revision)))
                continue;
              await room.wait();
            }
          } catch (error) {
            // etcd does not tell why it cannot read on: the stream ends as if all were said.
            if (!(error instanceof EtcdError)) throw error;
            responder.end();
          }
          return undefined;
        },
      }),
    ),
    singleRequest(
      gate,
      ordered({
        path: `${service}Resign`,
        decode: (bytes) => ResignRequest.decode(bytes),
        async run({ leader }, responder) {
          if (leader === undefined) throw new Error(noLeaderField);
          const member = as(responder);
          await leaseOf(member, leader.lease);
          mustBeKey(leader.key);
          const revision = await resign(member, leader.key, leader.rev);
          return encodeAnswer(headers, ResignResponse, { header: undefined }, revision);
        },
      }),
    ),
  ];
}

/** A key that a client names must be one, as in any transaction. */
function mustBeKey(key: Uint8Array): void {
  if (key.length === 0) throw etcdError("emptyKey");
}

const noLeaderField = '"leader" field must be provided';

interface Won {
  readonly key: Uint8Array;
  /** The revision that created the key. */
  readonly created: number;
  readonly lease: bigint;
  /** Of the header: when the key was put, or seen to be there. */
  readonly revision: number;
}

/** Resolves when this candidate leads; undefined if the call ended first. */
async function campaign(
  member: KeySpace,
  call: WaitingCall,
  { name, lease: given, value }: CampaignRequest,
): Promise<Won | undefined> {
  const lease = await leaseOf(member, given);
  const prefix = prefixOf(name);
  const key = keyOf(prefix, lease);
  const entered = await member.propose(
    "txn",
    ifCreatedAt(key, 0, [putOp(key, value, lease)], [rangeOp(RangeRequest.fromPartial({ key }))]),
  );
  const revision = entered.header?.revision ?? 0;
  const before = pairRead(entered, 0);
  const created = before?.createRevision ?? revision;
  if (before !== undefined && !Buffer.from(before.value).equals(value)) {
    try {
      await proclaim(member, key, created, value, lease);
    } catch (error) {
      await resign(member, key, created).catch(() => {});
      throw error;
    }
  }
  if (await waitForOlder(member, call, prefix, created - 1)) {
    return { key, created, lease, revision };
  }
  // Should that fail its lease takes the key away.
  await resign(member, key, created).catch(() => {});
  return undefined;
}

/** Puts another value under a key that was created then; the revision after it. */
async function proclaim(
  member: KeySpace,
  key: Uint8Array,
  created: number,
  value: Uint8Array,
  lease: bigint,
): Promise<number> {
  const request = ifCreatedAt(key, created, [putOp(key, value, lease)]);
  const { header, succeeded } = await member.propose("txn", request);
  if (!succeeded) throw new Error("election: not leader");
  return header?.revision ?? 0;
}

/** Deletes a key if it was created then; the revision after it. */
async function resign(member: KeySpace, key: Uint8Array, created: number): Promise<number> {
  const { header } = await member.propose("txn", ifCreatedAt(key, created, [deleteOp(key)]));
  return header?.revision ?? 0;
}

interface Leader {
  readonly kv: KeyValue;
  readonly revision: number;
}

/** The leader now, each value it proclaims, and so on with the next one, until the call ends. */
async function* leaders(
  member: KeySpace,
  call: WaitingCall,
  prefix: Uint8Array,
): AsyncGenerator<Leader> {
  while (!call.ended) {
    const { kvs, header } = await read(member, oldest(prefix));
    const now = header?.revision ?? 0;
    const [first] = kvs;
    const leader =
      first === undefined
        ? await nextLeader(member, call, prefix, now)
        : { kv: first, revision: now };
    if (leader === undefined) continue;
    yield leader;
    const changes = { key: leader.kv.key, startRevision: leader.revision + 1 };
    for await (const { type, kv, revision } of eventsOf(member, call, changes)) {
      if (type === Event_EventType.DELETE) break;
      yield { kv: kv!, revision };
    }
  }
}

/** The first key that is put under the prefix; undefined if there was none up to the end of the call. */
async function nextLeader(
  member: KeySpace,
  call: WaitingCall,
  prefix: Uint8Array,
  startRevision: number,
): Promise<Leader | undefined> {
  const puts = { ...intervalOf(prefix), startRevision };
  for await (const { type, kv } of eventsOf(member, call, puts)) {
    if (type === Event_EventType.PUT) return { kv: kv!, revision: kv!.modRevision };
  }
  return undefined;
}
