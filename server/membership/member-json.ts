// A member as JSON: in configuration changes, in the buckets `members` and `members_removed`, in
// answers of /members. Always etcd's keys in etcd's order, escaped as Go escapes; IDs are decimal
// numbers of 64 bits, read from the source text and never rounded. Pure.
import { goJson } from "#base/go-json.ts";
import type { MemberId } from "#base/ids.ts";

export interface Member {
  readonly id: MemberId;
  /** Sorted when it was added; an update keeps the order it was given. */
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  /** Empty until the member has started and announced itself. */
  readonly name: string;
  /** Empty until the member has started and announced itself. */
  readonly clientUrls: readonly string[];
}

/** What a configuration change says about a member. */
export interface MemberChange extends Member {
  /** An added member that exists as a learner and becomes a voter. */
  readonly isPromote: boolean;
}

/** JSON text that is no member; the message says what was wrong. */
export class MemberJsonError extends Error {
  readonly code = "MALFORMED_MEMBER_JSON";
}

/** One member; `isLearner`, `name` and `clientURLs` are left out when empty. */
export function memberJson(member: Member): string {
  let text = `{"id":${member.id},"peerURLs":${goJson(member.peerUrls)}`;
  if (member.isLearner) text += `,"isLearner":true`;
  if (member.name !== "") text += `,"name":${goJson(member.name)}`;
  if (member.clientUrls.length > 0) text += `,"clientURLs":${goJson(member.clientUrls)}`;
  return `${text}}`;
}

/** The array that /members answers, in the order given (by ID). */
export function membersJson(members: readonly Member[]): string {
  return `[${members.map(memberJson).join(",")}]`;
}

/** The context of the change that promotes a learner. */
export function promotionJson(id: MemberId): string {
  return `{"id":${id},"peerURLs":null,"isPromote":true}`;
}

const maxId = (1n << 64n) - 1n;

/** JSON.parse with the source text of each primitive, which TypeScript's library does not know. */
const parseWithSource = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;

/** Parses JSON in which the numbers under the key `id` are IDs: they come out as bigints. */
function parse(text: string): unknown {
  try {
    return parseWithSource(text, (key, value, { source }) =>
      key === "id" && source !== undefined && /^\d+$/.test(source) ? BigInt(source) : value,
    );
  } catch (error) {
    throw new MemberJsonError(`a member is not valid JSON: ${(error as Error).message}`);
  }
}

function list(value: unknown, key: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new MemberJsonError(`${key} of a member is not a list of strings`);
}

function memberFrom(value: unknown): MemberChange {
  if (typeof value !== "object" || value === null) {
    throw new MemberJsonError("a member is not a JSON object");
  }
  const { id, peerURLs, isLearner, name, clientURLs, isPromote } = value as Record<string, unknown>;
  if (typeof id !== "bigint" || id > maxId) {
    throw new MemberJsonError("a member has no ID of 64 bits");
  }
  if (name !== undefined && typeof name !== "string") {
    throw new MemberJsonError("name of a member is not a string");
  }
  return {
    id,
    peerUrls: list(peerURLs, "peerURLs"),
    isLearner: isLearner === true,
    name: name ?? "",
    clientUrls: list(clientURLs, "clientURLs"),
    isPromote: isPromote === true,
  };
}

/** Reads what memberJson or promotionJson writes. Throws MemberJsonError. */
export function parseMember(text: string): MemberChange {
  return memberFrom(parse(text));
}

/** Reads an answer of /members. Throws MemberJsonError. */
export function parseMembers(text: string): Member[] {
  const parsed = parse(text);
  if (!Array.isArray(parsed)) throw new MemberJsonError("a list of members is not a JSON array");
  return parsed.map((one) => {
    const { isPromote: _, ...member } = memberFrom(one);
    return member;
  });
}
