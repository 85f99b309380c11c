// Micro benchmarks of the store: puts of 256 bytes to random keys through applyPut, ranges of one key
// and of a hundred, memory a key. Usage: node --expose-gc bench/micro/mvcc.ts [keys]
import { crc32c } from "@node-rs/crc32";
import { seededRandom } from "#base/random.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { PutRequest, RangeRequest } from "#proto/gen/kv.ts";
import { applyPut, prefetch } from "#server/apply/kv.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { WatchHub } from "#server/mvcc/watch-hub.ts";

const keyCount = Number(process.argv[2] ?? 1_000_000);
const random = seededRandom(1);
const value = Buffer.alloc(256, "v");
const leases = { exists: () => false, attach() {}, detach() {} };
const noBatch: StateBatch = { put() {}, delete() {} };
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const keyOf = (i: number): Buffer =>
  Buffer.from(`/registry/things/default/${String(i * 7919).padStart(12, "0")}`);

/** CPU time of this process, so that a busy machine does not blur the result. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function report(name: string, count: number, startMs: number): void {
  const ms = cpuMs() - startMs;
  const perSecond = Math.round((count / ms) * 1000);
  console.log(`${name.padEnd(44)} ${perSecond.toLocaleString("en").padStart(12)} a CPU second`);
}

async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await pause();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const store = await MvccStore.load(new MemoryBackend(), leases, {
  crc32c,
  pause,
  cacheBytes: 64 * 1024 * 1024,
});
const before = await memory();
const context = { store, leases, batch: noBatch, answers: true };
let start = cpuMs();
for (let i = 0; i < keyCount; i++) {
  applyPut(context, PutRequest.fromPartial({ key: keyOf((i * 7_368_787) % keyCount), value }));
  if (i % 100 === 0) store.written(store.currentRevision);
}
report(`put, ${keyCount} new keys in random order`, keyCount, start);
store.written(store.currentRevision);
const table = store.state.index.table;
const cached = store.state.cache.byteSize;
console.log(
  `memory a key: ${Math.round(((await memory()) - before - cached) / keyCount)} bytes in all but the cache ` +
    `(table ${Math.round(table.byteSize / keyCount)}), cache ${Math.round(cached / 1048576)} MiB`,
);

const requests = Array.from({ length: 200_000 }, () =>
  PutRequest.fromPartial({ key: keyOf(random.below(keyCount)), value }),
);
for (const watched of [false, true]) {
  const hub = watched ? new WatchHub(store, { pause }) : undefined;
  const session = hub?.openWatch(() => {});
  for (let i = 0; i < 10_000 && session !== undefined; i++) {
    session.request({
      requestUnion: {
        $case: "createRequest",
        value: {
          key: i % 2 === 0 ? keyOf(i) : Buffer.from(`/registry/other/${i}/`),
          rangeEnd: i % 2 === 0 ? new Uint8Array(0) : Buffer.from(`/registry/other/${i}0`),
          startRevision: 0,
          progressNotify: false,
          filters: [],
          prevKv: false,
          watchId: 0,
          fragment: false,
        },
      },
    });
  }
  start = cpuMs();
  for (let i = 0; i < requests.length; i++) {
    const command = { kind: "put", payload: requests[i]! } as const;
    if (prefetch(store, [command]) !== undefined) throw new Error("a put was cold");
    applyPut(context, requests[i]!);
    if (i % 100 === 0) store.written(store.currentRevision);
  }
  report(`put, existing keys${watched ? ", 10,000 watchers" : ""}`, requests.length, start);
  hub?.close();
}

// A batch as the backend makes it, so that the cost of keeping operations is seen.
const backend = new MemoryBackend();
start = cpuMs();
for (let i = 0; i < requests.length; i += 100) {
  const batch = backend.newBatch();
  for (let j = i; j < i + 100; j++) applyPut({ ...context, batch }, requests[j]!);
  await backend.write(batch, { sync: false });
  store.written(store.currentRevision);
}
report("put, batches of 100 into the memory backend", requests.length, start);

const hot = requests.slice(-50_000);
start = cpuMs();
let cold = 0;
for (const { key } of hot) {
  const response = store.range(RangeRequest.fromPartial({ key }));
  if (response instanceof Promise) cold++;
}
report(`range of one key (${cold} cold)`, hot.length, start);
start = cpuMs();
for (const { key } of hot) {
  await store.range(
    RangeRequest.fromPartial({ key, rangeEnd: Buffer.from("\0"), limit: 100, keysOnly: true }),
  );
}
report("range of 100 keys, keys only, with count", hot.length, start);
start = cpuMs();
for (const { key } of hot) {
  await store.range(
    RangeRequest.fromPartial({ key, rangeEnd: Buffer.from("\0"), countOnly: true }),
  );
}
report("count to the end", hot.length, start);

start = cpuMs();
store.scheduleCompaction(store.currentRevision, noBatch);
let longest = 0;
let steps = 0;
while (store.compacting) {
  const stepStart = cpuMs();
  store.compactStep(noBatch, 1000);
  longest = Math.max(longest, cpuMs() - stepStart);
  steps++;
}
console.log(
  `compaction: ${steps} steps in ${Math.round(cpuMs() - start)} ms, longest ${longest.toFixed(1)} ms`,
);
