// Maintenance.Snapshot: the state as a bbolt file, in blobs of 32 KiB, and last the SHA-256 of all of
// them (facts: storage format §5). A blob leaves only while the connection takes it, so that a slow
// client costs one block of memory and the copy on the disk; one that takes next to nothing in a
// minute is given up, for there may be few copies at a time, and a connection may live for ever.
import { createHash } from "node:crypto";
import type { Clock } from "#base/clock.ts";
import { grpcCode } from "#proto/errors.ts";
import { SnapshotResponse } from "#proto/gen/maintenance.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import type { ApiMember, StateCopy } from "./member.ts";
import { Room } from "./room.ts";

const blobBytes = 32 * 1024;
/** How long a client may take nothing; ours to choose, etcd waits for ever. */
const stallSeconds = 60;

/** Sends a copy of the state and ends the call; rejects if none can be made. */
export async function sendSnapshot(
  member: ApiMember,
  responder: Responder,
  clock: Clock,
): Promise<void> {
  const copy = await member.copyState();
  try {
    await sendCopy(copy, responder, clock);
  } finally {
    await copy.remove();
  }
}

async function sendCopy(copy: StateCopy, responder: Responder, clock: Clock): Promise<void> {
  const room = new Room(responder);
  const hash = createHash("sha256");
  const { version } = copy;
  let left = copy.bytes;
  for await (const block of copy.body()) {
    hash.update(block);
    for (let at = 0; at < block.length; at += blobBytes) {
      if (responder.ended) return;
      const blob = block.subarray(at, at + blobBytes);
      left -= blob.length;
      const sent = { header: undefined, remainingBytes: left, blob, version };
      if (responder.write(encode(sent))) continue;
      if (await room.waitAtMost(stallSeconds * 1000, clock)) continue;
      const text = `etcdserver: snapshot given up: the client has read next to nothing for ${stallSeconds} seconds`;
      responder.fail(grpcCode.aborted, text);
      return;
    }
  }
  if (responder.ended) return;
  const digest = hash.digest();
  responder.write(encode({ header: undefined, remainingBytes: 0, blob: digest, version }));
  responder.end();
}

function encode(response: SnapshotResponse): Uint8Array {
  return SnapshotResponse.encode(response).finish();
}
