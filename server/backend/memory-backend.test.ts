import { backendContract } from "#server/backend/contract.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";

backendContract("memory", {
  open: () => Promise.resolve(new MemoryBackend()),
  reopen: (backend) => Promise.resolve((backend as MemoryBackend).reopen()),
});
