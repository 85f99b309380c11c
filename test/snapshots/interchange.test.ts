// In full, and with 100,000 keys: `node test/snapshots/run.ts`.
import { describe, test } from "node:test";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { interchange } from "./interchange.ts";

describe("interchange", { concurrency: true }, () => {
  for (const source of ["ours", "reference"] as const) {
    test(`a snapshot of ${source} means the same to both kinds`, async (t) => {
      if ((await referenceOrSkip(t)) === undefined) return;
      await interchange(source, 1500);
    });
  }
});
