import assert from "node:assert/strict";
import { test } from "node:test";
import { PromptReads } from "#server/node/prompt-reads.ts";

test("lone reads are answered at once, crowded ones at the end of their turn", async () => {
  const turns: (() => void)[] = [];
  const reads = new PromptReads((run) => turns.push(run));
  const endTurn = (): void => {
    assert.equal(turns.length, 1, "a turn with reads is ended once");
    turns.shift()!();
  };
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(reads.read(), undefined);
    endTurn();
  }
  assert.equal(reads.read(), undefined);
  assert.equal(reads.read(), undefined, "nobody knew yet");
  endTurn();
  for (let turn = 0; turn < 2; turn++) {
    const waiting = [reads.read(), reads.read(), reads.read()];
    assert.ok(waiting.every((one) => one instanceof Promise));
    endTurn();
    await Promise.all(waiting);
  }
  const last = reads.read();
  assert.ok(last instanceof Promise, "the turn before was crowded");
  endTurn();
  await last;
  assert.equal(reads.read(), undefined, "one alone again");
});
