import { describe, test } from "node:test";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { sendToJoiner } from "./follower.ts";

describe("a state is sent", { concurrency: true }, () => {
  for (const [leader, joiner] of [
    ["ours", "reference"],
    ["reference", "ours"],
  ] as const) {
    test(`by ${leader} to ${joiner}: equal to the byte`, async (t) => {
      if ((await referenceOrSkip(t)) === undefined) return;
      await sendToJoiner(leader, joiner);
    });
  }
});
