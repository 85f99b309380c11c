// The IDs that a cluster's first members compute for themselves, each on its own and all alike, and
// the log they all begin with (facts: peer protocol §8, §9). Pure: SHA-1 is passed in.
import { assert } from "#base/assert.ts";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { type ConfState, type Entry, EntryType } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { type Member, memberJson } from "#server/membership/member-json.ts";

/** The 20 bytes of SHA-1 over `bytes`. */
export type Sha1 = (bytes: Uint8Array) => Uint8Array;

function firstEightBytes(digest: Uint8Array): bigint {
  let id = 0n;
  for (const byte of digest.subarray(0, 8)) id = (id << 8n) | BigInt(byte);
  return id;
}

export interface MemberIdInput {
  readonly peerUrls: readonly string[];
  /** `--initial-cluster-token`; empty for a member added at run time. */
  readonly token: string;
  /** Only for a member added at run time: now, in whole seconds since 1970. */
  readonly addedSeconds?: number;
}

/** The ID of a member. A name plays no part. */
export function memberIdOf(input: MemberIdInput, sha1: Sha1): MemberId {
  const time = input.addedSeconds === undefined ? "" : String(input.addedSeconds);
  const id = firstEightBytes(sha1(utf8([...input.peerUrls].sort().join("") + input.token + time)));
  assert(id !== 0n, "a member's ID came out as 0: choose another --initial-cluster-token");
  return id;
}

/** The ID of the cluster that these members begin; it never changes afterwards. */
export function clusterIdOf(members: readonly MemberId[], sha1: Sha1): ClusterId {
  const sorted = [...members].sort((a, b) => (a < b ? -1 : 1));
  const bytes = new Uint8Array(8 * sorted.length);
  for (const [i, id] of sorted.entries()) bytes.set(uint64Bytes(id), 8 * i);
  return firstEightBytes(sha1(bytes));
}

export interface InitialCluster {
  readonly clusterId: ClusterId;
  /** By ascending ID. */
  readonly members: readonly Member[];
}

/** The first members from --initial-cluster: peer URLs by name. */
export function initialCluster(
  peerUrlsByName: ReadonlyMap<string, readonly string[]>,
  token: string,
  sha1: Sha1,
): InitialCluster {
  const members: Member[] = [];
  for (const [name, urls] of peerUrlsByName) {
    const peerUrls = [...urls].sort();
    const id = memberIdOf({ peerUrls, token }, sha1);
    members.push({ id, peerUrls, isLearner: false, name, clientUrls: [] });
  }
  members.sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = members.map((one) => one.id);
  assert(new Set(ids).size === ids.length, "two first members have the same ID");
  return { clusterId: clusterIdOf(ids, sha1), members };
}

/**
 * The first log, equal on all members: one change a member, by ascending ID, of term 1, committed
 * by construction (hard state: term 1, commit = their number). `members` as initialCluster gives.
 */
export function initialEntries(members: readonly Member[]): Entry[] {
  return members.map((member, i) => {
    const context = utf8(memberJson({ ...member, clientUrls: [] }));
    // ConfChange with its zero type written out, as etcd 3.7 does.
    const data = new BinaryWriter(context.length + 24)
      .uint32(16)
      .int32(0)
      .uint32(24)
      .uint64(member.id)
      .uint32(34)
      .bytes(context)
      .finish();
    return { type: EntryType.EntryConfChange, term: 1, index: i + 1, data };
  });
}

/** The configuration that these members form. */
export function confStateOf(members: readonly Member[]): ConfState {
  const ids = (learners: boolean): bigint[] =>
    members
      .filter((one) => one.isLearner === learners)
      .map((one) => one.id as bigint)
      .sort((a, b) => (a < b ? -1 : 1));
  return {
    voters: ids(false),
    learners: ids(true),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}
