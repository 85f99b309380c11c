// The header of every answer, as bytes. Identity never changes and term rarely does, so the encoded
// header is kept and only revision and term are written anew: no bigint is touched on the hot path.
import { Buffer } from "node:buffer";
import { BinaryWriter } from "#proto/wire.ts";
import type { ApiMember } from "./member.ts";

const headerTag = 10;
const revisionTag = 24;
const termTag = 32;
/** Two IDs, a revision and a term, each of ten bytes at most behind its tag. */
const maxHeaderBytes = 4 * 11;

export class HeaderEncoder {
  private readonly member: ApiMember;
  /** Identity, and behind it the revision and term of the last answer; whoever writes it copies it. */
  private readonly buffer = Buffer.alloc(maxHeaderBytes);
  private readonly identityBytes: number;
  /** The buffer's first bytes, by their number: a view is not made for each answer. */
  private readonly views: Uint8Array[] = [];
  private revision = -1;
  private term = -1;
  private bytes: Uint8Array = this.buffer;

  constructor(member: ApiMember) {
    this.member = member;
    const writer = new BinaryWriter();
    if (member.clusterId !== 0n) writer.uint32(8).uint64(member.clusterId);
    if (member.memberId !== 0n) writer.uint32(16).uint64(member.memberId);
    this.identityBytes = writer.finish().copy(this.buffer);
  }

  /** Writes field 1, the header with `revision` (0 is left out) and the current term. */
  write(writer: BinaryWriter, revision: number): BinaryWriter {
    const term = this.member.raftTerm();
    if (revision !== this.revision || term !== this.term) this.refresh(revision, term);
    return writer.uint32(headerTag).bytes(this.bytes);
  }

  /** An answer that is nothing but its header: a buffer of its own. */
  alone(revision: number): Uint8Array {
    const term = this.member.raftTerm();
    if (revision !== this.revision || term !== this.term) this.refresh(revision, term);
    const { bytes } = this;
    const answer = Buffer.allocUnsafe(2 + bytes.length);
    answer[0] = headerTag;
    answer[1] = bytes.length;
    answer.set(bytes, 2);
    return answer;
  }

  /** How long a header is but for its revision, with the current term. */
  readonly bytesBesideRevision = (): number => {
    this.refresh(0, this.member.raftTerm());
    return this.bytes.length;
  };

  private refresh(revision: number, term: number): void {
    const { buffer } = this;
    let at = this.identityBytes;
    if (revision !== 0) {
      buffer[at] = revisionTag;
      at = writeVarint(buffer, at + 1, revision);
    }
    if (term !== 0) {
      buffer[at] = termTag;
      at = writeVarint(buffer, at + 1, term);
    }
    const bytes = this.views[at] ?? buffer.subarray(0, at);
    this.views[at] = bytes;
    this.bytes = bytes;
    this.revision = revision;
    this.term = term;
  }
}

/** Writes a number that is not negative; returns the end. */
function writeVarint(target: Uint8Array, from: number, value: number): number {
  let at = from;
  let left = value;
  while (left >= 0x80) {
    target[at++] = (left % 128) | 0x80;
    left = Math.floor(left / 128);
  }
  target[at++] = left;
  return at;
}
