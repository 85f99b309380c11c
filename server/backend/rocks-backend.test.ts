import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { backendContract } from "#server/backend/contract.ts";
import { openRocksBackend, type RocksBackend } from "#server/backend/rocks-backend.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-backend-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;

backendContract("RocksDB", {
  open: () => openRocksBackend(path.join(root, `state-${made++}`), { create: true }),
  reopen: async (backend) => {
    const { dir } = backend as RocksBackend;
    await backend.close();
    return await openRocksBackend(dir, { create: false });
  },
});
