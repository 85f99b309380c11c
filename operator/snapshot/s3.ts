// Snapshots as objects of a bucket. A snapshot is sent in parts, none of which is there before all are, so that
// what is found under a key is whole. Credentials are read from the environment, where a Job's Secret is.
import { open, rm } from "node:fs/promises";
import { S3mini, type UploadPart } from "s3mini";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Bucket } from "#operator/snapshot/task.ts";

/** Held in memory, one at a time. S3 takes no smaller ones, and no more than `maxParts`. */
const partBytes = 16 << 20;
const maxParts = 10_000;
/** One part on a slow line. */
const requestTimeoutMs = 10 * 60_000;

const defaultRegion = "us-east-1";

/** The URL under which the keys of a bucket are. */
export function bucketUrl({ bucket, endpoint, region, forcePathStyle }: Bucket): string {
  const base = endpoint ?? `https://s3.${region ?? defaultRegion}.amazonaws.com`;
  const url = new URL(base);
  if (forcePathStyle) url.pathname = `${url.pathname.replace(/\/+$/, "")}/${bucket}`;
  else url.hostname = `${bucket}.${url.hostname}`;
  return url.href.replace(/\/$/, "");
}

function clientOf(bucket: Bucket): S3mini {
  const accessKeyId = process.env["AWS_ACCESS_KEY_ID"] ?? "";
  const secretAccessKey = process.env["AWS_SECRET_ACCESS_KEY"] ?? "";
  if (accessKeyId === "" || secretAccessKey === "") {
    const text =
      "the Secret that spec names in s3.credentials lacks accessKeyId or secretAccessKey";
    throw new OperatingError("NO_CREDENTIALS", text);
  }
  return new S3mini({
    accessKeyId,
    secretAccessKey,
    endpoint: bucketUrl(bucket),
    region: bucket.region ?? defaultRegion,
    requestAbortTimeout: requestTimeoutMs,
  });
}

/** Does `act`; what fails names the bucket and what was asked of it. */
async function asked<T>({ bucket }: Bucket, what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof OperatingError) throw cause;
    const { cause: reason } = cause as { readonly cause?: unknown };
    const why = reason === undefined ? "" : `: ${errorText(reason)}`;
    throw new OperatingError("S3", `s3://${bucket}: ${what}: ${errorText(cause)}${why}`, { cause });
  }
}

/** Puts a file under a key; it is there as a whole when it resolves. */
export async function putObject(bucket: Bucket, key: string, file: string): Promise<void> {
  const client = clientOf(bucket);
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    await asked(bucket, `putting ${key}`, () => putParts(client, key, handle, size));
    const there = await asked(bucket, `looking at ${key}`, () => client.getContentLength(key));
    if (there === size) return;
    throw new OperatingError("S3", `${key} has ${there} bytes where ${size} were sent`);
  } finally {
    await handle.close();
  }
}

async function putParts(
  client: S3mini,
  key: string,
  handle: Awaited<ReturnType<typeof open>>,
  size: number,
): Promise<void> {
  const read = async (from: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(buffer, 0, bytes, from);
    if (bytesRead !== bytes) throw new Error(`the file ends at ${from + bytesRead}`);
    return buffer;
  };
  const step = Math.max(partBytes, Math.ceil(size / maxParts));
  if (size <= step) {
    await client.putObject(key, await read(0, size), "application/octet-stream");
    return;
  }
  const upload = await client.getMultipartUploadId(key, "application/octet-stream");
  try {
    const parts: UploadPart[] = [];
    for (let from = 0; from < size; from += step) {
      const data = await read(from, Math.min(step, size - from));
      parts.push(await client.uploadPart(key, upload, data, parts.length + 1));
    }
    await client.completeMultipartUpload(key, upload, parts);
  } catch (error) {
    // Parts that stay cost money; that they could not be taken away is not why it failed.
    await client.abortMultipartUpload(key, upload).catch(() => {});
    throw error;
  }
}

/** Fetches the object `key`, or of a prefix the newest .db one. Throws OperatingError NO_SNAPSHOT. */
export async function fetchNewest(bucket: Bucket, key: string, file: string): Promise<void> {
  const client = clientOf(bucket);
  const found = key.endsWith(".db") ? key : await newestOf(client, bucket, key);
  const answer = await asked(bucket, `getting ${found}`, () => client.getObjectResponse(found));
  if (answer?.body == null) {
    throw new OperatingError("NO_SNAPSHOT", `there is no s3://${bucket.bucket}/${found}`);
  }
  const { body } = answer;
  const handle = await open(file, "w", 0o600);
  try {
    await asked(bucket, `getting ${found}`, async () => {
      for await (const chunk of body) await handle.writeFile(chunk);
    });
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function newestOf(client: S3mini, bucket: Bucket, prefix: string): Promise<string> {
  const listed = await asked(bucket, `listing ${prefix}`, () => client.listObjects("/", prefix));
  const [newest] = (listed ?? [])
    .filter((one) => one.Key.endsWith(".db"))
    .sort((a, b) => b.LastModified.valueOf() - a.LastModified.valueOf());
  if (newest !== undefined) return newest.Key;
  const text = `no .db object is under s3://${bucket.bucket}/${prefix}`;
  throw new OperatingError("NO_SNAPSHOT", text);
}

/** One that is gone is no error. */
export async function deleteObject(bucket: Bucket, key: string): Promise<void> {
  const client = clientOf(bucket);
  await asked(bucket, `deleting ${key}`, () => client.deleteObject(key));
}
