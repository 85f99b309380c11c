// All places: `node test/snapshots/run.ts killed`.
import { test } from "node:test";
import type { StateForm } from "#server/peer/ports.ts";
import type { CrashName } from "./crash-points.ts";
import { KilledMembers } from "./killed.ts";

const some: readonly (readonly [StateForm, readonly CrashName[]])[] = [
  ["file", ["part of it written", "not a block sent"]],
  ["tables", ["part of the tables written", "moved, not opened", "not a part of the tables sent"]],
];

for (const [form, names] of some) {
  test(`killed while a state is sent as ${form} or installed, members agree and leave nothing`, async () => {
    const members = await KilledMembers.start(form);
    try {
      for (const name of names) await members.round(name);
    } finally {
      await members.stop();
    }
  });
}
