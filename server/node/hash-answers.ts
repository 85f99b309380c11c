// What members answer about the hash of their keys, and what a set of such answers says: who holds
// other data than the majority. Without I/O of its own; the questions are passed in.
import { errorText } from "#base/errors.ts";
import type { MemberId } from "#base/ids.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";

/** The hash of a member's keys at `hashRevision`, counted from `compactRevision`. */
export interface MemberHash {
  /** The member's revision when it answered. */
  readonly revision: number;
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** Asks one URL of a peer (server/peer's client does); rejects if that answers nothing usable. */
export type AskHash = (url: string, revision: number) => Promise<MemberHash>;

/** Why a peer has no hash at the revision asked for. */
export type NoHash = "silent" | "future" | "compacted";

export type PeerAnswer =
  | { readonly id: MemberId; readonly answer: MemberHash; readonly why?: undefined }
  | {
      readonly id: MemberId;
      readonly answer?: undefined;
      readonly why: NoHash;
      readonly error: string;
    };

/** Asks a peer on its URLs, one after the other, until one answers. Never rejects. */
export async function askPeer(
  ask: AskHash,
  { id, peerUrls }: MemberRecord,
  revision: number,
): Promise<PeerAnswer> {
  let error = "it has no peer URL";
  for (const url of peerUrls) {
    try {
      return { id, answer: await ask(url, revision) };
    } catch (caught) {
      error = errorText(caught);
      // Peers tell these apart by the text alone.
      if (error.includes("future revision")) return { id, why: "future", error };
      if (error.includes("has been compacted")) return { id, why: "compacted", error };
    }
  }
  return { id, why: "silent", error };
}

/**
 * As askPeer, for a hash since the compaction at `compactRevision`: a peer that is at that very
 * revision may have answered from memory what it hashed for a compaction there.
 */
export async function askPeerSince(
  ask: AskHash,
  peer: MemberRecord,
  revision: number,
  compactRevision: number,
): Promise<PeerAnswer> {
  const first = await askPeer(ask, peer, revision);
  const { answer } = first;
  if (answer === undefined || answer.compactRevision === compactRevision) return first;
  if (answer.revision !== revision) return first;
  const latest = await askPeer(ask, peer, 0);
  return latest.answer?.revision === revision ? latest : first;
}

/** One member's hash among comparable ones: same revision, same compaction before it. */
export interface Vote {
  readonly id: MemberId;
  readonly hash: number;
}

/**
 * Who stands out: "none" if all agree, the members outside the majority if there is one of at least
 * half of `memberCount`, and "unknown" if there is none. A vote that is missing counts for nobody.
 */
export function oddMembers(
  votes: readonly Vote[],
  memberCount: number,
): readonly MemberId[] | "none" | "unknown" {
  const counts = new Map<number, number>();
  for (const { hash } of votes) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  if (counts.size <= 1) return "none";
  const quorum = Math.floor(memberCount / 2) + 1;
  for (const [hash, count] of counts) {
    if (count >= quorum) return votes.filter((one) => one.hash !== hash).map(({ id }) => id);
  }
  return "unknown";
}
