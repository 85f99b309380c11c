// All places: `node test/snapshots/run.ts killed`.
import { test } from "node:test";
import type { CrashName } from "./crash-points.ts";
import { KilledMembers } from "./killed.ts";

const some: readonly CrashName[] = ["part of it written", "pointed", "not a block sent"];

test("killed while a state is sent or installed, members agree and leave nothing", async () => {
  const members = await KilledMembers.start();
  try {
    for (const name of some) await members.round(name);
  } finally {
    await members.stop();
  }
});
