// Run by harness.test.ts on a hostile machine: fills a RocksDB store until the disk is full, gives
// RocksDB the time to begin its recovery, and closes. Arguments: folder, and what meets the full disk.
import { openSync, writeSync } from "node:fs";
import { Rocks } from "#server/backend/rocks.ts";
import { hostilityBytes } from "./hostile.ts";

const [dir = "", first = ""] = process.argv.slice(2);
const control = openSync(process.env["HOSTILE_CONTROL"] ?? "", "r+");
const roomFor = (roomBytes: number): void => {
  writeSync(control, hostilityBytes({ roomBytes }), 0, undefined, 0);
};
const valueBytes = 60_000;
const writeBufferBytes = 1 << 20;
/** RocksDB begins to recover after five seconds; closing used to hang from then on. */
const recoveryMs = 6_000;

const store = await Rocks.open(dir, {
  create: true,
  writeBufferBytes,
  cacheBytes: 0,
  compression: false,
  maxParallelReads: 4,
});
const put = async (i: number): Promise<void> => {
  const batch = store.newBatch();
  batch.put(Buffer.from(`k${i}`), Buffer.alloc(valueBytes, i));
  await store.write(batch, i % 2 === 0);
};
// A log takes as much as a table of fresh writes; only one of the two meets the end of the disk.
roomFor(first === "flush" ? writeBufferBytes * 1.2 : writeBufferBytes / 10);
let failure: unknown;
for (let i = 0; i < 60 && failure === undefined; i++) {
  await put(i).catch((error: unknown) => {
    failure = error;
  });
}
console.log((failure as { code?: string } | undefined)?.code);
await new Promise((resolve) => setTimeout(resolve, recoveryMs));
roomFor(-1);
await store.close();
// As main.ts ends a member: tearing down would wait for RocksDB for ever.
const { execPath } = process;
process.execve?.(execPath, [execPath, "--eval", 'console.log("closed")'], {});
