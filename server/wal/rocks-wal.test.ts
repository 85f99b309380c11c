import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { silentLog } from "#base/log.ts";
import { walContract } from "#server/wal/contract.ts";
import { openWal } from "#server/wal/rocks-wal.ts";
import type { Wal } from "#server/wal/wal.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-wal-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const folders = new WeakMap<Wal, string>();

walContract("RocksDB", {
  make: async (identity) => {
    const dir = path.join(root, `contract-${made++}`);
    const { wal } = await openWal({ dir, identity, log: silentLog });
    folders.set(wal, dir);
    return wal;
  },
  reopen: async (old) => {
    await old.close();
    const dir = folders.get(old) ?? "";
    const { wal, contents } = await openWal({ dir, identity: undefined, log: silentLog });
    if (contents === undefined) throw new Error("the log is gone");
    folders.set(wal, dir);
    return { wal, contents };
  },
});
