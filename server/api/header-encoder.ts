// The header of every answer, as bytes. Identity never changes and term rarely does, so the encoded
// header is kept and only revision and term are written anew: no bigint is touched on the hot path.
import { Buffer } from "node:buffer";
import { BinaryWriter } from "#proto/wire.ts";
import type { ApiMember } from "./member.ts";

const headerTag = 10;

export class HeaderEncoder {
  private readonly member: ApiMember;
  private readonly identity: Buffer;
  private revision = -1;
  private term = -1;
  private bytes: Uint8Array = Buffer.alloc(0);

  constructor(member: ApiMember) {
    this.member = member;
    const writer = new BinaryWriter();
    if (member.clusterId !== 0n) writer.uint32(8).uint64(member.clusterId);
    if (member.memberId !== 0n) writer.uint32(16).uint64(member.memberId);
    this.identity = writer.finish();
  }

  /** Writes field 1, the header with `revision` (0 is left out) and the current term. */
  write(writer: BinaryWriter, revision: number): BinaryWriter {
    const term = this.member.raftTerm();
    if (revision !== this.revision || term !== this.term) this.refresh(revision, term);
    return writer.uint32(headerTag).bytes(this.bytes);
  }

  private refresh(revision: number, term: number): void {
    const tail = new BinaryWriter(24);
    if (revision !== 0) tail.uint32(24).int64(revision);
    if (term !== 0) tail.uint32(32).uint64(term);
    this.bytes = Buffer.concat([this.identity, tail.finish()]);
    this.revision = revision;
    this.term = term;
  }
}
