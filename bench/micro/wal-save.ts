// What one save of the log costs, with and without the disk's part of it.
//   node bench/micro/wal-save.ts [folder]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import type { Entry } from "#proto/gen/raft.ts";
import { openWal } from "#server/wal/rocks-wal.ts";

const dir = await mkdtemp(path.join(process.argv[2] ?? tmpdir(), "etcd-ts-bench-"));
const identity = { memberId: 1n as MemberId, clusterId: 2n as ClusterId };
const { wal } = await openWal({ dir, identity, log: silentLog });
const data = Buffer.alloc(256, 7);
let index = 0;

console.log("entries  sync   saves  us/save  p99 us  us/save on the main thread  us/entry");
for (const sync of [false, true]) {
  for (const count of [1, 50]) {
    const saves = sync ? 1500 : 6000;
    const times = new Float64Array(saves);
    let callMs = 0;
    const start = performance.now();
    for (let i = 0; i < saves; i++) {
      const entries: Entry[] = [];
      for (let n = 0; n < count; n++) entries.push({ type: 0, term: 1, index: ++index, data });
      const before = performance.now();
      const saving = wal.save({ term: 1, vote: 1n, commit: index }, entries, sync);
      callMs += performance.now() - before;
      await saving;
      times[i] = performance.now() - before;
    }
    const totalUs = (performance.now() - start) * 1000;
    times.sort();
    const row = [
      String(count).padEnd(8),
      String(sync).padEnd(6),
      String(saves).padEnd(6),
      (totalUs / saves).toFixed(1).padEnd(8),
      ((times[Math.floor(saves * 0.99)] ?? 0) * 1000).toFixed(0).padEnd(7),
      ((callMs * 1000) / saves).toFixed(1).padEnd(27),
      (totalUs / saves / count).toFixed(2),
    ];
    console.log(row.join(" "));
  }
}
await wal.close();
await rm(dir, { recursive: true, force: true });
