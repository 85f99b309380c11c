// A record of the state that no member wrote so: what the one who runs the member is told.
import { errorText, OperatingError } from "#base/errors.ts";
import type { Bucket } from "#base/state-batch.ts";

const shownBytes = 32;

/** The error that names a record and what is wrong with it; what was an OperatingError stays. */
export function damagedRecord(
  bucket: Bucket,
  key: Uint8Array | undefined,
  error: unknown,
): OperatingError {
  if (error instanceof OperatingError) return error;
  const which =
    key === undefined
      ? "a record"
      : `the record ${Buffer.from(key.subarray(0, shownBytes)).toString("hex")}`;
  return new OperatingError(
    "DATA_DAMAGED",
    `the state is damaged: ${which} of bucket ${bucket} cannot be used (${errorText(error)}); remove this member and add it again with an empty folder, or restore a backup`,
    { cause: error },
  );
}
